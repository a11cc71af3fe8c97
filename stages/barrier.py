"""Barrier: holds a reply back until its first content; whatever fails before that never happened.

    held: Started, pings …   ──first block, or the end──▶  commit: all that was held, then every batch as it comes

The client has seen nothing before the commit, so that another upstream may still answer.  It is where what must be
durable first is awaited, and where the prompt is let go: a stream runs for an hour.
"""

import math
from collections.abc import Awaitable, Callable

import trio

from pipeline.events import Answer, Batch, BlockStarted, Failed, Finished, Opaque, Run, Started
from pipeline.exchange import Attempt, Exchange, Out
from pipeline.outlet import weigh
from pipeline.prompt import Prompt

HELD_EVENTS = 256  # what is held before it is let go
HELD_BYTES = 64 * 1024
COMMITS = frozenset({BlockStarted, Opaque, Run, Finished, Answer})
COUNTING = (Started, Finished)  # what tells usage


class Barrier(Out):
    """Where *attempt*'s reply is held.  *opened* is told, at the commit, what was held; it must not wait.

    *patience* is cancelled if there is no commit in time; its deadline is taken back at the commit.
    """

    __slots__ = ("_asked", "_attempt", "_exchange", "_held", "_into", "_opened", "_weight", "open", "patience")

    def __init__(
        self,
        exchange: Exchange,
        attempt: Attempt,
        into: Out,
        asked: Prompt | None = None,
        opened: Callable[[Batch], None] | None = None,
    ) -> None:
        self.open = False
        self.patience: trio.CancelScope | None = None
        self._exchange, self._attempt, self._into, self._asked = exchange, attempt, into, asked
        self._opened = opened
        self._held: Batch = []
        self._weight = 0

    def push(self, batch: Batch) -> Awaitable[None] | None:
        """Pass *batch* on, or hold it.  Raises the error of a Failed that comes before the commit."""
        if not self.open:
            self._look(batch)
            if not self.open:
                return None
            return self._commit()
        if isinstance(failed := batch[-1], Failed):
            self._attempt.error = failed.error  # the client is told; the upstream's health, and the record, are too
        return self._into.push(batch)

    def _look(self, batch: Batch) -> None:
        """Hold *batch*; open at content, or when too much is held.  Only the new batch is looked at."""
        if self._attempt.first is None:
            self._attempt.first = trio.current_time()
        kinds = set(map(type, batch))  # a burst is one batch of hundreds
        if not kinds.isdisjoint(COUNTING):
            for event in batch:
                if isinstance(event, COUNTING) and event.usage is not None:
                    self._attempt.usage = event.usage.over(self._attempt.usage)
        self.open = not COMMITS.isdisjoint(kinds)
        if not self.open and isinstance(failed := batch[-1], Failed):
            raise failed.error
        self._held = [*self._held, *batch] if self._held else batch
        if not self.open:
            self._weight += weigh(batch)
            self.open = len(self._held) > HELD_EVENTS or self._weight > HELD_BYTES

    async def _commit(self) -> None:
        """Pass on all that was held."""
        if self.patience is not None:
            self.patience.deadline = math.inf
        held, self._held = self._held, []
        if self._opened is not None:
            self._opened(held)
        for wait in self._exchange.before_commit:
            await wait()
        self._exchange.settle()
        if self._asked is not None:  # shares the text
            self._asked.release()
        self._opened = self._asked = None
        await self._into.send(held)
