"""Holders: things with a lifetime are shared, and go when nobody needs them, in whatever order."""

from typing import Any

import pytest
import trio
import trio.testing

from pipeline.holders import open_holders

said: list[str] = []


class Lasting:
    """Something with a nursery of its own, as stages and pools have."""

    def __init__(self, name: str, *, breaks: bool = False, lingers: float = 0) -> None:
        self.name, self.breaks, self.lingers = name, breaks, lingers

    async def __aenter__(self) -> str:
        if self.breaks:
            raise ValueError(self.name)
        said.append(f"open {self.name}")
        self._open = trio.open_nursery()
        self.nursery = await self._open.__aenter__()
        self.nursery.start_soon(trio.sleep_forever)
        return self.name.upper()

    async def __aexit__(self, *raised: Any) -> None:
        self.nursery.cancel_scope.cancel()
        try:
            await self._open.__aexit__(*raised)
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 5):
                await trio.sleep(self.lingers)
            said.append(f"close {self.name}")


@pytest.fixture(autouse=True)
def silence() -> None:
    """Nothing was said yet."""
    said.clear()


async def test_a_thing_is_entered_once_and_left_after_the_last(autojump_clock: trio.testing.MockClock) -> None:
    """However many hold it; each is given what entering gave."""
    thing = Lasting("a")
    async with open_holders() as holders:
        assert [await holders.hold(thing, thing) for _ in range(3)] == ["A"] * 3
        await holders.drop(thing)
        await holders.drop(thing)
        assert said == ["open a"]
        await holders.drop(thing)
        assert said == ["open a", "close a"]
        assert await holders.hold(thing, thing) == "A"


async def test_things_go_in_any_order(autojump_clock: trio.testing.MockClock) -> None:
    """What was opened first may close first: no nursery is nested in another's."""
    first, second = Lasting("first"), Lasting("second")
    async with open_holders() as holders:
        await holders.hold(first, first)
        await holders.hold(second, second)
        await holders.drop(first)
        assert said == ["open first", "open second", "close first"]
    assert said[3:] == ["close second"]


async def test_a_thousand_are_left_as_one_is(autojump_clock: trio.testing.MockClock) -> None:
    """Nested in each other they would end in a RecursionError: a gateway may have as many upstreams."""
    things = [Lasting(str(number)) for number in range(1000)]
    async with open_holders() as holders:
        for thing in things:
            await holders.hold(thing, thing)
        said.clear()
    assert said == [f"close {number}" for number in reversed(range(1000))]


@pytest.mark.parametrize("cancelled", [False, True])
async def test_at_the_end_the_last_goes_first(cancelled: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Each waits for those behind it, also when everything is cancelled and some take their time."""
    things = [Lasting(name, lingers=lingers) for name, lingers in (("a", 0), ("b", 2), ("c", 1))]
    with trio.CancelScope() as scope:
        async with open_holders() as holders:
            for thing in things:
                await holders.hold(thing, thing)
            if cancelled:
                scope.cancel()
                await trio.lowlevel.checkpoint()
    assert said == ["open a", "open b", "open c", "close c", "close b", "close a"]


async def test_what_can_not_be_entered_is_told_to_who_wanted_it(autojump_clock: trio.testing.MockClock) -> None:
    """And harms nobody else."""
    good, bad = Lasting("good"), Lasting("bad", breaks=True)
    async with open_holders() as holders:
        await holders.hold(good, good)
        with pytest.raises(ValueError, match="bad"):
            await holders.hold(bad, bad)
        assert said == ["open good"]


async def test_a_crash_of_one_ends_all(autojump_clock: trio.testing.MockClock) -> None:
    """In their order, and it is raised."""
    first, second = Lasting("first"), Lasting("second")

    async def crash() -> None:
        raise ZeroDivisionError

    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with open_holders() as holders:
            await holders.hold(first, first)
            await holders.hold(second, second)
            second.nursery.start_soon(crash)
            await trio.sleep_forever()
    assert said == ["open first", "open second", "close second", "close first"]


class Deaf(Lasting):
    """Something whose beginning is not to be cancelled."""

    async def __aenter__(self) -> str:
        with trio.CancelScope(shield=True):
            await trio.sleep(2)
        return await super().__aenter__()


async def test_who_is_cancelled_before_a_thing_is_there_does_not_keep_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It is left again as soon as it is there: nobody would ever say that it is enough."""
    thing = Deaf("deaf")
    async with open_holders() as holders:
        with trio.move_on_after(1) as scope:
            await holders.hold(thing, thing)
        assert scope.cancelled_caught
        assert said == ["open deaf", "close deaf"]
        assert await holders.hold(thing, thing) == "DEAF"
