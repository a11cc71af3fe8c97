"""One task that keeps all open replies audible.

    heap of (due, outlet) ──▶ sleep until the first is due ──▶ written since? later again : send Heartbeat

A ping is due *period* seconds after the last **write** to the client, not after the last event, and goes the same way
as the reply: never inside a frame, never after the end.  Every outlet is looked at about once a period, each at its own
time, so that thousands of sinks do not wake at once.  No timer per reply, no lock; a closing reply never harms another.
This file must not know what a ping looks like.
"""

import heapq
import itertools
from typing import Protocol

import trio

from pipeline.events import Batch, Heartbeat


class Quiet(Protocol):
    """What tells when it last wrote."""

    written: float


class Pulse(Protocol):
    """What takes a beat without waiting."""

    def send_nowait(self, batch: Batch) -> None:
        """Take *batch*, or let it be."""


class Heart:
    """Beats for every outlet it watches.  ``run`` is its task; without it nothing beats."""

    def __init__(self, period: float) -> None:
        self.period = period  # seconds of silence allowed
        self._heap: list[tuple[float, int]] = []
        self._watched: dict[int, tuple[Pulse, Quiet]] = {}
        self._numbers = itertools.count()
        self._more = trio.Event()

    @property
    def pulses(self) -> list[Pulse]:
        """What it beats through: an outlet of each open stream."""
        return [outlet for outlet, _ in self._watched.values()]

    def begin(self, outlet: Pulse, sink: Quiet) -> int:
        """Beat through *outlet* while *sink* is silent; gives the number under which that is to ``end``."""
        number = next(self._numbers)
        self._watched[number] = outlet, sink
        heapq.heappush(self._heap, (sink.written + self.period, number))
        if len(self._heap) == 1:
            self._more.set()  # the others are due no later, so their alarm is early enough
        return number

    def end(self, number: int) -> None:
        """Watch *number* no longer."""
        del self._watched[number]

    async def run(self) -> None:
        """The task: runs until cancelled."""
        while True:
            if not self._heap:
                self._more = trio.Event()
                await self._more.wait()
            await trio.sleep_until(self._heap[0][0])
            now = trio.current_time()
            while self._heap and self._heap[0][0] <= now:
                self._look(heapq.heappop(self._heap)[1], now)

    def _look(self, number: int, now: float) -> None:
        if (watched := self._watched.get(number)) is None:
            return
        outlet, sink = watched
        due = sink.written + self.period
        if due <= now:
            outlet.send_nowait([Heartbeat()])
            due = now + self.period
        heapq.heappush(self._heap, (due, number))
