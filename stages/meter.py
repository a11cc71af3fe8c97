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

from collections.abc import Generator
from pathlib import Path
from typing import Any

import attrs
import msgspec

from pipeline.exchange import Attempt, Exchange
from pipeline.live import BOOKED, OUTPUT
from pipeline.store.record import Flag, Record
from stages.account import Account, tried
from stages.ledger import Ledger
from stages.notes import BOOKS
from stages.prices.tariff import Tariff


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
                records = [account.close()]
                if exchange.asides:
                    records += account.asides()
                exchange.note(BOOKED, records)
                if self._lines is not None:
                    self._lines.book(line(records[0], exchange, exchange.attempts))
                    for record, aside in zip(records[1:], exchange.asides, strict=True):
                        self._lines.book(line(record, exchange, [aside]))


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
