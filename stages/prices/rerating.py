"""Rerating: what requests that are in the books would cost by the prices that hold now; and making it so.

    rerate(…)  looks: for each model, what its requests cost, and what they would
    apply(…)   the same, and writes it: rows, sums, and the windows of keys that a request counts in

The price is the one that was, or by now is known to have been, in force when the request arrived; the function is the
one that bills.  Doing it twice changes nothing the second time.  One call is one transaction: whoever has much of it
takes one of ``days`` at a time, and lets others write between two.
"""

from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import attrs
import msgspec

from pipeline.events import Usage
from pipeline.globs import wild
from pipeline.store import requests
from pipeline.store.book import DAY
from pipeline.store.database import Database
from pipeline.store.prices import PriceRow
from pipeline.store.record import CLASSES, Flag, Record, clean
from pipeline.store.transact import correct
from pipeline.store.usage import ALL, Filter, Span
from stages.prices.catalogue import Catalogue
from stages.prices.cost import cost, terms_of
from stages.prices.tariff import Tariff

_USAGE = msgspec.json.Decoder(list[dict[str, Any]])
_EXTRA = msgspec.json.Decoder(dict[str, Any])


@attrs.define
class Rerated:
    """What requests cost, in micro-dollars, *before* and *after*; *rows* by model: (model, requests, before, after)."""

    _models: dict[str, list[int]] = attrs.field(factory=dict)

    def add(self, old: Record, new: Record) -> None:
        """One more request."""
        sums = self._models.setdefault(new.model, [0, 0, 0])
        for index, more in enumerate((1, old.cost, new.cost)):
            sums[index] += more

    def __add__(self, other: "Rerated") -> "Rerated":
        both = {model: list(sums) for model, sums in self._models.items()}
        for model, sums in other._models.items():
            both[model] = [one + more for one, more in zip(both.get(model, [0, 0, 0]), sums, strict=True)]
        return Rerated(both)

    @property
    def rows(self) -> list[tuple[str, int, int, int]]:
        """Those that change most come first."""
        rows = [(model, count, before, after) for model, (count, before, after) in self._models.items()]
        return sorted(rows, key=lambda row: (-abs(row[3] - row[2]), row[0]))

    @property
    def requests(self) -> int:
        """How many were looked at."""
        return sum(row[1] for row in self.rows)

    @property
    def before(self) -> int:
        """What they cost."""
        return sum(row[2] for row in self.rows)

    @property
    def after(self) -> int:
        """What they cost by the prices that hold now."""
        return sum(row[3] for row in self.rows)


def days(span: Span) -> Iterator[Span]:
    """*span*, a day at a time."""
    for begin in range(span.begin // DAY * DAY, span.end, DAY):
        yield Span(max(begin, span.begin), min(begin + DAY, span.end), span.bucket)


def rerate(
    db: Database, rows: Sequence[PriceRow], span: Span, model: str | None = None, *, file: Path | None = None
) -> Rerated:
    """What requests of *span* for the glob *model* cost, and would by prices of the store, of *file*, and ours."""
    return _each(db, rows, span, model, file, lambda pairs: None)


def apply(
    db: Database, rows: Sequence[PriceRow], span: Span, model: str | None = None, *, file: Path | None = None
) -> Rerated:
    """The same, and write it."""
    return _each(db, rows, span, model, file, lambda pairs: correct(db, pairs))


def _each(
    db: Database,
    rows: Sequence[PriceRow],
    span: Span,
    model: str | None,
    file: Path | None,
    take: Callable[[list[tuple[Record, Record]]], None],
) -> Rerated:
    """Add up requests of *span*, and let *take* have those that change, a batch at a time."""
    catalogue, done = Tariff(file).catalogue(rows), Rerated()
    only = ALL if model is None or wild(model) else Filter(model=model)
    position: requests.Position | None = (0, "")
    while position is not None:
        found, position = requests.batch(db, span, only, position, lock=True)
        pairs = [(old, repriced(old, catalogue)) for old in found if model is None or fnmatchcase(old.model, model)]
        for old, new in pairs:
            done.add(old, new)
        take([(old, new) for old, new in pairs if old != new])
    return done


def repriced(record: Record, catalogue: Catalogue) -> Record:
    """*record* with the cost that *catalogue* gives it; as it is, where that is no other."""
    extra = _EXTRA.decode(record.extra) if record.extra else {}
    terms, counts = extra.get("terms") or {}, extra.get("counts")
    price = catalogue.find(record.model, record.upstream, record.at)
    usage = Usage(**{name: getattr(record, name) for name in CLASSES}, extra=counts)
    billed = 0 if price is None else cost(price, usage, terms_of(price, counts, terms))
    for attempt in _USAGE.decode(record.attempts)[:-1] if record.attempts else ():
        billed += failed(attempt, catalogue, record.at, terms)
    if price is None:
        return msgspec.structs.replace(record, cost=billed, flags=int(record.flags | Flag.UNPRICED), price="")
    source = record.price if record.price and billed == record.cost else clean(price.source)
    return msgspec.structs.replace(record, cost=billed, flags=int(record.flags & ~Flag.UNPRICED), price=source)


def failed(attempt: dict[str, Any], catalogue: Catalogue, at: int, terms: dict[str, str]) -> int:
    """What an *attempt* that failed costs; nothing, if its upstream told no usage."""
    price = catalogue.find(attempt["model"], attempt["upstream"], at)
    if attempt["usage"] is None or price is None:
        return 0
    usage = Usage(**attempt["usage"])
    return cost(price, usage, terms)
