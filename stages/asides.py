"""Asides: what the gateway asked on its own account for a request, in records of their own.

    exchange.asides ─▶ req_7/1, req_7/2 …: operation "aside", same key and session, their own model, tokens and cost

They are settled with the request that they were for, and add to the same sums; nobody's reply contains them.
"""

from collections.abc import Iterator

from pipeline.events import Finished, Usage
from pipeline.exchange import Attempt, Exchange
from pipeline.store.record import Flag, Record, State, clean
from stages.prices.catalogue import Catalogue
from stages.prices.cost import cost, terms_of
from stages.tally import Tally


def records(exchange: Exchange, request: Record, catalogue: Catalogue) -> Iterator[Record]:
    """A settled record for each aside of *exchange*, whose own is *request*."""
    for number, aside in enumerate(exchange.asides, 1):
        tally = Tally()
        if aside.usage is not None:
            tally.count(Finished(usage=aside.usage))
        usage, flags = tally.final()
        yield priced(settled(aside, number, request, usage, flags), usage, catalogue)


def settled(aside: Attempt, number: int, request: Record, usage: Usage, flags: Flag) -> Record:
    """All of *aside* but its cost."""
    ended = aside.began if aside.ended is None else aside.ended
    error = "ClientGone" if aside.ended is None else ""
    return Record(
        id=f"{request.id}/{number}",
        state=int(State.SETTLED),
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
        input=usage.input or 0,
        cache_read=usage.cache_read or 0,
        cache_write_5m=usage.cache_write_5m or 0,
        cache_write_1h=usage.cache_write_1h or 0,
        output=usage.output or 0,
        reasoning=usage.reasoning or 0,
        flags=int(flags),
        took=round((ended - aside.began) * 1e6),
    )


def priced(record: Record, usage: Usage, catalogue: Catalogue) -> Record:
    """*record* with its cost."""
    price = catalogue.find(record.model, record.upstream, record.at)
    if price is None:
        record.flags |= Flag.UNPRICED
    else:
        record.cost, record.price = cost(price, usage, terms_of(price, usage.extra, {})), clean(price.source)
    return record
