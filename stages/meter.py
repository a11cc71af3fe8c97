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

from pipeline.events import Event, Finished, Started, Usage
from pipeline.exchange import Attempt, Exchange
from pipeline.store.record import Flag, Record, State, clean
from pipeline.store.store import Store
from stages.ledger import Ledger
from stages.prices.catalogue import Catalogue
from stages.prices.cost import Price, Terms, cost, terms_of
from stages.prices.tariff import Tariff
from stages.tally import Tally, empty

NOTE = 4 * 1024  # bytes of output between two notes of it: a thousand tokens
MOST = 4_000  # characters of what is told of attempts, and of changes

# Fields by which clients name the work a request belongs to.
SESSION = {
    "session": b"x-claude-code-session-id",
    "agent": b"x-claude-code-agent-id",
    "parent": b"x-claude-code-parent-agent-id",
}

_JSON = msgspec.json.Encoder()


@attrs.frozen
class Meter:
    """Count what a reply costs and put it down."""

    prices: Path | None = None
    ledger: Path | None = None
    _tariff: Tariff = attrs.field(init=False, repr=False)
    _lines: Ledger | None = attrs.field(init=False, repr=False)

    operations = frozenset({"reply", "relay"})

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
        exchange.before_attempt.append(account.begin)
        exchange.before_commit.append(account.synced)
        try:
            yield account.count
        finally:
            if exchange.attempts:
                record = account.close()
                if self._lines is not None:
                    self._lines.book(line(record, exchange))


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
    )

    def __init__(self, exchange: Exchange, catalogue: Catalogue) -> None:
        self._exchange, self._catalogue = exchange, catalogue
        self._store: Store | None = exchange.store
        self._tally = Tally(size(exchange))
        self._begun: Record | None = None  # as the first attempt was about to be sent
        self._last: Record | None = None  # as it was put down last
        self._price: Price | None = None  # of the attempt that runs
        self._asked: Terms = {}
        self._number = 0  # under which the spool has it
        self._noted = 0.0  # bytes of output that the last note told of

    @property
    def count(self) -> Any:
        """The transform."""
        return self._tally.count if self._store is None else counting(self._look)

    # -- on the way up ------------------------------------------------------------------------------------------------

    async def begin(self, attempt: Attempt) -> None:
        """Put down that *attempt* is about to be sent.  Raises StoreUnavailable: then it is not."""
        self._begun = self._begun or opened(self._exchange)
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

    # -- when all is over ---------------------------------------------------------------------------------------------

    def close(self) -> Record:
        """The last version of the record, which is put down."""
        exchange, last, tally = self._exchange, self._exchange.attempts[-1], self._tally
        exact = self._last is not None and tally.complete
        record = copy(self._last) if exact and self._last is not None else self._version(*tally.final())
        record.state = int(State.SETTLED)
        record.status = exchange.head.status if exchange.head else 0
        record.error = ended(exchange, tally)
        record.took = micros(trio.current_time() - exchange.began)
        record.first = -1 if last.first is None else micros(last.first - exchange.began)
        record.attempts = in_json([tried(each) for each in exchange.attempts]) if len(exchange.attempts) > 1 else ""
        record.changes = in_json([attrs.asdict(edit) for edit in last.edits]) if last.edits else ""
        if self._store is not None:
            self._store.settle(record, spooled=not exact)
        return record

    def _version(self, usage: Usage, flags: Flag) -> Record:
        """The record as it is known now."""
        last, price = self._exchange.attempts[-1], self._price
        record = opened(self._exchange) if self._begun is None else copy(self._begun)
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
            record.cost += self._failed(record.at)
        return record

    def _failed(self, at: int) -> int:
        """What earlier attempts cost: an upstream that told its usage before it failed will charge for it."""
        total = 0
        for attempt in self._exchange.attempts[:-1]:
            price = self._catalogue.find(attempt.model, attempt.upstream, at)
            if attempt.usage is not None and price is not None:
                total += cost(price, attempt.usage, self._asked)
        return total


def counting(look: Callable[[Event], None]) -> Any:
    """*look* as a transform that reads what a tally reads."""

    def count(event: Event) -> None:
        look(event)

    count.kinds, count.seen = Tally.count.kinds, Tally.count.seen  # type: ignore[attr-defined]  # as ``reads`` does
    return count


# -- what is put down -------------------------------------------------------------------------------------------------


def opened(exchange: Exchange) -> Record:
    """What is known of *exchange* before it is sent."""
    caller, fields = exchange.caller, dict(reversed(exchange.request.headers))  # of a field given twice the first
    named = {word: clean(fields[field].decode("latin-1")) for word, field in SESSION.items() if field in fields}
    return Record(
        id=exchange.id,
        at=round(exchange.arrived * 1000),
        key=clean(caller.id) if caller else "",
        caller=clean(caller.name) if caller else "",
        dialect=exchange.dialect.NAME,
        operation=exchange.operation,
        streamed=int(exchange.streaming),
        asked=clean(exchange.asked),
        session=named.get("session", ""),
        agent=named.get("agent", ""),
        parent=named.get("parent", ""),
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
    return "ClientGone" if tally.stop is None and exchange.operation == "reply" else ""


def tried(attempt: Attempt) -> dict[str, Any]:
    """One try, as it is put down; the usage of a failed one is not lost."""
    return {
        "upstream": attempt.upstream,
        "model": attempt.model,
        "status": attempt.status,
        "error": type(attempt.error).__name__ if attempt.error else None,
        "usage": None if attempt.usage is None else attrs.asdict(attempt.usage, recurse=False),
    }


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


def line(record: Record, exchange: Exchange) -> dict[str, Any]:
    """*record* for people and their scripts.  No prompt and no secret."""
    extra = msgspec.json.decode(record.extra) if record.extra else {}
    usage = {name: getattr(record, name) for name in ("input", "cache_read", "cache_write_5m", "cache_write_1h")}
    usage |= {"output": record.output, "reasoning": record.reasoning}
    last = exchange.attempts[-1]
    return {
        "id": record.id,
        "at": exchange.arrived,
        "caller": exchange.caller.name if exchange.caller else None,
        **{word: getattr(record, word) or None for word in SESSION},
        "dialect": record.dialect,
        "operation": record.operation,
        "streamed": exchange.streaming,
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
        "attempts": [tried(attempt) for attempt in exchange.attempts],
        "changes": [attrs.asdict(edit) for edit in last.edits],
    }


stage = Meter
