"""HTTP/2 to an upstream: exchanges share a connection and nothing else; what nobody looked at is sent again.

The peer is h2 itself, on the other side of a stream in memory, with a script for what it says; and our own server.
"""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import trio
import trio.testing
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, RequestReceived, StreamEnded, StreamReset
from h2.settings import SettingCodes, Settings

from tests.transports.running import running
from tests.transports.upstreams import ORIGIN, QUICK, fetch
from transports.listen import Tls
from transports.messages import Head, Request, Response
from transports.pool import Pool, PoolLimits, open_pool
from transports.upstream import Call, Malformed, Origin, TimedOut, Truncated
from transports.upstream_connect import Connector
from transports.upstream_http1 import Http1
from transports.upstream_http2 import IDLE, Connection
from transports.upstream_shared import CONNECTIONS, Multiplexed

GET = Call(method="GET", target="/v1/models")
POST = Call(method="POST", target="/v1/messages?beta=true", headers=[(b"x-api-key", b"k")], body=b"{}")


class Server:
    """One connection, seen by its server.  ``requests`` are the streams that came, whole or not."""

    def __init__(self, stream: trio.abc.Stream, settings: dict[SettingCodes, int]) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.h2.local_settings = Settings(client=False, initial_values=settings)
        self.stream = stream
        self.heads: dict[int, dict[str, str]] = {}
        self.bodies: dict[int, bytes] = {}
        self.whole: list[int] = []
        self.resets: dict[int, int] = {}
        self.acknowledges = True
        self.closed = False
        self._news = trio.Event()

    async def run(self) -> None:
        self.h2.initiate_connection()
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self.flush()
            while data := await self.stream.receive_some(65536):
                for event in self.h2.receive_data(data):
                    self._note(event)
                await self.flush()
                self._news.set()
                self._news = trio.Event()
        self.closed = True

    def _note(self, event: Event) -> None:
        match event:
            case RequestReceived(stream_id=number, headers=fields):
                assert number
                assert fields
                self.heads[number] = {str(name): str(value) for name, value in fields}
            case DataReceived(stream_id=number, data=data, flow_controlled_length=length):
                assert number
                self.bodies[number] = self.bodies.get(number, b"") + (data or b"")
                if self.acknowledges and length:
                    self.h2.acknowledge_received_data(length, number)
            case StreamEnded(stream_id=number):
                assert number
                self.whole.append(number)
            case StreamReset(stream_id=number, error_code=code):
                assert number
                assert code is not None
                self.resets[number] = code

    async def until(self, done: Callable[[], Any]) -> None:
        with trio.fail_after(100):
            while not done():
                await self._news.wait()

    async def flush(self) -> None:
        if data := self.h2.data_to_send():
            await self.stream.send_all(data)

    async def answer(self, number: int, *pieces: bytes, status: str = "200", end: bool = True) -> None:
        self.h2.send_headers(number, [(":status", status), ("content-type", "text/plain")])
        for piece in pieces:
            for at in range(0, len(piece), 16384):
                self.h2.send_data(number, piece[at : at + 16384])
        if end:
            self.h2.end_stream(number)
        await self.flush()


Script = Callable[[Server], Awaitable[None]]


class Peers:
    """Makes connections in memory, each with a server that follows the next of *scripts*, or the last."""

    def __init__(self, nursery: trio.Nursery, scripts: tuple[Script, ...], settings: dict[SettingCodes, int]) -> None:
        self.servers: list[Server] = []
        self._nursery, self._scripts, self._settings = nursery, scripts, settings

    async def open(self, origin: Origin) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        near, far = trio.testing.memory_stream_pair()
        server = Server(far, self._settings)
        script = self._scripts[min(len(self.servers), len(self._scripts) - 1)]
        self.servers.append(server)
        self._nursery.start_soon(server.run)
        self._nursery.start_soon(script, server)
        return near


@asynccontextmanager
async def upstream(
    *scripts: Script, limits: PoolLimits | None = None, **settings: int
) -> AsyncIterator[tuple[Pool, Peers]]:
    """A pool whose streams lead to scripted peers; at the end every connection must be closed."""
    async with trio.open_nursery() as nursery:
        peers = Peers(nursery, scripts, {SettingCodes[name]: value for name, value in settings.items()})
        async with open_pool(Multiplexed(peers.open, Http1), limits or PoolLimits()) as pool:
            yield pool, peers
        await trio.testing.wait_all_tasks_blocked()
        assert all(server.closed for server in peers.servers), "a closed pool leaves no connection open"
        nursery.cancel_scope.cancel()


async def polite(server: Server) -> None:
    """Answers every request with its own body, or its path."""
    answered: list[int] = []
    while True:
        await server.until(lambda: len(server.whole) > len(answered))
        number = server.whole[len(answered)]
        answered.append(number)
        if number in server.resets:
            continue
        await server.answer(number, server.bodies.get(number) or server.heads[number][":path"].encode())


async def test_an_exchange() -> None:
    """Pseudo-fields, fields and body arrive; head and body come back."""
    async with upstream(polite) as (pool, peers):
        assert await fetch(pool, POST) == (200, b"{}")
        assert await fetch(pool, GET) == (200, b"/v1/models")
        (server,) = peers.servers
    assert server.heads[1] == {
        ":method": "POST", ":scheme": "http", ":authority": ORIGIN.authority, ":path": POST.target,
        "x-api-key": "k", "content-length": "2",
    }  # fmt: skip
    assert "content-length" not in server.heads[3]
    assert server.resets == {}


async def test_many_share_one_connection() -> None:
    """All at once, none waiting for another."""

    async def together(server: Server) -> None:
        await server.until(lambda: len(server.whole) == 20)
        for number in reversed(server.whole):
            await server.answer(number, b"%d" % number)

    async with upstream(together) as (pool, peers), trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(fetch, pool, POST)
    assert len(peers.servers) == 1


async def test_a_peers_limit_is_kept() -> None:
    """What does not fit goes over another connection; beyond the last of those it waits."""
    streams = 2 * CONNECTIONS + 6
    async with upstream(polite, MAX_CONCURRENT_STREAMS=2) as (pool, peers):
        assert await fetch(pool, GET) == (200, b"/v1/models")  # its SETTINGS are known from here on
        async with trio.open_nursery() as nursery:
            for _ in range(streams):
                nursery.start_soon(fetch, pool, POST)
        assert sum(len(server.whole) for server in peers.servers) == streams + 1
        assert len(peers.servers) <= CONNECTIONS


async def test_one_that_is_left_is_reset() -> None:
    """So that nobody is written for who has gone; the others on the connection go on."""

    async def half(server: Server) -> None:
        await server.until(lambda: len(server.whole) == 2)
        await server.answer(1, b"one", end=False)
        await server.until(lambda: server.resets)
        await server.answer(3, b"whole")

    async with upstream(half) as (pool, peers), trio.open_nursery() as nursery:
        left = trio.CancelScope()

        async def leave() -> None:
            with left:
                async with pool.send(ORIGIN, POST, QUICK) as reply:
                    assert await reply.receive() == b"one"
                    left.cancel()
                    await reply.receive()

        async def stay() -> None:
            assert await fetch(pool, POST) == (200, b"whole")

        nursery.start_soon(leave)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(stay)
    assert peers.servers[0].resets == {1: ErrorCodes.CANCEL}


async def test_a_refused_request_is_sent_again() -> None:
    """REFUSED_STREAM says that nobody looked at it; where others run, it goes elsewhere."""

    async def refuses(server: Server) -> None:
        await server.until(lambda: len(server.whole) == 2)
        server.h2.reset_stream(3, ErrorCodes.REFUSED_STREAM)
        await server.flush()
        await trio.testing.wait_all_tasks_blocked()
        await server.answer(1, b"the first")

    said: list[bytes] = []
    async with upstream(refuses, polite) as (pool, peers), trio.open_nursery() as nursery:

        async def ask(body: bytes) -> None:
            said.append((await fetch(pool, Call(method="POST", target="/", body=body)))[1])

        nursery.start_soon(ask, b"1")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(ask, b"2")
    assert sorted(said) == [b"2", b"the first"]
    assert len(peers.servers) == 2


async def test_one_that_is_always_refused_fails() -> None:
    """Nothing of an answer has come: another upstream may be asked."""

    async def refuses(server: Server) -> None:
        for number in (1, 3, 5):
            await server.until(lambda number=number: number in server.whole)
            server.h2.reset_stream(number, ErrorCodes.REFUSED_STREAM)
            await server.flush()

    async with upstream(refuses) as (pool, _):
        with pytest.raises(Truncated) as raised:
            await fetch(pool, POST)
    assert not raised.value.answered


async def test_a_goodbye_is_believed() -> None:
    """Streams it names go on; those above are sent again over a new connection, and so is whatever comes later."""

    async def goes(server: Server) -> None:
        await server.until(lambda: len(server.whole) == 2)
        goaway = bytes.fromhex("0000080700000000000000000100000000")  # last stream 1, no error (RFC 9113 §6.8)
        await server.stream.send_all(goaway)
        await server.answer(1, b"the last")

    said: list[bytes] = []
    async with upstream(goes, polite) as (pool, peers), trio.open_nursery() as nursery:

        async def ask(body: bytes) -> None:
            said.append((await fetch(pool, Call(method="POST", target="/", body=body)))[1])

        nursery.start_soon(ask, b"first")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(ask, b"second")
    assert sorted(said) == [b"second", b"the last"]
    assert [len(server.whole) for server in peers.servers] == [2, 1]


async def test_a_connection_found_dead_is_replaced() -> None:
    """It had been idle: its server closed it while we wrote."""

    async def once(server: Server) -> None:
        await server.until(lambda: server.whole)
        await server.answer(1, b"ok")
        await server.until(lambda: len(server.whole) == 2)
        await server.stream.aclose()

    async with upstream(once, polite) as (pool, peers):
        assert await fetch(pool, POST) == (200, b"ok")
        assert await fetch(pool, POST) == (200, b"{}")
        assert len(peers.servers) == 2


async def test_a_new_one_that_dies_is_not_tried_again() -> None:
    """Nobody knows whether it looked at the request."""

    async def dies(server: Server) -> None:
        await server.until(lambda: server.whole)
        await server.stream.aclose()

    async with upstream(dies) as (pool, peers):
        with pytest.raises(Truncated) as raised:
            await fetch(pool, POST)
        assert not raised.value.answered
        assert len(peers.servers) == 1


async def test_a_reply_cut_short_is_no_reply() -> None:
    """By a reset or by the end of the connection."""
    for cut in ("reset", "close"):

        async def short(server: Server, cut: str = cut) -> None:
            await server.until(lambda: server.whole)
            await server.answer(1, b"half", end=False)
            if cut == "reset":
                server.h2.reset_stream(1, ErrorCodes.INTERNAL_ERROR)
                await server.flush()
            else:
                await server.stream.aclose()

        async with upstream(short) as (pool, _):
            with pytest.raises(Truncated) as raised:
                await fetch(pool, POST)
            assert raised.value.answered


async def test_rubbish_is_no_http2(nursery: trio.Nursery) -> None:
    """A server of HTTP/1.1 is found out by its first bytes."""

    async def open_stream(origin: Origin) -> trio.abc.Stream:
        near, far = trio.testing.memory_stream_pair()
        nursery.start_soon(far.send_all, b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        return near

    async with open_pool(Multiplexed(open_stream, Http1)) as pool:
        with pytest.raises(Malformed):
            await fetch(pool, POST)


async def test_a_large_body_waits_for_the_windows() -> None:
    """And is sent to the last byte as they open."""
    body = bytes(range(256)) * 4096
    async with upstream(polite, INITIAL_WINDOW_SIZE=70_000) as (pool, peers):
        async with pool.send(ORIGIN, Call(method="POST", target="/", body=body), QUICK) as reply:
            received = b"".join([data async for data in pieces(reply)])
        assert received == body
        assert peers.servers[0].bodies[1] == body


async def pieces(reply: Any) -> AsyncIterator[bytes]:
    while data := await reply.receive():
        yield data


async def test_an_early_answer_ends_the_upload() -> None:
    """A 413 is read, although the window never opens."""

    async def early(server: Server) -> None:
        server.acknowledges = False
        await server.until(lambda: server.bodies)
        await server.answer(1, b"too large", status="413")

    async with upstream(early) as (pool, _):
        assert await fetch(pool, Call(method="POST", target="/", body=bytes(1_000_000))) == (413, b"too large")


async def test_a_slow_reader_closes_its_own_window_only() -> None:
    """What is not received is not acknowledged; the connection's window is larger than a stream's."""

    async def much(server: Server) -> None:
        await server.until(lambda: len(server.whole) == 2)
        server.h2.send_headers(1, [(":status", "200")])
        while server.h2.local_flow_control_window(1) > 0:
            server.h2.send_data(1, bytes(min(16384, server.h2.local_flow_control_window(1))))
        await server.flush()
        await server.answer(3, b"quick")

    async with upstream(much) as (pool, peers), trio.open_nursery() as nursery:
        done = trio.Event()

        async def slow() -> None:
            async with pool.send(ORIGIN, POST, QUICK):
                await done.wait()

        nursery.start_soon(slow)
        await trio.testing.wait_all_tasks_blocked()
        assert await fetch(pool, POST) == (200, b"quick")
        assert peers.servers[0].h2.local_flow_control_window(1) == 0
        done.set()


async def test_silence_runs_out(autojump_clock: trio.testing.MockClock) -> None:
    """The timers are those of HTTP/1.1; the stream is reset."""

    async def silent(server: Server) -> None:
        await server.until(lambda: server.whole)

    async with upstream(silent) as (pool, peers):
        with pytest.raises(TimedOut):
            await fetch(pool, POST)
        await trio.testing.wait_all_tasks_blocked()
        assert peers.servers[0].resets == {1: ErrorCodes.CANCEL}


async def test_a_connection_nobody_uses_is_closed(autojump_clock: trio.testing.MockClock) -> None:
    """After a while; the next request opens another."""
    async with upstream(polite) as (pool, peers):
        await fetch(pool, POST)
        await trio.sleep(IDLE + 1)
        await trio.testing.wait_all_tasks_blocked()
        assert peers.servers[0].closed
        await fetch(pool, POST)
        assert len(peers.servers) == 2


async def test_what_cannot_be_written_is_refused() -> None:
    """Before anything is sent; the connection stays good."""
    async with upstream(polite) as (pool, peers):
        for call in (Call(method="GET", target="no path"), Call(method="GET", target="/", headers=[(b"te", b"gzip")])):
            with pytest.raises(ValueError, match=r"can't be written|belongs to the connection"):
                await fetch(pool, call)
        assert await fetch(pool, POST) == (200, b"{}")
        assert len(peers.servers) == 1


async def test_a_connection_counts_its_places() -> None:
    """None is lost, however an exchange ends."""
    async with upstream(polite) as (pool, _):
        found: list[Connection] = []
        async with pool.send(ORIGIN, POST, QUICK) as reply:
            found.append(reply._link._connection)  # type: ignore[union-attr]  # looked into, to count
            await reply.receive()
        with trio.move_on_after(0):
            await fetch(pool, POST)
        await fetch(pool, POST)
        assert found[0].taken == 0
        assert found[0].streams == {}


@pytest.mark.parametrize("speaks", [["h2"], ["http/1.1"]])
async def test_with_a_real_server(speaks: list[str], server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    """Ours, over TLS: what ALPN agrees on is spoken."""
    versions: list[str] = []

    async def handle(request: Request, response: Response) -> None:
        versions.append(request.version)
        await response.start(Head(200))
        while data := await request.body.receive():
            await response.write(data)
        await response.finish()

    async with running(handle, tls=Tls(server_tls), names=("upstream.test",)) as server:
        server_tls.set_alpn_protocols(speaks)
        origin = Origin("https", "127.0.0.1", server.port)
        async with open_pool(Connector(tls=client_tls, http2=True)) as pool:
            for _ in range(3):
                assert await fetch(pool, Call(method="POST", target="/", body=b"x" * 100_000), origin) == (
                    200,
                    b"x" * 100_000,
                )
    assert set(versions) == {"2" if speaks == ["h2"] else "1.1"}
