"""The clock: things are late when they are, however often they were put off, and those that are over cost nothing."""

import math

import attrs
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from transports.clock import ROOM, Clock, clock


@attrs.define(eq=False)
class Thing:
    """Something that is expected, and tells when it was late."""

    clock: Clock
    due: float = math.inf
    look: float = math.inf
    lates: list[float] = attrs.field(factory=list)

    def expect(self, seconds: float) -> None:
        self.due = trio.current_time() + seconds
        if self.due < self.look:
            self.clock.wind(self)

    def late(self) -> None:
        self.due = math.inf
        self.lates.append(trio.current_time())


async def test_there_is_one_clock_in_a_run() -> None:
    """Whoever asks gets the same; another run of trio has another."""
    assert clock() is clock()

    async def other() -> Clock:
        return clock()

    assert await trio.to_thread.run_sync(trio.run, other) is not clock()


async def test_what_is_put_off_is_not_late(autojump_clock: MockClock) -> None:
    """Later or earlier, to the moment; what is at rest is never late, and may be expected again."""
    thing = Thing(clock())
    thing.expect(10)
    await trio.sleep(9)
    thing.expect(10)
    await trio.sleep(9)
    thing.expect(5)
    thing.expect(3)
    await trio.sleep(100)
    assert thing.lates == [21]
    thing.expect(5)
    thing.due = math.inf
    await trio.sleep(100)
    thing.expect(7)
    await trio.sleep(100)
    assert thing.lates == [21, 225]


async def test_what_is_due_already_is_late_at_once(autojump_clock: MockClock) -> None:
    """It does not take another's turn to notice."""
    thing, other = Thing(clock()), Thing(clock())
    other.expect(50)
    thing.expect(-1)
    await trio.sleep(1)
    assert (thing.lates, other.lates) == ([0], [])


async def test_a_thing_that_was_late_may_be_waited_for_anew(autojump_clock: MockClock) -> None:
    """From within ``late``, too: it is looked at again."""

    class Again(Thing):
        def late(self) -> None:
            super().late()
            self.due = trio.current_time() + 10

    thing = Again(clock())
    thing.expect(10)
    await trio.sleep(35)
    assert thing.lates == [10, 20, 30]


async def test_things_that_are_over_are_forgotten(autojump_clock: MockClock) -> None:
    """A server that answers a thousand requests a second does not keep five minutes of them."""
    ours = Clock()
    kept = Thing(ours)
    kept.expect(300)
    for _ in range(10_000):
        thing = Thing(ours)
        thing.expect(300)
        thing.due = thing.look = math.inf
    assert len(ours._entries) <= 2 + ROOM


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 9)), max_size=40))
def test_a_thing_is_late_exactly_when_its_own_timer_would_have_been(steps: list[tuple[int, int, int]]) -> None:
    """Three things, put off in any order: each is late when nothing has moved what it was due at."""

    async def walk() -> None:
        things = [Thing(clock()) for _ in range(3)]
        expected: list[list[float]] = [[], [], []]
        for number, seconds, pause in steps:
            things[number].expect(seconds + 0.5)
            due = [thing.due for thing in things]
            await trio.sleep(pause)
            for each, moment in zip(expected, due, strict=True):
                each.extend([moment] if moment <= trio.current_time() else [])
        assert [thing.lates for thing in things] == expected

    trio.run(walk, clock=MockClock(autojump_threshold=0))
