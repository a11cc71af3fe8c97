"""Lines of JSON, as the CLI writes them to its standard output: bytes to lines, whatever pieces they come in.

    {"type":"system",…}⏎ {"type":"stream_event","event":{…}}⏎ … {"type":"result",…}⏎

A line is whole or not told; one of more than LIMIT bytes ends the reading.  What is no JSON object (a warning of the
runtime, say) is left out; what begins as one and is none is an error, for it may have been part of the answer.
"""

from typing import Any

import msgspec

from pipeline.errors import UpstreamFailed

LIMIT = 16 * 1024 * 1024  # bytes of a line: the largest repeat a whole message

EMPTY = msgspec.Raw(b"")


class Line(msgspec.Struct):
    """What decides who reads a line."""

    type: str = ""
    event: msgspec.Raw = EMPTY  # of a stream_event: an event of the Messages API
    parent_tool_use_id: str | None = None  # set where a subagent speaks, not the model that was asked


_line = msgspec.json.Decoder(Line).decode
_object = msgspec.json.Decoder(dict[str, Any]).decode


class Lines:
    """Cuts bytes into lines."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._seen = 0  # of the rest, where no line ends
        self.overflowing = False

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that *data* completes, without their ends."""
        self._rest += data
        end = self._rest.rfind(b"\n", self._seen) + 1
        whole = bytes(self._rest[:end])
        del self._rest[:end]
        self._seen = len(self._rest)
        self.overflowing = self._seen > LIMIT
        return whole.splitlines()

    def last(self) -> list[bytes]:
        """What is left when nothing more comes: a line, if it lacks nothing but its end."""
        rest = bytes(self._rest)
        self._rest.clear()
        try:
            parsed(rest)
        except UpstreamFailed:
            return []
        return [rest]


def read(line: bytes) -> Line | None:
    """What *line* says of itself; None for one that is no JSON object.  Raises UpstreamFailed for a broken one."""
    if line[:1] != b"{":
        return None
    try:
        return _line(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise UpstreamFailed("the CLI wrote a line that is no JSON") from None


def parsed(line: bytes) -> dict[str, Any]:
    """All of *line*, a JSON object.  Raises UpstreamFailed."""
    try:
        value: dict[str, Any] = _object(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise UpstreamFailed("the CLI wrote a line that is no JSON") from None
    return value
