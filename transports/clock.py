"""The clock: many deadlines that are moved all the time, and one task that looks at them.

    thing.due = now + 300                    with every read: an assignment
    thing.due < thing.look ? clock.wind      entered, if nobody looks at it early enough yet
    the task ──▶ sleeps until the first look ──▶ due has passed: thing.late() · due is later: looked at again then

A trio scope can be moved as well, but keeps trio's order of deadlines exact each time, at 3 µs and some 160 steps of
the interpreter.  Hardly any deadline here ever passes: a stream of a thousand events moves its own two thousand times.
So a thing is entered once, and looked at again when the time has come that was meant first.

There is one clock in a run of trio, made by whoever needs it first; its task belongs to trio's own, as what waits for
sockets does, and ends with the run.
"""

import heapq
import itertools
import math
from typing import Protocol

import trio

ROOM = 64  # entries that are kept before those that mean nothing any more are sought out


class Timed(Protocol):
    """What may be late."""

    look: float  # when the clock looks at it, written by the clock; math.inf to begin with, and when it is over

    @property
    def due(self) -> float:
        """On trio's clock; math.inf: nothing is expected of it."""

    def late(self) -> None:
        """``due`` has passed, and is put off here.  Must not raise and not wait."""


class Clock:
    """Looks at things when they are due.  Use ``clock``."""

    __slots__ = ("_alarm", "_entries", "_numbers", "_room")

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Timed]] = []  # a heap
        self._numbers = itertools.count()
        self._room = ROOM
        self._alarm = trio.CancelScope()  # replaced when the task starts

    def wind(self, thing: Timed) -> None:
        """Look at *thing* when it is due, which must be earlier than it would be looked at otherwise."""
        thing.look = thing.due
        heapq.heappush(self._entries, (thing.due, next(self._numbers), thing))
        if thing.due < self._alarm.deadline:
            self._alarm.deadline = thing.due
        if len(self._entries) > self._room:
            self._sweep()

    def _sweep(self) -> None:
        """Forget entries of things that are over, or are looked at earlier; so there are at most twice as many."""
        self._entries = [entry for entry in self._entries if entry[2].look == entry[0]]
        heapq.heapify(self._entries)
        self._room = 2 * len(self._entries) + ROOM

    async def run(self) -> None:
        """The task: runs until cancelled."""
        while True:
            with trio.CancelScope(deadline=self._entries[0][0] if self._entries else math.inf) as self._alarm:
                await trio.sleep_forever()
            self._ring(trio.current_time())

    def _ring(self, now: float) -> None:
        while self._entries and self._entries[0][0] <= now:
            when, _, thing = heapq.heappop(self._entries)
            if thing.look != when:
                continue
            thing.look = math.inf
            if thing.due <= now:
                thing.late()
            if thing.due < math.inf:
                self.wind(thing)


_CLOCK: trio.lowlevel.RunVar[Clock] = trio.lowlevel.RunVar("transports.clock")


def clock() -> Clock:
    """The clock of this run of trio."""
    try:
        return _CLOCK.get()
    except LookupError:
        made = Clock()
        _CLOCK.set(made)
        trio.lowlevel.spawn_system_task(made.run)
        return made
