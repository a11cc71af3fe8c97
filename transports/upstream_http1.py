"""A link that speaks HTTP/1.1 over a stream.

    ask ──▶ head + small body ─ one write ──────────────▶ ┐
        ──▶ head + large body ─ what is taken at once ──▶ ├─ wire ──▶ HeadReader ──▶ Opening ──▶ BodyReader ──▶ receive
                              ─ the rest, by a task ────▶ ┘

Bodies are framed by ``framing``, heads read by ``upstream_head``; this file reads, writes and closes.  One read is 64
KiB and what it holds is handed on as one piece.  What has to wait of a large body is sent by a task of its own, so that
an answer which comes early (413, 401) is seen while we still send; the rest then stays unsent and the link is spent.
Every link belongs to one caller at a time (``pool``), so there is no lock.
"""

import math
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import trio

from transports.framing import BodyReader, CloseReader, LengthReader
from transports.inflow import Inflow, Take
from transports.messages import BadRequest, Disconnected, Head, Headers
from transports.tcp import Tcp, at_once, socket_of
from transports.upstream import USUAL, Call, Deadline, Malformed, Origin, State, Truncated
from transports.upstream_head import HeadReader, Opening, write_head

READ = 64 * 1024  # bytes per read of the stream
AT_ONCE = 16 * 1024  # a body up to this goes out with its head: any socket buffer takes it
PIECE = 256 * 1024  # bytes of a larger one per write, each with the timer of its own
DRAIN = 64 * 1024  # bytes of an unwanted body that are read to keep a link


class Http1:
    """See ``upstream.Link``.  *stream* is closed with the link; *absolute* and *extra* are for a forward proxy."""

    __slots__ = (
        "_absolute", "_body", "_deadline", "_extra", "_held", "_origin", "_stream", "_upload", "keep_seconds",
    )  # fmt: skip

    def __init__(
        self, stream: trio.abc.Stream, origin: Origin, *, absolute: bool = False, extra: Headers | None = None
    ) -> None:
        self._stream = stream
        self._origin = origin
        self._absolute = absolute
        self._extra = extra
        self._deadline = Deadline(USUAL)
        self._upload: _Upload | None = None
        self._body: BodyReader = LengthReader(0)
        self._held = b""  # of the body, read but not received
        self.keep_seconds = math.inf

    @property
    def done(self) -> bool:
        """See Link."""
        return self._body.done and not self._held

    @property
    def state(self) -> State:
        """See Link.  Bytes after the end of a reply are nobody's: what brought them is spent."""
        if self._body.rest or not self.keep_seconds or (self._upload and self._upload.cut):
            return "spent"
        return "free" if self._body.done and (self._upload is None or self._upload.sent) else "unfinished"

    async def ask(self, call: Call, deadline: Deadline, tasks: trio.Nursery) -> Head:
        """See Link."""
        head = write_head(self._origin, call, absolute=self._absolute, extra=self._extra)
        self._deadline = deadline
        self._upload = upload = _Upload(self._stream, deadline)
        self._body, self.keep_seconds = CloseReader(), 0  # until a head says otherwise
        await upload.start(head, call.body, tasks)
        opening = await self._opening(HeadReader(call.method))
        upload.answered = True
        deadline.rest()
        self._body = opening.body
        self.keep_seconds = opening.keep_seconds
        self._held = self._unframe(opening.rest)
        return opening.head

    async def receive(self) -> bytes:
        """See Link."""
        if self._held:
            held, self._held = self._held, b""
            return held
        while not self._body.done:
            self._deadline.expect("idle")
            data = await self._read(answered=True)
            self._deadline.rest()
            piece = self._unframe(data) if data else self._end()
            if piece:
                return piece
        return b""

    async def flow(self, take: Take) -> None:
        """See Link.  Only a plain socket flows: TLS holds bytes that its socket no longer shows."""
        if self._held:
            held, self._held = self._held, b""
            if not take(held):
                return
        stream = self._stream
        if not isinstance(stream, Tcp) or stream.flows is None or self._body.done:
            return
        self._deadline.expect("idle")
        try:
            await stream.flow(partial(self._arrived, stream.flows, take))
        except OSError as error:
            raise self._truncated("by a reset", answered=True) from error
        self._deadline.rest()

    def _arrived(self, flows: Inflow, take: Take, data: bytes) -> bool:
        """*data* has come.  The end is left to ``receive``, which finds it again."""
        if not data:
            return False
        self._deadline.extend(flows.now)
        piece = self._unframe(data)
        return (not piece or take(piece)) and not self._body.done

    async def settle(self) -> None:
        """See Link."""
        self._held, room = b"", DRAIN
        while not self._body.done and room > 0:
            room -= len(await self.receive())
        if self._body.done and self._upload is not None:
            await self._upload.ended()

    async def alive(self) -> bool:
        """See Link.  A socket tells; TLS is read from, since it may hold bytes that its socket no longer shows."""
        socket = None if isinstance(self._stream, trio.SSLStream) else socket_of(self._stream)
        if socket is not None:
            return not socket.is_readable()
        with trio.CancelScope() as scope:
            scope.deadline = -math.inf  # set inside, it takes effect when the read would have to wait, not before
            with suppress(trio.BrokenResourceError):
                await self._stream.receive_some(1)
            return False
        return True

    async def close(self) -> None:
        """See Link.  A stream closes its socket even when cancelled; what it would wait for first is a courtesy."""
        with trio.CancelScope(shield=True) as scope:
            scope.cancel()
            await self._stream.aclose()

    async def _opening(self, reader: HeadReader) -> Opening:
        while True:
            data = await self._read(answered=reader.began)
            if not data:
                raise self._truncated("before it answered" if not reader.began else "within the head", reader.began)
            try:
                opening = reader.feed(data)
            except BadRequest as error:
                raise self._malformed(error) from error
            if opening is not None:
                return opening

    async def _read(self, *, answered: bool) -> bytes:
        try:
            return bytes(await self._stream.receive_some(READ))
        except trio.BrokenResourceError as error:
            raise self._truncated("by a reset", answered) from error

    def _unframe(self, data: bytes) -> bytes:
        try:
            return self._body.feed(data) if data else b""
        except BadRequest as error:
            raise self._malformed(error) from error

    def _end(self) -> bytes:
        """The stream has ended; so has the body, or it is cut short."""
        try:
            self._body.close()
        except Disconnected as error:
            raise self._truncated("before the end of the reply", answered=True) from error
        return b""

    def _truncated(self, where: str, answered: bool) -> Truncated:
        return Truncated(f"{self._origin}: the connection ended {where}", answered=answered)

    def _malformed(self, error: BadRequest) -> Malformed:
        return Malformed(f"{self._origin}: not one HTTP reply: {error}")


class _Upload:
    """A request on its way out.  Until the answer comes, it moves the deadline."""

    __slots__ = ("_deadline", "_end", "_over", "_stream", "answered", "sent")

    def __init__(self, stream: trio.abc.Stream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline
        self.answered = False  # set by the reader: what is unsent by then stays so
        self.sent = False  # all of it
        self._over = False
        self._end: trio.Event | None = None  # somebody waits for it

    @property
    def cut(self) -> bool:
        """Whether some of it will never be sent."""
        return self._over and not self.sent

    async def ended(self) -> None:
        """Wait until nothing more will be sent."""
        if not self._over:
            self._end = trio.Event()
            await self._end.wait()

    async def start(self, head: bytes, body: bytes, tasks: trio.Nursery) -> None:
        """Send, or have one of *tasks* send."""
        if len(body) > AT_ONCE:
            self._deadline.expect("write")
            if rest := self._left(head, body):
                tasks.start_soon(self._send_large, rest)
                return
            self.sent = True
            self._deadline.expect("first_byte")
        else:
            self._deadline.expect("first_byte")
            await self._send([head + body])
        self._over = True

    def _left(self, head: bytes, body: bytes) -> list[bytes | memoryview]:
        """Send what is taken of a large body at once, which mostly is all of it; what is left, in pieces."""
        view, take = memoryview(body), at_once(self._stream)
        pieces: list[bytes | memoryview] = [head + view[:AT_ONCE]]
        pieces += [view[at : at + PIECE] for at in range(AT_ONCE, len(body), PIECE)]
        for number, piece in enumerate(pieces):
            if (taken := take(piece)) < len(piece):
                return [piece[taken:], *pieces[number + 1 :]]
        return []

    async def _send_large(self, pieces: list[bytes | memoryview]) -> None:
        try:
            await self._send(pieces)
        finally:
            self._over = True
            if self._end is not None:
                self._end.set()
            if not self.answered:
                self._deadline.expect("first_byte")

    async def _send(self, pieces: Sequence[bytes | memoryview]) -> None:
        try:
            for number, piece in enumerate(pieces):
                if self.answered:
                    return
                if number:
                    self._deadline.expect("write")
                await self._stream.send_all(piece)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # there may be an answer all the same: the reader finds out
        self.sent = True
