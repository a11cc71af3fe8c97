"""What tests of the server say and hear: a connection in memory, handlers of a few lines, h11 as the ear."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import attrs
import h11
import trio
import trio.testing

from transports.http1 import serve_http1
from transports.limits import Limits
from transports.messages import Connection, Handler, Head, Request, Response

LIMITS = Limits()
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"


@attrs.define
class Client:
    """Our end of a connection in memory."""

    stream: trio.abc.Stream

    async def say(self, *pieces: bytes) -> None:
        """Send *pieces*, each as a read of its own; the server may have hung up meanwhile."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            for piece in pieces:
                await self.stream.send_all(piece)
                await trio.testing.wait_all_tasks_blocked()

    async def hear(self, until: bytes = b"") -> bytes:
        """What the server says up to *until*, or until it hangs up."""
        heard = bytearray()
        while not until or until not in heard:
            piece = await self.stream.receive_some()
            if not piece:
                break
            heard += piece
        return bytes(heard)


@asynccontextmanager
async def visit(
    handler: Handler,
    *,
    limits: Limits = LIMITS,
    connection: Connection | None = None,
    pair: Callable[[], Any] = trio.testing.memory_stream_pair,
) -> AsyncIterator[Client]:
    """A connection to a server; what the server raised comes out of the block, in a group."""
    ours, theirs = pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_http1, theirs, connection or Connection(), handler, limits)
        yield Client(ours)
        await ours.aclose()


async def talk(handler: Handler, *said: bytes, limits: Limits = LIMITS, connection: Connection | None = None) -> bytes:
    """Say all this, then listen until the server hangs up; an idle connection does after 75 s."""
    async with visit(handler, limits=limits, connection=connection) as client:
        await client.say(*said)
        return await client.hear()
    raise AssertionError("the block above returns or raises")


@attrs.define
class Heard:
    """One response as h11's client reads it."""

    status: int
    fields: dict[bytes, bytes]
    body: bytes
    interim: list[int]


def responses(wire: bytes, *methods: str) -> list[Heard]:
    """The responses to requests of these *methods*.

    Raises h11.RemoteProtocolError where one is broken or missing, AssertionError where something is left over.
    """
    found = []
    for method in methods:
        heard, wire = _read_one(wire, method)
        found.append(heard)
    assert wire == b""
    return found


def _read_one(wire: bytes, method: str) -> tuple[Heard, bytes]:
    ear = h11.Connection(h11.CLIENT)
    ear.send(h11.Request(method=method, target="/", headers=[("host", "a")]))
    ear.send(h11.EndOfMessage())
    ear.receive_data(wire)
    ear.receive_data(b"")
    heard = Heard(0, {}, b"", [])
    while True:
        match ear.next_event():
            case h11.InformationalResponse(status_code=status):
                heard.interim.append(status)
            case h11.Response(status_code=status, headers=headers):
                heard.status, heard.fields = status, dict(headers)
            case h11.Data(data=data):
                heard.body += data
            case h11.EndOfMessage():
                return heard, ear.trailing_data[0]
            case h11.ConnectionClosed():
                raise h11.RemoteProtocolError("hung up without a response")


async def whole(request: Request) -> bytes:
    """The body of *request*."""
    pieces = []
    while piece := await request.body.receive():
        pieces.append(piece)
    return b"".join(pieces)


async def answer(response: Response, body: bytes, status: int = 200) -> None:
    """A whole response of known length."""
    await response.start(Head(status, [(b"content-length", b"%d" % len(body))]))
    await response.write(body)
    await response.finish()


async def echo(request: Request, response: Response) -> None:
    """Answer with what was asked: method, target and body."""
    body = await whole(request)
    await answer(response, f"{request.method} {request.target} ".encode() + body)
