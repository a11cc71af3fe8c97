"""HTTP/2 to an upstream: one connection carries many exchanges, each of them a link of its own for the pool.

    Stream ─ ask · receive · close ─┐
                                    ├─ Connection ─ reader, writer ─▶ socket          ``upstream_shared`` brings them
    Stream ─ ask · receive · close ─┘                                                  together

h2's state is touched between awaits only; one task writes what it has to say, one reads.  A stream that is left before
its end is reset (RST_STREAM, CANCEL), so that a model does not write on for nobody.  What has come is acknowledged as
it is received, so that a slow client closes its own stream's window and nobody else's.

A request that the peer says it did not look at (REFUSED_STREAM, or above the last stream of its GOAWAY: RFC 9113 §8.7)
is sent again on another connection; so is one for which a connection that had been idle is found dead before a byte of
an answer (RFC 9112 §9.3.1 has the same race).  Nothing else is ever sent twice.
"""

import math
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import trio
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    InformationalResponseReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from trio.lowlevel import ParkingLot

from transports.http2_codec import INITIAL_WINDOW
from transports.inflow import Take
from transports.messages import Head, Headers
from transports.upstream import USUAL, Call, Deadline, Link, Malformed, Origin, State, Truncated
from transports.upstream_head import INTERIM, check_call

READ = 64 * 1024  # bytes per read of the stream
PIECE = 64 * 1024  # bytes of a body that are queued before it waits for the socket
WINDOW = 1024 * 1024  # bytes of one reply that may wait for its reader
CONNECTION_WINDOW = 16 * 1024 * 1024  # the same of all replies together
STREAMS = 100  # exchanges on one connection, of a peer that takes more
IDLE = 60.0  # seconds that a connection without exchanges is kept
SETTINGS_FIRST = (b"\x04", b"")  # the type of the first frame (RFC 9113 §3.4), or too little to tell
TRIES = 3  # connections that a request nobody looked at is sent to

Another = Callable[[], Awaitable["Connection | Link"]]


class Unprocessed(Exception):
    """The peer says, or it is plain, that it did not look at the request: it may be sent again."""


class Codec(H2Connection):
    """h2, but for what it does when the peer says goodbye: streams that the peer still serves go on (RFC 9113 §6.8)."""

    def __init__(self) -> None:
        super().__init__(H2Configuration(client_side=True, header_encoding=None))
        wanted = {SettingCodes.INITIAL_WINDOW_SIZE: WINDOW, SettingCodes.ENABLE_PUSH: 0}
        self.local_settings = Settings(client=True, initial_values=wanted)

    def _receive_goaway_frame(self, frame: Any) -> tuple[list[Any], list[Event]]:
        event = ConnectionTerminated()
        event.last_stream_id, event.error_code = frame.last_stream_id, frame.error_code
        return [], [event]


class Connection:
    """One connection and the streams on it.  Its tasks start with the first request."""

    def __init__(self, stream: trio.abc.Stream, origin: Origin, freed: ParkingLot) -> None:
        self.origin = origin
        self.taken = 0  # places given to exchanges
        self.most = STREAMS  # places there are; fewer, if the peer refuses what it should take
        self.known = False  # whether the peer has said how many streams it takes
        self.used = False  # whether a reply has come over it
        self.over = False  # nothing can be asked here any more
        self.codec = Codec()
        self.streams: dict[int, Stream] = {}
        self.unsent = 0  # bytes of bodies that wait for the socket
        self._stream, self._freed = stream, freed
        self._some = trio.Event()
        self._scope = trio.CancelScope()
        self._running = False

    @property
    def room(self) -> bool:
        """Whether one more exchange fits; until the peer has spoken, the first one only."""
        most = min(self.most, self.codec.remote_settings.max_concurrent_streams) if self.known else 1
        return not self.over and self.taken < most and self.codec.highest_outbound_stream_id < 2**30

    def start(self, tasks: trio.Nursery) -> None:
        """Have *tasks* run it, if nobody does."""
        self._scope.deadline = math.inf
        if self._running:
            return
        self._running = True
        self.codec.initiate_connection()
        self.codec.increment_flow_control_window(CONNECTION_WINDOW - INITIAL_WINDOW)
        tasks.start_soon(self._run)

    def flush(self) -> None:
        """Have the writer send what h2 has to say."""
        self._some.set()

    def leave(self) -> None:
        """A place is free again; a connection nobody uses is closed after a while."""
        self.taken -= 1
        if not self.taken:
            self._scope.deadline = trio.current_time() + (0 if self.over else IDLE)
        self._freed.unpark_all()

    async def _run(self) -> None:
        """The task: reads, with a writer beside it, until the connection ends."""
        with self._scope:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write)
                    await self._read()
                    nursery.cancel_scope.cancel()
            finally:
                self.end()
                with trio.CancelScope(shield=True) as scope:
                    scope.cancel()
                    await self._stream.aclose()

    async def _read(self) -> None:
        try:
            while data := await self._stream.receive_some(READ):
                if not self.known and data[3:4] not in SETTINGS_FIRST:
                    raise ProtocolError("SETTINGS come first")  # h2 would wait for the end of a frame of megabytes
                for event in self.codec.receive_data(data):
                    self._take(event)
                self.flush()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return
        except ProtocolError:
            self.end(malformed=True)

    async def _write(self) -> None:
        while True:
            await self._some.wait()
            self._some = trio.Event()
            try:
                await self._stream.send_all(self.codec.data_to_send())
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return  # what was said before it broke is still read
            if self.unsent:
                self.unsent = 0
                self._wake()

    def _wake(self) -> None:
        """Whoever sends may have room again."""
        for stream in self.streams.values():
            stream.woken.set()

    def _take(self, event: Event) -> None:
        if isinstance(event, ConnectionTerminated):
            self.over = True
            last = event.last_stream_id or 0
            for number, above in list(self.streams.items()):
                if number > last:
                    above.lose(unprocessed=True)
        elif isinstance(event, RemoteSettingsChanged):
            self.known = True
            self._wake()
            self._freed.unpark_all()
        elif isinstance(event, WindowUpdated) and not event.stream_id:
            self._wake()
        elif (stream := self.streams.get(getattr(event, "stream_id", None) or 0)) is not None:
            self.used = True
            stream.take(event)

    def end(self, *, malformed: bool = False) -> None:
        """No more can come: whoever still waits is told."""
        self.over = True
        for stream in list(self.streams.values()):
            stream.lose(malformed=malformed)
        self._freed.unpark_all()


class Stream:
    """One exchange: see ``upstream.Link``.  It is never kept: what is kept is the connection below it."""

    keep_seconds = 0.0

    def __init__(self, connection: Connection, another: Another) -> None:
        """Has a place on *connection*; *another* gives a place on a connection if that one does not serve."""
        self.woken = trio.Event()
        self._origin, self._another = connection.origin, another
        self._connection: Connection | None = connection
        self._number = 0
        self._deadline = Deadline(USUAL)
        self._head: Head | None = None
        self._held: deque[DataReceived] = deque()
        self._interim = 0
        self._ended = self._malformed = self._unprocessed = self._lost = False

    @property
    def state(self) -> State:
        """See Link."""
        return "spent"

    @property
    def done(self) -> bool:
        """See Link."""
        return self._ended and not self._held

    # -- asking -------------------------------------------------------------------------------------------------------

    async def ask(self, call: Call, deadline: Deadline, tasks: trio.Nursery) -> Head:
        """See Link."""
        self._deadline = deadline
        for attempt in range(TRIES):
            connection = self._present()
            connection.start(tasks)
            was_idle = connection.used and not connection.streams
            try:
                return await self._once(connection, call)
            except Unprocessed:
                connection.most = max(1, min(connection.most, len(connection.streams) - 1))
                again: Exception = Truncated(f"{self._origin}: the request was refused", answered=False)
            except Truncated as lost:
                if lost.answered or attempt or not was_idle:
                    raise
                again = lost
            await self.close()
            found = await self._another()
            if not isinstance(found, Connection):  # it spoke HTTP/2 a moment ago
                await found.close()
                break
            self._connection, self._lost, self._unprocessed = found, False, False
        raise again

    async def _once(self, connection: Connection, call: Call) -> Head:
        check_call(call)
        self._number = connection.codec.get_next_available_stream_id()
        try:
            connection.codec.send_headers(self._number, head_of(self._origin, call), end_stream=not call.body)
        except ProtocolError:
            raise Unprocessed from None  # it has just said that it takes no more
        connection.streams[self._number] = self
        connection.flush()
        if call.body:
            self._deadline.expect("write")
            await self._send(connection, call.body)
        self._deadline.expect("first_byte")
        while self._head is None:
            self._check(answered=False)
            await self._wait()
        self._deadline.rest()
        return self._head

    async def _send(self, connection: Connection, body: bytes) -> None:
        """Send *body* as windows and socket allow; an answer that comes before its end is taken for one."""
        codec, view, at = connection.codec, memoryview(body), 0
        while at < len(body) and self._head is None:
            self._check(answered=False)
            room = min(codec.local_flow_control_window(self._number), codec.max_outbound_frame_size)
            if room <= 0 or connection.unsent >= PIECE:
                await self._wait()
                self._deadline.expect("write")
                continue
            piece = view[at : at + room]
            at += len(piece)
            codec.send_data(self._number, piece, end_stream=at == len(body))
            connection.unsent += len(piece)
            connection.flush()

    async def _wait(self) -> None:
        """Until something has happened to this stream, or to its windows."""
        await self.woken.wait()
        self.woken = trio.Event()

    def _check(self, *, answered: bool) -> None:
        """Raise what keeps the reply from coming."""
        if self._unprocessed and not answered:
            raise Unprocessed
        if self._malformed:
            raise Malformed(f"{self._origin}: what came is not HTTP/2")
        if self._lost:
            raise Truncated(f"{self._origin}: the stream ended before the reply", answered=answered)

    # -- receiving ----------------------------------------------------------------------------------------------------

    async def flow(self, take: Take) -> None:
        """See Link.  Whose turn it is, the connection knows."""

    async def receive(self) -> bytes:
        """See Link."""
        while not self._held and not self._ended:
            self._check(answered=True)
            self._deadline.expect("idle")
            await self._wait()
            self._deadline.rest()
        pieces = [event.data or b"" for event in self._held]
        self._acknowledge()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _acknowledge(self) -> None:
        """Let the peer send as much again as has been taken."""
        taken = sum(event.flow_controlled_length or 0 for event in self._held)
        self._held.clear()
        connection = self._connection
        if taken and connection is not None:
            connection.codec.acknowledge_received_data(taken, self._number)
            connection.flush()

    def take(self, event: Event) -> None:
        """What the peer says of this stream."""
        if isinstance(event, ResponseReceived):
            self._head = self._heading(event.headers or [])
        elif isinstance(event, DataReceived):
            self._held.append(event)
        elif isinstance(event, StreamEnded):
            self._ended = True
        elif isinstance(event, StreamReset):
            refused = event.error_code == ErrorCodes.REFUSED_STREAM
            self.lose(unprocessed=refused and self._head is None)
        elif isinstance(event, InformationalResponseReceived):
            self._interim += 1
            if self._interim > INTERIM:
                self.lose(malformed=True)
        self.woken.set()

    def _heading(self, fields: Headers) -> Head | None:
        """The head that *fields* are; h2 has seen to it that they are in order (RFC 9113 §8.3.2)."""
        status = next((bytes(value) for name, value in fields if name == b":status"), b"")
        if not (status.isdigit() and len(status) == 3):
            self.lose(malformed=True)
            return None
        return Head(int(status), [(bytes(name), bytes(value)) for name, value in fields if name[:1] != b":"])

    def lose(self, *, unprocessed: bool = False, malformed: bool = False) -> None:
        """Nothing more will come."""
        if not self._ended:
            self._lost, self._unprocessed, self._malformed = True, unprocessed, malformed
            self.woken.set()

    # -- leaving ------------------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """See Link.  There is nothing to wait for: other streams go on, whatever becomes of this one."""

    async def alive(self) -> bool:
        """See Link.  It is never kept."""
        return False

    async def close(self) -> None:
        """See Link."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        connection.streams.pop(self._number, None)
        self._acknowledge_rest(connection)
        if self._number and not connection.over:
            with suppress(ProtocolError):  # it is closed already
                connection.codec.reset_stream(self._number, ErrorCodes.CANCEL)
            connection.flush()
        self._number = 0
        connection.leave()

    def _acknowledge_rest(self, connection: Connection) -> None:
        """Give the connection's window back what this stream has of it."""
        self._connection = connection
        self._acknowledge()
        self._connection = None

    def _present(self) -> Connection:
        if self._connection is None:
            raise trio.ClosedResourceError("the stream has been left")
        return self._connection


def head_of(origin: Origin, call: Call) -> Headers:
    """The field list of *call* (RFC 9113 §8.3.1)."""
    fields = [(name.lower(), value) for name, value in call.headers]
    if call.body or call.method not in {"GET", "HEAD"}:
        fields.append((b"content-length", b"%d" % len(call.body)))
    pseudo = {":method": call.method, ":scheme": origin.scheme, ":authority": origin.authority, ":path": call.target}
    return [*((name.encode(), value.encode("ascii")) for name, value in pseudo.items()), *fields]
