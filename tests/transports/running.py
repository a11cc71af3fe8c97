"""A whole server on loopback, for tests of what only sockets show."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from tests.transports.dialogue import GET, Client, Heard, responses
from transports.drain import Drain
from transports.limits import Limits
from transports.listen import Address, Door, open_listeners, serve
from transports.messages import Handler

LIMITS = Limits()


@attrs.define
class Server:
    """A running server, and what it told of crashes."""

    port: int
    drain: Drain = attrs.field(factory=Drain)
    crashes: list[BaseException] = attrs.field(factory=list)
    ended: trio.Event = attrs.field(factory=trio.Event)
    streams: list[trio.SocketStream] = attrs.field(factory=list)

    async def connect(self) -> Client:
        """A new TCP connection to it, closed with the server at the latest."""
        self.streams.append(await trio.open_tcp_stream("127.0.0.1", self.port))
        return Client(self.streams[-1])

    async def ask(self, said: bytes = GET) -> Heard:
        """The response to one request on a connection of its own."""
        client = await self.connect()
        await client.stream.send_all(said.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        heard = await client.hear()
        await client.stream.aclose()
        return responses(heard, "GET")[0]


@asynccontextmanager
async def running(
    handler: Handler, *, doors: Sequence[Door] = (), limits: Limits = LIMITS, **more: Any
) -> AsyncIterator[Server]:
    """A server on loopback; at the end of the block it drains, and must end by itself."""
    listeners = await open_listeners([Address("127.0.0.1", 0)])
    server = Server(listeners[0].socket.getsockname()[1])

    async def run(*, task_status: trio.TaskStatus[None]) -> None:
        given = {"limits": limits, "drain": server.drain, "on_crash": server.crashes.append, **more}
        await serve(handler, listeners=doors or listeners, task_status=task_status, **given)
        server.ended.set()

    async with trio.open_nursery() as nursery:
        await nursery.start(run)
        yield server
        server.drain.begin(1)
        with trio.fail_after(10):
            await server.ended.wait()
        for stream in server.streams:
            await trio.aclose_forcefully(stream)
        for listener in listeners:
            await listener.aclose()
