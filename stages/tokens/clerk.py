"""Clerk: starts the worker when there is something to weigh, asks it one thing at a time, ends it when it idles.

    weigh(units) ──▶ jobs ══▶ the clerk's task ──stdin──▶ worker
                     event ◀═                  ◀─stdout──

A caller that leaves harms nobody: its job is skipped, or finished for nothing.  A worker that dies fails the job in
hand only; the next job starts another.  Who can't be answered gets None and estimates.
"""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

import attrs
import msgspec
import structlog
import trio

from stages.tokens.units import Unit
from stages.tokens.weight import Weight
from stages.tokens.worker import encode, framed, told

COMMAND = (sys.executable, "-m", "stages.tokens.worker")
ROOT = Path(__file__).parents[2]  # where stages/ is: a worker finds it whatever the gateway's directory
IDLE = 300.0  # seconds without a job after which the worker ends: its memory is worth more
PATIENCE = 10.0  # seconds that a caller waits, and that one job may take
CLOSING = 1.0  # seconds that a worker has to end by itself
ANSWER_BYTES = 64 * 1024 * 1024  # of the weights of one job: far more than they ever are
JOBS = 32  # that wait; who comes then waits to be let in

log = structlog.get_logger("pipeline")


@attrs.define(eq=False)
class Job:
    """Units to be weighed, and what came of it."""

    units: list[Unit]
    done: trio.Event = attrs.field(factory=trio.Event)
    weights: list[Weight] | None = None
    wanted: bool = True


class Broken(Exception):
    """The worker can't be started, died, or took too long."""


@attrs.define(eq=False)
class Clerk:
    """Whom the counter asks.  ``run`` is a task of the counter's nursery."""

    command: tuple[str, ...] = COMMAND
    idle: float = IDLE
    _jobs: trio.MemorySendChannel[Job] | None = None

    @property
    def able(self) -> bool:
        """Whether there is a task that takes jobs."""
        return self._jobs is not None

    async def weigh(self, units: list[Unit]) -> list[Weight] | None:
        """The weights of *units*; None if they can't be had in time."""
        if self._jobs is None or not units:
            return None if units else []
        job = Job(units)
        try:
            with trio.move_on_after(PATIENCE):
                await self._jobs.send(job)
                await job.done.wait()
        except trio.BrokenResourceError:  # shut down meanwhile
            return None
        finally:
            job.wanted = False
        return job.weights

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Do jobs until cancelled.  Returns at once where there is no tokenizer."""
        if self.command is COMMAND and find_spec("toktok") is None:
            log.info("tokens are estimated: there is no tokenizer; install the extra 'tokenizer' to count them")
            task_status.started()
            return
        self._jobs, jobs = trio.open_memory_channel[Job](JOBS)
        task_status.started()
        try:
            with jobs:
                while True:
                    await self._shift(await jobs.receive(), jobs)
        finally:
            self._jobs = None

    async def _shift(self, job: Job | None, jobs: trio.MemoryReceiveChannel[Job]) -> None:
        """Start a worker, do *job* and what follows, end it."""
        current = job
        try:
            async with working(self.command) as process:
                while job is not None:
                    if job.wanted:
                        job.weights = await asking(process, job.units)
                    job.done.set()
                    job = None
                    with trio.move_on_after(self.idle):
                        current = job = await jobs.receive()
        except Broken as broken:
            log.warning("a prompt could not be counted, so it is estimated", why=str(broken))
            if current is not None:
                current.done.set()


@asynccontextmanager
async def working(command: tuple[str, ...]) -> AsyncIterator[trio.Process]:
    """A worker, until the block is left: then its stdin closes, and it has a second.  Raises Broken."""
    try:
        process = await trio.lowlevel.open_process(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        )
    except OSError as error:
        raise Broken(f"the worker can't be started: {error.strerror or error}") from error
    try:
        yield process
    finally:
        with trio.CancelScope(shield=True):
            with trio.move_on_after(CLOSING):
                assert process.stdin is not None  # noqa: S101  # asked for above
                await process.stdin.aclose()
                await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()
            assert process.stdout is not None  # noqa: S101  # asked for above
            await process.stdout.aclose()


async def asking(process: trio.Process, units: list[Unit]) -> list[Weight]:
    """Ask the worker for the weights of *units*.  Raises Broken."""
    assert process.stdin is not None  # noqa: S101  # see working()
    assert process.stdout is not None  # noqa: S101  # the same
    try:
        with trio.fail_after(PATIENCE):
            await process.stdin.send_all(framed(encode([(unit.kind, unit.raw) for unit in units])))
            length = int.from_bytes(await exactly(process.stdout, 4), "big")
            if length > ANSWER_BYTES:
                raise Broken("the worker's answer makes no sense")
            return told.decode(await exactly(process.stdout, length))
    except trio.TooSlowError:
        process.kill()
        raise Broken(f"the worker took more than {PATIENCE:g} s") from None
    except trio.BrokenResourceError as error:
        raise Broken("the worker died") from error
    except msgspec.DecodeError as error:
        raise Broken("the worker's answer makes no sense") from error


async def exactly(stream: trio.abc.ReceiveStream, size: int) -> bytes:
    """The next *size* bytes.  Raises Broken if the worker ends before."""
    data = bytearray()
    while len(data) < size:
        piece = await stream.receive_some(size - len(data))
        if not piece:
            raise Broken("the worker ended")
        data += piece
    return bytes(data)
