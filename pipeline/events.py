"""What a reply is made of.

    Started  (BlockStarted delta* BlockStopped)*  (Finished | Failed)          Heartbeat, Opaque and Run anywhere

A reply, streamed or whole, is a sequence of these events; a whole one simply arrives in one batch.  Blocks are numbered
from 0 in the order they start and may overlap only where the upstream itself interleaves them.  The terminal event
(Finished, Failed or Answer) ends whatever is still open, and comes exactly once.

An event remembers the frame it came in.  While nobody touches it, its own dialect writes that frame again, byte for
byte: *untouched means identical*.  Events are slotted and treated as immutable: change one with ``replace``, which
forgets the frame.  This file must not know a wire format.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, ClassVar, Literal, Self, TypeVar

import attrs

from pipeline.errors import GatewayError
from transports.messages import Head

Stop = Literal[
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
    "compaction",
]


@attrs.define
class Usage:
    """Tokens in disjoint classes.  None: not told (yet).  What is billed as output is ``output + reasoning``."""

    input: int | None = None  # fresh: neither read from a cache nor written to one
    cache_read: int | None = None
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    output: int | None = None  # without reasoning
    reasoning: int | None = None
    extra: dict[str, Any] | None = None  # counts of other things (searches, tiers), as the upstream names them

    def over(self, earlier: "Usage | None") -> "Usage":
        """These counts, and *earlier* ones where nothing was told: usage in streams is cumulative, never summed."""
        if earlier is None or earlier is self:  # a whole reply tells the same at both ends
            return self
        pairs = zip(_COUNTED(self), _COUNTED(earlier), strict=True)
        return Usage(*[before if now is None else now for now, before in pairs])

    @property
    def prompt(self) -> int:
        """All input tokens, of whatever class."""
        return (self.input or 0) + (self.cache_read or 0) + (self.cache_write_5m or 0) + (self.cache_write_1h or 0)

    @property
    def produced(self) -> int:
        """All output tokens, reasoning included."""
        return (self.output or 0) + (self.reasoning or 0)


_COUNTED = attrgetter(*(field.name for field in attrs.fields(Usage)))


# -- blocks: what a reply consists of ---------------------------------------------------------------------------------


@attrs.define
class Text:
    """Words for the reader."""


@attrs.define
class Refusal:
    """Words that refuse (a field of its own in some dialects, text in others)."""


@attrs.define
class Thinking:
    """Reasoning, possibly signed at its end by a SignatureDelta."""


@attrs.define
class Redacted:
    """Reasoning that only its maker can read; complete at its start."""

    data: str


@attrs.define
class ToolUse:
    """A call of one of the caller's tools; its input follows as pieces of JSON."""

    id: str
    name: str
    extra: dict[str, Any] | None = None  # further fields of the call in its own dialect


@attrs.define
class Other:
    """A block that only *dialect* understands: kept for the same dialect, dropped and recorded for another."""

    dialect: str
    body: dict[str, Any]


Block = Text | Refusal | Thinking | Redacted | ToolUse | Other


# -- events -----------------------------------------------------------------------------------------------------------


@attrs.define
class Event:
    """One piece of a reply.

    *frame* holds the bytes it came in.  When several events came in one frame, *of* is how many and *nth* which one
    this is; the frame is written again only if all of them reach the encoder, consecutive and in order.
    """

    terminal: ClassVar[bool] = False
    frame: bytes | None = attrs.field(default=None, kw_only=True, eq=False, repr=False)
    nth: int = attrs.field(default=0, kw_only=True, eq=False, repr=False)
    of: int = attrs.field(default=1, kw_only=True, eq=False, repr=False)

    def replace(self, **changes: Any) -> Self:
        """A changed copy.  It no longer has a frame: it must be written anew."""
        return attrs.evolve(self, frame=None, nth=0, of=1, **changes)


@attrs.define
class Started(Event):
    """The reply begins.  *head* is the upstream's; *body* the parsed whole reply, where it came whole."""

    id: str
    model: str
    usage: Usage | None = None
    head: Head | None = attrs.field(default=None, kw_only=True, eq=False, repr=False)
    body: dict[str, Any] | None = attrs.field(default=None, kw_only=True, eq=False, repr=False)


@attrs.define
class BlockStarted(Event):
    """Block *index* begins, in choice *choice* (more than one only where n > 1 was asked)."""

    index: int
    block: Block
    choice: int = 0


@attrs.define
class TextDelta(Event):
    """More words of a Text or Refusal block.

    *logprobs*, where they were asked for: how likely each token of *piece* was.  Who changes the piece drops them.
    """

    index: int
    piece: str
    logprobs: list[dict[str, Any]] | None = None


@attrs.define
class ThinkingDelta(Event):
    """More words of a Thinking block."""

    index: int
    piece: str


@attrs.define
class SignatureDelta(Event):
    """The signature of a Thinking block, opaque."""

    index: int
    piece: str


@attrs.define
class InputDelta(Event):
    """More JSON text of a ToolUse block's input."""

    index: int
    piece: str


@attrs.define
class BlockStopped(Event):
    """Block *index* is complete."""

    index: int


@attrs.define
class Opaque(Event):
    """Something only *dialect* understands; *index* names the block it belongs to, if any.  *value* is parsed JSON."""

    dialect: str
    kind: str
    value: Any = None
    index: int | None = None


@attrs.define
class Run(Event):
    """Adjacent frames that nobody asked to read, kept as they came: *count* frames of *dialect*."""

    dialect: str
    count: int


@attrs.define
class Heartbeat(Event):
    """The line is alive; says nothing about the reply."""


@attrs.define
class Finished(Event):
    """The reply ended as a reply should.

    *stops* holds the reasons of further choices, by number; *extra* what else is told at the end, in the words of the
    dialect that has it (a verdict, what was left out of the context): another dialect leaves it out.
    """

    terminal: ClassVar[bool] = True
    stop: Stop = "end_turn"
    stop_sequence: str | None = None
    usage: Usage | None = None
    details: dict[str, Any] | None = None  # of a refusal
    stops: dict[int, Stop] | None = None
    extra: dict[str, Any] | None = None


@attrs.define
class Failed(Event):
    """The reply ended as it should not."""

    terminal: ClassVar[bool] = True
    error: GatewayError


@attrs.define
class Answer(Event):
    """An answer that is no reply (a count, a list, a relayed body): head and body, as they are."""

    terminal: ClassVar[bool] = True
    head: Head
    body: bytes


Batch = list[Event]
Kinds = frozenset[type[Event]]

_FRAME, _NTH = attrgetter("frame"), attrgetter("nth")


def share(events: Batch, frame: bytes) -> None:
    """Make *events* siblings: they came in *frame*, all of them together."""
    count = len(events)
    for number, event in enumerate(events):
        event.frame, event.nth, event.of = frame, number, count


def shared(events: Batch) -> bytes | None:
    """The frame that *events* are all of, in their order; None if there is no such frame."""
    frame, count = events[0].frame, len(events)
    if frame is None or events[0].of != count or [*map(_NTH, events)] != [*range(count)]:
        return None
    return frame if {*map(id, map(_FRAME, events))} == {id(frame)} else None


T = TypeVar("T", bound=Callable[..., Any])


def reads(*kinds: type[Event], glances: tuple[type[Event], ...] = ()) -> Callable[[T], T]:
    """Declare which events a transform wants to see; the engine passes the others by, and may leave them undecoded.

    *glances*: events it looks at where they happen to be decoded, but for which nothing must be.
    """

    def declare(transform: T) -> T:
        transform.kinds = frozenset(kinds)  # type: ignore[attr-defined]  # a function takes attributes
        transform.seen = frozenset((*kinds, *glances))  # type: ignore[attr-defined]  # the same
        return transform

    return declare
