"""The pool under cancellation and failure: whoever goes when, no link stays open and no turn is lost."""

import random
import ssl
from collections.abc import Callable

import attrs
import pytest
import trio
import trio.testing

from tests.transports.upstreams import CHUNKED, GET, OK, ORIGIN, POST, Peer, answers, fetch, upstream
from transports.pool import Pool, PoolLimits, open_pool
from transports.upstream import ConnectFailed, Link, Malformed, Origin
from transports.upstream_connect import Connector

settled = trio.testing.wait_all_tasks_blocked


class BoomError(Exception):
    pass


async def fail_on_the_way(pool: Pool) -> None:
    async with pool.send(ORIGIN, POST) as reply:
        await reply.receive()
        raise BoomError


async def test_a_caller_that_fails_closes_its_link() -> None:
    """Its own error comes out; the upstream sees the end at once and stops working (rows 52, 53)."""
    async with upstream(answers(CHUNKED, b"4\r\nsome\r\n")) as (pool, peers):
        with pytest.raises(BoomError):
            await fail_on_the_way(pool)
        await settled()
        assert (pool.idle, pool.busy, peers.closed) == (0, 0, 1)


@pytest.mark.parametrize("when", ["connecting", "asking", "receiving", "working", "draining"])
async def test_a_cancelled_caller_closes_its_link(autojump_clock: trio.testing.MockClock, when: str) -> None:
    """At every point: no link stays open, no turn is lost, and the next caller is served."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            if peer.number == 0 and when == "asking":
                await peer.gone()
            await peer.say(CHUNKED, b"1\r\na\r\n")
            if peer.number == 0 and when == "receiving":
                await peer.gone()
            await trio.sleep(5)
            await peer.say(b"0\r\n\r\n")

    async def connect(origin: Origin) -> Link:
        await trio.sleep(1 if when == "connecting" else 0)
        return await peers.connect(origin)

    async with upstream(script) as (_, peers), open_pool(connect, PoolLimits(busy_per_origin=1)) as pool:
        with trio.move_on_after(0.4) as scope:  # before a drain gives up, never in the same moment
            async with pool.send(ORIGIN, POST) as reply:
                await reply.receive()
                if when == "receiving":
                    await reply.receive()
                elif when == "working":
                    await trio.sleep_forever()
            await trio.sleep_forever()
        assert scope.cancelled_caught
        assert pool.busy == (when == "draining")
        await settled()
        assert peers.opened - peers.closed == pool.busy
        async with pool.send(ORIGIN, POST) as reply:
            assert await reply.receive() == b"a"


async def test_turns_are_taken_in_order_and_never_lost(autojump_clock: trio.testing.MockClock) -> None:
    """First come, first served; whoever gives up while waiting takes no turn from the others."""
    served: list[int] = []

    async def wait_for_a_turn(number: int, patience: float) -> None:
        with trio.move_on_after(patience):
            async with pool.send(ORIGIN, GET) as reply:
                await reply.receive()
                served.append(number)
                await trio.sleep(1)

    async with upstream(answers(OK), PoolLimits(busy_per_origin=1)) as (pool, peers):
        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(wait_for_a_turn, number, 0.5 if number in (3, 4) else 100)
                await settled()
        assert served == [0, 1, 2, 5, 6, 7, 8, 9]
        assert peers.opened == 1


async def test_a_failed_connection_costs_no_turn() -> None:
    """The error passes, the turn is free again; a call that can't be written is no different."""

    async def refuse(origin: Origin) -> Link:
        raise ConnectFailed(f"{origin}: refused", "refused")

    async with open_pool(refuse, PoolLimits(busy_per_origin=1)) as pool:
        for _ in range(3):
            with pytest.raises(ConnectFailed):
                await fetch(pool)
        assert pool.busy == 0
    async with upstream(answers(OK), PoolLimits(busy_per_origin=1)) as (pool, _):
        for _ in range(3):
            with pytest.raises(ValueError, match="written"):
                await fetch(pool, attrs.evolve(POST, target="no slash"))
        assert await fetch(pool) == (200, b"ok")


async def test_a_malformed_answer_costs_no_turn() -> None:
    """Its link is closed, the next caller gets a fresh one."""

    async def once_wrong(peer: Peer) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nok" if peer.number == 0 else OK)
        await peer.gone()

    async with upstream(once_wrong, PoolLimits(busy_per_origin=1)) as (pool, peers):
        with pytest.raises(Malformed):
            await fetch(pool)
        assert await fetch(pool) == (200, b"ok")
        assert peers.opened == 2


async def test_a_reply_is_of_no_use_once_it_has_been_left() -> None:
    """What its link carries next belongs to another caller."""
    async with upstream(answers(OK)) as (pool, _):
        async with pool.send(ORIGIN, GET) as reply:
            pass
        with pytest.raises(trio.ClosedResourceError):
            await reply.receive()
        with pytest.raises(trio.ClosedResourceError):
            _ = reply.done


async def test_a_pool_that_closes_takes_its_drains_along() -> None:
    """And sends nothing more."""
    async with upstream(answers(CHUNKED, b"1\r\na\r\n")) as (pool, peers):
        async with pool.send(ORIGIN, GET) as reply:
            await reply.receive()
        assert pool.busy == 1
    assert peers.closed == 1
    with pytest.raises(trio.ClosedResourceError):
        await fetch(pool)


async def test_a_link_that_comes_back_to_a_closed_pool_is_closed() -> None:
    """The exchange may end as it likes; whether its body had ended or not."""
    for script in (answers(OK), answers(CHUNKED, b"1\r\na\r\n")):
        async with upstream(script) as (pool, peers):
            async with pool.send(ORIGIN, GET) as reply:
                await pool.close()
                assert await reply.receive()
            assert (pool.idle, pool.busy, peers.closed) == (0, 0, 1)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what two sides of real sockets have to agree on."""
    while not condition():  # noqa: ASYNC110  # no event spans both
        await trio.sleep(0.001)


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("seed", range(3))
async def test_a_storm_of_cancellations_wedges_nothing(
    secure: bool, seed: int, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """20 callers on 10 turns, each cancelled after 0 to 15 ms, again and again: afterwards all ten turns serve.

    httpcore 1.0.9's pool has 10 of 10 stuck after this, for ever (encode/httpcore #1093; row 54).
    """
    dice = random.Random(seed)  # chance, not secrecy
    open_connections = 0

    async def serve(stream: trio.abc.Stream) -> None:
        nonlocal open_connections
        open_connections += 1
        peer = Peer(stream, 0)
        try:
            while True:
                await peer.request()
                await trio.sleep(dice.random() * 0.004)
                await peer.say(CHUNKED, b"1\r\na\r\n")
                await trio.sleep(dice.random() * 0.004)
                await peer.say(b"0\r\n\r\n")
        except (trio.EndOfChannel, trio.BrokenResourceError):
            pass
        finally:
            open_connections -= 1
            await trio.aclose_forcefully(stream)

    async def caller(origin: Origin) -> None:
        with trio.move_on_after(dice.random() * 0.015):
            await fetch(pool, POST, origin)

    async with trio.open_nursery() as nursery:
        listeners: list[trio.abc.Listener[trio.abc.Stream]] = [*await trio.open_tcp_listeners(0, host="127.0.0.1")]
        port = listeners[0].socket.getsockname()[1]  # type: ignore[attr-defined]  # a SocketListener
        if secure:
            listeners = [trio.SSLListener(listeners[0], server_tls)]
        nursery.start_soon(trio.serve_listeners, serve, listeners)
        origin = Origin.parse(f"http{'s' * secure}://127.0.0.1:{port}")
        async with open_pool(Connector(tls=client_tls), PoolLimits(busy_per_origin=10)) as pool:
            for _ in range(20):
                async with trio.open_nursery() as storm:
                    for _ in range(20):
                        storm.start_soon(caller, origin)
            with trio.fail_after(5):
                async with trio.open_nursery() as calm:
                    for _ in range(10):
                        calm.start_soon(fetch, pool, POST, origin)
                await until(lambda: not pool.busy and open_connections == pool.idle)
            assert 1 <= pool.idle <= 10
        with trio.fail_after(5):
            await until(lambda: not open_connections)
        nursery.cancel_scope.cancel()
