"""What tests of HTTP/2 say and hear: a connection in memory, h2 as mouth and ear, raw frames for what h2 won't say."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio
import trio.testing
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, InformationalResponseReceived, ResponseReceived, StreamEnded, StreamReset
from h2.settings import SettingCodes, Settings
from hyperframe.frame import Frame, GoAwayFrame

from transports.http2 import serve_http2
from transports.limits import Limits
from transports.messages import Connection, Handler

LIMITS = Limits()
PATIENCE = 1000.0  # virtual seconds after which a test has waited in vain

Fields = list[tuple[bytes, bytes]]


@attrs.define
class Heard:
    """What came on one stream."""

    status: int = 0
    fields: dict[bytes, bytes] = attrs.field(factory=dict)
    body: bytes = b""
    interim: list[int] = attrs.field(factory=list)
    ended: bool = False
    reset: int | None = None  # the error code of RST_STREAM


@attrs.define
class Client:
    """Our end.  What it says is sent by ``flush``; what comes is looked at by ``hear``."""

    stream: trio.abc.Stream
    h2: H2Connection
    acknowledges: bool = True  # opens the windows again by what came
    heard: dict[int, Heard] = attrs.field(factory=dict)
    goaways: list[GoAwayFrame] = attrs.field(factory=list)
    events: list[Event] = attrs.field(factory=list)
    kinds: list[type[Frame]] = attrs.field(factory=list)  # of every frame that came
    closed: bool = False  # the server's last byte has been heard
    cut_off: bool = False  # the server takes no more
    _turn: trio.Lock = attrs.field(factory=trio.Lock)
    _buffer: bytes = b""
    _next: int = 1

    def ask(self, method: str = "GET", path: str = "/", *more: tuple[str, str], end: bool = True) -> int:
        """Begin a request and give its stream."""
        fields = [(":method", method), (":scheme", "http"), (":authority", "localhost"), (":path", path)]
        return self.head([(name.encode(), value.encode()) for name, value in [*fields, *more]], end=end)

    def head(self, fields: Fields, *, end: bool = True) -> int:
        """Begin a request of just these *fields*, however wrong."""
        stream_id, self._next = self._next, self._next + 2
        self.heard[stream_id] = Heard()
        self.h2.send_headers(stream_id, fields, end_stream=end)
        return stream_id

    async def flush(self, *frames: Frame) -> None:
        """Send what was said, then *frames* as they are, and let the server act upon it."""
        await self.send(self.h2.data_to_send() + b"".join([frame.serialize() for frame in frames]))

    async def send(self, data: bytes) -> None:
        """Send *data*, and let the server act upon it."""
        await self._send(data)
        await trio.testing.wait_all_tasks_blocked()

    async def _send(self, data: bytes) -> None:
        try:
            async with self._turn:
                await self.stream.send_all(data)
        except trio.BrokenResourceError:
            self.cut_off = True

    async def upload(self, stream_id: int, body: bytes, *, end: bool = True, piece: int = 16384) -> None:
        """Send a body as the windows allow."""
        while body:
            room = min(self.h2.local_flow_control_window(stream_id), piece, len(body))
            if room > 0:
                self.h2.send_data(stream_id, body[:room])
                body = body[room:]
                await self._send(self.h2.data_to_send())
            else:
                assert not self.closed, "the server has closed the connection"
                await self.hear()
        if end:
            self.h2.end_stream(stream_id)
        await self.flush()

    async def hear(self) -> None:
        """Read once, and note what came."""
        try:
            data = await self.stream.receive_some()
        except trio.BrokenResourceError:
            data = b""
        self.closed = self.closed or not data
        self._buffer += data
        for whole in self._frames():
            self._note(self.h2.receive_data(whole))
        reply = self.h2.data_to_send()
        if reply and not self.closed:
            await self._send(reply)

    async def rest(self, seconds: float = 1.0) -> None:
        """Let time pass, and hear what comes meanwhile."""
        with trio.move_on_after(seconds):
            while not self.closed:
                await self.hear()
            await trio.sleep_forever()

    def _frames(self) -> Iterable[bytes]:
        """Whole frames; GOAWAY is kept, because h2 would hear nothing after it."""
        while len(self._buffer) >= 9:
            frame, length = Frame.parse_frame_header(memoryview(self._buffer[:9]))
            whole = self._buffer[: 9 + length]
            if len(whole) < 9 + length:
                return
            self._buffer = self._buffer[9 + length :]
            self.kinds.append(type(frame))
            if isinstance(frame, GoAwayFrame):
                frame.parse_body(memoryview(whole[9:]))
                self.goaways.append(frame)
            else:
                yield whole

    def _note(self, events: list[Event]) -> None:
        self.events += events
        for event in events:
            match event:
                case ResponseReceived(stream_id=number, headers=fields):
                    self.heard[number].status = int(dict(fields)[b":status"])
                    self.heard[number].fields = dict(fields)
                case InformationalResponseReceived(stream_id=number, headers=fields):
                    self.heard[number].interim.append(int(dict(fields)[b":status"]))
                case DataReceived(stream_id=number, data=data, flow_controlled_length=flow):
                    self.heard[number].body += data
                    if self.acknowledges:
                        self.h2.acknowledge_received_data(flow, number)
                case StreamEnded(stream_id=number):
                    self.heard[number].ended = True
                case StreamReset(stream_id=number, error_code=code):
                    self.heard[number].reset = int(code)

    async def until(self, done: Callable[[], bool]) -> None:
        """Listen until *done*; fails if the server closes before, or nothing comes."""
        await self.flush()
        with trio.fail_after(PATIENCE):
            while not done():
                assert not self.closed, "the server has closed the connection"
                await self.hear()

    async def reply(self, stream_id: int) -> Heard:
        """The response on *stream_id*, when it has ended or was reset."""
        heard = self.heard[stream_id]
        await self.until(lambda: heard.ended or heard.reset is not None)
        return heard

    async def ended(self) -> int:
        """Listen until the server closes; the error code of its last GOAWAY."""
        await self.flush()
        with trio.fail_after(PATIENCE):
            while not self.closed:
                await self.hear()
        return int(self.goaways[-1].error_code) if self.goaways else -1


def client_of(stream: trio.abc.Stream, settings: dict[SettingCodes, int] | None = None) -> Client:
    """A client that has said hello, but not sent it."""
    mouth = H2Connection(H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False))
    mouth.local_settings = Settings(client=True, initial_values=settings or {})
    mouth.initiate_connection()
    return Client(stream, mouth)


@asynccontextmanager
async def visit(
    handler: Handler,
    *,
    limits: Limits = LIMITS,
    connection: Connection | None = None,
    settings: dict[SettingCodes, int] | None = None,
    pair: Callable[[], Any] = trio.testing.memory_stream_pair,
) -> AsyncIterator[Client]:
    """A connection to a server, past the greeting; the server has ended when the block has."""
    ours, theirs = pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_http2, theirs, connection or Connection(), handler, limits)
        client = client_of(ours, settings)
        await client.until(lambda: bool(client.events))
        yield client
        await ours.aclose()
