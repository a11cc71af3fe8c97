"""Tcp: what trio's stream promises, on real sockets; only the needless turns are missing."""

import ssl

import pytest
import trio
import trio.testing

from tests.transports.loopback import pair
from transports.tcp import socket_of

LARGE = bytes(range(256)) * 40_000  # more than any socket buffer here


async def test_pieces_arrive_in_both_directions_and_end() -> None:
    """Whatever one side sends, bytes, bytearray or view, the other receives; a half-close is seen as the end."""
    async with pair() as (near, far):
        for piece in (b"one ", bytearray(b"two "), memoryview(b"three")):
            await near.send_all(piece)
        await near.send_all(b"")
        await near.send_eof()
        assert b"".join([piece async for piece in far]) == b"one two three"
        await far.send_all(b"four")
        assert await near.receive_some(2) == b"fo"
        assert await near.receive_some() == b"ur"
        await far.aclose()
        assert await near.receive_some() == b""


async def test_what_fits_is_sent_without_a_turn() -> None:
    """The one promise trio makes and this does not keep; receiving keeps it."""
    async with pair() as (near, far):
        turns = []

        async def count() -> None:
            while True:
                turns.append(1)
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(count)
            await trio.lowlevel.checkpoint()
            before = len(turns)
            await near.send_all(b"small")
            assert len(turns) == before
            await far.send_all(b"here already")
            await near.receive_some()
            assert len(turns) > before
            nursery.cancel_scope.cancel()


async def test_what_does_not_fit_waits_for_its_reader() -> None:
    """Larger than all buffers: sent whole and in order, and no second sender may come between."""
    async with pair() as (near, far), trio.open_nursery() as nursery:
        nursery.start_soon(near.send_all, LARGE)
        await trio.testing.wait_all_tasks_blocked(0.01)
        with pytest.raises(trio.BusyResourceError):
            await near.send_all(b"between")
        got = bytearray()
        while len(got) < len(LARGE):
            got += await far.receive_some()
        assert got == LARGE
        await trio.testing.wait_all_tasks_blocked()
        await near.send_all(b"after")
        assert await far.receive_some() == b"after"


async def test_a_wait_can_be_cancelled_and_taken_up_again() -> None:
    """Nothing is lost with a cancelled wait."""
    async with pair() as (near, far):
        with trio.move_on_after(0.01) as waited:
            await near.receive_some()
        assert waited.cancelled_caught
        await far.send_all(b"later")
        assert await near.receive_some() == b"later"
        await near.wait_send_all_might_not_block()


async def test_a_broken_connection_is_told_as_trio_tells_it() -> None:
    """A reset breaks reading and writing; a closed stream is closed, also for one who waits in it."""
    async with pair() as (near, far):
        far.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        await far.aclose()
        with pytest.raises(trio.BrokenResourceError):
            await near.receive_some()
        with pytest.raises(trio.BrokenResourceError):
            await near.send_all(b"x")
    async with pair() as (near, _), trio.open_nursery() as nursery:

        async def wait() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await near.receive_some()

        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        await near.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await near.receive_some()
        with pytest.raises(trio.ClosedResourceError):
            await near.send_all(b"x")


async def test_after_our_end_nothing_is_sent() -> None:
    """A half-closed stream takes no more."""
    async with pair() as (near, _):
        await near.send_eof()
        with pytest.raises(trio.ClosedResourceError):
            await near.send_all(b"x")


async def test_the_socket_below_is_found() -> None:
    """Through TLS as well; a stream of another kind has none."""
    async with pair() as (near, far):
        assert socket_of(near) is near.socket
        assert socket_of(trio.SSLStream(near, ssl.create_default_context(), server_hostname="a")) is near.socket
        assert socket_of(far) is far.socket
    assert socket_of(trio.testing.memory_stream_pair()[0]) is None
