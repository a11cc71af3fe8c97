"""How one response of HTTP/1.1 is written.

    start ─▶ head ┬─ content-length ─▶ waits ─▶ travels with the first write, or with finish
                  └─ none           ─▶ leaves at once, since the first bytes of a stream may be far away
    write ─▶ one piece, one send           finish ─▶ what ends the body

    framing     content-length given · chunked · until the connection ends (HTTP/1.0) · none (HEAD, 204, 304)

What frames the message and what says whether the connection goes on is written here and nowhere else: such fields of
the handler's are dropped (RFC 9110 §7.6.1).  This file knows no request parsing and no clock but the date's.
"""

import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from transports.framing import LAST_CHUNK, chunk
from transports.messages import Head, Headers, Request
from transports.strict import field_lines
from transports.wire import Wire

# Fields that a response of ours never takes from its handler; and where it has no body at all (RFC 9110 §8.6).
OURS = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade"})
OURS_AND_LENGTH = OURS | {b"content-length"}
_NO_CONTENT, _NOT_MODIFIED = 204, 304  # plain numbers: CPython 3.11 runs a function for each member of an enum
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Http1Response:
    """See messages.Response.  How a piece of the body is written is the state, held as a function."""

    __slots__ = ("_ending", "_frame", "_left", "_opening", "_request", "_reusable", "_wire", "closes",
                 "ends_with_connection", "finished", "started")  # fmt: skip

    def __init__(self, wire: Wire, request: Request, reusable: Callable[[], bool]) -> None:
        """*reusable* is asked once, when the head is written: may the connection carry another request?"""
        self._wire = wire
        self._request = request
        self._reusable = reusable
        self._frame: Callable[[bytes], bytes] = _not_open
        self._opening = b""  # a head that waits for company, or what the peer did not take yet
        self._left = 0  # bytes still owed of a known length
        self._ending = b""
        self.started = False
        self.finished = False
        self.closes = True  # the connection ends with this response
        self.ends_with_connection = False  # nothing but the connection's end says where the body ends

    async def start(self, head: Head) -> None:
        """See messages.Response.  Raises ValueError for a head that can't be written."""
        if self.started:
            raise RuntimeError("the response has been started before")
        if not 200 <= head.status <= 999:
            raise ValueError(f"{head.status} is not the status of a final response")
        fields, known = head.headers, dict(head.headers)
        unwanted = OURS_AND_LENGTH if head.status == _NO_CONTENT else OURS
        if not unwanted.isdisjoint(known):
            fields = [field for field in fields if field[0] not in unwanted]
            known = dict(fields)
        length, theirs = content_length(fields, known), field_lines(fields)
        ours = self._choose_framing(head.status, length)
        self.closes = not self._reusable()
        del self._reusable  # it leads back to whoever holds this response: both would wait for the collector
        if self.closes:
            ours += b"connection: close\r\n"
        if b"date" not in known:
            ours += b"date: %b\r\n" % date()
        self._opening = b"%b%b%b\r\n" % (_status_line(head.status), theirs, ours)
        self.started = True
        if length is None:
            await self._wire.send(self._with_head(b""))

    def _choose_framing(self, status: int, length: int | None) -> bytes:
        """Decide how the body is written (RFC 9112 §6); returns the line that says so, if one is needed."""
        bodiless = status in (_NO_CONTENT, _NOT_MODIFIED)
        chunked = length is None and not bodiless and self._request.version != "1.0"
        if bodiless or self._request.method == "HEAD":
            self._frame = _drop
        elif length is not None:
            self._left, self._frame = length, self._count
        elif chunked:
            self._frame, self._ending = chunk, LAST_CHUNK
        else:
            self._frame, self.ends_with_connection = bytes, True
        return b"transfer-encoding: chunked\r\n" if chunked else b""

    async def write(self, data: bytes) -> None:
        """See messages.Response.  Raises ValueError for more bytes than the content-length."""
        piece = self._with_head(self._frame(data))
        if piece:
            await self._wire.send(piece)

    def write_now(self, data: bytes) -> bool:
        """See messages.Response.  What has to wait travels as a head does that waits for company."""
        piece = self._with_head(self._frame(data))
        sent = self._wire.send_now(piece)
        self._opening = piece[sent:]
        return not self._opening

    async def finish(self) -> None:
        """See messages.Response.  Raises ValueError for fewer bytes than the content-length."""
        if self._left:
            raise ValueError(f"{self._left} bytes of the content-length were not written")
        if not self.finished:
            self._frame(b"")
            if last := self._with_head(self._ending):
                await self._wire.send(last)
            self._frame = _not_open
            self.finished = True
            self.ends_with_connection = False

    def _with_head(self, piece: bytes) -> bytes:
        """*piece*, behind the head if that has waited for company."""
        if not self._opening:
            return piece
        opening, self._opening = self._opening, b""
        return opening + piece

    def _count(self, data: bytes) -> bytes:
        if len(data) > self._left:
            raise ValueError("the body is longer than its content-length")
        self._left -= len(data)
        return data


def _not_open(_data: bytes) -> bytes:
    raise RuntimeError("a body is written between start and finish")


def _drop(_data: bytes) -> bytes:
    """The body of a response to HEAD, or of a status that has none."""
    return b""


def content_length(fields: Headers, known: Mapping[bytes, bytes]) -> int | None:
    """What *fields* say of the body's length; *known*: the same by name.  Raises ValueError for what is no length."""
    length = known.get(b"content-length")
    if length is None:
        return None
    twice = len(known) < len(fields) and [name for name, _ in fields].count(b"content-length") > 1
    if twice or not length.isdigit():
        raise ValueError("content-length is one number")
    return int(length)


def head_bytes(status: int, fields: Headers) -> bytes:
    """A response's head as it goes over the wire.  Raises ValueError for a field that must not be written."""
    return _status_line(status) + field_lines(fields) + b"\r\n"


@lru_cache(maxsize=128)
def _status_line(status: int) -> bytes:
    """RFC 9112 §4: the phrase may be empty, its space may not."""
    return f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n".encode("ascii")


def date() -> bytes:
    """The time, as RFC 9110 §6.6.1 wants it from a server with a clock."""
    return _date_of(int(time.time()))


@lru_cache(maxsize=1)
def _date_of(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode("ascii")
