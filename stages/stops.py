"""Stop sequences, where the upstream knows none: the gateway ends the reply itself.

    stop_sequences ["</block>"]      … "<block>yes</bl" │ "ock>, because" …
                                     ─▶ "<block>yes"        Finished(stop_sequence, "</block>"), upstream cancelled

Responses has no field for them, OpenAI's reasoning models refuse it, its others take four.  Such a dialect leaves the
sequences on the prompt (``STOPS``); ``translate`` then watches the words of the reply, decoded, whatever pieces they
come in.  What may still become a sequence is held back: the end of the text that begins one, so never more than the
longest sequence less a character; it is let go when the next words, the block's end or the reply's tell that it does
not.  The sequence that is complete first counts, as it would for a model that writes a character at a time; of two that
are complete together the longer.  Thoughts, refusals and the input of tools are not watched.

A whole reply is there already when it is cut, so that its usage is known and kept; a stream is cancelled, and its end
estimated.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from pipeline.errors import Unsupported
from pipeline.events import BlockStarted, BlockStopped, Event, Failed, Finished, Stop, Text, TextDelta

MOST = 64  # sequences
LONGEST = 1000  # characters of one: what is held, and looked at again with every piece


class Reply(Protocol):
    """What can be ended early: an exchange, or a reply that is translated without one."""

    def end(self, stop: Stop, sequence: str | None = None) -> None:
        """Finish with *stop* after what is in hand."""


def watching(reply: Reply, sequences: Sequence[str]) -> Callable[[Event], Sequence[Event] | None]:
    """A transform that ends *reply* at the first of *sequences*.  Raises Unsupported for too many, or too long."""
    wanted = tuple(dict.fromkeys(filter(None, sequences)))
    if len(wanted) > MOST or any(len(sequence) > LONGEST for sequence in wanted):
        text = f"stop_sequences: {MOST} of {LONGEST} characters at most can be kept for this model"
        raise Unsupported(text, param="stop_sequences")
    return Watch(reply, wanted).see


class Watch:
    """The watch over one reply."""

    def __init__(self, reply: Reply, sequences: tuple[str, ...]) -> None:
        self._reply, self._sequences = reply, sequences
        self._held: dict[int, str] = {}  # by open text: what may become a sequence
        self._met = ""
        self._state: Callable[[Watch, Event], Sequence[Event] | None] = Watch._watch  # unbound: no cycle

    def see(self, event: Event) -> Sequence[Event] | None:
        """The transform."""
        return self._state(self, event)

    def _watch(self, event: Event) -> Sequence[Event] | None:
        """Nothing was met so far."""
        match event:
            case BlockStarted(block=Text()):
                self._held[event.index] = ""
            case TextDelta() if event.index in self._held:
                return self._read(event)
            case BlockStopped() if held := self._held.pop(event.index, ""):
                return [TextDelta(event.index, held), event]
            case Finished() | Failed():
                return [*(TextDelta(index, held) for index, held in self._held.items() if held), event]
        return None

    def _read(self, event: TextDelta) -> Sequence[Event] | None:
        text = self._held[event.index] + event.piece
        met = first(text, self._sequences)
        if met is None:
            free = len(text) - begun(text, self._sequences)
            self._held[event.index] = text[free:]
        else:
            free, sequence = met
            self._reply.end("stop_sequence", sequence)
            self._met, self._state = sequence, Watch._rest
        piece = text[:free]
        if piece == event.piece:
            return None
        return [event.replace(piece=piece, logprobs=None)] if piece else ()

    def _rest(self, event: Event) -> Sequence[Event] | None:
        """What the upstream said in the same breath was not to be said; only its counts hold."""
        if isinstance(event, Finished):
            return [event.replace(stop="stop_sequence", stop_sequence=self._met, details=None)]
        return ()


def first(text: str, sequences: Sequence[str]) -> tuple[int, str] | None:
    """Where the sequence begins that is complete first in *text*, and which one it is; None if none is."""
    met = [(at + len(one), at, one) for one in sequences if (at := text.find(one)) >= 0]
    if not met:
        return None
    _, at, sequence = min(met)
    return at, sequence


def begun(text: str, sequences: Sequence[str]) -> int:
    """How many characters at the end of *text* begin a sequence: the most of any."""
    most = 0
    for one in sequences:
        at = text.find(one[0], max(0, len(text) - len(one) + 1))
        while at >= 0 and not one.startswith(text[at:]):
            at = text.find(one[0], at + 1)
        if at >= 0:
            most = max(most, len(text) - at)
    return most
