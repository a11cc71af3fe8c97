"""The server: plays faults on sockets, and remembers what became of each connection.

    accept ─▶ a request is read ─▶ its model names fault and mark ─▶ the play's steps ─▶ close, or the next request

Raw TCP, since most of what is played is not HTTP.  While a play goes on, the connection is read from: the moment at
which the gateway closed it is the Visit's.  ``listening`` is the usual door; the others go wrong before a request.
"""

import json
import socket
import struct
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import attrs
import trio

from bench.faults.catalogue import FAULTS
from bench.faults.fault import Do, Play
from bench.faults.said import Said

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
PATHS = {"messages": "anthropic", "chat/completions": "chat", "responses": "responses"}


@attrs.define
class Visit:
    """One request as the server saw it."""

    fault: str
    over: trio.Event = attrs.field(factory=trio.Event)  # the play has ended, or the gateway has left
    left: float | None = None  # when the gateway was seen to close the connection
    kept: bool = False  # the connection went on to wait for the next request


class Server:
    """Plays faults until cancelled; use ``open_server``."""

    def __init__(self) -> None:
        self.visits: dict[str, list[Visit]] = defaultdict(list)  # by mark
        self.ports: dict[str, int] = {}  # by door
        self.open = 0  # connections

    async def connection(self, stream: trio.SocketStream) -> None:
        """One connection of the usual door."""
        self.open += 1
        held = b""
        try:
            while (request := await _request(stream, held)) is not None:
                body, path, held = request
                kept, held = await self._play(stream, path, body, held)
                if not kept:
                    return
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # before a request: nobody's visit
        finally:
            self.open -= 1
            await trio.aclose_forcefully(stream)

    async def _play(self, stream: trio.SocketStream, path: str, body: bytes, held: bytes) -> tuple[bool, bytes]:
        """Play what *body* asks for; whether the connection is kept, and what came of the next request."""
        _, name, mark = json.loads(body)["model"].split("/")
        visit = Visit(name)
        self.visits[mark].append(visit)
        said = Said.of(PATHS[path], body, mark)
        came = bytearray(held)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_watch, stream, visit, came, nursery.cancel_scope)
            try:
                visit.kept = await _steps(stream, FAULTS[name].play(said))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                visit.left = visit.left or trio.current_time()
            nursery.cancel_scope.cancel()
        if not visit.kept:
            await trio.aclose_forcefully(stream)
        visit.over.set()
        return visit.kept and visit.left is None, bytes(came)


async def _steps(stream: trio.SocketStream, play: Play) -> bool:
    """Play; whether the connection is to be kept."""
    for step in play:
        match step:
            case bytes():
                await stream.send_all(step)
            case Do.KEEP:
                return True
            case Do.RESET:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                return False
            case Do.HALF:
                await stream.send_eof()
            case Do.HOLD:
                await trio.sleep_forever()
            case _:
                await trio.sleep(step)
    return False


async def _watch(stream: trio.SocketStream, visit: Visit, came: bytearray, scope: trio.CancelScope) -> None:
    """Wait for the gateway to close; what it sends meanwhile is the next request."""
    try:
        while data := await stream.receive_some(65536):
            came.extend(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    visit.left = visit.left or trio.current_time()
    scope.cancel()


async def _request(stream: trio.SocketStream, held: bytes) -> tuple[bytes, str, bytes] | None:
    """Body and path of the next request, and what follows it; None where the connection ends."""
    while b"\r\n\r\n" not in held:
        data = await stream.receive_some(65536)
        if not data:
            return None
        held += data
    head, _, rest = held.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(rest) < length:
        data = await stream.receive_some(65536)
        if not data:
            return None
        rest += data
    return rest[:length], head.split()[1].decode().partition("/v1/")[2].partition("?")[0], rest[length:]


# -- doors ------------------------------------------------------------------------------------------------------------


async def _reset(stream: trio.SocketStream) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    await trio.aclose_forcefully(stream)


async def _closed(stream: trio.SocketStream) -> None:
    await stream.aclose()


async def _plain(stream: trio.SocketStream) -> None:
    """Whatever is said, answer as a web server does that was asked in TLS."""
    async with stream:
        try:
            await stream.receive_some(65536)
            await stream.send_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        except trio.BrokenResourceError:
            pass


async def _silent(stream: trio.SocketStream) -> None:
    """Read, and say nothing."""
    async with stream:
        try:
            while await stream.receive_some(65536):
                pass
        except trio.BrokenResourceError:
            pass


Door = Callable[[trio.SocketStream], Awaitable[None]]
DOORS: dict[str, Door] = {"reset": _reset, "closed": _closed, "tls-plain": _plain, "tls-silent": _silent}
SCHEMES = {"tls-plain": "https", "tls-silent": "https"}


def url(server: Server, door: str) -> str:
    """Where *door* is."""
    return f"{SCHEMES.get(door, 'http')}://127.0.0.1:{server.ports[door]}/v1"


@asynccontextmanager
async def open_server() -> AsyncIterator[Server]:
    """A server with all its doors, until the block is left."""
    server = Server()
    refused, blackhole = socket.socket(), socket.socket()
    waiting = [socket.socket() for _ in range(4)]
    with refused, blackhole:
        refused.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else's
        blackhole.bind(("127.0.0.1", 0))
        blackhole.listen(0)
        for each in waiting:  # they fill the backlog: whoever comes after them gets no answer at all
            each.setblocking(False)
            each.connect_ex(blackhole.getsockname())
        server.ports |= {"refused": refused.getsockname()[1], "blackhole": blackhole.getsockname()[1]}
        try:
            async with trio.open_nursery() as nursery:
                for name, door in {"listening": server.connection, **DOORS}.items():
                    listeners = await nursery.start(trio.serve_tcp, door, 0)
                    server.ports[name] = listeners[0].socket.getsockname()[1]
                yield server
                nursery.cancel_scope.cancel()
        finally:
            for each in waiting:
                each.close()
