"""A socket of ours on loopback, and its peer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from transports.tcp import Tcp


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[Tcp, trio.SocketStream]]:
    """Ours, and trio's own at the other end; both are closed with the block."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        near = Tcp(await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1]))
        async with near, await listener.accept() as far:
            yield near, far
