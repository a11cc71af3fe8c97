"""The clerk: one worker, one job at a time; whatever becomes of the worker, callers get an answer or None."""

import sys
import time
from typing import Any

import pytest
import trio

from stages.tokens import clerk as module
from stages.tokens.clerk import Clerk
from stages.tokens.units import Unit
from stages.tokens.weight import Weight

# A worker that answers each unit with its process id as words, after doing what a unit's text says.
WORKER = """
import os, sys, time
from stages.tokens.weight import Weight
from stages.tokens.worker import asked, encode, framed
inlet, outlet = sys.stdin.buffer, sys.stdout.buffer
while head := inlet.read(4):
    units = asked.decode(inlet.read(int.from_bytes(head, "big")))
    for _, raw in units:
        exec(raw)
    outlet.write(framed(encode([Weight(words=os.getpid()) for _ in units])))
    outlet.flush()
"""


def unit(text: str = "") -> list[Unit]:
    return [Unit("turn", text.encode(), b"")]


class Office:
    """A clerk at work."""

    def __init__(self, nursery: trio.Nursery, **fields: Any) -> None:
        self.clerk = Clerk((sys.executable, "-c", WORKER), **fields)
        self.nursery = nursery

    async def pid(self, text: str = "") -> int | None:
        """The process that did a job."""
        weights = await self.clerk.weigh(unit(text))
        return None if weights is None else weights[0].words


@pytest.fixture
async def office(nursery: trio.Nursery) -> Office:
    made = Office(nursery)
    await nursery.start(made.clerk.run)
    return made


async def test_jobs_go_to_one_worker(office: Office) -> None:
    """However many ask at once."""
    pids: list[int | None] = []

    async def ask() -> None:
        pids.append(await office.pid())

    async with trio.open_nursery() as callers:
        for _ in range(9):
            callers.start_soon(ask)
    assert len(pids) == 9
    assert None not in pids
    assert len(set(pids)) == 1


async def test_nothing_to_weigh_needs_no_worker() -> None:
    """Not even a task."""
    assert await Clerk().weigh([]) == []


async def test_without_a_task_nothing_is_weighed() -> None:
    """The caller estimates."""
    assert await Clerk().weigh(unit()) is None


async def test_a_worker_that_dies_fails_its_job_only(office: Office) -> None:
    """Whoever waited behind it is served by another."""
    first = await office.pid()
    assert await office.pid("os._exit(9)") is None
    second = await office.pid()
    assert second not in (None, first)


async def test_a_worker_that_writes_nonsense_is_left(office: Office) -> None:
    """A length beyond measure, or no answer at all."""
    assert await office.pid("outlet.write(b'\\xff' * 9); outlet.flush(); time.sleep(9)") is None
    assert await office.pid("outlet.write(framed(b'junk')); outlet.flush()") is None
    assert await office.pid() is not None


async def test_a_worker_that_hangs_is_killed(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever."""
    monkeypatch.setattr(module, "PATIENCE", 1.0)
    began = time.monotonic()
    assert await office.pid("time.sleep(60)") is None
    assert await office.pid() is not None
    assert time.monotonic() - began < 10


async def test_a_caller_that_leaves_harms_nobody(office: Office) -> None:
    """Its job is finished for nothing, or skipped; the worker stays."""
    first = await office.pid()
    with trio.move_on_after(0.05):
        await office.pid("time.sleep(0.3)")
    assert await office.pid() == first


async def test_a_worker_that_idles_is_ended(nursery: trio.Nursery) -> None:
    """Its memory is worth more; the next job starts another."""
    office = Office(nursery, idle=0.05)
    await nursery.start(office.clerk.run)
    first = await office.pid()
    await trio.sleep(0.5)
    assert await office.pid() not in (None, first)


async def test_no_worker_outlives_its_clerk() -> None:
    """Nor one that does not mind the end of its stdin."""
    ended: list[trio.Process] = []
    async with trio.open_nursery() as nursery:
        office = Office(nursery)
        await nursery.start(office.clerk.run)
        assert await office.pid() is not None
        async with module.working((sys.executable, "-c", "import time; time.sleep(60)")) as process:
            ended.append(process)
        nursery.cancel_scope.cancel()
    assert [process.returncode for process in ended] == [-9]
    assert not office.clerk.able


async def test_a_worker_that_can_not_be_started_is_no_crash(nursery: trio.Nursery) -> None:
    """Callers estimate."""
    office = Clerk(("no-such-program",))
    await nursery.start(office.run)
    assert await office.weigh(unit()) is None
    assert await office.weigh(unit()) is None


async def test_without_a_tokenizer_there_is_no_task(nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so once, and returns."""
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    office = Clerk()
    await nursery.start(office.run)
    assert not office.able
    assert await office.weigh(unit()) is None


async def test_the_real_worker_weighs(nursery: trio.Nursery) -> None:
    """Started with the first job."""
    pytest.importorskip("toktok")
    office = Clerk()
    await nursery.start(office.run)
    assert await office.weigh(unit('{"role":"user","content":"hello world"}')) == [Weight(words=2, asks=True)]
