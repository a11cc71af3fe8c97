"""What one HTTP/2 connection may ask for without getting anything done.

    every frame          costs 1  ┐
    a request, body data,         ├─ below zero within 10 s: enough
    a piece we could send earns 4 ┘
    a stream that ends in a reset: more than 200 of them, and more than half of all, within 30 s: enough
    DATA frames without data: 100 in a row: enough

HTTP/2 lets a client make a server work for nine bytes: PING and SETTINGS want answers (CVE-2019-9512, -9515), a stream
reset at once has cost us a request (CVE-2023-44487), and a stream that the client makes *us* reset has too
(CVE-2025-8671).  A busy client sends control frames as well, two window updates for every frame it reads: so they are
weighed against what got done, not against the clock alone.

Windows of time tumble: counts restart when one is over.  That lets through twice the limit in the worst case and
costs one comparison per read.  Nothing here waits; the answer to enough is GOAWAY with ENHANCE_YOUR_CALM.
"""

from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

CONTROL_SECONDS = 10.0
CONTROL_FRAMES = 1000
EARNED = 4  # SETTINGS apart, nobody needs more than this for one frame of DATA: update both windows, twice
RESET_SECONDS = 30.0
RESETS = 200
EMPTY_FRAMES = 100


class Flooded(ProtocolError):
    """The peer asks for more than it lets us get done; the connection ends."""

    error_code = ErrorCodes.ENHANCE_YOUR_CALM


class Budget:
    """The counts of one connection."""

    __slots__ = ("_control_end", "_credit", "_empty", "_opened", "_reset_end", "_resets")

    def __init__(self, now: float) -> None:
        self._control_end = now + CONTROL_SECONDS
        self._reset_end = now + RESET_SECONDS
        self._credit = CONTROL_FRAMES
        self._opened = 0
        self._resets = 0
        self._empty = 0

    def tick(self, now: float) -> None:
        """It is *now*: begin new windows where old ones are over."""
        if now >= self._control_end:
            self._control_end = now + CONTROL_SECONDS
            self._credit = CONTROL_FRAMES
        if now >= self._reset_end:
            self._reset_end = now + RESET_SECONDS
            self._opened = self._resets = 0

    def frame(self) -> None:
        """A frame came, of whatever kind.  Raises Flooded."""
        self._credit -= 1
        if self._credit < 0:
            raise Flooded("too many frames that get nothing done")

    def worked(self) -> None:
        """Something got done: a request was taken, data went in or out."""
        self._credit += EARNED

    def opened(self) -> None:
        """The peer opened a stream, whether we take it or not."""
        self._opened += 1

    def reset(self) -> None:
        """A stream ended in a reset: the peer's, or ours because of what the peer did.  Raises Flooded."""
        self._resets += 1
        if self._resets > RESETS and 2 * self._resets > self._opened:
            raise Flooded("too many streams end in a reset")

    def data(self, size: int) -> None:
        """A DATA frame came for a stream that is open.  Raises Flooded."""
        if size:
            self._empty = 0
            self.worked()
            return
        self._empty += 1
        if self._empty > EMPTY_FRAMES:
            raise Flooded("too many DATA frames without data")
