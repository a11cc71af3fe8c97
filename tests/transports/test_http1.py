"""One HTTP/1.1 connection, spoken byte by byte to the server over streams in memory; the clock jumps when all wait."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import attrs
import h11
import pytest
import trio
import trio.testing

from transports.drain import Drain
from transports.http1 import serve_http1
from transports.limits import Limits
from transports.messages import BadRequest, BodyTooLarge, Connection, Disconnected, Handler, Head, Request, Response

pytestmark = pytest.mark.usefixtures("autojump_clock")

LIMITS = Limits()
GET = b"GET /a?b=c HTTP/1.1\r\nHost: localhost\r\n\r\n"
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
    """A connection to a server; what the server raised comes out of the block."""
    ours, theirs = pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_http1, theirs, connection or Connection(), handler, limits)
        yield Client(ours)
        await ours.aclose()


async def talk(handler: Handler, *said: bytes, limits: Limits = LIMITS, connection: Connection | None = None) -> bytes:
    """Say all this, then listen until the server hangs up (an idle connection does after 75 s)."""
    async with visit(handler, limits=limits, connection=connection) as client:
        await client.say(*said)
        return await client.hear()


@attrs.define
class Heard:
    """One response as h11's client reads it."""

    status: int
    fields: dict[bytes, bytes]
    body: bytes
    interim: list[int]


def responses(wire: bytes, *methods: str) -> list[Heard]:
    """The responses to requests of these *methods*; raises where one is broken, or something is left over."""
    found = []
    for method in methods:
        found.append(_one_response(wire, method))
        wire = found.pop() if isinstance(found[-1], bytes) else wire
        heard, wire = found.pop()
        found.append(heard)
    assert wire == b""
    return found


async def hello(request: Request, response: Response) -> None:
    """Answer with a few bytes of known length."""
    while await request.body.receive():
        pass
    await response.start(Head(200, [(b"content-length", b"5")]))
    await response.write(b"hello")
    await response.finish()
