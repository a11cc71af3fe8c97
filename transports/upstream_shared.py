"""Sharing: which HTTP/2 connection carries an exchange.

    origin ──▶ a connection with room ─▶ Stream           one place of it is taken, until the stream is left
           └─▶ none: open one more, in turns; where that is too many, wait until a place is free

A peer that answers in HTTP/1.1 after all (ALPN, RFC 7301) gets a link of its own for each exchange.
"""

from collections.abc import Awaitable, Callable
from functools import partial

import trio
from trio.lowlevel import ParkingLot

from transports.upstream import Link, Origin
from transports.upstream_http2 import Connection, Stream

CONNECTIONS = 32  # to one origin

OpenStream = Callable[[Origin], Awaitable[trio.abc.Stream]]


class Multiplexed:
    """Makes links that share connections: an ``upstream.Connect``.

    *open_stream* connects; *plain* makes the link where the peer turns out to speak HTTP/1.1 only.
    """

    def __init__(self, open_stream: OpenStream, plain: Callable[[trio.abc.Stream, Origin], Link]) -> None:
        self._open, self._plain = open_stream, plain
        self._connections: dict[Origin, list[Connection]] = {}
        self._turns: dict[Origin, trio.Lock] = {}
        self._freed = ParkingLot()

    async def __call__(self, origin: Origin) -> Link:
        """A link to *origin*.  Raises ConnectFailed."""
        found = await self.connection(origin)
        return Stream(found, partial(self.connection, origin)) if isinstance(found, Connection) else found

    async def connection(self, origin: Origin) -> Connection | Link:
        """A connection with room for one more, its place taken; those who need a new one take turns to open it."""
        found = self._free(origin)
        while found is None:
            async with self._turns.setdefault(origin, trio.Lock()):
                if self._wanting(origin):
                    stream = await self._open(origin)
                    if isinstance(stream, trio.SSLStream) and stream.selected_alpn_protocol() != "h2":
                        return self._plain(stream, origin)
                    found = Connection(stream, origin, self._freed)  # used at once: what is never used, nobody closes
                    self._connections[origin].append(found)
                    break
            if self._free(origin) is None:
                await self._freed.park()
            found = self._free(origin)
        found.taken += 1
        return found

    def _wanting(self, origin: Origin) -> bool:
        """Whether one more has to be opened: all are full, and none of them has yet to say how much it takes."""
        alive = self._alive(origin)
        return len(alive) < CONNECTIONS and not any(each.room or not each.known for each in alive)

    def _alive(self, origin: Origin) -> list[Connection]:
        alive = [each for each in self._connections.get(origin, ()) if not each.over]
        self._connections[origin] = alive
        return alive

    def _free(self, origin: Origin) -> Connection | None:
        return next((each for each in self._alive(origin) if each.room), None)
