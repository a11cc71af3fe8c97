"""Asides: what the gateway asked on its own account for a request, in records of their own.

    exchange.asides ─▶ req_7/1, req_7/2 …: operation "aside", same key and session, their own model, tokens and cost

Each is put down before it is asked and when it is over (open, so that a crash settles it), and settled with the request
that it was for.  They add to the same sums; nobody's reply contains them.
"""

from pipeline.events import Finished, Usage
from pipeline.exchange import Attempt
from pipeline.store.record import Flag, Record, clean
from stages.prices.catalogue import Catalogue
from stages.prices.cost import cost, terms_of
from stages.tally import Tally, put_down


def record(aside: Attempt, number: int, request: Record, catalogue: Catalogue) -> Record:
    """What is known by now of *aside*, the *number*-th of the one whose own record is *request*; it is open."""
    tally = Tally(0 if refused(aside) else aside.size)
    if aside.usage is not None:
        tally.count(Finished(usage=aside.usage))
    usage, flags = tally.final()
    made = opened(aside, number, request)
    made.flags = flags
    put_down(usage, made)
    return priced(made, usage, catalogue)


def refused(aside: Attempt) -> bool:
    """Whether nobody charges for *aside*, as far as is known."""
    return aside.error is not None and (aside.status is None or aside.status >= 400)


def opened(aside: Attempt, number: int, request: Record) -> Record:
    """All of *aside* but its tokens and their cost."""
    ended = aside.began if aside.ended is None else aside.ended
    error = "ClientGone" if aside.ended is None else ""
    return Record(
        id=f"{request.id}/{number}",
        at=request.at,
        key=request.key,
        caller=request.caller,
        session=request.session,
        agent=request.agent,
        parent=request.parent,
        dialect=request.dialect,
        operation="aside",
        asked=clean(aside.model),
        upstream=clean(aside.upstream),
        model=clean(aside.model),
        status=aside.status or 0,
        error=type(aside.error).__name__ if aside.error else error,
        took=round((ended - aside.began) * 1e6),
    )


def priced(record: Record, usage: Usage, catalogue: Catalogue) -> Record:
    """*record* with its cost."""
    price = catalogue.find(record.model, record.upstream, record.at)
    if price is None:
        record.flags |= int(Flag.UNPRICED)
    else:
        record.cost, record.price = cost(price, usage, terms_of(price, usage.extra, {})), clean(price.source)
    return record
