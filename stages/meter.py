"""Meter: what it cost.  One record per request that reached an upstream, whatever became of it.

    Started ─ usage ─┐
    Finished ─ usage ┴─▶ the last told of each class holds: counts in a stream are cumulative, never summed
    cut off before the end ──▶ what was told, and an estimate of what was produced since, marked as such

Meter stands nearest the upstream: it sees what came, not what other stages left of it, and the mapped model.

    [meter]
    ledger = "usage.jsonl"        # default: usage.jsonl in the user's data directory
"""

import math
from collections.abc import Generator
from pathlib import Path
from typing import Any

import attrs
import platformdirs
import trio

from pipeline.events import (
    Event,
    Failed,
    Finished,
    InputDelta,
    Run,
    Started,
    TextDelta,
    ThinkingDelta,
    Usage,
    reads,
)
from pipeline.exchange import Attempt, Exchange
from stages.ledger import Ledger

BYTES_PER_TOKEN = 4
FRAME = 100  # about what a streamed frame weighs beside its text

# Fields by which clients name the work a request belongs to.
SESSION = {
    "session": b"x-claude-code-session-id",
    "agent": b"x-claude-code-agent-id",
    "parent": b"x-claude-code-parent-agent-id",
}


class Tally:
    """Counts one reply."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.stop: str | None = None
        self.complete = False  # the upstream told its final counts
        self.produced = 0.0  # bytes of output since the last count

    @reads(Started, Run, Finished, Failed, glances=(TextDelta, ThinkingDelta, InputDelta))
    def count(self, event: Event) -> None:
        """The transform: looks at every event, changes none."""
        match event:
            case TextDelta() | ThinkingDelta() | InputDelta():
                self.produced += len(event.piece)
            case Run():
                self.produced += max(event.count, len(event.frame or b"") - FRAME * event.count)
            case Started() | Finished() if event.usage is not None:
                self.usage = event.usage.over(self.usage)
                self.complete = isinstance(event, Finished) and event.usage.output is not None
        if isinstance(event, Finished):
            self.stop = event.stop

    def final(self) -> tuple[Usage, bool]:
        """The usage to book, and whether part of it is estimated."""
        usage = self.usage or Usage()
        if self.complete:
            return usage, False
        seen = math.ceil(self.produced / BYTES_PER_TOKEN)
        return attrs.evolve(usage, output=max(usage.output or 0, seen)), True


@attrs.frozen
class Meter:
    """Count what a reply costs and put it down."""

    ledger: str | None = None
    _book: Ledger = attrs.field(init=False, repr=False)

    operations = frozenset({"reply", "count_tokens", "relay"})

    @_book.default
    def _opened(self) -> Ledger:
        return Ledger(Path(self.ledger or Path(platformdirs.user_data_dir("pipeline")) / "usage.jsonl"))

    async def __aenter__(self) -> "Meter":
        await self._book.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> None:
        await self._book.__aexit__(*raised)

    def __call__(self, exchange: Exchange) -> Generator[Any, None, None]:
        """Count while the reply passes; put it down when all is over."""
        tally = Tally()
        try:
            yield tally.count
        finally:
            if exchange.attempts:
                self._book.book(record(exchange, tally))


def record(exchange: Exchange, tally: Tally) -> dict[str, Any]:
    """What is put down of *exchange*: who, what, where, how much, how long.  No prompt and no secret."""
    usage, estimated = tally.final()
    last = exchange.attempts[-1]
    return {
        "id": exchange.id,
        "at": exchange.arrived,
        "caller": exchange.caller.name if exchange.caller else None,
        **{word: exchange.request.header(field) for word, field in SESSION.items()},
        "dialect": exchange.dialect.NAME,
        "operation": exchange.operation,
        "streamed": exchange.streaming,
        "asked": exchange.asked,
        "upstream": last.upstream,
        "model": last.model,
        "status": exchange.head.status if exchange.head else None,
        "stop": tally.stop,
        "error": type(exchange.error).__name__ if exchange.error else ("ClientGone" if tally.stop is None else None),
        "usage": counts(usage),
        "estimated": estimated,
        "seconds": round(trio.current_time() - exchange.began, 6),
        "first": None if last.first is None else round(last.first - exchange.began, 6),
        "attempts": [tried(attempt) for attempt in exchange.attempts],
        "changes": [attrs.asdict(edit) for edit in last.edits],
    }


def counts(usage: Usage) -> dict[str, Any]:
    """*usage* with every class, 0 where nothing was told."""
    named = attrs.asdict(usage, recurse=False)
    extra = named.pop("extra")
    return {name: count or 0 for name, count in named.items()} | ({"extra": extra} if extra else {})


def tried(attempt: Attempt) -> dict[str, Any]:
    """One try, as it is put down; the usage of a failed one is not lost."""
    return {
        "upstream": attempt.upstream,
        "model": attempt.model,
        "status": attempt.status,
        "error": type(attempt.error).__name__ if attempt.error else None,
        "usage": None if attempt.usage is None else counts(attempt.usage),
    }


stage = Meter
