"""How one response of HTTP/2 is written: pieces no larger than both windows, the frame and a fair share allow.

    start ─▶ HEADERS        write ─▶ DATA, one after the other        finish ─▶ END_STREAM
                              │
                              ├─ no room in the outbox: the writer is behind ─▶ wait in outbox.room
                              ├─ the connection's window is shut ─────────────▶ wait in link.window
                              └─ the stream's window is shut ─────────────────▶ wait in stream.window

All of them are the peer not reading.  The last two have a clock here, the first has it in the writer.  A piece must go
in ``stall_seconds``, however many frames it takes: a window that opens by one byte at a time does not rewind it.

The last byte of a known length carries END_STREAM, which spares a frame.  HEAD, 204 and 304 end with their head.
"""

import math

import trio
from trio.lowlevel import ParkingLot

from transports.http1_response import OURS, OURS_AND_LENGTH, content_length, date
from transports.http2_link import Stream
from transports.messages import Head, Headers, lowered
from transports.strict import field_lines

_OK, _NO_CONTENT, _NOT_MODIFIED = 200, 204, 304  # plain numbers: CPython 3.11 runs a function for a member of an enum


class Http2Response:
    """See messages.Response.  The connection looks at ``due`` and ``finished``, and calls ``wake``."""

    __slots__ = ("_bodiless", "_held", "_left", "_lot", "_stream", "due", "finished")

    def __init__(self, stream: Stream, *, bodiless: bool) -> None:
        """*bodiless*: the request was HEAD."""
        self._stream = stream
        self._bodiless = bodiless
        self._left: int | None = None  # bytes still owed of a known length
        self._held = b""  # what could not be queued without waiting
        self._lot: ParkingLot | None = None  # where a write waits
        self.due = math.inf  # until when the peer must have opened a window
        self.finished = False

    @property
    def started(self) -> bool:
        """See messages.Response."""
        return self._stream.started

    async def start(self, head: Head) -> None:
        """See messages.Response.  Raises ValueError for a head that can't be written."""
        if self.started:
            raise RuntimeError("the response has been started before")
        fields = self._fields(head)
        link = self._stream.link
        while link.outbox.size > link.limits.connection_buffer:
            await self._wait(link.outbox.room, math.inf)
        self._stream.check()
        self.finished = self._bodiless or self._left == 0
        self._stream.started = True
        link.headers(self._stream, fields, end=self.finished)

    def _fields(self, head: Head) -> Headers:
        status = head.status
        if status < _OK:
            raise ValueError("an interim response is no response")
        fields = lowered(head.headers)
        field_lines(fields)  # looks at all of them at once
        known = dict(fields)
        unwanted = OURS_AND_LENGTH if status == _NO_CONTENT else OURS  # RFC 9113 §8.2.2
        if not unwanted.isdisjoint(known):
            fields = [field for field in fields if field[0] not in unwanted]
            known = dict(fields)
        self._left = content_length(fields, known)
        self._bodiless = self._bodiless or status in (_NO_CONTENT, _NOT_MODIFIED)
        if b"date" not in known:
            fields.append((b"date", date()))
        return [(b":status", b"%d" % status), *fields]

    async def write(self, data: bytes) -> None:
        """See messages.Response.  Raises ValueError for more bytes than the content-length."""
        if self._bodiless and self.started:
            return
        data, self._held = self._held + data, b""
        size = len(data)
        self._count(size)
        if size and self._goes(size):
            self._queue(data)
            return
        share = self._stream.link.share
        for start in range(0, size, share):
            if start:
                await trio.lowlevel.checkpoint()  # the others' turn
            await self._send(data[start : start + share], last=self._left == 0 and start + share >= size)

    def write_now(self, data: bytes) -> bool:
        """See messages.Response."""
        if self._bodiless and self.started:
            return True
        if self._held or not self._goes(len(data)):
            self._held += data
            return False
        self._count(len(data))
        self._queue(data)
        return True

    def _goes(self, size: int) -> bool:
        """Whether a piece of *size* bytes can be queued as it is, without waiting."""
        stream, link = self._stream, self._stream.link
        if stream.gone is not None or size > link.share:
            return False
        return link.window_of(stream) >= size and not link.crowded(stream, size)

    def _queue(self, piece: bytes) -> None:
        self.finished = self._left == 0
        self._stream.link.data(self._stream, piece, end=self.finished)

    def _count(self, size: int) -> None:
        if not self.started or (self.finished and self._left is None):
            raise RuntimeError("a body is written between start and finish")
        if self._left is not None:
            if size > self._left:
                raise ValueError("the body is longer than its content-length")
            self._left -= size

    async def _send(self, piece: bytes, *, last: bool) -> None:
        """Queue one piece, in as many frames as the windows demand."""
        stream = self._stream
        link, due = stream.link, math.inf
        stream.check()
        while piece:
            lot = self._obstacle(len(piece))
            if lot is None:
                size = min(len(piece), link.window_of(stream))
                self.finished = last and size == len(piece)
                link.data(stream, piece[:size], end=self.finished)
                piece = piece[size:]
            elif lot is link.outbox.room:
                await self._wait(lot, math.inf)
            else:
                due = min(due, trio.current_time() + link.limits.stall_seconds)
                await self._wait(lot, due)

    def _obstacle(self, size: int) -> ParkingLot | None:
        """Where to wait before anything of *size* bytes can be queued; None if something can."""
        stream = self._stream
        link = stream.link
        if link.crowded(stream, size):
            return link.outbox.room
        if link.window_of(stream) > 0:
            return None
        return link.window if link.codec.outbound_flow_control_window <= 0 else stream.window

    async def _wait(self, lot: ParkingLot, due: float) -> None:
        self._lot, self.due = lot, due
        self._stream.link.wind(due)
        try:
            await lot.park()
        finally:
            self._lot, self.due = None, math.inf
        self._stream.check()

    def wake(self) -> None:
        """Let a write that waits look again."""
        if self._lot is not None:
            self._lot.unpark_all()

    async def finish(self) -> None:
        """See messages.Response.  Raises ValueError for fewer bytes than the content-length."""
        if not self.started:
            raise RuntimeError("a response is finished after its start")
        if self.finished:
            return
        if self._left:
            raise ValueError(f"{self._left} bytes of the content-length were not written")
        self._stream.check()
        self.finished = True
        self._stream.link.end(self._stream)
