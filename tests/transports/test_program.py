"""A program: fed, read, and ended with all that it started."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest
import trio

from transports.program import KEPT, Command, NotStarted, Program

ECHO = "import sys; [print('heard', line, end='', flush=True) for line in sys.stdin]"
DEAF = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(subprocess.Popen(["sleep", "600"]).pid, flush=True)
time.sleep(600)
"""


def python(text: str, at: Path) -> Command:
    """A program of *text* that has an environment of its own."""
    return Command(arguments=(sys.executable, "-S", "-c", text), environment={"ALONE": "yes"}, directory=at)


async def until(program: Program, mark: bytes) -> bytes:
    """What it writes, up to *mark*."""
    said = b""
    with trio.fail_after(10):
        while mark not in said:
            data = await program.receive()
            assert data, said
            said += data
    return said


def lives(process: int) -> bool:
    """Whether there is such a process, and be it a zombie."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


async def gone(process: int) -> None:
    """Returns when there is no such process; an orphan is collected by the system, in its own time."""
    with trio.fail_after(5):
        while lives(process):  # noqa: ASYNC110  # nobody tells when a process that is not ours is collected
            await trio.sleep(0.01)


async def test_it_is_fed_and_read(nursery: trio.Nursery, tmp_path: Path) -> None:
    """Lines in, lines out, and an end of the input that it sees."""
    program = await Program.start(python(ECHO, tmp_path), nursery)
    await program.write(b"one\n")
    assert await until(program, b"one\n") == b"heard one\n"
    assert program.status is None
    await program.write(b"two\n")
    await program.end_input()
    assert await until(program, b"two\n") == b"heard two\n"
    assert await program.receive() == b""
    assert await program.ended() == 0
    await program.close()
    assert await program.receive() == b""


async def test_it_gets_nothing_of_ours(nursery: trio.Nursery, tmp_path: Path) -> None:
    """Neither the environment, nor the directory, nor the session: a terminal's signals do not reach it."""
    text = "import os; print(sorted(set(os.environ) - {'LC_CTYPE'}), os.getcwd(), os.getsid(0) == os.getpid())"
    program = await Program.start(python(text, tmp_path), nursery)
    assert await until(program, b"\n") == f"['ALONE'] {tmp_path} True\n".encode()
    await program.close()


async def test_what_is_written_to_stderr_is_read_and_its_end_kept(nursery: trio.Nursery, tmp_path: Path) -> None:
    """Far more than a pipe holds does not stop it."""
    text = "import sys; sys.stderr.write('x' * 1_000_000 + ' the end'); sys.stderr.close(); print('done')"
    program = await Program.start(python(text, tmp_path), nursery)
    await until(program, b"done")
    complaint = await program.complaint()
    assert complaint.endswith("x the end")
    assert len(complaint) == KEPT
    await program.close()


async def test_closing_ends_it_and_its_children(nursery: trio.Nursery, tmp_path: Path) -> None:
    """Also those that do not listen to SIGTERM: none is left within a second, and no zombie of ours."""
    program = await Program.start(python(DEAF, tmp_path), nursery)
    child = int(await until(program, b"\n"))
    began = time.monotonic()
    await program.close(grace=0.2)
    assert time.monotonic() - began < 1
    assert program.status == -signal.SIGKILL
    assert not lives(program.id)
    await gone(child)


async def test_one_that_listens_is_not_waited_for(nursery: trio.Nursery, tmp_path: Path) -> None:
    """SIGTERM is enough."""
    program = await Program.start(python("import time; print('up', flush=True); time.sleep(600)", tmp_path), nursery)
    await until(program, b"up")
    began = time.monotonic()
    await program.close(grace=30)
    assert time.monotonic() - began < 5
    assert program.status == -signal.SIGTERM
    await program.close()  # a second time: nothing


async def test_a_child_that_outlives_it_is_ended_as_well(nursery: trio.Nursery, tmp_path: Path) -> None:
    """The group is ended although its leader has gone, and left its own output open in other hands."""
    text = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid, flush=True)"
    program = await Program.start(python(text, tmp_path), nursery)
    child = int(await until(program, b"\n"))
    assert await program.ended() == 0
    assert lives(child)
    await program.close()
    await gone(child)


async def test_closing_works_when_cancelled(nursery: trio.Nursery, tmp_path: Path) -> None:
    """As it is when a client goes."""
    program = await Program.start(python("import time; time.sleep(600)", tmp_path), nursery)
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await program.receive()
        finally:
            await program.close()
    assert scope.cancelled_caught
    assert not lives(program.id)


async def test_what_is_written_to_a_program_that_has_gone_is_lost(nursery: trio.Nursery, tmp_path: Path) -> None:
    """The reader finds out, not the writer."""
    program = await Program.start(python("raise SystemExit(3)", tmp_path), nursery)
    assert await program.ended() == 3
    await program.write(b"x" * 1_000_000)
    assert await program.receive() == b""
    await program.close()
    await program.write(b"x")


@pytest.mark.parametrize("arguments", [("no-such-program-anywhere",), ("/",), ("nul\0l",)])
async def test_what_can_t_be_started(nursery: trio.Nursery, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Missing, no program, no name at all: told without what it was to be started with."""
    command = Command(arguments=(*arguments, "a secret"), environment={"TOKEN": "another"}, directory=tmp_path)
    with pytest.raises(NotStarted) as caught:
        await Program.start(command, nursery)
    assert "secret" not in str(caught.value)
    assert "another" not in repr(command)
