"""Steps: what a simulated model does, one thing after the other.

    [[think hm]] [[say hello]] [[wait 2]] [[cut]]   ──script──▶   Think · Say · Wait · Cut   ──dialect──▶   frames

Four kinds: content (what the reply says), course (silence, pings, an early end), instead (no reply at all) and manner
(how the bytes are written).  A step knows neither a dialect nor a socket.
"""

from functools import lru_cache
from math import gcd
from typing import Any

import attrs

# Four bytes each: a word is a token.
WORDS = "ant bee cat cow dog eel elk emu ewe fly fox gnu hen hog jay kid koi owl pig pug ram rat sow yak "
LARGE = 1024  # bytes in one delta of [[size N]]


@attrs.frozen
class Step:
    """One thing the model does; with *times* set, so often for one turn of a script, then no more."""

    times: int = attrs.field(default=0, kw_only=True)


# -- content: what the reply says -------------------------------------------------------------------------------------


class Content(Step):
    """A step that fills the reply."""

    @property
    def weight(self) -> int:
        """Bytes of what is said: what the token count is made from."""
        raise NotImplementedError


@attrs.frozen
class Say(Content):
    """Words for the reader."""

    text: str

    @property
    def weight(self) -> int:
        """Bytes of UTF-8."""
        return len(self.text.encode())


@attrs.frozen
class Refuse(Say):
    """Words that refuse; possibly none."""


@attrs.frozen
class Think(Say):
    """Reasoning."""


@attrs.frozen
class Redact(Content):
    """Reasoning that only its maker can read."""

    @property
    def weight(self) -> int:
        """Four tokens."""
        return 16


@attrs.frozen
class Call(Content):
    """A call of one of the caller's tools; *arguments* is JSON as the script has it, possibly broken."""

    name: str
    arguments: str

    @property
    def weight(self) -> int:
        """Bytes of name and arguments."""
        return len(self.name) + len(self.arguments.encode())


@attrs.frozen
class Filler(Content):
    """*size* bytes of words, *piece* bytes in each delta."""

    size: int
    piece: int

    @property
    def weight(self) -> int:
        """The size."""
        return self.size

    @property
    def text(self) -> str:
        """All of it."""
        return (WORDS * (self.size // len(WORDS) + 1))[: self.size]

    def period(self) -> tuple[str, ...]:
        """The pieces until they repeat."""
        return _period(self.piece)

    def split(self) -> tuple[int, str]:
        """How many whole pieces there are, and what is left."""
        whole, rest = divmod(self.size, self.piece)
        start = whole * self.piece % len(WORDS)
        return whole, (WORDS * (rest // len(WORDS) + 2))[start : start + rest]


@lru_cache
def _period(piece: int) -> tuple[str, ...]:
    """Pieces of the endless text until the next begins where the first did."""
    text = WORDS * piece
    return tuple(text[n * piece : (n + 1) * piece] for n in range(len(WORDS) // gcd(len(WORDS), piece)))


@attrs.frozen
class Echo(Step):
    """Becomes a Say of what came last: the result of the newest tool, or the user's words."""


@attrs.frozen
class Split(Step):
    """Ends the block that is open, so that the next words begin another."""


# -- course: silence, pings, an early end -----------------------------------------------------------------------------


@attrs.frozen
class Wait(Step):
    """Silence for *seconds*; with *every*, a ping each so many seconds."""

    seconds: float
    every: float = 0


@attrs.frozen
class Ping(Step):
    """What the dialect has to say that it is still there."""


@attrs.frozen
class Strange(Step):
    """An event nobody has heard of."""


class Ending(Step):
    """A step after which the reply says nothing more."""


@attrs.frozen
class Fail(Ending):
    """The dialect's error in the stream, where the status is gone; in a whole reply, a status.

    *form* where a dialect has several (responses): ``failed``, ``event`` or ``nested``; empty: its usual one.
    """

    kind: str
    message: str = ""
    form: str = ""


@attrs.frozen
class Cut(Ending):
    """The connection breaks."""


@attrs.frozen
class Eof(Ending):
    """The stream ends in good order, without the events that should end it."""


# -- instead: no reply at all -----------------------------------------------------------------------------------------


class Instead(Step):
    """A step that takes the place of the whole reply."""


@attrs.frozen
class Fault(Instead):
    """An error with a status.  *what*: the status, or a word for a known one (``overflow``, ``quota``)."""

    what: str
    kind: str = ""
    message: str = ""
    code: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@attrs.frozen
class Page(Instead):
    """An HTML page with a status, as proxies in between answer."""

    status: int


@attrs.frozen
class Empty(Instead):
    """Status 200, the media type that was asked for, and no byte."""


@attrs.frozen
class Hang(Instead):
    """Nothing, not even a head, until the client leaves."""


@attrs.frozen
class Reset(Instead):
    """The connection is dropped before any head."""


# -- manner: how it is written ----------------------------------------------------------------------------------------


@attrs.frozen
class Style:
    """How a reply is written; all manners together."""

    rate: float = 0  # events a second; 0: as fast as the client reads
    burst: int = 0  # events in one write; 0: one if paced, else as many as fit
    bytes: int = 0  # bytes in one write; 0: whole frames
    late: float = 0  # seconds before the head
    crlf: bool = False  # lines end with CR LF
    json: bool = False  # a whole reply where a stream was asked
    interleave: bool = False  # fragments of parallel calls alternate (chat, responses)


@attrs.frozen
class Manner(Step):
    """Sets how the bytes are written: the field *name* of a Style."""

    name: str
    value: Any = True

    def onto(self, style: Style) -> Style:
        """*style* with this set."""
        return attrs.evolve(style, **{self.name: self.value})


@attrs.frozen
class Name(Step):
    """Does nothing but make a script another one."""

    name: str


@attrs.frozen
class Count(Step):
    """Sets counts of the usage, by name."""

    counts: tuple[tuple[str, int], ...]


@attrs.frozen
class Stop(Step):
    """Sets the reason the reply ends with, in the words of the Messages API or in any others."""

    reason: str
    sequence: str | None = None
