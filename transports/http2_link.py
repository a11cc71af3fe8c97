"""What the streams of one HTTP/2 connection share: the codec, the outbox, both windows, the clock.

    a stream ─ headers · data · end · reset ─▶ codec ─▶ outbox ─▶ writer
             ◀─ window_of · crowded: whether it may send, or must wait
    a stream ─ consumed ─▶ the peer's windows open again

The codec is touched only here and by the reader, always between awaits, and what it has to say goes to the outbox in
the same breath: so frames are queued in the order in which the codec's state changed.

A clock costs nothing until it is late: whoever waits notes until when (``due``) and moves the reader's one scope if it
is later than that; when it fires, the reader looks who is due.
"""

from contextlib import suppress

import trio
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError, StreamClosedError
from trio.lowlevel import ParkingLot

from transports.http1_response import date
from transports.http2_abuse import Budget
from transports.http2_codec import NO_LIMIT, Codec
from transports.http2_outbox import Outbox, Owner
from transports.limits import Limits
from transports.messages import BadRequest, Disconnected, Headers

SHARE = 16 * 1024  # every peer takes frames of this size (RFC 9113 §4.2)
FRAME_HEAD = 9
NOTE = 120  # characters of an error that GOAWAY carries


class Link:
    """One connection, as its streams see it.  Nothing here waits."""

    __slots__ = ("budget", "codec", "limits", "outbox", "share", "timer", "window")

    def __init__(self, limits: Limits) -> None:
        now = trio.current_time()
        self.limits = limits
        # What a stream queues before the others get their turn: with its head never too long for one frame.
        self.share = max(min(SHARE, limits.stream_buffer, limits.connection_buffer) - FRAME_HEAD, 1)
        self.budget = Budget(now)
        self.outbox = Outbox()
        self.window = ParkingLot()  # woken when the connection's window opens
        self.timer = trio.CancelScope()  # the reader's; replaced when it fired
        self.codec = Codec(limits, self.budget, now)
        self.flush()

    def flush(self, owner: Owner | None = None) -> None:
        """Queue what the codec has to say; after most frames that is nothing."""
        if self.codec.speaks:
            self.outbox.put(self.codec.data_to_send(), owner)

    def interim(self, stream: "Stream", fields: Headers) -> None:
        """Send the head of an interim response."""
        self.codec.send_headers(stream.id, fields)
        self.flush(stream)

    def headers(self, stream: "Stream", fields: Headers, *, end: bool = False) -> None:
        """Send a head; with *end* that is all of the response."""
        self.outbox.put(self.codec.head_frames(stream.id, fields, end=end), stream)

    def data(self, stream: "Stream", piece: bytes, *, end: bool) -> None:
        """Send a piece of a body, no longer than ``window_of`` the stream."""
        self.budget.worked()
        self.outbox.put(self.codec.data_frame(stream.id, piece, end=end), stream)

    def end(self, stream: "Stream") -> None:
        """Say that the body is complete."""
        self.outbox.put(self.codec.data_frame(stream.id, b"", end=True), stream)

    def reset(self, stream_id: int, code: ErrorCodes) -> None:
        """Break a stream off, or with NO_ERROR ask for no more of its request (RFC 9113 §8.1)."""
        with suppress(StreamClosedError):
            self.codec.reset_stream(stream_id, code)
        self.flush()

    def answer(self, stream_id: int, refusal: BadRequest, *, bodiless: bool) -> None:
        """One line of text instead of a handler's response; not to HEAD, and not if the window is shut."""
        text = f"{refusal}\n".encode()
        if bodiless or len(text) > self.codec.local_flow_control_window(stream_id):
            text = b""
        fields = [
            (b":status", b"%d" % refusal.status),
            (b"date", date()),
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(text)),
        ]
        self.codec.send_headers(stream_id, fields, end_stream=not text)
        if text:
            self.codec.send_data(stream_id, text, end_stream=True)
        self.flush()

    def leave(self, ping: bytes) -> None:
        """Ask the peer to open no more streams, and *ping* it to learn when it knows."""
        self.goaway(ErrorCodes.NO_ERROR, NO_LIMIT)
        self.codec.ping(ping)
        self.flush()

    def say_why(self, error: ProtocolError) -> None:
        """The last word to a peer that broke the protocol, instead of the codec's own."""
        self.codec.clear_outbound_data_buffer()
        self.goaway(error.error_code, self.codec.highest_inbound_stream_id, str(error)[:NOTE])

    def goaway(self, code: ErrorCodes, last: int, note: str = "") -> None:
        """Say that no stream after *last* will be served."""
        self.outbox.put(self.codec.goaway(code, last, note))

    def consumed(self, stream_id: int, size: int, *, last: bool = False) -> None:
        """*size* flow-controlled bytes of a request are here no more: the peer may send as many again.

        *last*: not on this stream, whose body has ended.
        """
        if size and last:
            update = self.codec.give_back(size)
            if update:
                self.outbox.put(update)
        elif size:
            self.codec.acknowledge_received_data(size, stream_id)
            self.flush()

    def window_of(self, stream: "Stream") -> int:
        """How many bytes the peer would take on *stream* now; can be negative (RFC 9113 §6.9.2)."""
        return self.codec.local_flow_control_window(stream.id)

    def crowded(self, stream: "Stream", size: int) -> bool:
        """Whether *size* more bytes would be more than may wait for the writer."""
        limits, size = self.limits, size + FRAME_HEAD
        return self.outbox.size + size > limits.connection_buffer or stream.unsent + size > limits.stream_buffer

    def wind(self, due: float) -> None:
        """Look at the clock at *due* at the latest."""
        if due < self.timer.deadline:
            self.timer.deadline = due


class Stream:
    """One stream of a connection: what its body and its response have in common."""

    __slots__ = ("gone", "id", "link", "started", "unsent", "window")

    def __init__(self, stream_id: int, link: Link) -> None:
        self.id = stream_id
        self.link = link
        self.window = ParkingLot()  # woken when the stream's window opens
        self.unsent = 0  # bytes in the outbox
        self.started = False  # the response's head has been queued
        self.gone: str | None = None  # why nothing can be sent or received any more

    def check(self) -> None:
        """Raise Disconnected if the stream is gone."""
        if self.gone is not None:
            raise Disconnected(self.gone)
