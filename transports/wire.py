"""One HTTP/1.1 connection's bytes: what came and was not taken, what is being sent, and the clocks of both.

    stream ─▶ watch (the reader task) ─▶ at most 64 KiB held ─▶ more · take          the exchange's task
    stream ◀───────────────────────────────────────────────── send

One reader watches the socket all the time, also while a request is being answered: that is how a client that goes
away is noticed at once.  It holds at most ``limits.read`` bytes that nobody asked for, then stops reading.

Both clocks hang on the reader's one scope: ``more`` and ``send`` only note until when they wait, and move the scope's
deadline when it is later than that.  When it passes, the reader looks which wait is over and winds itself up again.
So a kept-alive connection costs one timer a minute, not one per read, write and request.

This file knows bytes and time, nothing of HTTP.
"""

import math
import struct
from collections.abc import Callable
from contextlib import suppress
from socket import SO_LINGER, SOL_SOCKET

import trio

from transports.limits import Limits
from transports.messages import Disconnected
from transports.tcp import socket_of

PIECE = 64 * 1024  # a larger write is cut: a peer has stalled when it takes none of one piece in time
LINGER_SECONDS = 5.0  # how long a peer may go on sending after our last word
CLOSE_SECONDS = 5.0  # TLS says goodbye, which a full socket could keep waiting

_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # socket(7): linger on, for 0 s


def _nobody() -> None:
    """No exchange is under way."""


class Wire:
    """The stream of one connection.  ``watch`` runs in a task of the connection's nursery; all else in the other."""

    __slots__ = ("_arrived", "_cut", "_due", "_held", "_limits", "_room", "_send_due", "_size", "_stream", "_timer",
                 "gone", "on_gone")  # fmt: skip

    def __init__(self, stream: trio.abc.Stream, limits: Limits, received: bytes = b"") -> None:
        self._stream = stream
        self._limits = limits
        self._held = [received] if received else []
        self._size = len(received)
        self._arrived = trio.lowlevel.ParkingLot()
        self._room = trio.lowlevel.ParkingLot()
        self._timer = trio.CancelScope()  # the reader's; replaced when it starts
        self._due = math.inf  # until when someone waits for bytes
        self._send_due = math.inf  # until when the peer must have taken what is being sent
        self._cut = False  # a write did not come to its end: nothing may follow it
        self.gone = False  # the peer closed, reset, or stalled
        self.on_gone: Callable[[], None] = _nobody

    async def watch(self) -> None:
        """The reader: takes bytes in while there is room, until the peer is gone.  Ends then, or by cancellation."""
        while not self.gone:
            with trio.CancelScope(deadline=min(self._due, self._send_due)) as self._timer:
                await self._fill()
            await self._look_at_clocks()

    async def _fill(self) -> None:
        while not self.gone:
            room = self._limits.read - self._size
            if room <= 0:
                await self._room.park()
                continue
            try:
                piece = bytes(await self._stream.receive_some(room))
            except _GONE:
                piece = b""
            if not piece:
                self._lose()
            else:
                self._held.append(piece)
                self._size += len(piece)
                self._arrived.unpark_all()

    async def _look_at_clocks(self) -> None:
        """The deadline passed: whoever waited for bytes goes on without; a stalled peer is gone."""
        now = trio.current_time()
        if now >= self._due:
            self._due = math.inf
            self._arrived.unpark_all()
        if now >= self._send_due:
            # Closing first: a write that hangs ends with an error of its own, not only with its scope's cancellation.
            await trio.aclose_forcefully(self._stream)
            self._lose()

    def _lose(self) -> None:
        self.gone = True
        self._arrived.unpark_all()
        self.on_gone()

    async def more(self, due: float) -> bytes:
        """All that is held; waits until *due* (trio's clock) when that is nothing, and returns ``b""`` if none came.

        Raises Disconnected when nothing is held and the peer is gone.  For one task at a time.
        """
        if not self._held and not self.gone:
            self._due = due
            self._wind(due)
            try:
                await self._arrived.park()
            finally:
                self._due = math.inf
        if not self._held and self.gone:
            raise Disconnected("the peer closed the connection")
        return self.take()

    def hurry(self) -> None:
        """End a wait in ``more`` now, as if its time had come."""
        if self._due < math.inf:
            self._due = -math.inf
            self._timer.cancel()

    def take(self) -> bytes:
        """All that is held, ``b""`` if that is nothing.  Does not wait."""
        if not self._held:
            return b""
        data = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        self._held.clear()
        self._size = 0
        if self._room:
            self._room.unpark_all()
        return data

    def unread(self, data: bytes) -> None:
        """Give back what was taken too much; it is the next to be taken."""
        if data:
            self._held.insert(0, data)
            self._size += len(data)

    @property
    def held(self) -> bool:
        """Whether bytes are here that nobody took."""
        return self._size > 0

    async def send(self, data: bytes) -> None:
        """Send *data*; waits while the peer does not read.

        Raises Disconnected when the peer is gone, has taken nothing for ``limits.stall_seconds``, or an earlier write
        was cancelled half-way.
        """
        if len(data) <= PIECE:
            await self._send(data)
            return
        with memoryview(data) as view:
            for start in range(0, len(data), PIECE):
                await self._send(view[start : start + PIECE])

    async def _send(self, piece: bytes | memoryview) -> None:
        if self._cut:
            raise Disconnected("an earlier write was cut short")
        self._cut = True
        self._send_due = trio.current_time() + self._limits.stall_seconds
        self._wind(self._send_due)
        try:
            await self._stream.send_all(piece)
        except _GONE as error:
            self._lose()
            raise Disconnected("the peer closed the connection") from error
        finally:
            self._send_due = math.inf
        self._cut = False

    def _wind(self, due: float) -> None:
        if due < self._timer.deadline:
            self._timer.deadline = due

    async def close(self, *, linger: bool = False) -> None:
        """End the connection properly.

        With *linger* the peer may first finish sending, into the void: closing over bytes nobody read makes the
        kernel send a reset, which can destroy our last response before the peer sees it (RFC 9112 §9.6).
        """
        if linger:
            with suppress(*_GONE, Disconnected):
                await self._linger()
        with trio.move_on_after(CLOSE_SECONDS), suppress(*_GONE):
            await self._stream.aclose()

    async def _linger(self) -> None:
        due = trio.current_time() + LINGER_SECONDS
        if isinstance(self._stream, trio.abc.HalfCloseableStream):
            await self._stream.send_eof()
        left = self._limits.body
        while left > 0:
            data = await self.more(due)
            if not data or trio.current_time() >= due:
                return
            left -= len(data)

    async def abort(self, *, reset: bool) -> None:
        """End the connection so that an open response is seen to be broken.  Does not wait.

        *reset*: the response's end is the connection's end, so an orderly close would look like its proper end.
        """
        socket = socket_of(self._stream)
        if reset and socket is not None:
            with suppress(OSError):
                socket.setsockopt(SOL_SOCKET, SO_LINGER, _RESET_ON_CLOSE)
        with trio.CancelScope(shield=True):  # else a Cancelled from here would take the place of a crash on its way
            await trio.aclose_forcefully(self._stream)
