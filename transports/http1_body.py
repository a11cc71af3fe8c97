"""The body of one HTTP/1.1 request: framing, limits, and the pace it must keep.

    wire ─▶ more ─▶ framing ─▶ receive ─▶ handler          reading is what drains the socket

The pace: only the time spent waiting for the client counts, never the handler's own.  Each byte buys it
1 / ``body_rate`` seconds on top of ``body_grace``; nothing at all for ``body_idle`` seconds ends it too (R-U-D-Y).
What can't be taken is said by ``receive``, and said again whenever it is called again.
"""

from collections.abc import Mapping
from http import HTTPStatus

import trio

from transports.framing import ChunkedReader, LengthReader
from transports.http1_response import head_bytes
from transports.limits import Limits
from transports.messages import BadRequest, BodyTooLarge
from transports.wire import Wire

GATHERED = 4 * 1024 * 1024  # bytes of a body that is waited for are kept until all have come


class Http1Body:
    """The bytes of a request: framing, limits and the pace they must keep."""

    __slots__ = ("_count", "_expects", "_failed", "_kept", "_limits", "_reader", "_silent", "_waited",
                 "_wire")  # fmt: skip

    def __init__(self, wire: Wire, limits: Limits, deciding: Mapping[bytes, bytes], version: bytes) -> None:
        """*deciding*: the fields that say how it is framed, and whether it is waited for (``strict.check_head``)."""
        self._wire = wire
        self._limits = limits
        length = int(deciding.get(b"content-length", 0))
        self._reader: LengthReader | ChunkedReader = LengthReader(length)
        if b"transfer-encoding" in deciding:
            self._reader = ChunkedReader(body=limits.body, extensions=limits.chunk_extensions, trailers=limits.trailers)
        self._failed: BadRequest | None = BodyTooLarge(limits.body) if length > limits.body else None
        # RFC 9110 §10.1.1: an HTTP/1.0 client's expectation is ignored.
        self._expects = version != b"1.0" and not self._reader.done and b"expect" in deciding
        self._kept = b""  # parsed by skim, not yet received
        self._count = 0
        self._waited = 0.0
        self._silent = 0.0  # of that, what has gone by since something came

    @property
    def done(self) -> bool:
        """Whether the last byte of the body has been parsed."""
        return self._reader.done

    async def receive(self) -> bytes:
        """See messages.Body.  Also raises BadRequest (408) when it comes too slowly."""
        if self._kept:
            piece, self._kept = self._kept, b""
            return piece
        while not self._reader.done:
            if self._failed is not None:
                raise self._failed
            enough = min(self._reader.left, GATHERED)
            data = self._wire.take() if self._wire.held >= enough else await self._next(enough)
            self._expects = False
            self._count += len(data)
            piece = self._feed(data)
            if piece:
                return piece
        return b""

    async def _next(self, enough: int) -> bytes:
        """*enough* of the bytes that come next; fewer if that takes too long, so that the pace is looked at.

        Only the time spent waiting for the client counts against it.
        """
        if self._expects and not self._wire.held:
            await self._wire.send(head_bytes(HTTPStatus.CONTINUE, []))
        began = trio.current_time()
        credit = self._limits.body_grace + self._count / self._limits.body_rate - self._waited
        data = await self._wire.more(began + min(credit, self._limits.body_idle - self._silent), enough)
        now = trio.current_time()
        self._waited += now - began
        self._silent = 0.0 if len(data) >= enough else now - max(began, self._wire.heard)
        if not data:
            self._failed = BadRequest("the body came too slowly", status=408)
            raise self._failed
        return data

    def _feed(self, data: bytes) -> bytes:
        try:
            piece = self._reader.feed(data)
        except BadRequest as failure:
            self._failed = failure
            raise
        if self._reader.done:
            self._wire.unread(self._reader.rest)
        return piece

    def skim(self) -> bool:
        """Whether the whole body is here.  Looks at what has come, keeps it for ``receive``, and waits for nothing."""
        if not self._reader.done and not self._expects and self._failed is None and self._wire.held:
            try:
                self._kept += self._feed(self._wire.take())
            except BadRequest:
                return False
        return self._reader.done
