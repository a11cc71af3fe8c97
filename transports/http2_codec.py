"""h2, asked only for what it does well: frames and the states of streams.

    bytes ─▶ cut into frames ─▶ weighed, some dropped ─▶ h2 ─▶ events
                                                          └─ header blocks ─▶ http2_fields ─▶ fields, kept from h2

What is done here instead of in h2, and why:

* Cutting.  h2 keeps up to 16 MiB of a frame before it says that it is too long; a frame at a time also means that
  every event is acted upon before the next frame is looked at, and that frames can be counted.
* Fields.  h2 ends the connection over one malformed request, with all its other streams.  It is shown an empty list;
  ``http2_head`` judges the real one, and a bad one costs its own stream (RFC 9113 §8.1.1).  Content-length included.
* SETTINGS.  h2 keeps every unknown setting a peer invents, and lets it size our compression table.
* PRIORITY and unknown frames are dropped: nothing here uses them (RFC 9113 §5.3.2, §5.5).
* A new stream's HEADERS, and plain DATA: h2 builds a frame of them, describes it for a log that nobody keeps, and looks
  at an empty list in five ways.  It keeps the stream; what is not plain is still its to judge.
* What is sent of a response: h2 copies and validates fields that were checked before, and builds an object per frame.
* GOAWAY from the peer: h2 would throw away what is to be sent, and end the streams that may still end well (§6.8).
* The limit of streams: h2 ends the connection where RFC 9113 §5.1.2 has a stream refused.  The limit is announced,
  a far higher one is set; who reads the events refuses.

Sans-io.  After ``feed`` or any ``send_…``, ``data_to_send`` has what must be written.
"""

import math
import struct
from collections.abc import Iterable, Iterator

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection, _decode_headers
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, Event, RequestReceived, StreamEnded, TrailersReceived
from h2.exceptions import FrameTooLargeError, ProtocolError
from h2.settings import SettingCodes, Settings
from h2.stream import H2Stream, H2StreamStateMachine, StreamClosedBy, StreamInputs, StreamState

from transports.http2_abuse import Budget, Flooded
from transports.http2_fields import FIELD_LIST, Fields, PlainFields
from transports.limits import Limits

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113 §3.4
FRAME_SIZE = 16 * 1024  # the longest frame we take: what RFC 9113 §4.2 obliges us to
BLOCK_FRAMES = 16  # HEADERS and its CONTINUATIONs (CVE-2024-30255)
STREAM_WINDOW = 256 * 1024  # request bytes we hold per stream: one round trip of 50 ms at 5 MB/s
CONNECTION_WINDOW = 1024 * 1024  # the same of all streams together
CROWD = 16  # streams, open or closed, that are kept before the closed ones are sought out
INITIAL_WINDOW = 65_535  # RFC 9113 §6.9.2
NO_LIMIT = 2**31 - 1

# RFC 9113 §6: types of frames, and the flags that matter here.
DATA, HEADERS, PRIORITY, SETTINGS, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 4, 7, 8, 9
ACK, END_STREAM, END_HEADERS, PADDED, PRIORITISED = 0x1, 0x1, 0x4, 0x8, 0x20

# CPython 3.11 runs a function each time that a member of an enum is asked for by name.
_SERVING, _BY_US = ConnectionState.SERVER_OPEN, StreamClosedBy.SEND_END_STREAM
_OPEN, _ASKED, _CLOSED = StreamState.OPEN, StreamState.HALF_CLOSED_REMOTE, StreamState.CLOSED
_ANSWERABLE = frozenset({_OPEN, _ASKED})
_RECEIVING = frozenset({_OPEN, StreamState.HALF_CLOSED_LOCAL})

_HEAD = struct.Struct(">LBL")  # 24 bits of length and 8 of type read as one · flags · stream
_GOAWAY = struct.Struct(">LL")
_INCREMENT = struct.Struct(">L")
_SETTING = struct.Struct(">HL")
_UNDERSTOOD = frozenset(SettingCodes)


class Codec(H2Connection):
    """One connection, seen by a server.

    *budget* is asked for every frame; *now* is the time, of any clock that ``feed`` is given too.
    """

    MAX_CLOSED_STREAMS = 1024  # h2 remembers 65,536 of how a stream ended: 8 MB of a long connection

    def __init__(self, limits: Limits, budget: Budget, now: float) -> None:
        lenient = H2Configuration(
            client_side=False,
            validate_inbound_headers=False,
            normalize_inbound_headers=False,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        super().__init__(lenient)
        self.began = now  # since when the preface, a header block or a control frame is incomplete; else infinity
        self.decoder = self._fields = Fields()
        self.encoder = PlainFields()
        self._budget = budget
        self._buffer = bytearray()
        self._block_frames = self._block_size = 0
        self._crowd = CROWD
        self._cut = self._cut_preface
        self._step = self._first_frame
        self._greet(limits)

    def _greet(self, limits: Limits) -> None:
        announced = {
            SettingCodes.MAX_CONCURRENT_STREAMS: limits.streams,
            SettingCodes.MAX_HEADER_LIST_SIZE: FIELD_LIST,
            SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
        }
        self.local_settings = Settings(client=False, initial_values=announced)
        self.initiate_connection()
        self.increment_flow_control_window(CONNECTION_WINDOW - INITIAL_WINDOW)
        kept = announced | {SettingCodes.MAX_CONCURRENT_STREAMS: NO_LIMIT}
        self.local_settings = Settings(client=False, initial_values=kept)

    def feed(self, data: bytes | bytearray, now: float) -> Iterator[list[Event]]:
        """What *data* brings: the events of one frame after another, possibly none.

        The caller acts upon each list before it asks for the next, and may wait in between.  Raises ProtocolError:
        the connection can't go on.
        """
        self._buffer += data
        return self._cut(now)

    def give_back(self, size: int) -> bytes:
        """The WINDOW_UPDATE, if one is due, for *size* bytes of a stream that sends no more: the connection's alone."""
        increment = self._inbound_flow_control_window_manager.process_bytes(size)
        return _frame(WINDOW_UPDATE, 0, 0, _INCREMENT.pack(increment)) if increment else b""

    @property
    def speaks(self) -> bool:
        """Whether ``data_to_send`` has anything."""
        return bool(self._data_to_send)

    @property
    def open_inbound_streams(self) -> int:
        """How many streams there are, those that have closed of late included.

        h2 asks before it opens one, and walks all of them to forget the closed: as many steps as streams, for each.
        Here it does so whenever their number has doubled; it never refuses one, so an exact answer matters to nobody.
        """
        self._forget_closed()
        return len(self.streams)

    def _forget_closed(self) -> None:
        if len(self.streams) > self._crowd:
            self._crowd = 2 * super().open_inbound_streams + CROWD

    def goaway(self, code: ErrorCodes, last: int, note: str = "") -> bytes:
        """A GOAWAY frame that, unlike ``close_connection``, leaves this side able to finish its streams."""
        return _frame(GOAWAY, 0, 0, _GOAWAY.pack(last, code) + note.encode())

    def head_frames(self, stream_id: int, fields: Iterable[tuple[bytes, bytes]], *, end: bool) -> bytes:
        """What ``send_headers`` would queue for the head of a final response, at a fifth of its price.

        *fields* have been checked, and the encoder has no state: all that h2 would add is that of the stream.
        """
        machine = self.streams[stream_id].state_machine
        if machine.headers_sent or machine.state not in _ANSWERABLE:
            machine.process_input(StreamInputs.SEND_HEADERS)
        machine.headers_sent = True
        if end:
            _said_all(machine)
        block, flags = self.encoder.encode(fields), END_STREAM if end else 0
        if len(block) <= FRAME_SIZE:
            return _frame(HEADERS, flags | END_HEADERS, stream_id, block)
        frames = [_frame(HEADERS, flags, stream_id, block[:FRAME_SIZE])]
        for start in range(FRAME_SIZE, len(block), FRAME_SIZE):
            last = END_HEADERS if start + FRAME_SIZE >= len(block) else 0
            frames.append(_frame(CONTINUATION, last, stream_id, block[start : start + FRAME_SIZE]))
        return b"".join(frames)

    def data_frame(self, stream_id: int, piece: bytes, *, end: bool) -> bytes:
        """What ``send_data`` would queue for a *piece*, at a tenth of its price; *end*: of the body.

        DATA changes no state but the two windows, which the caller has asked for, and at the end the stream's.
        """
        stream = self.streams[stream_id]
        stream.outbound_flow_control_window -= len(piece)
        self.outbound_flow_control_window -= len(piece)
        if end:
            _said_all(stream.state_machine)
        return _frame(DATA, END_STREAM if end else 0, stream_id, piece)

    def _cut_preface(self, now: float) -> Iterator[list[Event]]:
        start = self._buffer[: len(PREFACE)]
        if not PREFACE.startswith(start):
            raise ProtocolError("this is not HTTP/2")
        if len(start) == len(PREFACE):
            self.receive_data(PREFACE)
            del self._buffer[: len(PREFACE)]
            self._cut = self._cut_frames
            yield from self._cut_frames(now)

    def _cut_frames(self, now: float) -> Iterator[list[Event]]:
        buffer, start = self._buffer, 0
        while len(buffer) - start >= _HEAD.size:
            head, flags, stream_id = _HEAD.unpack_from(buffer, start)
            length, kind = head >> 8, head & 0xFF
            if length > FRAME_SIZE:
                raise FrameTooLargeError(f"a frame is at most {FRAME_SIZE} bytes")
            end = start + _HEAD.size + length
            if end > len(buffer):
                break
            whole, start = buffer[start:end], end
            self._budget.frame()
            yield self._step(kind, flags, stream_id & NO_LIMIT, whole, now)
        del buffer[:start]
        self._note_rest(now)

    def _note_rest(self, now: float) -> None:
        """A DATA frame may come as slowly as its body; anything else that has begun must end soon."""
        if self._step == self._any_frame:
            if self._buffer[3:4] == bytes((DATA,)) or not self._buffer:
                self.began = math.inf
            elif self.began == math.inf:
                self.began = now

    def _first_frame(self, kind: int, flags: int, stream_id: int, whole: bytearray, now: float) -> list[Event]:
        if kind != SETTINGS or flags & ACK:
            raise ProtocolError("SETTINGS come first")  # RFC 9113 §3.4
        self._step = self._any_frame
        return self._any_frame(kind, flags, stream_id, whole, now)

    def _any_frame(self, kind: int, flags: int, stream_id: int, whole: bytearray, now: float) -> list[Event]:
        self.began = math.inf
        if kind == DATA:
            return self._data(flags, stream_id, whole)
        if kind == HEADERS:
            return self._headers(flags, stream_id, whole, now)
        if kind == SETTINGS and not flags & ACK:
            return self.receive_data(_understood(flags, stream_id, whole, self.encoder.header_table_size))
        if kind == GOAWAY and stream_id == 0 and len(whole) >= _HEAD.size + _GOAWAY.size:
            return [_goodbye(whole)]
        if kind > CONTINUATION or (kind == PRIORITY and stream_id and len(whole) == _HEAD.size + 5):
            return []
        return self.receive_data(whole)

    def _data(self, flags: int, stream_id: int, whole: bytearray) -> list[Event]:
        """What h2 makes of DATA, at a fifth of its price, where there is nothing to it; else h2 says what is wrong."""
        stream = self.streams.get(stream_id)
        if stream is None or stream.state_machine.state not in _RECEIVING or flags & PADDED:
            return self.receive_data(whole)
        machine = stream.state_machine
        size = len(whole) - _HEAD.size
        self._inbound_flow_control_window_manager.window_consumed(size)
        stream._inbound_window_manager.window_consumed(size)
        event = DataReceived(
            stream_id=stream_id, data=bytes(memoryview(whole)[_HEAD.size :]), flow_controlled_length=size
        )
        if not flags & END_STREAM:
            return [event]
        if machine.state is _OPEN:
            machine.state = _ASKED
        else:
            machine.process_input(StreamInputs.RECV_END_STREAM)
        event.stream_ended = ended = StreamEnded(stream_id=stream_id)
        return [event, ended]

    def _headers(self, flags: int, stream_id: int, whole: bytearray, now: float) -> list[Event]:
        if flags & END_HEADERS:
            new = stream_id > self.highest_inbound_stream_id and stream_id % 2
            if new and not flags & (PADDED | PRIORITISED) and self.state_machine.state is _SERVING:
                return self._opened(flags, stream_id, bytes(memoryview(whole)[_HEAD.size :]))
            return self._with_fields(self.receive_data(whole))
        self.began = now
        self._block_frames, self._block_size = 1, len(whole)
        self._step = self._continuation
        return self.receive_data(whole)

    def _opened(self, flags: int, stream_id: int, block: bytes) -> list[Event]:
        """What h2 makes of a new stream that begins with the whole of its fields, at a sixth of its price."""
        self._forget_closed()
        _decode_headers(self.decoder, block)
        self.highest_inbound_stream_id = stream_id
        stream = H2Stream(stream_id, self.config, STREAM_WINDOW, self.remote_settings.initial_window_size)
        stream.max_outbound_frame_size = self.max_outbound_frame_size
        machine = stream.state_machine
        machine.client, machine.headers_received, machine.state = False, True, _OPEN
        self.streams[stream_id] = stream
        event = RequestReceived(stream_id=stream_id, headers=self._fields.last)
        if not flags & END_STREAM:
            return [event]
        machine.state = _ASKED
        event.stream_ended = ended = StreamEnded(stream_id=stream_id)
        return [event, ended]

    def _continuation(self, kind: int, flags: int, stream_id: int, whole: bytearray, now: float) -> list[Event]:
        """Within a header block; h2 raises for anything but its CONTINUATION (RFC 9113 §6.10)."""
        self._block_frames += 1
        self._block_size += len(whole)
        if self._block_frames > BLOCK_FRAMES or self._block_size > 2 * FIELD_LIST:
            raise Flooded("a header block is too long")
        events = self.receive_data(whole)
        if flags & END_HEADERS:
            self.began = math.inf
            self._step = self._any_frame
        return self._with_fields(events)

    def _with_fields(self, events: list[Event]) -> list[Event]:
        for event in events:
            if isinstance(event, (RequestReceived, TrailersReceived)):
                event.headers = self._fields.last
        return events


def _said_all(machine: H2StreamStateMachine) -> None:
    """Our side of the stream ends: most often after the client's, and then there is one thing to say."""
    if machine.state is _ASKED:
        machine.state, machine.stream_closed_by = _CLOSED, _BY_US
    else:
        machine.process_input(StreamInputs.SEND_END_STREAM)


def _frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    """One frame (RFC 9113 §4.1)."""
    return _HEAD.pack(len(payload) << 8 | kind, flags, stream_id) + payload


def _understood(flags: int, stream_id: int, whole: bytearray, table: int) -> bytes | bytearray:
    """A SETTINGS frame without what h2 does not know, and without a table larger than the one we have.

    A peer's table size is the most we may use, not what we must (RFC 7541 §4.2): ours only ever shrinks.
    """
    if len(whole) % _SETTING.size != _HEAD.size % _SETTING.size:
        return whole  # h2 says what is wrong with it
    kept: dict[int, int] = {}
    for code, value in _SETTING.iter_unpack(whole[_HEAD.size :]):
        grows = code == SettingCodes.HEADER_TABLE_SIZE and value >= table
        if code in _UNDERSTOOD and not grows:
            kept[code] = value
    return _frame(SETTINGS, flags, stream_id, b"".join([_SETTING.pack(*pair) for pair in kept.items()]))


def _goodbye(whole: bytearray) -> Event:
    last, code = _GOAWAY.unpack_from(whole, _HEAD.size)
    event = ConnectionTerminated()
    event.error_code, event.last_stream_id = code, last & NO_LIMIT
    return event
