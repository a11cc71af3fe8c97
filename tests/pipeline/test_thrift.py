"""Thrift: when memory is given back, and that it is."""

import platform
import subprocess
import sys

import pytest
import trio
import trio.testing

from pipeline.live import Live
from pipeline.thrift import LOOK, thrift


class Calls:
    """What thrift calls, written down."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def trim(self) -> None:
        self.done.append("trim")

    async def gather(self) -> None:
        self.done.append("gather")


async def test_it_waits_for_a_quiet_moment(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """Not while something ends between two looks; then once, and not again until there is more."""
    live, calls = Live(), Calls()
    nursery.start_soon(thrift, live, calls.trim, calls.gather)
    await trio.sleep(3.5 * LOOK)
    assert calls.done == ["gather"]
    for _ in range(3):
        live.ended += 1
        await trio.sleep(LOOK)
    assert calls.done == ["gather"]
    await trio.sleep(5 * LOOK)
    assert calls.done == ["gather", "trim", "gather"]
    live.ended += 1
    await trio.sleep(5 * LOOK)
    assert calls.done == ["gather", "trim", "gather", "trim", "gather"]
    nursery.cancel_scope.cancel()


async def test_under_load_the_start_is_gathered(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """What it leaves stays, though exchanges end all the time; what they leave goes."""
    live, calls = Live(), Calls()
    nursery.start_soon(thrift, live, calls.trim, calls.gather)
    for _ in range(8):
        live.ended += 1
        await trio.sleep(0.5 * LOOK)
    assert calls.done == ["gather"]
    nursery.cancel_scope.cancel()


async def test_without_the_call_there_is_no_task(autojump_clock: trio.testing.MockClock) -> None:
    """Where the C library gives nothing back, it ends when the start is gathered."""
    calls = Calls()
    await thrift(Live(), None, calls.gather)
    assert calls.done == ["gather"]


glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told what to keep")


@glibc
def test_what_is_free_is_taken_again() -> None:
    """The buffers of one large prompt are those of the next: no page of theirs is asked for twice."""
    program = """
import resource
from pipeline.thrift import keep

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    buffers = [bytes([65]) * 1_000_000 for _ in range(8)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

keep()
print(faults(), max(faults() for _ in range(5)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    first, later = map(int, done.stdout.split())
    assert first > 1_500
    assert later < 100


@glibc
def test_what_is_free_goes_back() -> None:
    """50 MB of buffers, freed between others that stay, are no longer ours."""
    program = """
import pathlib
from pipeline.thrift import trimming

def resident():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * 4096

buffers = [bytes(50_000) for _ in range(1_000)]
stays = buffers[::100]
del buffers
before = resident()
trimming()()
print(before - resident())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert int(done.stdout) > 20_000_000
