"""Attending: what signals, files and the service manager have to do with each other."""

import os
import signal
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import attrs
import pytest
import trio

from pipeline import attending
from pipeline.attending import Post, attend
from pipeline.loaded import Outcome


@attrs.define(eq=False)
class Fake:
    """Something that runs until it is told to end at once; what it was told stands in *told*."""

    told: list[str] = attrs.field(factory=list)
    outcome: Outcome = attrs.field(factory=Outcome)
    over: trio.Event = attrs.field(factory=trio.Event)
    urls: list[str] = attrs.field(factory=lambda: ["http://here"])
    text: str = "hello"

    def end(self, *, at_once: bool) -> None:
        self.told.append("at once" if at_once else "drain")
        if at_once:
            self.over.set()

    async def reload(self) -> Outcome:
        self.told.append("reload")
        await trio.lowlevel.checkpoint()
        return self.outcome

    async def begin(self, *, task_status: trio.TaskStatus["Fake"]) -> None:
        task_status.started(self)
        await self.over.wait()

    async def until(self, *told: str) -> None:
        """Returns once it was told that, and no more."""
        with trio.fail_after(3):
            while self.told != [*told]:  # noqa: ASYNC110  # signals come when they come
                await trio.sleep(0.005)


class Stubborn(Fake):
    """One that does not hurry."""

    def end(self, *, at_once: bool) -> None:
        self.told.append("at once" if at_once else "drain")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[socket.socket]:
    """Where the service manager listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(3)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield channel


def heard(said: socket.socket) -> list[str]:
    """The lines of the next message, without a clock's reading."""
    return [line.partition("_USEC=")[0] for line in said.recv(4096).decode().splitlines()]


def post(texts: list[str] | None = None) -> Post:
    return Post(say=lambda urls, text: (texts if texts is not None else []).append(f"{urls[0]} {text}"))


async def test_it_is_said_when_it_listens_and_once_is_a_drain(said: socket.socket) -> None:
    """Twice is at once."""
    fake, texts = Fake(), list[str]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(attend, fake.begin, post(texts))
        assert await trio.to_thread.run_sync(heard, said) == ["READY=1"]
        assert texts == ["http://here hello"]
        os.kill(os.getpid(), signal.SIGTERM)
        await fake.until("drain")
        assert heard(said) == ["STOPPING=1"]
        os.kill(os.getpid(), signal.SIGINT)
    assert fake.told == ["drain", "at once"]


async def test_three_times_is_whatever_happens() -> None:
    """Even where somebody can't be hurried."""
    fake = Stubborn()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(attend, fake.begin, post())
        await trio.testing.wait_all_tasks_blocked(0.02)
        for number in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
            await trio.testing.wait_all_tasks_blocked(0.02)
            assert len(fake.told) == min(number + 1, 2)


async def test_sighup_reads_anew_and_tells_the_manager(said: socket.socket) -> None:
    """Also why it is refused; it is ready again in any case."""
    fake = Fake()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(attend, fake.begin, post())
        hear = partial(trio.to_thread.run_sync, heard, said)
        await hear()
        for fake.outcome, status in (
            (Outcome(waiting=["server.port"]), "the configuration is in force; server.port after a restart"),
            (
                Outcome(["a: wrong", "b: wrong"]),
                "the configuration is refused, the one of before stays in force: a: wrong; b: wrong",
            ),
        ):
            os.kill(os.getpid(), signal.SIGHUP)
            assert await hear() == ["RELOADING=1", "MONOTONIC"]
            assert await hear() == ["READY=1", f"STATUS={status}"]
        fake.over.set()
    assert fake.told == ["reload", "reload"]


async def test_sighup_before_it_listens_is_not_forgotten() -> None:
    """What it has read by then may be older: it reads anew once it listens; once, however often it was told."""
    fake, go = Fake(), trio.Event()

    async def begin(*, task_status: trio.TaskStatus[Fake]) -> None:
        await go.wait()
        await fake.begin(task_status=task_status)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(attend, begin, post())
        for _ in range(2):
            await trio.testing.wait_all_tasks_blocked(0.02)
            os.kill(os.getpid(), signal.SIGHUP)
        await trio.testing.wait_all_tasks_blocked(0.02)
        go.set()
        await fake.until("reload")
        fake.over.set()
    assert fake.told == ["reload"]


async def test_sighup_of_a_terminal_that_closes_is_a_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who started it there has gone."""
    fake, there = Fake(), True
    monkeypatch.setattr(attending, "on_terminal", lambda: there)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(attend, fake.begin, post())
        await trio.testing.wait_all_tasks_blocked(0.02)
        os.kill(os.getpid(), signal.SIGHUP)
        await fake.until("reload")
        there = False
        os.kill(os.getpid(), signal.SIGHUP)
        await fake.until("reload", "drain")
        fake.over.set()


async def test_a_signal_before_it_listens_ends_it() -> None:
    """Nothing runs yet that could drain."""
    began = trio.Event()

    async def slow(*, task_status: trio.TaskStatus[Fake]) -> None:
        began.set()
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(attend, slow, post())
        await began.wait()
        os.kill(os.getpid(), signal.SIGTERM)
