"""Workers: started one after the other, kept alive, told and asked together.  With real processes that do nothing."""

import errno
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import structlog
import trio

from pipeline.sockets import listening, spread
from pipeline.workers import ANSWERS, Failed, Workers, supervise
from tests.pipeline.configs import configured

ROOT = Path(__file__).parents[2]
FAKE = Path(__file__).with_name("fake_worker.py")


@attrs.frozen(eq=False)
class Crew:
    """The workers, where they leave traces, what was logged, and what they came to."""

    at: Path
    workers: Workers
    lines: list[Any]
    codes: list[int]

    def lives(self, number: int) -> int:
        """How often that worker was started."""
        return len((self.at / f"lives-{number}").read_text())

    async def until(self, number: int, lives: int) -> None:
        """Returns once that worker was started so often, and listens."""
        with trio.fail_after(10):
            while self.lives(number) < lives or number not in self.workers.living:  # noqa: ASYNC110  # other processes
                await trio.sleep(0.02)
            while not self.workers.living[number].urls:  # noqa: ASYNC110  # the same
                await trio.sleep(0.02)


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the workers, who end well."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "code").write_text("0")
    return tmp_path


@asynccontextmanager
async def crew(at: Path, count: int = 2) -> AsyncIterator[Crew]:
    """*count* workers that listen; ended with the block."""
    listeners = spread(await listening(configured("[server]\nport = 0"), several=True), count)
    codes: list[int] = []
    command = [sys.executable, str(FAKE), str(at)]
    with structlog.testing.capture_logs() as lines:
        async with trio.open_nursery() as nursery:
            with trio.fail_after(30):
                made = await nursery.start(partial(supervise, command, count, listeners, codes.append))
            yield Crew(at, made, lines, codes)
            made.end(at_once=False)


async def test_all_listen_before_it_is_said(at: Path) -> None:
    """What is said is what the first says, and how many they are; each has all sockets."""
    async with crew(at, 3) as c:
        assert c.workers.urls == ["http://here"]
        assert re.fullmatch(r"worker 1 of 3, process \d+\nworkers    3 processes\nmore\n", c.workers.text)
        assert sorted(c.workers.living) == [1, 2, 3]
    assert c.codes == [0]
    assert [c.lives(number) for number in (1, 2, 3)] == [1, 1, 1]


async def test_one_that_dies_is_started_again_and_the_others_are_let_be(at: Path) -> None:
    """With longer and longer pauses."""
    async with crew(at) as c:
        second = c.workers.living[2].process.pid
        for life in (2, 3):
            os.kill(c.workers.living[1].process.pid, signal.SIGKILL)
            await c.until(1, life)
        assert c.workers.living[2].process.pid == second
    assert [(line["worker"], line["code"], line["pause"]) for line in c.lines] == [(1, -9, 0.2), (1, -9, 0.4)]
    assert c.codes == [0]


async def test_one_that_can_t_be_started_for_now_is_tried_again(at: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the machine has no more processes or memory, the others go on, and no socket to it stays open."""
    begin, tries = trio.lowlevel.open_process, [OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))]

    async def scarce(*words: Any, **how: Any) -> trio.Process:
        if tries:
            raise tries.pop()
        return await begin(*words, **how)

    async with crew(at) as c:
        second, opened = c.workers.living[2].process.pid, len(os.listdir("/proc/self/fd"))
        monkeypatch.setattr(trio.lowlevel, "open_process", scarce)
        os.kill(c.workers.living[1].process.pid, signal.SIGKILL)
        await c.until(1, 2)
        assert (tries, c.workers.living[2].process.pid) == ([], second)
        assert len(os.listdir("/proc/self/fd")) == opened
    told = [(line["event"], line.get("pause")) for line in c.lines]
    again = "a worker has died, and is started again"
    assert told == [(again, 0.2), ("a worker can't be started", None), (again, 0.4)]


async def test_one_that_is_being_started_hears_of_the_end(at: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it comes while the process begins, and is in nobody's list."""
    begin = trio.lowlevel.open_process

    async with crew(at) as c:

        async def late(*words: Any, **how: Any) -> trio.Process:
            process = await begin(*words, **how)
            c.workers.end(at_once=False)
            return process

        monkeypatch.setattr(trio.lowlevel, "open_process", late)
        os.kill(c.workers.living[1].process.pid, signal.SIGKILL)
        with trio.fail_after(10):
            while c.workers.living or not c.workers.ending.is_set():  # noqa: ASYNC110  # other processes
                await trio.sleep(0.02)
    assert c.codes == [0]


async def test_what_keeps_the_first_from_starting_ends_all(at: Path) -> None:
    """With its exit code; it has said why, once."""
    (at / "fail").write_text("2")
    with pytest.RaisesGroup(pytest.RaisesExc(Failed, check=lambda failed: failed.code == 2), flatten_subgroups=True):
        async with crew(at):
            pass
    assert not (at / "lives-2").exists()


async def test_one_that_ends_badly_is_told_by_the_exit_code(at: Path) -> None:
    """As one process would."""
    async with crew(at) as c:
        (at / "code").write_text("3")
    assert c.codes == [1]


async def test_all_read_the_configuration_anew(at: Path) -> None:
    """What waits for a restart is told; what one refuses is refused."""
    async with crew(at) as c:
        assert (await c.workers.reload()).waiting == ["server.port"]
        (at / "refuse-2").touch()
        assert (await c.workers.reload()).problems == ["wrong"]


async def test_a_worker_that_dies_meanwhile_is_not_waited_for(at: Path) -> None:
    """Whoever comes after it reads the configuration anyway."""
    async with crew(at) as c:
        stopped = c.workers.living[2].process.pid
        os.kill(stopped, signal.SIGSTOP)
        with trio.fail_after(ANSWERS / 2):
            async with trio.open_nursery() as nursery:

                async def kill() -> None:
                    while "loaded" not in c.workers._waiting:  # noqa: ASYNC110  # it has been asked
                        await trio.sleep(0.01)
                    os.kill(stopped, signal.SIGKILL)

                nursery.start_soon(kill)
                assert (await c.workers.reload()).waiting == ["server.port"]


def answered(at: Path) -> str:
    """What worker 1 was answered."""
    file = at / "answers-1"
    return file.read_text() if file.exists() else ""


async def test_one_asks_and_the_others_answer(at: Path) -> None:
    """Each of them, and it does not hear itself."""
    async with crew(at, 3) as c:
        await c.workers._ask(c.workers.living[1], 7, "live")
        with trio.fail_after(5):
            while not answered(at):  # noqa: ASYNC110  # another process writes it
                await trio.sleep(0.02)
        told = sorted(answered(at)[2:-2].split('", "'))
        assert told == ["live of 2, 3 sockets", "live of 3, 3 sockets"]


async def test_nobody_outlives_a_supervisor_that_is_cancelled(at: Path) -> None:
    """They are killed, and waited for."""
    pids: list[int] = []
    with trio.CancelScope() as scope:
        async with crew(at) as c:
            pids += [worker.process.pid for worker in c.workers.living.values()]
            scope.cancel()
            await trio.lowlevel.checkpoint()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
