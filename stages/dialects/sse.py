r"""Bytes to frames: the splitting of an event stream, however it was cut on its way.

    b"event: ping\ndata: {}\n\nda" + b"ta: 1\n\n"   ─▶   (raw, b"ping", b"{}")   (raw, b"", b"1")

A frame is a plain tuple, because it is made for every event of every stream::

    for raw, event, data in frames.feed(received): ...

*raw* is the frame as it came, blank line included: all raws together are the stream, byte for byte.  *event* is the
value of its ``event`` field, *data* its ``data`` lines joined by LF (HTML living standard §9.2.6).  A frame without
data is not dispatched by any client: comments, blank lines and bare event names come with ``data == b""``.  What must
hold whatever the cuts: the same frames; no byte looked at twice in Python; at most ``limit`` bytes kept.  LF, CRLF and
CR end lines; a byte order mark may come first.  This file must not know a dialect.
"""

import re
from typing import TypeVar

S = TypeVar("S")

Frame = tuple[bytes, bytes, bytes]

LIMIT = 1024 * 1024  # bytes of one frame, where a dialect sets no other; more is not an event stream

_BOM = b"\xef\xbb\xbf"
# The first alternative is what servers send; whatever else is a frame falls to the second and is read line by line.
_FRAME_LF = re.compile(rb"((?:event: ([^\n]*+)\n)?data: ([^\n]*+)\n\n|(?:[^\n]++\n)*+\n)")
_FRAME_ANY = re.compile(
    rb"((?:[^\r\n]++(?:\r\n|\n|\r(?!\n)))*+"
    rb"(?:(?<=[^\r\n]\r)\r|\r\n|\n|\r))()()"  # a line ended by CR: the next CR ends the frame, whatever follows
)
_END = re.compile(rb"\n\r?\n|(?<=[^\r\n])\r\r|\n\r(?=[^\n])")
_BLANKS = re.compile(rb"(?:\r\n|\n|\r(?=[^\n]))*")  # a CR at the very end may still become CRLF
_LINE_END = re.compile(rb"\r\n|\n|\r")
_OVERLAP = 2  # how much of an _END may have come with earlier bytes


class Frames:
    """Splits one stream.  Feed it what arrives; it gives the frames that are complete.  *limit*: bytes of one frame."""

    __slots__ = ("_pending", "limit")

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self._pending = bytearray()  # the frame that has begun

    @property
    def rest(self) -> bytes:
        """The bytes of the frame that has begun and is not complete."""
        return bytes(self._pending)

    @property
    def overflowing(self) -> bool:
        """Whether the frame that has begun is over the limit: stop feeding, the stream makes no sense."""
        return len(self._pending) > self.limit

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that *data* completes, in order."""
        pending = self._pending
        if not pending and data.endswith(b"\n\n") and b"\r" not in data:
            return self._split(data, len(data))  # what most reads are: whole frames
        if pending:
            seam = bytes(pending[-_OVERLAP:]) + data
            pending += data
            if _last_end(seam, begins=len(pending) == len(seam)) == 0:
                return []
            data = bytes(pending)
            pending.clear()
        end = _last_end(data, begins=True)
        if end != len(data):
            pending += memoryview(data)[end:]
        return self._split(data, end) if end else []

    def last(self) -> list[Frame]:
        """The stream has ended: a frame that lacks only its blank line, with what it lacks added to its raw."""
        rest = self.rest
        self._pending.clear()
        if not rest.strip() or len(rest) > self.limit:
            return []
        return [_read(rest + (b"\n" if rest.endswith(b"\n") else b"\n\n"))]

    def _split(self, data: bytes, end: int) -> list[Frame]:
        frames: list[Frame] = (_FRAME_ANY if b"\r" in data else _FRAME_LF).findall(data, 0, end)
        for number, frame in enumerate(frames):
            if not frame[2]:
                frames[number] = _read(frame[0])
        return self._within(frames, data) if len(data) > self.limit else frames

    def _within(self, frames: list[Frame], data: bytes) -> list[Frame]:
        """The frames before the first that is too long; that one stays pending, and so overflows."""
        done = 0
        for number, (raw, _, _) in enumerate(frames):
            if len(raw) > self.limit:
                self._pending[:] = data[done:]
                return frames[:number]
            done += len(raw)
        return frames


def _last_end(data: bytes, *, begins: bool) -> int:
    """Where the last complete frame in *data* ends, 0 if none does; *begins*: a frame starts at its first byte."""
    if b"\r" not in data:
        end = data.rfind(b"\n\n") + 2
        return end if end > 1 else int(begins and data.startswith(b"\n"))
    end = 0
    for match in _END.finditer(data):
        end = match.end()
    blanks = _BLANKS.match(data, end) if end or begins else None
    return blanks.end() if blanks else end


def _read(raw: bytes) -> Frame:
    """A frame in any of its spellings, field by field."""
    event, lines = b"", []
    for line in _LINE_END.split(raw.removeprefix(_BOM)):
        name, _, value = line.partition(b":")
        if name == b"data":
            lines.append(value.removeprefix(b" "))
        elif name == b"event":
            event = value.removeprefix(b" ")
    return raw, event, b"\n".join(lines)


class State(dict[bytes, S]):
    """A state of a decoder: the step for each event, by its name; *rest* for those not named."""

    def __init__(self, rest: S, steps: dict[bytes, S]) -> None:
        super().__init__(steps)
        self._rest = rest

    def __missing__(self, name: bytes) -> S:
        return self._rest
