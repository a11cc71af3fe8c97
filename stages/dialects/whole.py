"""A reply that comes whole: kept until its end, and read then.

    feed(bytes) ─▶ kept, LIMIT of them at most ─▶ close() ─▶ read(body): all events at once; the body is their frame

What a body says, or what it is that is none, is each dialect's affair (``anthropic.whole`` and its kin).
"""

from collections.abc import Callable

from pipeline.errors import GatewayError, UpstreamFailed, UpstreamRefused
from pipeline.events import Batch, Failed, share

LIMIT = 64 * 1024 * 1024  # bytes of one reply: spoken answers take tens of megabytes


class WholeDecoder:
    """Gathers one body; *read* gives its events, or raises the GatewayError that it is in their place."""

    def __init__(self, read: Callable[[bytes], Batch]) -> None:
        self._read = read
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Batch:
        """Keeps *data*; or tells, once, that the body is too large."""
        before, self._size = self._size, self._size + len(data)
        if self._size <= LIMIT:
            self._pieces.append(data)
            return []
        self._pieces.clear()
        return [Failed(too_large())] if before <= LIMIT else []

    def close(self) -> Batch:
        """All events of the body, once; the last of them is terminal.  Nothing, if it was too large."""
        if self._size > LIMIT:
            return []
        body = b"".join(self._pieces)
        self._pieces, self._size = [], LIMIT + 1  # whatever comes now comes too late
        try:
            events = self._read(body)
        except UpstreamRefused as error:  # passed on as it came
            events = [Failed(error)]
        except GatewayError as error:
            return [Failed(error)]
        share(events, body)
        return events


def too_large() -> UpstreamFailed:
    """What is said of a reply beyond the limit."""
    return UpstreamFailed(f"the upstream's answer is larger than {LIMIT} bytes")
