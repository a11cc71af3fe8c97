"""Pauses: what makes the collector look, how soon a thread has its turn, and where descriptors find room."""

import gc
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, cast

import pytest
import trio
import trio.testing

from pipeline.exchange import Exchange
from pipeline.live import Live
from pipeline.pauses import EACH, LOOK, ROOM, TURN, settle, spare


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Python as it was, for the tests to come."""
    thresholds, turn = gc.get_threshold(), sys.getswitchinterval()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    sys.setswitchinterval(turn)


def open_at_once(live: Live, count: int) -> list[Any]:
    """Let *live* have *count* more exchanges; gives what they hold."""
    live.exchanges.update({f"{len(live.exchanges)}.{number}": cast(Exchange, None) for number in range(count)})
    return [[] for _ in range(count * 250)]


async def test_open_exchanges_are_no_reason_to_look(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A thousand streams begin within a few seconds, and the collector rests; when they end, connections stay."""
    live, looks, held = Live(), list[str](), list[Any]()
    settle()
    nursery.start_soon(spare, live)
    gc.callbacks.append(count := lambda phase, _: looks.append(phase))
    try:
        for _ in range(20):
            held += open_at_once(live, 50)
            await trio.sleep(LOOK)
        await trio.sleep(LOOK)
        assert gc.get_threshold()[0] == ROOM + EACH * 1_000
        live.exchanges.clear()
        del held[3 * ROOM :]
        await trio.sleep(2 * LOOK)
        held += [[] for _ in range(ROOM)]
    finally:
        gc.callbacks.remove(count)
    assert looks == []
    nursery.cancel_scope.cancel()


async def test_what_is_left_behind_is_looked_for(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """Cycles that nobody holds are found, whatever else is open."""
    live, found = Live(), list[int]()
    settle()
    nursery.start_soon(spare, live)
    held = open_at_once(live, 50)
    await trio.sleep(2 * LOOK)
    gc.callbacks.append(count := lambda phase, told: found.append(told["collected"]) if phase == "stop" else None)
    try:
        for _ in range(ROOM + EACH * 50):
            cycle: list[Any] = []
            cycle.append(cycle)
    finally:
        gc.callbacks.remove(count)
    assert sum(found) > ROOM / 2
    assert held
    nursery.cancel_scope.cancel()


def test_what_is_here_is_spared_and_turns_are_short() -> None:
    """After a start the collector has nothing to look at, and a thread waits for its turn a tenth of what it would."""
    settle()
    assert gc.get_freeze_count() > 10_000
    assert sys.getswitchinterval() == pytest.approx(TURN)
    assert TURN <= 0.0005


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how large its table is")
@pytest.mark.parametrize("allowed", [1_024, 4_096])
def test_the_table_of_descriptors_is_as_large_as_it_may_be(allowed: int) -> None:
    """So that no connection waits until it has grown; and not a descriptor is left open for that."""
    program = f"""
import os, re, resource
from pipeline.pauses import seat

def size():
    return int(re.search(r"FDSize:\\s*(\\d+)", open("/proc/self/status").read())[1])

resource.setrlimit(resource.RLIMIT_NOFILE, ({allowed}, {allowed}))
before, there = size(), os.listdir("/proc/self/fd")
seat()
print(before, size(), os.listdir("/proc/self/fd") == there)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    before, after, same = done.stdout.split()
    assert int(before) < allowed
    assert (int(after), same) == (allowed, "True")
