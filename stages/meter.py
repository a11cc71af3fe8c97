"""Meter: what it cost.  One record per request that reached an upstream, whatever became of it.

    before each try ─▶ begun: the record is in the spool, before anything is sent
    before the first event is passed on ─▶ and on the disk: that took its time while the model took its own
    as the reply passes ─▶ what it has used by now, so that a crash leaves something to go by
    when all is over ─▶ settled: exact tokens, their cost, times, attempts, changes

Meter stands nearest the upstream: it sees what came, not what other stages left of it, and the mapped model.  It never
waits for the database.  What it can't know it estimates, and says so (``tally``); a model without a known price is
marked, not free.

    [meter]
    prices = "prices.toml"        # prices of your own, before those that come with us
    ledger = "usage.jsonl"        # every record as a line of JSON as well
"""

from collections.abc import Callable, Generator
from copy import copy
from pathlib import Path
from typing import Any

import attrs
import msgspec
import trio

from pipeline.errors import UpstreamFailed, UpstreamRefused, UpstreamTimeout, UpstreamTruncated
from pipeline.events import Event, Finished, Started, Usage
from pipeline.exchange import Attempt, Exchange
from pipeline.live import BOOKED, OUTPUT, WORK
from pipeline.store.record import Flag, Record, State, clean
from pipeline.store.store import Store
from stages import asides
from stages.ledger import Ledger
from stages.notes import BOOKS, Quote
from stages.prices.catalogue import Catalogue
from stages.prices.cost import Price, Terms, cost, terms_of
from stages.prices.tariff import Tariff
from stages.tally import BYTES_PER_TOKEN, Tally, empty
from stages.work import Work, work_of

NOTE = 4 * 1024  # bytes of output between two notes of it: a thousand tokens
MOST = 4_000  # characters of what is told of attempts, and of changes

_JSON = msgspec.json.Encoder()


@attrs.frozen
class Meter:
    """Count what a reply costs and put it down."""

    prices: Path | None = None
    ledger: Path | None = None
    _tariff: Tariff = attrs.field(init=False, repr=False)
    _lines: Ledger | None = attrs.field(init=False, repr=False)
    contents: Any = attrs.field(init=False, repr=False, default=attrs.Factory(lambda self: self._tariff.own, True))

    operations = frozenset({"reply", "relay"})
    reads = frozenset({"caller", "hold"})  # a hold ends with the record, so it is taken first

    @_tariff.default
    def _priced(self) -> Tariff:
        return Tariff(self.prices)

    @_lines.default
    def _opened(self) -> Ledger | None:
        return None if self.ledger is None else Ledger(self.ledger)

    async def __aenter__(self) -> "Meter":
        if self._lines is not None:
            await self._lines.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> None:
        if self._lines is not None:
            await self._lines.__aexit__(*raised)

    def __call__(self, exchange: Exchange) -> Generator[Any, None, None]:
        """Count while the reply passes; put it down when all is over."""
        rows = exchange.store.keys.snapshot.prices if exchange.store is not None else ()
        account = Account(exchange, self._tariff.catalogue(rows))
        exchange.note(BOOKS, account)
        exchange.note(OUTPUT, account.tokens)
        exchange.before_attempt.append(account.begin)
        exchange.before_commit.append(account.synced)
        try:
            yield account.count
        finally:
            if exchange.attempts:
                records = [account.close(), *account.asides()]
                exchange.note(BOOKED, records)
                if self._lines is not None:
                    self._lines.book(line(records[0], exchange, exchange.attempts))
                    for record, aside in zip(records[1:], exchange.asides, strict=True):
                        self._lines.book(line(record, exchange, [aside]))


class Account:
    """The books of one exchange."""

    __slots__ = (
        "_asked",
        "_begun",
        "_catalogue",
        "_exchange",
        "_last",
        "_noted",
        "_number",
        "_price",
        "_store",
        "_tally",
        "_work",
        "closed",
    )

    def __init__(self, exchange: Exchange, catalogue: Catalogue) -> None:
        self._exchange, self._catalogue = exchange, catalogue
        self._store: Store | None = exchange.store
        self._tally = Tally(size(exchange))
        self._work = work_of(exchange)
        self._begun: Record | None = None  # as the first attempt was about to be sent
        self._last: Record | None = None  # as it was put down last
        self._price: Price | None = None  # of the attempt that runs
        self._asked: Terms = {}
        self._number = 0  # under which the spool has it
        self._noted = 0.0  # bytes of output that the last note told of
        self.closed: Record | None = None  # the last version of the record, once all is over

    @property
    def count(self) -> Any:
        """The transform."""
        return self._tally.count if self._store is None else counting(self._look)

    # -- for whoever keeps it within limits ---------------------------------------------------------------------------

    @property
    def produced(self) -> float:
        """Bytes of output so far."""
        return self._tally.produced

    def quoting(self, attempt: Attempt) -> Quote | None:
        """What tells what a usage costs at *attempt*, in micro-dollars; None if no price is known."""
        price = self._catalogue.find(attempt.model, attempt.upstream, round(self._exchange.arrived * 1000))
        if price is None:
            return None
        terms = asked(self._exchange, price) or self._asked  # the prompt is let go of at the commit
        return lambda usage: cost(price, usage, terms)

    def failed(self) -> int:
        """What earlier attempts cost: an upstream that began its answer before it failed will charge for it."""
        told = [(self.quoting(attempt), self._used(attempt)) for attempt in self._exchange.attempts[:-1]]
        return sum(quote(usage) for quote, usage in told if quote is not None and usage is not None)

    def _used(self, attempt: Attempt) -> Usage | None:
        """What *attempt*, which failed, used: as told, or the prompt, where it was answered and that broke off."""
        return empty(self._tally.prompt) if broke_off(attempt) else attempt.usage

    def spent(self) -> int:
        """What the exchange costs by now, in micro-dollars, as far as that is known."""
        return self._version(*self._tally.final()).cost

    def tokens(self) -> int:
        """About how many tokens came by now."""
        return int(self._tally.produced) // BYTES_PER_TOKEN

    # -- on the way up ------------------------------------------------------------------------------------------------

    async def begin(self, attempt: Attempt) -> None:
        """Put down that *attempt* is about to be sent.  Raises StoreUnavailable: then it is not."""
        self._begun = self._begun or opened(self._exchange, self._work)
        self._exchange.note(WORK, self._work.session)
        self._price = self._catalogue.find(attempt.model, attempt.upstream, self._begun.at)
        self._asked = {} if self._price is None else asked(self._exchange, self._price)
        if self._store is not None:
            self._last = self._version(empty(self._tally.prompt), Flag.ESTIMATED)
            self._number = self._store.begin(self._last)

    async def synced(self) -> None:
        """Returns once that is on the disk."""
        if self._store is not None and self._number:
            await self._store.synced(self._number)

    # -- on the way down ----------------------------------------------------------------------------------------------

    def _look(self, event: Event) -> None:
        """Count; and put down what was used by now, now and then."""
        tally = self._tally
        tally.count(event)
        told = isinstance(event, Finished) or (isinstance(event, Started) and self._exchange.streaming)
        if (told or tally.produced > self._noted + NOTE) and self._last is not None and self._store is not None:
            self._noted = tally.produced
            self._last = self._version(*tally.final())
            self._store.note(self._last)

    def aside(self, attempt: Attempt) -> None:
        """Put down what is known by now of *attempt*, one of the exchange's asides."""
        if self._store is not None:
            number = next(number for number, each in enumerate(self._exchange.asides) if each is attempt)
            self._store.note(self._aside(number))

    # -- when all is over ---------------------------------------------------------------------------------------------

    def close(self) -> Record:
        """The last version of the record, which is put down."""
        exchange, last, tally = self._exchange, self._exchange.attempts[-1], self._tally
        if tally.usage is None:  # it failed before anything was let through
            tally.usage = last.usage
        exact = self._last is not None and tally.complete
        counted = (Usage(), Flag(0)) if unbilled(last, tally) else tally.final()
        record = copy(self._last) if exact and self._last is not None else self._version(*counted)
        record.state = int(State.SETTLED)
        if exchange.ending is not None:
            record.stop = record.stop or exchange.ending.stop
        record.status = exchange.head.status if exchange.head else 0
        record.error = ended(exchange, tally)
        record.took = micros(trio.current_time() - exchange.began)
        record.first = -1 if last.first is None else micros(last.first - exchange.began)
        record.attempts = in_json([tried(each) for each in exchange.attempts]) if len(exchange.attempts) > 1 else ""
        record.changes = in_json([attrs.asdict(edit) for edit in last.edits]) if last.edits else ""
        stages = {name: micros(seconds) for name, seconds in exchange.stages.items()}
        record.extra = extended(record.extra, stages=stages, credential=clean(last.credential))
        if self._store is not None:
            self._store.settle(record, spooled=not exact)
        self.closed = record
        return record

    def asides(self) -> list[Record]:
        """What was asked on our own account for the exchange, which is closed; each is put down."""
        records = [self._aside(number) for number in range(len(self._exchange.asides))]
        for record in records:
            record.state = int(State.SETTLED)
            if self._store is not None:
                self._store.settle(record)
        return records

    def _aside(self, number: int) -> Record:
        """What is known of the aside at place *number*."""
        request = self.closed or self._begun or opened(self._exchange, self._work)
        return asides.record(self._exchange.asides[number], number + 1, request, self._catalogue)

    def _version(self, usage: Usage, flags: Flag) -> Record:
        """The record as it is known now."""
        last, price = self._exchange.attempts[-1], self._price
        record = opened(self._exchange, self._work) if self._begun is None else copy(self._begun)
        terms = {} if price is None else terms_of(price, usage.extra, self._asked)
        record.upstream, record.model = clean(last.upstream), clean(last.model)
        record.stop = self._tally.stop or ""
        record.input, record.output, record.reasoning = usage.input or 0, usage.output or 0, usage.reasoning or 0
        record.cache_read = usage.cache_read or 0
        record.cache_write_5m, record.cache_write_1h = usage.cache_write_5m or 0, usage.cache_write_1h or 0
        record.extra = in_json({"terms": terms, "counts": usage.extra}) if terms or usage.extra else ""
        record.flags = int(flags | Flag.UNPRICED if price is None else flags)
        record.cost = 0 if price is None else cost(price, usage, terms)
        record.price = "" if price is None else clean(price.source)
        if len(self._exchange.attempts) > 1:
            record.cost += self.failed()
            record.flags |= Flag.ESTIMATED if any(map(broke_off, self._exchange.attempts[:-1])) else 0
        return record


def counting(look: Callable[[Event], None]) -> Any:
    """*look* as a transform that reads what a tally reads."""

    def count(event: Event) -> None:
        look(event)

    count.kinds, count.seen = Tally.count.kinds, Tally.count.seen  # type: ignore[attr-defined]  # as ``reads`` does
    return count


# -- what is put down -------------------------------------------------------------------------------------------------


def opened(exchange: Exchange, work: Work) -> Record:
    """What is known of *exchange* before it is sent."""
    caller = exchange.caller
    return Record(
        id=exchange.id,
        at=round(exchange.arrived * 1000),
        key=clean(caller.id) if caller else "",
        caller=clean(caller.name) if caller else "",
        session=work.session,
        agent=work.agent,
        parent=work.parent,
        dialect=exchange.dialect.NAME,
        operation=exchange.operation,
        streamed=int(exchange.streaming),
        asked=clean(exchange.asked),
    )


def size(exchange: Exchange) -> int:
    """About how many bytes were asked; only a prompt is paid for."""
    if exchange.operation != "reply":
        return 0
    length = exchange.request.header(b"content-length") or ""
    return int(length) if length.isdecimal() and len(length) < 12 else len(exchange.prompt.encode())


def asked(exchange: Exchange, price: Price) -> dict[str, str]:
    """What *exchange* asks of service, as far as *price* depends on it."""
    said = {field: exchange.prompt.get(field) for field in price.factors}
    return {field: value for field, value in said.items() if isinstance(value, str)}


def ended(exchange: Exchange, tally: Tally) -> str:
    """How *exchange* ended, where it did not end well."""
    if exchange.error is not None:
        return type(exchange.error).__name__
    over = tally.stop is not None or exchange.ending is not None
    return "" if over or exchange.operation != "reply" else "ClientGone"


def unbilled(attempt: Attempt, tally: Tally) -> bool:
    """Whether nobody charges for *attempt*: it did not reach its upstream, or was refused before anything came."""
    if attempt.error is None or tally.usage is not None or tally.produced:
        return False
    if isinstance(attempt.error, UpstreamRefused):
        return True  # in the stream as well as by its status
    return isinstance(attempt.error, UpstreamFailed) if attempt.status is None else attempt.status >= 400


def broke_off(attempt: Attempt) -> bool:
    """Whether *attempt* was being answered when it failed, and what that used was not told."""
    broke = isinstance(attempt.error, UpstreamTimeout | UpstreamTruncated)
    return broke and attempt.status == 200 and attempt.usage is None


def tried(attempt: Attempt) -> dict[str, Any]:
    """One try, as it is put down; the usage of a failed one is not lost."""
    return {
        "upstream": attempt.upstream,
        "model": attempt.model,
        "credential": attempt.credential or None,
        "status": attempt.status,
        "error": type(attempt.error).__name__ if attempt.error else None,
        "usage": None if attempt.usage is None else attrs.asdict(attempt.usage, recurse=False),
        "why": attempt.why or None,
    }


def extended(extra: str, **more: Any) -> str:
    """The JSON *extra* with what there is of *more*."""
    said = {name: value for name, value in more.items() if value}
    if not said:
        return extra
    text = in_json(said)
    return f"{extra[:-1]},{text[1:]}" if extra and text else extra or text


def in_json(what: Any) -> str:
    """*what* as JSON; of a list its beginning, if it is too long."""
    text = _JSON.encode(what).decode()
    while len(text) > MOST:
        if not isinstance(what, list) or len(what) < 2:
            return ""
        what = what[: len(what) // 2]
        text = _JSON.encode(what).decode()
    return text


def micros(seconds: float) -> int:
    """*seconds* in microseconds."""
    return max(0, round(seconds * 1e6))


# -- the same as a line -----------------------------------------------------------------------------------------------


def line(record: Record, exchange: Exchange, attempts: list[Attempt]) -> dict[str, Any]:
    """*record*, of *attempts* of *exchange*, for people and their scripts.  No prompt and no secret."""
    extra = msgspec.json.decode(record.extra) if record.extra else {}
    usage = {name: getattr(record, name) for name in ("input", "cache_read", "cache_write_5m", "cache_write_1h")}
    usage |= {"output": record.output, "reasoning": record.reasoning}
    return {
        "id": record.id,
        "at": exchange.arrived,
        "caller": exchange.caller.name if exchange.caller else None,
        **{word: getattr(record, word) or None for word in ("session", "agent", "parent")},
        "dialect": record.dialect,
        "operation": record.operation,
        "streamed": bool(record.streamed),
        "asked": record.asked,
        "upstream": record.upstream,
        "model": record.model,
        "status": record.status or None,
        "stop": record.stop or None,
        "error": record.error or None,
        "usage": usage | ({"extra": extra["counts"]} if extra.get("counts") else {}),
        "cost": None if record.flags & Flag.UNPRICED else record.cost,
        "estimated": bool(record.flags & Flag.ESTIMATED),
        "suspect": bool(record.flags & Flag.SUSPECT),
        "seconds": round(record.took / 1e6, 6),
        "first": None if record.first < 0 else round(record.first / 1e6, 6),
        "attempts": [tried(attempt) for attempt in attempts],
        "changes": [attrs.asdict(edit) for edit in attempts[-1].edits],
    }


stage = Meter
