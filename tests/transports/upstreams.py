"""Upstreams for tests: peers that follow a script, in memory or on loopback."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import attrs
import trio
import trio.testing

from transports.pool import USUAL_LIMITS, Pool, PoolLimits, open_pool
from transports.tcp import Tcp
from transports.upstream import USUAL, Call, Deadline, Link, Origin, Timers
from transports.upstream_http1 import Http1

ORIGIN = Origin("http", "upstream.test", 80)
POST = Call(method="POST", target="/v1/messages", headers=[(b"x-api-key", b"k")], body=b'{"model":"m"}')
GET = Call(method="GET", target="/v1/models")
HEAD = Call(method="HEAD", target="/v1/models")
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
QUICK = Timers(connect=1, write=2, first_byte=3, idle=4)


class Peer:
    """The far end of one connection."""

    def __init__(self, stream: trio.abc.Stream, number: int) -> None:
        self.stream = stream
        self.number = number  # of this connection, from 0
        self._received = b""

    async def request(self) -> tuple[bytes, bytes]:
        """Head and body of the next request; raises trio.EndOfChannel when the client has gone."""
        while b"\r\n\r\n" not in self._received:
            await self._more()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(line[16:]) for line in lines if line.startswith(b"content-length: ")), 0)
        while len(self._received) < length:
            await self._more()
        body, self._received = self._received[:length], self._received[length:]
        return head, body

    async def _more(self) -> None:
        data = await self.stream.receive_some(65536)
        if not data:
            raise trio.EndOfChannel
        self._received += data

    async def say(self, *pieces: bytes) -> None:
        """Send *pieces*, each as a segment of its own."""
        for piece in pieces:
            await self.stream.send_all(piece)

    async def hang_up(self) -> None:
        await self.stream.aclose()

    async def gone(self) -> bool:
        """Wait until the client has closed; whether it said nothing more."""
        try:
            return not await self.stream.receive_some(65536)
        except trio.BrokenResourceError:  # it closed with bytes of ours unread
            return True


Script = Callable[[Peer], Awaitable[None]]


class Upstream:
    """Makes links in memory; each has a peer that follows *script* until the client goes."""

    def __init__(self, nursery: trio.Nursery, script: Script) -> None:
        self._nursery = nursery
        self._script = script
        self._closed: set[int] = set()
        self.opened = 0

    @property
    def closed(self) -> int:
        """How many links have been closed from our side."""
        return len(self._closed)

    async def connect(self, origin: Origin) -> Link:
        await trio.lowlevel.checkpoint()
        near, far = trio.testing.memory_stream_pair()
        peer = Peer(far, self.opened)
        self.opened += 1
        assert isinstance(near.send_stream, trio.testing.MemorySendStream)
        near.send_stream.close_hook = lambda: self._closed.add(peer.number)
        self._nursery.start_soon(self._serve, peer)
        return Http1(near, origin)

    async def _serve(self, peer: Peer) -> None:
        with suppress(trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError):
            await self._script(peer)


def answers(*pieces: bytes) -> Script:
    """A script that answers every request with *pieces*."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.say(*pieces)

    return script


async def fetch(pool: Pool, call: Call = POST, origin: Origin = ORIGIN, timers: Timers = QUICK) -> tuple[int, bytes]:
    """Status and body of one exchange, received to its end."""
    async with pool.send(origin, call, timers) as reply:
        body = b""
        while data := await reply.receive():
            body += data
        assert reply.done
        return reply.head.status, body


@asynccontextmanager
async def upstream(script: Script, limits: PoolLimits = USUAL_LIMITS) -> AsyncIterator[tuple[Pool, Upstream]]:
    """A pool whose links lead to peers in memory that follow *script*."""
    async with trio.open_nursery() as nursery:
        peers = Upstream(nursery, script)
        async with open_pool(peers.connect, limits) as pool:
            yield pool, peers
        await trio.testing.wait_all_tasks_blocked()
        assert peers.opened == peers.closed, "a closed pool leaves no link open"
        assert pool.busy == pool.idle == 0
        nursery.cancel_scope.cancel()


@attrs.frozen
class Pair:
    """A link and the peer at its other end."""

    link: Http1
    peer: Peer
    tasks: trio.Nursery
    near: trio.abc.Stream

    @property
    def sender(self) -> trio.testing.MemorySendStream:
        """Where the link writes, for links in memory."""
        assert isinstance(self.near, trio.StapledStream)
        assert isinstance(self.near.send_stream, trio.testing.MemorySendStream)
        return self.near.send_stream

    @property
    def state(self) -> str:
        return self.link.state

    async def all_of(self, call: Call = POST) -> bytes:
        """Send *call*; the whole body of the answer."""
        await self.ask(call)
        return await self.body()

    async def ask(self, call: Call = POST) -> int:
        """Send *call*; the status of the answer."""
        return (await self.link.ask(call, Deadline(USUAL), self.tasks)).status

    async def body(self) -> bytes:
        """The rest of the body, to its end."""
        body = b""
        while data := await self.link.receive():
            body += data
        return body


@asynccontextmanager
async def in_memory(*pieces: bytes) -> AsyncIterator[Pair]:
    """A link whose peer says *pieces*, each read by itself, and hangs up."""
    async with trio.open_nursery() as nursery:
        near, far = trio.testing.memory_stream_pair()
        feed = near.receive_stream
        assert isinstance(feed, trio.testing.MemoryReceiveStream)
        waiting = list(pieces)

        async def one_piece() -> None:
            if waiting:
                feed.put_data(waiting.pop(0))
            else:
                feed.put_eof()

        feed.receive_some_hook = one_piece
        yield Pair(Http1(near, ORIGIN), Peer(far, 0), nursery, near)
        await near.aclose()


@asynccontextmanager
async def on_loopback(serve: Callable[[Peer], Awaitable[None]]) -> AsyncIterator[Pair]:
    """A link over a real socket, and its peer, which *serve* speaks for."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        near = Tcp(await trio.open_tcp_stream("127.0.0.1", listeners[0].socket.getsockname()[1]))
        far = await listeners[0].accept()
        await listeners[0].aclose()
        pair = Pair(Http1(near, ORIGIN), Peer(far, 0), nursery, near)
        nursery.start_soon(serve, pair.peer)
        yield pair
        await pair.link.close()
        await far.aclose()
        nursery.cancel_scope.cancel()


class Names(trio.abc.HostnameResolver):
    """The only name server of a test: *.test is loopback, anything else does not exist."""

    async def getaddrinfo(self, host: Any, port: Any, *args: Any, **named: Any) -> Any:
        await trio.lowlevel.checkpoint()
        if not host.endswith((b".test", b"127.0.0.1")):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))]

    async def getnameinfo(self, *args: Any) -> Any:
        raise NotImplementedError


def only_test_names() -> None:
    """For the rest of this run, no name is looked up outside this process."""
    trio.socket.set_custom_hostname_resolver(Names())
