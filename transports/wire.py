"""One HTTP/1.1 connection's bytes: what came and was not taken, what is being sent, and the clocks of both.

    stream ─▶ the reader ─▶ at most 64 KiB held ─▶ more · take          the exchange's task
    stream ◀───────────────────────────────────────────────── send

One reader watches the socket all the time, also while a request is being answered: that is how a client that goes
away is noticed at once.  It holds at most ``limits.read`` bytes that nobody asked for, then stops reading; whoever asks
for many sleeps until all of them are held, not to take two turns of the scheduler with each piece.  It is the inflow,
which all connections share, or a task of this one's where there is TLS, or no inflow.

Both waits are the clock's (``clock``): ``more`` and ``send`` only note until when they wait.  So a kept-alive
connection costs one look a minute, not a timer per read, write and request; and a write that the kernel takes at once,
as nearly all are, costs neither a timer nor a turn of the scheduler.

This file knows bytes and time, nothing of HTTP.
"""

import math
import struct
from collections.abc import Callable
from contextlib import suppress
from socket import SO_LINGER, SOL_SOCKET

import trio

from transports.clock import clock
from transports.inflow import Reading
from transports.limits import Limits
from transports.messages import Disconnected
from transports.tcp import Tcp, at_once, socket_of

PIECE = 64 * 1024  # a larger write is cut: a peer has stalled when it takes none of one piece in time
LINGER_SECONDS = 5.0  # how long a peer may go on sending after our last word
CLOSE_SECONDS = 5.0  # TLS says goodbye, which a full socket could keep waiting

_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # socket(7): linger on, for 0 s


def _nobody() -> None:
    """No exchange is under way."""


class Wire:
    """The stream of one connection.  Where ``begin`` says no, ``watch`` runs in a task of the connection's nursery."""

    __slots__ = ("_at_once", "_clock", "_cut", "_enough", "_full", "_held", "_limits", "_most", "_read_due", "_reading",
                 "_room", "_send_due", "_stream", "_waiter", "gone", "heard", "held", "look", "on_gone")  # fmt: skip

    def __init__(self, stream: trio.abc.Stream, limits: Limits, received: bytes = b"") -> None:
        self._stream = stream
        self._at_once = at_once(stream)
        self._limits = limits
        self._clock = clock()
        self._held = [received] if received else []
        self.held = len(received)  # bytes that are here, and nobody took
        self._enough = 0  # bytes that whoever waits in ``more`` waits for
        self._most = limits.read  # bytes that are held by then
        self.heard = 0.0  # when the last bytes came that were not enough
        self._waiter: trio.lowlevel.Task | None = None  # in ``more``
        self._room: trio.Event | None = None  # the reader's task waits for it
        self._reading: Reading | None = None  # where it is the inflow that reads
        self._full = False  # and there was no room for more
        self._read_due = math.inf  # until when someone waits for bytes
        self._send_due = math.inf  # until when the peer must have taken what is being sent
        self._cut = False  # a write did not come to its end: nothing may follow it
        self.look = math.inf
        self.gone = False  # the peer closed, reset, or stalled
        self.on_gone: Callable[[], None] = _nobody

    def begin(self) -> bool:
        """Have the inflow take bytes in until the peer is gone or the stream closes; False: there is none for it."""
        if not isinstance(self._stream, Tcp) or self._stream.flows is None:
            return False
        if (room := self._vacant()) > 0:
            self._reading = self._stream.begin(self._take_in, self._over, room)
            return self._reading is not None
        self._full = True  # a large request has begun in what was received before: the first take makes room
        return True

    def _vacant(self) -> int:
        """How many bytes may be read at once by now."""
        return min(self._most - self.held, self._limits.read)

    def _take_in(self, piece: bytes) -> bool:
        """*piece* has come; whether there is room for more."""
        self._arrived(piece)
        room = self._vacant()
        if self._reading is not None:
            self._reading.most = room
        self._full = room <= 0
        return not self.gone and not self._full

    def _over(self, raised: BaseException | None) -> None:
        """Nothing more is taken in, for there is no room, the peer is gone, or the stream is being closed."""
        self._reading = None
        if raised is not None:
            self._lose()

    async def watch(self) -> None:
        """The reader, where the inflow is none: takes bytes in while there is room, until the peer is gone.

        Ends then, or by cancellation.
        """
        while not self.gone:
            room = self._vacant()
            if room <= 0:
                self._room = trio.Event()
                await self._room.wait()
                continue
            try:
                self._arrived(bytes(await self._stream.receive_some(room)))
            except _GONE:
                self._lose()

    def _arrived(self, piece: bytes) -> None:
        """*piece* has come; it must not stay with the reader, which waits for the next for as long as a reply lasts."""
        if not piece:
            self._lose()
        else:
            self._held.append(piece)
            self.held += len(piece)
            if self.held >= self._enough:
                self._wake()
            else:
                self.heard = trio.current_time()

    @property
    def due(self) -> float:
        """See clock.Timed."""
        return min(self._read_due, self._send_due)

    def late(self) -> None:
        """See clock.Timed.  Whoever waited for bytes goes on without; a stalled peer is gone."""
        now = trio.current_time()
        if now >= self._read_due:
            self._read_due = math.inf
            self._wake()
        if now >= self._send_due:
            self._send_due = math.inf
            trio.lowlevel.spawn_system_task(self._stall)

    async def _stall(self) -> None:
        """Task of trio's own, where nothing may be raised: so it is the socket that is closed, past TLS and its errors.

        Closing comes first: a write that hangs ends with an error of its own, not only with its scope's cancellation.
        """
        stream = self._stream
        while isinstance(stream, trio.SSLStream):
            stream = stream.transport_stream
        await trio.aclose_forcefully(stream)  # does not wait
        self._lose()

    def _lose(self) -> None:
        self.gone = True
        self._wake()
        self.on_gone()

    async def more(self, due: float, enough: int = 1) -> bytes:
        """All that is held; waits while that is less than *enough*, until *due* (trio's clock): ``b""`` if none came.

        Raises Disconnected when nothing is held and the peer is gone.  For one task at a time.
        """
        if self.held < enough and not self.gone:
            self._enough, self._read_due = enough, due
            if enough > self._limits.read:
                self._most = enough + self._limits.read
                self._make_room()
            if due < self.look:
                self._clock.wind(self)
            self._waiter = trio.lowlevel.current_task()
            try:
                await trio.lowlevel.wait_task_rescheduled(self._forget)
            finally:
                self._enough, self._most, self._read_due = 0, self._limits.read, math.inf
        if not self._held and self.gone:
            raise Disconnected("the peer closed the connection")
        return self.take()

    def _forget(self, _cancel: object) -> trio.lowlevel.Abort:
        self._waiter = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _wake(self) -> None:
        """Whoever waits in ``more`` goes on."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            trio.lowlevel.reschedule(waiter)

    def hurry(self) -> None:
        """End a wait in ``more`` now, as if its time had come."""
        self._wake()

    def take(self) -> bytes:
        """All that is held, ``b""`` if that is nothing.  Does not wait."""
        if not self._held:
            return b""
        data = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        self._held.clear()
        self.held = 0
        self._make_room()
        return data

    def _make_room(self) -> None:
        """The reader goes on where it stopped, and learns how much there is room for."""
        if self._reading is not None:
            self._reading.most = self._vacant()
        elif self._room is not None:
            self._room.set()
            self._room = None
        elif self._full:
            self._full = False
            self.begin()

    def unread(self, data: bytes) -> None:
        """Give back what was taken too much; it is the next to be taken."""
        if data:
            self._held.insert(0, data)
            self.held += len(data)

    async def send(self, data: bytes) -> None:
        """Send *data*; waits while the peer does not read.

        Raises Disconnected when the peer is gone, has taken nothing for ``limits.stall_seconds``, or an earlier write
        was cancelled half-way.
        """
        if self._cut:
            raise Disconnected("an earlier write was cut short")
        sent = self._at_once(data)
        if sent < len(data):
            with memoryview(data) as view:
                for start in range(sent, len(data), PIECE):
                    await self._send(view[start : start + PIECE])

    def send_now(self, data: bytes) -> int:
        """Send what the peer takes of *data* without waiting; how many bytes that is.  What is wrong ``send`` tells."""
        return 0 if self._cut else self._at_once(data)

    async def _send(self, piece: memoryview) -> None:
        """Send *piece*, against the clock."""
        self._cut = True
        self._send_due = trio.current_time() + self._limits.stall_seconds
        if self._send_due < self.look:
            self._clock.wind(self)
        try:
            await self._stream.send_all(piece)
        except _GONE as error:
            self._lose()
            raise Disconnected("the peer closed the connection") from error
        finally:
            self._send_due = math.inf
        self._cut = False

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
        self.look = self._read_due = math.inf
        if reset:
            with suppress(OSError):
                if (socket := socket_of(self._stream)) is not None:
                    socket.setsockopt(SOL_SOCKET, SO_LINGER, _RESET_ON_CLOSE)
        with trio.CancelScope(shield=True):  # else a Cancelled from here would take the place of a crash on its way
            await trio.aclose_forcefully(self._stream)
