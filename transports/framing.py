"""Bodies on the wire: where one ends, and nothing else.

    LengthReader(27)     content-length: 27
    ChunkedReader(…)     transfer-encoding: chunked
    CloseReader()        a response that ends with its connection (RFC 9112 §6.3, rule 8)

    feed(bytes from the wire) ──▶ bytes of the body        done · rest = what came after the end
    close() at the end of the stream: raises Disconnected where the body is not complete

h11 parses heads; a body costs it ten times as much, and it takes forms that others read differently.  So bodies are
read here, strictly: a chunk is ``1*16HEXDIG [ext] CRLF data CRLF`` and no byte else (RFC 9112 §7.1).  Both sides use
this, server and upstream client.  Bytes in, bytes out: no socket, no clock, no field names.

What lies within one chunk of one read is handed on as it is, without a copy.
"""

import re
from collections.abc import Callable
from typing import Protocol

from transports.messages import BadRequest, BodyTooLarge, Disconnected

NO_LIMIT = 1 << 63
LAST_CHUNK = b"0\r\n\r\n"

# Sixteen digits: 2**64 - 1.  Python's int() would take "0x", "_" and "+" too, which is why a pattern decides.
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(;[\t -~\x80-\xff]*+)?+\r\n")
# RFC 9110 §5.1, §5.5; folding has no place in it.
_TRAILER_LINE = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[\t -~\x80-\xff]*+\r\n")
# The same two, not yet ended: what may still become a good line.
_OPEN_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}+(?:;[\t -~\x80-\xff]*+)?+\r?+")
_OPEN_TRAILER = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++(?::[\t -~\x80-\xff]*+)?+)?+\r?+")


def chunk(data: bytes) -> bytes:
    """*data* as one chunk; ``b""`` for no data, since an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


class BodyReader(Protocol):
    """What the three readers have in common."""

    done: bool
    rest: bytes

    def feed(self, data: bytes) -> bytes:
        """The bytes of the body that *data* carries; what follows the end goes to ``rest``.  Raises BadRequest."""

    def close(self) -> None:
        """Say that nothing more comes.  Raises Disconnected where the body is not complete."""


class LengthReader:
    """A body of known length."""

    __slots__ = ("done", "left", "rest")

    def __init__(self, length: int) -> None:
        self.left = length  # bytes that are still to come
        self.done = length == 0
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """See BodyReader."""
        size = len(data)
        if size < self.left:
            self.left -= size
            return data
        piece = data if size == self.left else data[: self.left]
        if size > self.left:
            self.rest += data[self.left :]
        self.left = 0
        self.done = True
        return piece

    def close(self) -> None:
        """See BodyReader."""
        if not self.done:
            raise Disconnected(f"the body ended {self.left} bytes early")


class CloseReader:
    """A body that ends with its connection; it can't be told from one that was cut."""

    __slots__ = ("done", "rest")

    def __init__(self) -> None:
        self.done = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """See BodyReader."""
        return data

    def close(self) -> None:
        """See BodyReader."""
        self.done = True


class ChunkedReader:
    """A body in chunks.  What stands where is the state, a method: size line, payload, its end, trailers.

    It is held unbound: a bound one would leave every reader to the garbage collector.

    *body*: bytes of the body, over it BodyTooLarge, at the size line that crosses it · *extensions*: bytes of all
    chunk extensions together · *trailers*: bytes of the trailer section, which is checked and thrown away: a field
    that comes after the body must not become one that came before it (RFC 9110 §6.5.1).
    """

    __slots__ = ("_expect", "_extensions", "_left", "_limit", "_open", "_room", "_trailers", "done", "rest")

    left = 1  # bytes that are still to come, at least: nobody has said how many chunks there will be

    def __init__(self, *, body: int = NO_LIMIT, extensions: int = 1024, trailers: int = 8192) -> None:
        self._limit = self._room = body
        self._extensions = extensions
        self._trailers = trailers
        self._open = b""  # the beginning of a line whose end has not come
        self._left = 0  # of the current chunk
        self._expect: Callable[[ChunkedReader, bytes, int, list[bytes]], int] = ChunkedReader._size_line
        self.done = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """See BodyReader.  Also raises BodyTooLarge; what it returned before is all there is."""
        if self._open:
            data, self._open = self._open + data, b""
        if self._expect is ChunkedReader._size_line and (piece := self._only(data)) is not None:
            return piece
        pieces: list[bytes] = []
        position, end = 0, len(data)
        while position < end and not self.done:
            position = self._expect(self, data, position, pieces)
        if self.done and position < end:
            self.rest += data[position:]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """See BodyReader."""
        if not self.done:
            raise Disconnected("the body ended before its last chunk")

    def _only(self, data: bytes) -> bytes | None:
        """The payload of *data*, if that is one chunk and nothing else, as it is where events come one by one."""
        match = _SIZE_LINE.match(data)
        if match is None or match[2]:
            return None
        size, start = int(match[1], 16), match.end()
        if not size or start + size + 2 != len(data) or size > self._room or not data.endswith(b"\r\n"):
            return None
        self._room -= size
        return data[start:-2]

    def _size_line(self, data: bytes, position: int, pieces: list[bytes]) -> int:
        match = _SIZE_LINE.match(data, position)
        if match is None:
            return self._wait(data, position, _OPEN_SIZE, 16 + self._extensions + 2)
        size, after = int(match[1], 16), match.end()
        if match[2]:
            self._take_extension(len(match[2]))
        if size == 0:
            self._expect = ChunkedReader._trailer_line
            return after
        self._room -= size
        if self._room < 0:
            raise BodyTooLarge(self._limit)
        stop = after + size
        if data[stop : stop + 2] == b"\r\n":  # the whole chunk is here: the usual case of small ones
            pieces.append(data[after:stop])
            return stop + 2
        self._left = size
        self._expect = ChunkedReader._payload
        return after

    def _take_extension(self, size: int) -> None:
        self._extensions -= size
        if self._extensions < 0:
            raise BadRequest("the chunk extensions are too long")

    def _payload(self, data: bytes, position: int, pieces: list[bytes]) -> int:
        stop = min(position + self._left, len(data))
        pieces.append(data[position:stop])
        self._left -= stop - position
        if not self._left:
            self._expect = ChunkedReader._payload_end
        return stop

    def _payload_end(self, data: bytes, position: int, _pieces: list[bytes]) -> int:
        """CRLF, exactly: a lax reader lets a chunk hide in another's padding (CVE-2025-43859)."""
        ending = data[position : position + 2]
        if ending == b"\r\n":
            self._expect = ChunkedReader._size_line
            return position + 2
        if ending != b"\r":
            raise BadRequest("a chunk does not end with CRLF")
        self._open = ending
        return len(data)

    def _trailer_line(self, data: bytes, position: int, _pieces: list[bytes]) -> int:
        if data.startswith(b"\r\n", position):
            self.done = True
            return position + 2
        match = _TRAILER_LINE.match(data, position)
        if match is None:
            return self._wait(data, position, _OPEN_TRAILER, self._trailers)
        self._trailers -= match.end() - position
        if self._trailers < 0:
            raise BadRequest("the trailers are too large", status=431)
        return match.end()

    def _wait(self, data: bytes, position: int, pattern: re.Pattern[bytes], limit: int) -> int:
        """Keep an unfinished line for the next feed; refuse one that can't become good."""
        line = data[position:]
        if not pattern.fullmatch(line):
            raise BadRequest("the chunked body is malformed")
        if len(line) > limit:
            raise BadRequest("the chunked body has too long a line", status=431 if pattern is _OPEN_TRAILER else 400)
        self._open = line
        return len(data)
