"""The server side of HTTP/2: one connection, many requests at once.

    wire ─▶ reader ─▶ codec ─▶ events ─┬─▶ a new request ─▶ its task: handler(request, response)
                                       ├─▶ DATA ─▶ its body
                                       └─▶ windows, resets, settings ─▶ whoever waits
    wire ◀─ writer ◀─ outbox ◀─ responses · acknowledgements · resets

Tasks: the reader (the caller's own), one writer, one per request.  The reader never writes and the handlers never
touch the socket, so nobody holds up anybody but himself.  What HTTP/2 counts is in ``http2_codec`` (frames),
``http2_link`` (windows, outbox), ``http2_body`` and ``http2_response`` (one stream each way), ``http2_abuse`` (floods).

Per request: one call of the handler in one cancel scope, cancelled when its stream is gone: reset by the client, cut
for an offence or a stall, or lost with the connection.  What a handler raises is told to ``connection.on_crash`` and
costs its own stream, nothing else.  A response that was not finished ends in RST_STREAM with INTERNAL_ERROR.

The connection ends properly in three steps, whether a drain began or nobody asked for anything in ``idle_seconds``:
GOAWAY that refuses nothing yet, with a PING behind it; when its answer is here, the client knows, and a second GOAWAY
names the last stream that is served; when that is over, the connection closes (RFC 9113 §6.8).  A client's GOAWAY
without an error skips to the second.  Offences against the protocol end the connection at once, and only it.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import attrs
import trio
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    PingAckReceived,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

from transports.http2_abuse import Flooded
from transports.http2_codec import NO_LIMIT
from transports.http2_exchange import Exchange
from transports.http2_fields import FIELD_LIST
from transports.http2_head import check_request, check_trailers
from transports.http2_link import Link, Stream
from transports.limits import Limits
from transports.messages import BadRequest, Connection, Disconnected, Handler

CONTROL_QUEUE = 64 * 1024  # bytes of acknowledgements and resets that may wait; then nothing more is read
FRAMES_PER_TURN = 32  # frames looked at before other tasks get theirs
LEAVE_SECONDS = 1.0  # how long the answer to the PING behind GOAWAY may take, and our last words
_LEAVING = b"leaving!"

_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


async def serve_http2(
    stream: trio.abc.Stream, connection: Connection, handler: Handler, limits: Limits, *, received: bytes = b""
) -> None:
    """Serve one connection to its end, and close *stream*.

    By prior knowledge or by ALPN alike: the client's preface is the first that comes.  *received* are bytes already
    read.  Owns one writer task and one task per request; all have ended when this returns.  Raises nothing of the
    peer's or the handler's doing.
    """
    multiplex = _Multiplex(stream, connection, handler, limits, received)
    del received  # bodies may have begun in it, and the connection lasts
    try:
        async with trio.open_nursery() as nursery:
            await multiplex.run(nursery)
            nursery.cancel_scope.cancel()
    finally:
        await trio.aclose_forcefully(stream)  # does not wait; after aclose() it does nothing


class _Multiplex:
    """The connection: its reader, its writer, and what each event means for which exchange."""

    def __init__(
        self, stream: trio.abc.Stream, connection: Connection, handler: Handler, limits: Limits, received: bytes
    ) -> None:
        self._stream = stream
        self._received = received
        self._connection = connection
        self._handler = handler
        self._limits = limits
        self._head_limits = attrs.evolve(limits, head=min(limits.head, FIELD_LIST))
        self._link = Link(limits)
        self._exchanges: dict[int, Exchange] = {}
        self._last = NO_LIMIT  # the last stream that will be served
        self._idle_due = trio.current_time() + limits.idle_seconds
        self._settle_due = math.inf  # until when the second GOAWAY waits
        self._send_due = math.inf  # until when the peer must have taken what the writer sends
        self._acts: dict[type[Event], Callable[[Any], None]] = {
            RequestReceived: self._on_request,
            DataReceived: self._on_data,
            TrailersReceived: self._on_trailers,
            StreamEnded: self._on_end,
            StreamReset: self._on_reset,
            WindowUpdated: self._on_window,
            RemoteSettingsChanged: self._on_settings,
            PingAckReceived: self._on_ping_answered,
            ConnectionTerminated: self._on_goodbye,
        }

    async def run(self, nursery: trio.Nursery) -> None:
        """Serve until the connection is over; exchanges may still be unwinding in *nursery* then."""
        self._nursery = nursery
        nursery.start_soon(self._write)
        try:
            with self._connection.drain.notify(self._retire):
                await self._read()
        except Disconnected:
            self._leave_all()
            return
        except ProtocolError as error:
            self._link.say_why(error)
            self._leave_all()
            await self._close(linger=not isinstance(error, Flooded))
            return
        await self._close(linger=True)

    async def _read(self) -> None:
        """The reader.  Returns when the last stream is over; raises Disconnected or ProtocolError."""
        while not self._over:
            with trio.CancelScope(deadline=self._next_due()) as self._link.timer:
                await self._pump()
            self._look_at_clocks()

    async def _pump(self) -> None:
        outbox = self._link.outbox
        while True:
            while outbox.control > CONTROL_QUEUE:
                await outbox.room.park()
            await self._feed(await self._some())  # under no name, by which this frame would keep it until the next

    async def _some(self) -> bytes | bytearray:
        """What comes next.  Raises Disconnected."""
        if self._received:
            data: bytes | bytearray = self._received
            self._received = b""
            return data
        try:
            data = await self._stream.receive_some(self._limits.read)
        except _GONE as error:
            raise Disconnected("the client closed the connection") from error
        if not data:
            raise Disconnected("the client closed the connection")
        return data

    async def _feed(self, data: bytes | bytearray) -> None:
        """Act upon *data*.  Waits only to let others run, and is not cancelled between two frames."""
        link, now = self._link, trio.current_time()
        link.budget.tick(now)
        for count, events in enumerate(link.codec.feed(data, now), 1):
            for event in events:
                act = self._acts.get(type(event))
                if act is not None:
                    act(event)
            link.flush()
            if count % FRAMES_PER_TURN == 0:
                await trio.lowlevel.cancel_shielded_checkpoint()
        link.wind(link.codec.began + self._limits.head_seconds)

    async def _write(self) -> None:
        """The writer: the only task that sends."""
        outbox = self._link.outbox
        with suppress(*_GONE):
            while True:
                batch = await outbox.take()
                self._send_due = trio.current_time() + self._limits.stall_seconds
                self._link.wind(self._send_due)
                await self._stream.send_all(batch)
                self._send_due = math.inf
                outbox.sent()
        outbox.drop()
        self._send_due = -math.inf
        self._link.wind(-math.inf)

    def _next_due(self) -> float:
        """When the reader must look at the clock."""
        waits = [self._link.codec.began + self._limits.head_seconds, self._idle_due, self._settle_due, self._send_due]
        for exchange in self._exchanges.values():
            waits += (exchange.body.due, exchange.response.due)
        return min(waits)

    def _look_at_clocks(self) -> None:
        """The deadline passed, or something else made it so: see who is late."""
        now = trio.current_time()
        if now >= self._send_due:
            raise Disconnected("the client reads nothing")
        if now >= self._link.codec.began + self._limits.head_seconds:
            raise ProtocolError("a head came too slowly")
        if now >= self._settle_due:
            self._settle()
        if now >= self._idle_due:
            self._retire()
        for exchange in list(self._exchanges.values()):
            if now >= exchange.response.due:
                self._offend(exchange, ErrorCodes.CANCEL, "the client does not read")
            elif now >= exchange.body.due:
                exchange.body.expire()

    # -- what events mean ---------------------------------------------------------------------------------------------

    def _on_request(self, event: RequestReceived) -> None:
        link, stream_id, fields = self._link, event.stream_id, event.headers
        link.budget.opened()
        if stream_id > self._last or self._full():
            link.reset(stream_id, ErrorCodes.REFUSED_STREAM)  # no work was begun: it costs the peer its frame alone
            return
        try:
            known = check_request(fields, self._connection, self._head_limits)
        except BadRequest as refusal:
            self._refuse(event, refusal)
            return
        link.budget.worked()
        exchange = Exchange(Stream(stream_id, link), fields, known, self._connection)
        self._exchanges[stream_id] = exchange
        self._idle_due = math.inf
        self._nursery.start_soon(self._run, exchange)

    def _full(self) -> bool:
        """Whether one more stream would be too many; tasks that still unwind count half."""
        limit = self._limits.streams
        count = len(self._exchanges)
        if count < limit:
            return False
        return count >= 2 * limit or sum(exchange.open for exchange in self._exchanges.values()) >= limit

    def _refuse(self, event: RequestReceived, refusal: BadRequest) -> None:
        """A request that no handler sees: reset if it is malformed, else answered."""
        if refusal.status == HTTPStatus.BAD_REQUEST:
            self._link.reset(event.stream_id, ErrorCodes.PROTOCOL_ERROR)
            self._link.budget.reset()
            return
        self._link.answer(event.stream_id, refusal, bodiless=(b":method", b"HEAD") in event.headers)
        if event.stream_ended is None:
            self._link.reset(event.stream_id, ErrorCodes.NO_ERROR)

    async def _run(self, exchange: Exchange) -> None:
        """The task of one request."""
        refusal = None
        try:
            refusal = await exchange.run(self._handler, self._connection)
            if not exchange.body.ended:
                await exchange.hear_out()
        finally:
            self._part(exchange, refusal)

    def _part(self, exchange: Exchange, refusal: BadRequest | None) -> None:
        """The handler has returned: end the stream if that is not done."""
        stream_id = exchange.stream.id
        del self._exchanges[stream_id]
        if exchange.stream.gone is None:
            if refusal is not None:
                self._link.answer(stream_id, refusal, bodiless=exchange.request.method == "HEAD")
            if refusal is None and not exchange.response.finished:
                self._link.reset(stream_id, ErrorCodes.INTERNAL_ERROR)
            elif not exchange.body.ended:
                self._link.reset(stream_id, ErrorCodes.NO_ERROR)
            exchange.part("the handler has returned")
        if not self._exchanges and self._last == NO_LIMIT and self._settle_due == math.inf:
            self._idle_due = trio.current_time() + self._limits.idle_seconds
            self._link.wind(self._idle_due)
        self._wake_if_over()

    def _offend(self, exchange: Exchange, code: ErrorCodes, why: str) -> None:
        """Cut a stream because of what its client did: the handler first, then the frame (CVE-2025-8671)."""
        if exchange.stream.gone is None:
            exchange.leave(why)
            self._link.reset(exchange.stream.id, code)
            self._link.budget.reset()

    def _on_data(self, event: DataReceived) -> None:
        if event.stream_ended is None:
            self._link.budget.data(len(event.data))
        exchange = self._exchanges.get(event.stream_id)
        if exchange is not None:
            try:
                exchange.body.arrived(event.data, event.flow_controlled_length)
            except BadRequest as offence:
                self._offend(exchange, ErrorCodes.PROTOCOL_ERROR, str(offence))

    def _on_trailers(self, event: TrailersReceived) -> None:
        exchange = self._exchanges.get(event.stream_id)
        if exchange is not None:
            try:
                check_trailers(event.headers, self._limits)
            except BadRequest as offence:
                self._offend(exchange, ErrorCodes.PROTOCOL_ERROR, str(offence))

    def _on_end(self, event: StreamEnded) -> None:
        exchange = self._exchanges.get(event.stream_id)
        if exchange is not None:
            try:
                exchange.body.finish()
            except BadRequest as offence:
                self._offend(exchange, ErrorCodes.PROTOCOL_ERROR, str(offence))

    def _on_reset(self, event: StreamReset) -> None:
        """The client's reset, or the codec's own over a window that overflowed."""
        exchange = self._exchanges.get(event.stream_id)
        if exchange is not None:
            exchange.leave("the client reset the stream")
        self._link.budget.reset()

    def _on_window(self, event: WindowUpdated) -> None:
        if event.stream_id == 0:
            self._link.window.unpark_all()
        elif event.stream_id in self._exchanges:
            self._exchanges[event.stream_id].stream.window.unpark_all()

    def _on_settings(self, event: RemoteSettingsChanged) -> None:
        """A new INITIAL_WINDOW_SIZE has moved the windows of all streams (RFC 9113 §6.9.2)."""
        if SettingCodes.INITIAL_WINDOW_SIZE in event.changed_settings:
            for exchange in self._exchanges.values():
                exchange.stream.window.unpark_all()

    # -- how the connection ends --------------------------------------------------------------------------------------

    @property
    def _over(self) -> bool:
        return self._last < NO_LIMIT and not self._exchanges

    def _wake_if_over(self) -> None:
        if self._over:
            self._link.wind(-math.inf)

    def _retire(self) -> None:
        """First step: tell the client to open no more streams, and find out when it knows."""
        if self._last == NO_LIMIT and self._settle_due == math.inf:
            self._idle_due = math.inf
            self._settle_due = trio.current_time() + LEAVE_SECONDS
            self._link.leave(_LEAVING)
            self._link.wind(self._settle_due)

    def _on_ping_answered(self, event: PingAckReceived) -> None:
        if event.ping_data == _LEAVING and self._settle_due < math.inf:
            self._settle()

    def _settle(self) -> None:
        """Second step: whatever comes after the last stream that did come is refused."""
        self._idle_due = self._settle_due = math.inf
        self._last = self._link.codec.highest_inbound_stream_id
        self._link.goaway(ErrorCodes.NO_ERROR, self._last)
        self._wake_if_over()

    def _on_goodbye(self, event: ConnectionTerminated) -> None:
        if event.error_code != ErrorCodes.NO_ERROR:
            raise Disconnected("the client ended the connection")
        if self._last == NO_LIMIT:
            self._settle()

    def _leave_all(self) -> None:
        for exchange in self._exchanges.values():
            exchange.leave("the connection has ended")

    async def _close(self, *, linger: bool) -> None:
        """Last step: send what is to be sent, then close.

        With *linger* the peer may first finish what it was sending: closing over bytes nobody read makes the kernel
        send a reset, which can destroy our last frames before the peer sees them.
        """
        with trio.move_on_after(LEAVE_SECONDS, shield=True), suppress(*_GONE):
            await self._link.outbox.emptied()
            if linger:
                await self._linger()
            await self._stream.aclose()

    async def _linger(self) -> None:
        if isinstance(self._stream, trio.abc.HalfCloseableStream):
            await self._stream.send_eof()
        with trio.move_on_after(LEAVE_SECONDS / 2):
            while await self._stream.receive_some(self._limits.read):
                pass
