"""Upstreams for tests: peers that follow a script, in memory or on loopback."""

from collections.abc import Awaitable, Callable

import trio

from transports.pool import Pool
from transports.upstream import Call, Link, Origin, Timers
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
        self.opened = 0
        self.closed = 0

    async def connect(self, origin: Origin) -> Link:
        await trio.lowlevel.checkpoint()
        near, far = trio.testing.memory_stream_pair()
        peer = Peer(far, self.opened)
        self.opened += 1
        self._nursery.start_soon(self._serve, peer)
        return Http1(near, origin)

    async def _serve(self, peer: Peer) -> None:
        try:
            await self._script(peer)
        except (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            self.closed += 1


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
