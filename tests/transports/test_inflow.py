"""The inflow: what comes is given on in its order, to whom it belongs, and who had enough goes on by itself."""

import contextvars
import math
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from transports.inflow import READ, TURN, Inflow, inflow

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is none elsewhere")

NAME = contextvars.ContextVar[str]("name")


@contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """What is read, and the far end of it."""
    near, far = socket.socketpair()
    near.setblocking(False)
    with near, far:
        yield near, far


def flows() -> Inflow:
    """That of this run."""
    found = inflow()
    assert found is not None
    return found


def until(last: bytes, got: list[bytes], piece: bytes) -> bool:
    """Keep *piece*; whether more is wanted than what ends with *last*."""
    got.append(piece)
    return not piece.endswith(last)


async def test_there_is_one_inflow_in_a_run() -> None:
    """Whoever asks gets the same; another run of trio has another."""

    async def other() -> Inflow:
        return flows()

    assert flows() is flows()
    assert await trio.to_thread.run_sync(trio.run, other) is not flows()


async def test_many_sockets_are_read_each_in_its_order(nursery: trio.Nursery) -> None:
    """More than one turn takes; what comes in pieces is given in pieces, and the end is an empty one."""
    with pair() as (first, speaker):
        others = [pair() for _ in range(TURN + 10)]
        ends = [other.__enter__() for other in others]
        got: list[list[bytes]] = [[] for _ in range(len(ends) + 1)]
        for (near, _), pieces in zip([(first, None), *ends], got, strict=True):
            nursery.start_soon(flows().read, near, partial(until, b"end", pieces))
        await wait_all_tasks_blocked()
        for number in range(3):
            speaker.send(b"piece %d" % number)
            for _, far in ends:
                far.send(b"%d" % number)
            await wait_all_tasks_blocked(0.001)
        speaker.send(b"the end")
        for _, far in ends:
            far.send(b"end")
        await wait_all_tasks_blocked(0.001)
        assert got == [[b"piece 0", b"piece 1", b"piece 2", b"the end"], *[[b"0", b"1", b"2", b"end"]] * len(ends)]
        assert not nursery.child_tasks
        for other in others:
            other.__exit__(None, None, None)


async def test_others_have_their_turn_while_many_are_ready(nursery: trio.Nursery) -> None:
    """A hundred streams that speak at once go before another task a few at a time, and all are read in the end."""
    got: list[bytes] = []
    ends = [pair() for _ in range(100)]
    sockets = [each.__enter__() for each in ends]
    for near, _ in sockets:
        nursery.start_soon(flows().read, near, partial(until, b"!", got))
    await wait_all_tasks_blocked()
    for _, far in sockets:
        far.send(b"!")
    between, before = list[int](), 0
    while len(got) < len(sockets):
        await trio.lowlevel.checkpoint()
        between.append(len(got) - before)
        before = len(got)
    assert max(between) <= 32  # two turns: of what is ready at one time trio lets either go first
    for each in ends:
        each.__exit__(None, None, None)


async def test_who_takes_no_more_reads_on_by_itself() -> None:
    """What came after that is still in the socket, also its end."""
    with pair() as (near, far):
        got: list[bytes] = []
        far.send(b"x" * READ + b"the rest")
        await flows().read(near, partial(until, b"x", got))
        assert got == [b"x" * READ]
        assert near.recv(100) == b"the rest"
        far.close()
        await flows().read(near, partial(until, b"", got))
        assert (got[1], near.recv(100)) == (b"", b"")


async def test_what_goes_wrong_is_raised_where_it_belongs(nursery: trio.Nursery) -> None:
    """In the task of who reads, whether its own or the socket's error; the others do not notice."""

    def fail(_piece: bytes) -> bool:
        raise ZeroDivisionError

    async def read(source: socket.socket, expected: type[Exception]) -> None:
        with pytest.raises(expected):
            await flows().read(source, fail)

    with pair() as (near, far), pair() as (beside, speaker):
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        async with listener:
            lost = socket.create_connection(listener.socket.getsockname())
            lost.setblocking(False)
            peer = await listener.accept()
        got: list[bytes] = []
        nursery.start_soon(flows().read, beside, partial(until, b"end", got))
        nursery.start_soon(read, near, ZeroDivisionError)
        nursery.start_soon(read, lost, ConnectionResetError)
        await wait_all_tasks_blocked()
        far.send(b"x")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await peer.aclose()
        await wait_all_tasks_blocked(0.001)
        assert len(nursery.child_tasks) == 1
        speaker.send(b"end")
        await wait_all_tasks_blocked(0.001)
        assert (got, len(nursery.child_tasks)) == ([b"end"], 0)
        lost.close()


async def test_a_cancelled_reader_reads_nothing_more() -> None:
    """What comes later is there for the next."""
    with pair() as (near, far):
        got: list[bytes] = []
        with trio.move_on_after(0.01) as scope:
            await flows().read(near, partial(until, b"end", got))
        assert scope.cancelled_caught
        far.send(b"later")
        await wait_all_tasks_blocked(0.001)
        assert got == []
        await flows().read(near, partial(until, b"later", got))
        assert got == [b"later"]


async def test_one_that_is_cancelled_in_anothers_turn_is_not_read(nursery: trio.Nursery) -> None:
    """It is ready as well: what it would take stays where it is."""
    with pair() as (one, far_one), pair() as (two, far_two):
        got: list[bytes] = []
        scopes = [trio.CancelScope(), trio.CancelScope()]

        def take(other: trio.CancelScope, piece: bytes) -> bool:
            other.cancel()
            return until(b"x", got, piece)

        async def read(number: int, source: socket.socket) -> None:
            with scopes[number]:
                await flows().read(source, partial(take, scopes[1 - number]))

        nursery.start_soon(read, 0, one)
        nursery.start_soon(read, 1, two)
        await wait_all_tasks_blocked()
        far_one.send(b"x")
        far_two.send(b"x")
        await wait_all_tasks_blocked(0.001)
        assert (got, sum(scope.cancelled_caught for scope in scopes), len(nursery.child_tasks)) == ([b"x"], 1, 0)
        left = two if scopes[1].cancelled_caught else one
        assert left.recv(100) == b"x"


async def test_whoever_reads_a_socket_that_is_closed_is_told(nursery: trio.Nursery) -> None:
    """Before and meanwhile; and the number of a closed socket may be another's by then."""

    async def read(source: socket.socket) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await flows().read(source, partial(until, b"end", []))

    with pair() as (near, _):
        nursery.start_soon(read, near)
        await wait_all_tasks_blocked()
        number = near.fileno()
        flows().closing(near)
        near.close()
        await read(near)
        flows().closing(near)
        next_near, next_far = socket.socketpair()
        with next_near, next_far:
            next_near.setblocking(False)
            assert number in (next_near.fileno(), next_far.fileno())
            got: list[bytes] = []
            nursery.start_soon(flows().read, next_near, partial(until, b"end", got))
            await wait_all_tasks_blocked()
            next_far.send(b"end")
            await wait_all_tasks_blocked(0.001)
            assert (got, len(nursery.child_tasks)) == ([b"end"], 0)


async def test_one_that_is_ended_in_anothers_turn_is_not_read(nursery: trio.Nursery) -> None:
    """Both were ready: the first to be read ends the other's reading."""
    with pair() as (one, far_one), pair() as (two, far_two):
        got: list[bytes] = []

        def only(other: socket.socket, piece: bytes) -> bool:
            flows().closing(other)
            return until(b"", got, piece)

        async def read(source: socket.socket, other: socket.socket) -> None:
            with trio.move_on_after(math.inf):
                try:
                    await flows().read(source, partial(only, other))
                except trio.ClosedResourceError:
                    got.append(b"closed")

        nursery.start_soon(read, one, two)
        nursery.start_soon(read, two, one)
        await wait_all_tasks_blocked()
        far_one.send(b"x")
        far_two.send(b"x")
        await wait_all_tasks_blocked(0.001)
        assert sorted(got) == [b"closed", b"x"]


async def test_what_comes_is_taken_in_the_context_of_who_reads(nursery: trio.Nursery) -> None:
    """As if its own task had read it."""
    names: list[str] = []

    def take(_piece: bytes) -> bool:
        names.append(NAME.get())
        return False

    async def read(name: str, source: socket.socket) -> None:
        NAME.set(name)
        await flows().read(source, take)

    with pair() as (one, far_one), pair() as (two, far_two):
        nursery.start_soon(read, "one", one)
        nursery.start_soon(read, "two", two)
        await wait_all_tasks_blocked()
        far_two.send(b"x")
        await wait_all_tasks_blocked(0.001)
        far_one.send(b"x")
        await wait_all_tasks_blocked(0.001)
    assert names == ["two", "one"]
