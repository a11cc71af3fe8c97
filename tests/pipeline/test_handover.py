"""Handing over: sockets go from one process to the next, and nobody is refused in between."""

import errno
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import attrs
import pytest
import structlog
import trio

from pipeline import handover
from pipeline.handover import give, name, take
from pipeline.pidfile import PidFile, look
from pipeline.problems import ConfigError


@pytest.fixture
def bound() -> socket.socket:
    """A socket that listens; it goes to whoever takes it."""
    return socket.create_server(("127.0.0.1", 0))


def port_of(one: socket.socket) -> int:
    port: int = one.getsockname()[1]
    return port


async def taken(port: int) -> handover.Taken | None:
    """What is given away for *port*, asked as another process would: without our loop."""
    with trio.fail_after(3):
        while (found := await trio.to_thread.run_sync(take, "here", port)) is None:  # noqa: ASYNC110  # another process's
            await trio.sleep(0.01)
    return found


async def answered(asker: trio.socket.SocketType, port: int) -> bool:
    """Whether *asker* is connected to who listens for *port*; False while nobody does."""
    try:
        await asker.connect(name("here", port))
    except ConnectionRefusedError:
        return False
    return True


async def test_the_same_sockets_are_given_to_one_that_gets_ready(bound: socket.socket) -> None:
    """Who connects to the old one before is answered by the new one: there is one queue."""
    port, gone = port_of(bound), trio.Event()
    with bound, socket.create_connection(("127.0.0.1", port)) as early:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(give, name("here", port), [bound.fileno()], gone.set)
            found = await taken(port)
            assert found is not None
            assert not gone.is_set()
            await trio.to_thread.run_sync(found.ready)
            await gone.wait()
        (got,) = found.sockets
        with got:
            assert port_of(got) == port
            assert not os.get_inheritable(got.fileno())
            got.accept()[0].close()
        assert early.recv(1) == b""


async def test_one_that_does_not_get_ready_changes_nothing(bound: socket.socket) -> None:
    """The next one may."""
    port, gone = port_of(bound), trio.Event()
    with bound:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(give, name("here", port), [bound.fileno()], gone.set)
            with structlog.testing.capture_logs() as lines:
                first = await taken(port)
                assert first is not None
                first.channel.close()
                first.sockets[0].close()
                second = await taken(port)
            assert second is not None
            assert [line["event"] for line in lines] == ["who was to take over did not get ready"]
            assert not gone.is_set()
            second.sockets[0].close()
            await trio.to_thread.run_sync(second.ready)
    assert gone.is_set()


async def test_the_pid_file_goes_along_and_is_never_free(bound: socket.socket, tmp_path: Path) -> None:
    """Its lock is held by both, then by the new one alone."""
    port, path = port_of(bound), tmp_path / "pipeline.pid"
    with bound:
        async with trio.open_nursery() as nursery:
            with PidFile(path) as old:
                old.tell(["old"])
                nursery.start_soon(give, name("here", port), [bound.fileno()], lambda: None, old.descriptor)
                found = await taken(port)
                assert found is not None
                found.sockets[0].close()
                await trio.to_thread.run_sync(found.ready)
                old.passed = True
                new = PidFile(path, given=found.pid_file)
                new.__enter__()
                new.tell(["new"])
            entry = look(path)
            assert entry is not None
            assert entry.urls == ["new"]
            new.__exit__(None, None, None)
            assert look(path) is None


@attrs.define
class Full:
    """A door that can't be opened for a while: the process is out of descriptors."""

    channel: trio.socket.SocketType
    times: int = 3

    async def accept(self) -> tuple[Any, None]:
        await trio.lowlevel.checkpoint()
        if self.times:
            self.times -= 1
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return self.channel, None


async def test_who_asks_a_process_that_is_full_waits(bound: socket.socket, autojump_clock: Any) -> None:
    """The gateway goes on, says so once, and gives when it can."""
    here, there = trio.socket.socketpair()
    with bound, there:
        await there.send(handover.READY)
        with structlog.testing.capture_logs() as lines:
            assert await handover._given(cast(Any, Full(here)), [bound.fileno()], None) is here
        here.close()
    assert [line["event"] for line in lines] == ["who is to take over has to wait"]
    assert trio.current_time() >= 3 * handover.FULL


def test_a_pid_file_that_was_given_in_vain_stays_as_it_is(tmp_path: Path) -> None:
    """Who did not get ready has put nothing down, and takes nothing away."""
    with PidFile(tmp_path / "pipeline.pid") as old:
        old.tell(["old"])
        with PidFile(old.path, given=os.dup(old.descriptor)):
            pass
        entry = look(old.path)
        assert entry is not None
        assert entry.urls == ["old"]


def test_where_nobody_is_there_is_nothing_to_take() -> None:
    """It starts as any other then."""
    assert take("here", 1) is None


async def test_nothing_is_taken_from_another_user(bound: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may use the name, and only the kernel knows who."""
    port = port_of(bound)
    with bound, socket.socket(socket.AF_UNIX) as squatter:
        squatter.bind(name("here", port))
        squatter.listen()
        monkeypatch.setattr(os, "geteuid", lambda: 4711)
        with pytest.raises(ConfigError, match=f"who listens at here, port {port} is another user's"):
            await trio.to_thread.run_sync(take, "here", port)


async def test_nothing_is_given_to_another_user(bound: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection closes, and nothing was in it."""
    port = port_of(bound)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with bound, trio.socket.socket(socket.AF_UNIX) as asker:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(give, name("here", port), [bound.fileno()], lambda: None)
            with trio.fail_after(3):
                while not await answered(asker, port):  # noqa: ASYNC110  # a thread binds the name
                    await trio.sleep(0.01)
                said, rights, _, _ = await asker.recvmsg(64, socket.CMSG_SPACE(64))
            nursery.cancel_scope.cancel()
    assert (said, rights) == (b"", [])


@pytest.mark.parametrize("hears", [False, True], ids=["before", "after it has heard so"])
def test_one_that_dies_as_it_is_let_go_loses_nothing(bound: socket.socket, *, hears: bool) -> None:
    """Its sockets are the new one's by then, which serves."""
    ours, theirs = socket.socketpair()

    def dies() -> None:
        with theirs:
            if hears:
                theirs.recv(len(handover.READY))

    with bound, ThreadPoolExecutor(1) as other:
        dead = other.submit(dies)
        if not hears:
            dead.result()
        handover.Taken([bound], None, ours).ready()
        dead.result()
        with socket.create_connection(bound.getsockname()):
            bound.accept()[0].close()
    assert ours.fileno() == -1


async def test_a_successor_that_dies_before_it_hears_the_last_word_stops_no_drain(bound: socket.socket) -> None:
    """The old one goes as it would have: it has said so already."""
    port, gone = port_of(bound), trio.Event()
    with bound:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(give, name("here", port), [bound.fileno()], gone.set)
            found = await taken(port)
            assert found is not None
            found.channel.sendall(handover.READY)
            found.channel.close()
            found.sockets[0].close()
    assert gone.is_set()


async def test_a_name_that_is_taken_only_means_that_nobody_can_take_over(bound: socket.socket) -> None:
    """The gateway serves all the same."""
    with bound, socket.socket(socket.AF_UNIX) as squatter, structlog.testing.capture_logs() as lines:
        squatter.bind(name("here", port_of(bound)))
        with trio.fail_after(1):
            await give(name("here", port_of(bound)), [bound.fileno()], lambda: None)
    assert [line["event"] for line in lines] == ["this gateway can't be taken over"]
