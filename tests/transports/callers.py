"""A caller per version of HTTP, alike to a test: real clients, h11 and h2, over streams in memory.

Over HTTP/1.1 each request has a connection of its own; over HTTP/2 all of a caller's share one.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Protocol

import attrs
import h11
import trio
import trio.testing
from h2.exceptions import StreamClosedError
from h2.settings import SettingCodes

from tests.transports import http2_client
from tests.transports.dialogue import Client
from transports.http1 import serve_http1
from transports.limits import Limits
from transports.messages import Connection, Handler

LIMITS = Limits()


@attrs.define
class Reply:
    """A response as its client sees it; *whole* if it ended properly."""

    status: int = 0
    fields: dict[bytes, bytes] = attrs.field(factory=dict)
    body: bytes = b""
    whole: bool = False


class Asked(Protocol):
    """One request that was sent."""

    async def reply(self) -> Reply:
        """The response, when it is over one way or the other."""

    def so_far(self) -> bytes:
        """What has come of the body."""

    async def leave(self) -> None:
        """Want it no more."""


class Caller(Protocol):
    """A client of one version."""

    crashes: list[BaseException]
    place: Connection

    async def ask(self, method: str = "GET", path: str = "/", body: bytes = b"", **fields: str) -> Asked:
        """Send a request, whole; the server has acted upon it when this returns."""


@attrs.define
class Asked1:
    """Over HTTP/1.1: a connection of its own."""

    client: Client
    ear: h11.Connection
    heard: Reply = attrs.field(factory=Reply)

    async def reply(self) -> Reply:
        """See Asked."""
        heard = self.heard
        with suppress(h11.RemoteProtocolError):
            while not heard.whole:
                match self.ear.next_event():
                    case h11.NEED_DATA:
                        self.ear.receive_data(bytes(await self.client.stream.receive_some()))
                    case h11.Response(status_code=status, headers=fields):
                        heard.status, heard.fields = status, dict(fields)
                    case h11.Data(data=data):
                        heard.body += data
                    case h11.EndOfMessage():
                        heard.whole = True
                    case h11.ConnectionClosed():
                        break
        return heard

    def so_far(self) -> bytes:
        """See Asked."""
        return self.heard.body

    async def leave(self) -> None:
        """See Asked."""
        await self.client.stream.aclose()
        await trio.testing.wait_all_tasks_blocked()


@attrs.define
class Caller1:
    """See Caller."""

    nursery: trio.Nursery
    handler: Handler
    limits: Limits
    place: Connection
    crashes: list[BaseException]
    deaf: bool

    async def ask(self, method: str = "GET", path: str = "/", body: bytes = b"", **fields: str) -> Asked1:
        """See Caller."""
        pair = trio.testing.lockstep_stream_pair if self.deaf else trio.testing.memory_stream_pair
        ours, theirs = pair()
        self.nursery.start_soon(self._serve, theirs)
        ear = h11.Connection(h11.CLIENT)
        length = {"content-length": str(len(body))} if body else {}
        lines = {"host": "localhost", **length, **fields}
        said = ear.send(h11.Request(method=method, target=path, headers=list(lines.items())))
        said = (said or b"") + (ear.send(h11.Data(body)) or b"") + (ear.send(h11.EndOfMessage()) or b"")
        client = Client(ours)
        await client.say(said)
        return Asked1(client, ear)

    async def _serve(self, stream: trio.abc.Stream) -> None:
        """A connection as ``listen`` keeps it: what comes out of it is told and forgotten."""
        try:
            await serve_http1(stream, self.place, self.handler, self.limits)
        except* Exception as group:
            self.crashes.append(group)


@attrs.define
class Asked2:
    """Over HTTP/2: a stream."""

    client: http2_client.Client
    number: int

    async def reply(self) -> Reply:
        """See Asked."""
        heard = await self.client.reply(self.number)
        return Reply(heard.status, heard.fields, heard.body, whole=heard.ended and heard.reset is None)

    def so_far(self) -> bytes:
        """See Asked."""
        return self.client.heard[self.number].body

    async def leave(self) -> None:
        """See Asked."""
        self.client.h2.reset_stream(self.number)
        await self.client.flush()


@attrs.define
class Caller2:
    """See Caller."""

    client: http2_client.Client
    place: Connection
    crashes: list[BaseException]

    async def ask(self, method: str = "GET", path: str = "/", body: bytes = b"", **fields: str) -> Asked2:
        """See Caller."""
        authority = fields.pop("host", "localhost")
        lines = {":method": method, ":scheme": "http", ":authority": authority, ":path": path, **fields}
        number = self.client.head([(name.encode(), value.encode()) for name, value in lines.items()], end=not body)
        await self.client.flush()
        if body:
            with suppress(StreamClosedError):
                await self.client.upload(number, body)
        return Asked2(self.client, number)


@asynccontextmanager
async def calling1(handler: Handler, limits: Limits = LIMITS, *, deaf: bool = False) -> AsyncIterator[Caller1]:
    """A client of HTTP/1.1; *deaf* ones don't read."""
    async with trio.open_nursery() as nursery:
        yield Caller1(nursery, handler, limits, Connection(), [], deaf)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def calling2(handler: Handler, limits: Limits = LIMITS, *, deaf: bool = False) -> AsyncIterator[Caller2]:
    """A client of HTTP/2; *deaf* ones open no window."""
    crashes: list[BaseException] = []
    place = Connection(on_crash=crashes.append)
    settings = {SettingCodes.INITIAL_WINDOW_SIZE: 0} if deaf else None
    async with http2_client.visit(handler, limits=limits, connection=place, settings=settings) as client:
        yield Caller2(client, place, crashes)
