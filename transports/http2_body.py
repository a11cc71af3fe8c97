"""The body of one HTTP/2 request: what has come and was not read, the window it fills, the pace it must keep.

    DATA ─▶ arrived ─▶ buffer ─▶ receive ─▶ handler
                         │          └─ consumed: the client's windows open again by what was read
                         └─ at most a stream's window, because unread bytes are not given back

Whoever does not read is not sent more.  What is never read is given back when the stream ends, whole: otherwise each
abandoned upload would shrink the connection's window for good.  Padding is given back as it comes.
"""

import math

import trio
from trio.lowlevel import ParkingLot

from transports.http2_link import Stream
from transports.messages import BadRequest, BodyTooLarge

_CONTINUE = [(b":status", b"100")]


class Http2Body:
    """See messages.Body.  The connection calls ``arrived``, ``finish``, ``expire`` and ``abandon``."""

    __slots__ = ("_arrived", "_buffer", "_count", "_expects", "_failed", "_length", "_owed", "_stream", "_waited",
                 "due", "ended")  # fmt: skip

    def __init__(self, stream: Stream, length: int | None, *, expects: bool) -> None:
        """*length*: the content-length, if one was given · *expects*: the client waits for 100."""
        self._stream = stream
        self._length = length
        self._expects = expects
        limit = stream.link.limits.body
        self._failed: BadRequest | None = BodyTooLarge(limit) if length is not None and length > limit else None
        self._buffer = bytearray()  # one buffer: as many objects would cost forty times what tiny frames carry
        self._count = 0
        self._owed = 0  # bytes of flow control not given back
        self._waited = 0.0
        self._arrived = ParkingLot()
        self.due = math.inf  # until when more must have come
        self.ended = False

    async def receive(self) -> bytes:
        """See messages.Body.  Also raises BadRequest (408) when it comes too slowly, Disconnected when it won't."""
        while True:
            self._stream.check()
            if self._failed is not None:
                raise self._failed
            if self._buffer:
                return self._take()
            if self.ended:
                return b""
            await self._wait()

    def _take(self) -> bytes:
        data = bytes(self._buffer)
        self._buffer.clear()
        self._give_back()
        return data

    async def _wait(self) -> None:
        """Wait for more.  Only the time spent here counts against the client."""
        stream, limits = self._stream, self._stream.link.limits
        if self._expects and not stream.started:
            stream.link.interim(stream, _CONTINUE)
        self._expects = False
        began = trio.current_time()
        credit = limits.body_grace + self._count / limits.body_rate - self._waited
        self.due = began + min(credit, limits.body_idle)
        stream.link.wind(self.due)
        try:
            await self._arrived.park()
        finally:
            self.due = math.inf
            self._waited += trio.current_time() - began

    def arrived(self, data: bytes, flow: int) -> None:
        """DATA came, *flow* bytes as flow control counts.  Raises BadRequest: the message is malformed."""
        self._expects = False
        self._count += len(data)
        self._owed += len(data)
        if flow > len(data):
            self._stream.link.consumed(self._stream.id, flow - len(data))
        if self._length is not None and self._count > self._length:
            raise BadRequest("the body is longer than its content-length")
        if self._count > self._stream.link.limits.body:
            self._failed = BodyTooLarge(self._stream.link.limits.body)
        self._buffer += data
        self._wake()

    def finish(self) -> None:
        """The client ended its side.  Raises BadRequest: the message is malformed."""
        self.ended = True
        if self._length is not None and self._count != self._length:
            raise BadRequest("the body is shorter than its content-length")
        self._wake()

    def expire(self) -> None:
        """What ``due`` waited for did not come."""
        self._failed = BadRequest("the body came too slowly", status=408)
        self._wake()

    async def discard(self) -> None:
        """Take what still comes, two whole bodies at most, and keep nothing of it; until the end, or the stream's.

        A client that waits for 100 sends nothing, and is not waited for.
        """
        left = 2 * self._stream.link.limits.body - len(self._take())
        while left > 0 and not (self.ended or self._expects or self._stream.gone):
            await self._arrived.park()
            left -= len(self._take())

    def abandon(self) -> None:
        """The stream is gone: what was not read never will be, and whoever waits learns of it."""
        self._buffer.clear()
        self._give_back()
        self._wake()

    def _wake(self) -> None:
        if self._arrived:  # to wake nobody takes trio as long as to wake one
            self._arrived.unpark_all()

    def _give_back(self) -> None:
        if self._owed:
            owed, self._owed = self._owed, 0
            self._stream.link.consumed(self._stream.id, owed, last=self.ended)
