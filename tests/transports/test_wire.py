"""The bytes of a connection: bounded, watched, and given up when the peer stalls."""

import math
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.transports.loopback import pair
from transports.limits import Limits
from transports.messages import Disconnected
from transports.wire import LINGER_SECONDS, Wire

LIMITS = Limits()


@asynccontextmanager
async def watched(wire: Wire) -> AsyncIterator[None]:
    """*wire* with its reader running."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wire.watch)
        yield
        nursery.cancel_scope.cancel()


@attrs.define(slots=False)
class Hose(trio.abc.Stream):
    """A peer that never stops sending and takes what it is given; remembers how much was read."""

    read: int = 0
    closed: bool = False

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        if self.closed:
            raise trio.ClosedResourceError
        self.read += max_bytes or 1
        return bytes(max_bytes or 1)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        self.closed = True
        await trio.lowlevel.checkpoint()


async def test_what_nobody_takes_is_bounded(autojump_clock: MockClock) -> None:
    """The reader holds 64 KiB and no byte more; it reads on as soon as somebody takes them."""
    hose = Hose()
    wire = Wire(hose, LIMITS)
    async with watched(wire):
        await trio.testing.wait_all_tasks_blocked()
        assert hose.read == LIMITS.read
        assert len(await wire.more(10)) == LIMITS.read
        await trio.testing.wait_all_tasks_blocked()
        assert hose.read == 2 * LIMITS.read


async def test_what_is_waited_for_is_bounded(autojump_clock: MockClock) -> None:
    """Who waits for much is given that, and finds no more behind it than nobody asked for."""
    hose = Hose()
    wire = Wire(hose, LIMITS)
    async with watched(wire):
        got = await wire.more(10, 1_000_000)
        assert 1_000_000 <= len(got) <= 1_000_000 + LIMITS.read
        await trio.testing.wait_all_tasks_blocked()
        assert wire.held == LIMITS.read


async def test_who_waits_for_much_sleeps_until_it_is_here(autojump_clock: MockClock) -> None:
    """Pieces that are not enough wake nobody; at its time the wait ends with what there is, and says when that came."""
    ours, theirs = trio.testing.memory_stream_pair()
    wire = Wire(theirs, LIMITS, received=b"a")

    async def drip() -> None:
        for piece in (b"b", b"c", b"d", b"e"):
            await trio.sleep(2)
            await ours.send_all(piece)

    async with watched(wire), trio.open_nursery() as nursery:
        nursery.start_soon(drip)
        assert (await wire.more(100, 3), trio.current_time()) == (b"abc", 4)
        assert (await wire.more(7, 2), trio.current_time(), wire.heard) == (b"d", 7, 6)
        assert (await wire.more(100), trio.current_time()) == (b"e", 8)


async def test_bytes_come_out_as_they_came_in(autojump_clock: MockClock) -> None:
    """What was given back comes first, then what arrived, in order."""
    ours, theirs = trio.testing.memory_stream_pair()
    wire = Wire(theirs, LIMITS, received=b"a")
    assert wire.held
    async with watched(wire):
        await ours.send_all(b"b")
        await trio.testing.wait_all_tasks_blocked()
        await ours.send_all(b"c")
        await trio.testing.wait_all_tasks_blocked()
        assert await wire.more(1) == b"abc"
        wire.unread(b"c")
        assert wire.take() == b"c"
        assert wire.take() == b""
        assert not wire.held


async def test_waiting_ends_at_its_time(autojump_clock: MockClock) -> None:
    """A wait is over when it is due, again and again on one timer, and the connection lives on."""
    ours, theirs = trio.testing.memory_stream_pair()
    wire = Wire(theirs, LIMITS)
    async with watched(wire):
        for due, then in ((5, 5), (7, 7), (6, 7), (100, 100)):
            assert await wire.more(due) == b""
            assert trio.current_time() == then
        await ours.send_all(b"x")
        assert await wire.more(200) == b"x"


async def test_a_wait_can_be_hurried(autojump_clock: MockClock) -> None:
    """Who waits in ``more`` goes on with nothing; who does not wait now is not disturbed later."""
    _ours, theirs = trio.testing.memory_stream_pair()
    wire = Wire(theirs, LIMITS)
    async with watched(wire), trio.open_nursery() as nursery:
        wire.hurry()

        async def wait() -> None:
            assert await wire.more(50) == b""
            assert trio.current_time() == 1
            assert await wire.more(50) == b""
            assert trio.current_time() == 50

        nursery.start_soon(wait)
        await trio.sleep(1)
        wire.hurry()


async def test_a_peer_that_goes_is_noticed_while_nobody_reads(autojump_clock: MockClock) -> None:
    """The reader tells at once; whoever wants bytes gets those that are left, then Disconnected."""
    ours, theirs = trio.testing.memory_stream_pair()
    wire = Wire(theirs, LIMITS)
    noticed: list[float] = []
    wire.on_gone = lambda: noticed.append(trio.current_time())
    async with watched(wire):
        await ours.send_all(b"last")
        await trio.sleep(3)
        await ours.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert noticed == [3]
        assert wire.gone
        assert await wire.more(10) == b"last"
        with pytest.raises(Disconnected):
            await wire.more(10)


async def test_a_stalled_write_gives_up(autojump_clock: MockClock) -> None:
    """Row 23: a peer that reads nothing for a minute is gone: the write raises, the stream closes."""
    ours, theirs = trio.testing.lockstep_stream_pair()
    wire = Wire(theirs, LIMITS)
    noticed: list[float] = []
    wire.on_gone = lambda: noticed.append(trio.current_time())
    async with watched(wire):
        await trio.sleep(7)
        with pytest.raises(Disconnected):
            await wire.send(b"hello")
        assert noticed == [67]
        with pytest.raises(Disconnected):
            await wire.send(b"again")
    assert await ours.receive_some() == b"hello"
    assert await ours.receive_some() == b""


async def test_a_slow_write_is_not_stalled(autojump_clock: MockClock) -> None:
    """A peer that takes a piece of 64 KiB every 50 s is slow, but there."""
    ours, theirs = trio.testing.lockstep_stream_pair()
    wire = Wire(theirs, LIMITS)
    taken = 0

    async def sip() -> None:
        nonlocal taken
        while taken < 300_000:
            await trio.sleep(50)
            piece = await ours.receive_some(65536)
            taken += len(piece)

    async with watched(wire), trio.open_nursery() as nursery:
        nursery.start_soon(sip)
        await wire.send(bytes(300_000))
        assert trio.current_time() == 250


async def test_nothing_follows_a_write_that_was_cut(autojump_clock: MockClock) -> None:
    """A cancelled write may have left half a chunk on the wire; another one there would be read as its rest."""
    _, theirs = trio.testing.lockstep_stream_pair()
    wire = Wire(theirs, LIMITS)
    async with watched(wire):
        with trio.move_on_after(1):
            await wire.send(b"hello")
        with pytest.raises(Disconnected, match="cut short"):
            await wire.send(b"world")


async def test_lingering_is_bounded_in_time(autojump_clock: MockClock) -> None:
    """A peer that just stays is left after five seconds."""
    ours, theirs = trio.testing.memory_stream_pair()
    wire = Wire(theirs, LIMITS)
    async with watched(wire):
        await wire.send(b"last words")
        await wire.close(linger=True)
        assert trio.current_time() == LINGER_SECONDS
    assert await ours.receive_some() == b"last words"
    assert await ours.receive_some() == b""


async def test_lingering_is_bounded_in_bytes(autojump_clock: MockClock) -> None:
    """A peer that goes on sending gets to send as much as a body may have, and not for ever."""
    hose = Hose()
    wire = Wire(hose, Limits(body=1_000_000))
    async with watched(wire):
        await wire.close(linger=True)
        assert hose.closed
        assert 1_000_000 <= hose.read <= 1_000_000 + 2 * LIMITS.read


async def tcp_pair() -> tuple[trio.SocketStream, trio.SocketStream]:
    """Both ends of a loopback connection."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    ours = await trio.testing.open_stream_to_socket_listener(listener)
    theirs = await listener.accept()
    await listener.aclose()
    return ours, theirs


@pytest.mark.parametrize("reset", [False, True])
async def test_an_open_end_is_a_reset(reset: bool) -> None:
    """Where only the connection's end ends a body, a broken one must not end in order."""
    ours, theirs = await tcp_pair()
    wire = Wire(theirs, LIMITS)
    await wire.send(b"part")
    assert await ours.receive_some() == b"part"
    await wire.abort(reset=reset)
    if reset:
        with pytest.raises(trio.BrokenResourceError):
            await ours.receive_some()
    else:
        assert await ours.receive_some() == b""
    await ours.aclose()


async def test_last_words_survive_unread_bytes() -> None:
    """Closing over unread input would reset the connection and take our response with it; lingering does not."""
    ours, theirs = await tcp_pair()
    wire = Wire(theirs, LIMITS)

    async def upload() -> None:
        await ours.send_all(bytes(10_000_000))
        assert await ours.receive_some() == b"too large"
        assert await ours.receive_some() == b""
        await ours.aclose()

    async with watched(wire), trio.open_nursery() as nursery:
        nursery.start_soon(upload)
        await wire.more(trio.current_time() + 10)
        await wire.send(b"too large")
        await wire.close(linger=True)


async def test_a_stalled_socket_gives_up() -> None:
    """The same over TCP: a full window is what a reader that does not read looks like."""
    ours, theirs = await tcp_pair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    wire = Wire(theirs, Limits(stall_seconds=0.05))
    async with watched(wire):
        with pytest.raises(Disconnected):
            await wire.send(bytes(20_000_000))
    await ours.aclose()


@asynccontextmanager
async def on_loopback() -> AsyncIterator[tuple[Wire, trio.SocketStream]]:
    """A wire over a real socket, which the inflow reads, and its peer."""
    async with pair() as (near, far):
        yield Wire(near, LIMITS), far


async def test_the_inflow_takes_in_no_more_than_there_is_room_for() -> None:
    """64 KiB and no byte more are held; what the peer sends comes whole and in its order as it is taken."""
    sent = bytes(range(256)) * 4000
    async with on_loopback() as (wire, far), trio.open_nursery() as nursery:
        assert wire.begin()
        nursery.start_soon(far.send_all, sent)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert wire.held == LIMITS.read
        got = bytearray()
        while len(got) < len(sent):
            piece = await wire.more(trio.current_time() + 5)
            assert 0 < len(piece) <= LIMITS.read
            got += piece
        assert (bytes(got), wire.held) == (sent, 0)


async def test_a_large_request_does_not_keep_the_inflow_away() -> None:
    """Where the first read of a connection was a full one, the inflow reads on as soon as that is taken."""
    async with on_loopback() as (wire, far):
        full = Wire(wire._stream, LIMITS, received=bytes(LIMITS.read))
        assert full.begin()
        await far.send_all(b"x")
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert (full.held, len(full.take())) == (LIMITS.read, LIMITS.read)
        assert await full.more(trio.current_time() + 5) == b"x"


@pytest.mark.parametrize("how", ["end", "reset", "closed by us"])
async def test_the_inflow_tells_who_is_gone(how: str) -> None:
    """At once, also while nobody reads: what came before can still be taken, and then there is nothing."""
    async with on_loopback() as (wire, far):
        lost = trio.Event()
        wire.on_gone = lost.set
        assert wire.begin()
        await far.send_all(b"last words")
        await trio.testing.wait_all_tasks_blocked(0.01)
        if how == "closed by us":
            await wire.close()
        else:
            if how == "reset":
                far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            await far.aclose()
        with trio.fail_after(5):
            await lost.wait()
        assert wire.gone
        assert await wire.more(math.inf) == b"last words"
        with pytest.raises(Disconnected):
            await wire.more(math.inf)


async def test_what_is_no_socket_is_read_by_a_task() -> None:
    """TLS, and whatever else."""
    assert not Wire(Hose(), LIMITS).begin()
