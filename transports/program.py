"""A program of this machine: started, fed, read, and ended with all that it started.

    await Program.start(command, tasks)          stdin ◀─ write · end_input        stdout ─▶ receive
    close ─▶ SIGTERM to its group ─ grace ─▶ SIGKILL to its group ─▶ waited for: no zombie

Rules.  Arguments are a list, no shell reads them.  The program leads a session of its own (setsid), so that a signal
reaches its children too and a terminal's Ctrl-C does not.  What it writes to stderr is read all the time, else it would
wait for us; of that the end is kept, for whoever knows how to read it, and is to be shown to nobody: it may hold
secrets.  What is written to a program that has gone is lost in silence: the reader finds out.  One reader, one writer.
"""

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import attrs
import trio

READ = 64 * 1024  # bytes per read, and what a pipe holds
KEPT = 8 * 1024  # of stderr, its end
GRACE = 0.5  # seconds between SIGTERM and SIGKILL: a client that leaves is to be noticed within one
LAST = 2.0  # seconds a killed program may take to be gone


class NotStarted(Exception):
    """The program can't be started; the text says why, without its arguments."""


@attrs.frozen(kw_only=True)
class Command:
    """What to start: nothing is looked up or added."""

    arguments: tuple[str, ...]  # the program itself comes first
    environment: Mapping[str, str] = attrs.field(repr=False)  # all of it; ours is not inherited
    directory: Path


class Program:
    """A program that runs.  Use ``start``; whoever started it must ``close`` it."""

    def __init__(self, process: trio.Process) -> None:
        assert process.stdin is not None  # noqa: S101  # start asked for pipes
        assert process.stdout is not None  # noqa: S101  # the same
        assert process.stderr is not None  # noqa: S101  # the same
        self._process = process
        self._stdin, self._stdout, self._stderr = process.stdin, process.stdout, process.stderr
        self._complaint = b""
        self._silent = trio.Event()  # stderr has been read to its end
        self._closed = False

    @classmethod
    async def start(cls, command: Command, tasks: trio.Nursery) -> "Program":
        """Start *command*; one of *tasks* reads its stderr until it is closed.  Raises NotStarted."""
        try:
            process = await trio.lowlevel.open_process(
                command.arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=command.directory,
                env=command.environment,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:  # ValueError: a null character
            raise NotStarted(getattr(error, "strerror", None) or str(error)) from error
        program = cls(process)
        tasks.start_soon(program._listen)
        return program

    @property
    def id(self) -> int:
        """Its process id, which is its group's as well."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._process.returncode

    async def write(self, data: bytes) -> None:
        """Feed *data*; waits while the program does not read."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self._stdin.send_all(data)

    async def end_input(self) -> None:
        """Nothing more will be written."""
        await self._stdin.aclose()

    async def receive(self) -> bytes:
        """What one read of stdout gives; ``b""`` once it is closed, and then again."""
        if self._closed:
            return b""
        return bytes(await self._stdout.receive_some(READ))

    async def ended(self) -> int:
        """Wait until it has ended by itself; its exit status."""
        return await self._process.wait()

    async def complaint(self) -> str:
        """The end of what it has written to stderr, once that is closed.  Not for showing."""
        await self._silent.wait()
        return self._complaint.decode("utf-8", "replace")

    async def close(self, grace: float = GRACE) -> None:
        """End it and its group, also when cancelled.  A second time: nothing."""
        if self._closed:
            return
        self._closed = True
        with trio.CancelScope(shield=True):
            await self._stdin.aclose()
            if self.status is None:
                self._signal(signal.SIGTERM)
                with trio.move_on_after(grace):
                    await self._process.wait()
            # A group outlives its leader, and its number is given to no other while a member lives.
            self._signal(signal.SIGKILL)
            with trio.move_on_after(LAST):
                await self._process.wait()
            await self._stdout.aclose()
            await self._stderr.aclose()  # ends the task that listens, whoever else holds the other end

    def _signal(self, number: signal.Signals) -> None:
        """Send *number* to the whole group, if there is one left."""
        with suppress(ProcessLookupError, PermissionError):  # the second: macOS says so of a group of zombies
            os.killpg(self._process.pid, number)

    async def _listen(self) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while data := await self._stderr.receive_some(READ):
                self._complaint = (self._complaint + data)[-KEPT:]
        self._silent.set()
