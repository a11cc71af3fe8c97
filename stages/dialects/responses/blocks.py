"""The blocks of one stream: which is open, where it stands in the response, and how much of it was told.

    output_index 0, content_index 0, 1     Text 0, Text 1        the parts of a message
    output_index 1                         ToolUse 2             any other item

Servers differ: some leave off the numbers (what is meant is then the item that came last), some never announce a part,
some tell an input only when it is complete.  What an end says is therefore compared with how much was told before.
"""

import msgspec

from pipeline.events import (
    Block,
    BlockStarted,
    BlockStopped,
    Event,
    InputDelta,
    Kinds,
    Opaque,
    Other,
    Redacted,
    Refusal,
    SignatureDelta,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
)
from stages.dialects.responses import calls
from stages.dialects.responses.items import NAME, UNREAD
from stages.dialects.responses.reasoning import BETWEEN

# Who reads one of these reads the block.
READ: dict[type[Block], Kinds] = {
    Text: frozenset({TextDelta}),
    Refusal: frozenset({TextDelta}),
    Thinking: frozenset({ThinkingDelta, SignatureDelta}),
    ToolUse: frozenset({InputDelta}),
    Other: frozenset({Opaque}),
    Redacted: frozenset(),
}

Place = tuple[str, int]  # a part of a reasoning item: in its summary or its content, and the which

_HEAD, _TAIL = '{"input":"', '"}'  # around the text of a free-form call


class Open:
    """A block that is open.  *read*: whether somebody wants its pieces."""

    __slots__ = ("_last", "_parts", "block", "free", "index", "kind", "length", "read")

    def __init__(self, index: int, block: Block, *, read: bool) -> None:
        self.index, self.block, self.read = index, block, read
        self.kind = (
            InputDelta if isinstance(block, ToolUse) else TextDelta if isinstance(block, Text | Refusal) else None
        )
        self.free = isinstance(block, ToolUse) and calls.mark_of(block) == "custom"
        self.length = 0  # characters told
        self._parts: dict[Place, int] = {}  # of reasoning: the same, by part
        self._last: Place | None = None

    def tell(self, piece: str, events: list[Event]) -> None:
        """*piece* is more of the block's text or input."""
        if self.kind is None or not piece:
            return
        head = _HEAD if self.free and not self.length else ""
        self.length += len(piece)
        events.append(self.kind(self.index, head + _escaped(piece) if self.free else piece))

    def rest(self, whole: str, events: list[Event]) -> None:
        """*whole* is all of it: tell what was not told yet."""
        self.tell(whole[self.length :], events)

    def think(self, part: Place, piece: str, events: list[Event]) -> None:
        """*piece* is more of a part of reasoning."""
        if not piece:
            return
        self._parts[part] = self._parts.get(part, 0) + len(piece)
        between = "" if self._last in {None, part} else BETWEEN
        self._last = part
        events.append(ThinkingDelta(self.index, between + piece))

    def think_rest(self, part: Place, whole: str, events: list[Event]) -> None:
        """*whole* is all of a part: tell what was not told yet."""
        self.think(part, whole[self._parts.get(part, 0) :], events)

    def stop(self) -> list[Event]:
        """The block ends."""
        stopped = BlockStopped(self.index)
        if not self.read:
            return [Opaque(NAME, UNREAD, None, self.index), stopped]
        if self.free:
            return [InputDelta(self.index, _TAIL if self.length else _HEAD + _TAIL), stopped]
        return [stopped]


class Blocks:
    """The blocks of one reply, numbered in the order they begin.  *kinds*: what is read of them; None: everything."""

    __slots__ = ("_begun", "_items", "_kinds", "_last", "_open", "called", "next", "refused", "watched")

    def __init__(self, kinds: Kinds | None) -> None:
        self.next = 0  # the number of the next block
        self.watched = 0  # how many open blocks somebody reads, where not everybody reads everything
        self.called = self.refused = False
        self._kinds = kinds
        self._open: dict[tuple[int, int], Open] = {}  # by output_index and content_index
        self._begun: set[tuple[int, int]] = set()
        self._items: set[int] = set()
        self._last = -1  # the item that came last

    def item(self, place: int) -> int:
        """A new item has come at *place* (-1: after the last one); its place."""
        self._last = place if place >= 0 else self._last + 1
        self._items.add(self._last)
        return self._last

    def known(self, place: int) -> bool:
        """Whether there is an item at *place*."""
        return (self._last if place < 0 else place) in self._items

    def begin(self, place: int, number: int, block: Block, events: list[Event]) -> Open:
        """A block begins in the item at *place*, as its part *number*."""
        where = (self._last if place < 0 else place), number
        opened = Open(self.next, block, read=self._kinds is None or not self._kinds.isdisjoint(READ[type(block)]))
        events.append(BlockStarted(self.next, block))
        self._open[where] = opened
        self._begun.add(where)
        self.count(events[-1:])
        self.watched += opened.read and self._kinds is not None
        return opened

    def count(self, events: list[Event]) -> None:
        """*events* are told: number on from the blocks that begin in them."""
        for event in events:
            if isinstance(event, BlockStarted):
                self.next += 1
                self.called = self.called or isinstance(event.block, ToolUse)
                self.refused = self.refused or isinstance(event.block, Refusal)

    def find(self, place: int, number: int) -> Open | None:
        """The open block there."""
        return self._open.get((self._last if place < 0 else place, number))

    def begun(self, place: int, number: int) -> bool:
        """Whether a block began there, ended or not."""
        return (self._last if place < 0 else place, number) in self._begun

    def of(self, place: int, kind: type[Block]) -> Open | None:
        """The open item there, if it is of *kind*."""
        opened = self._open.get((self._last if place < 0 else place, 0))
        return opened if opened is not None and isinstance(opened.block, kind) else None

    def stop(self, place: int | None = None) -> list[Event]:
        """End what is open in the item at *place*; None: anywhere."""
        events: list[Event] = []
        at = self._last if place == -1 else place
        for where in [where for where in self._open if at is None or where[0] == at]:
            opened = self._open.pop(where)
            self.watched -= opened.read and self._kinds is not None
            events += opened.stop()
        return events


def _escaped(text: str) -> str:
    """*text* as it stands between the quotes of a JSON string."""
    return msgspec.json.encode(text)[1:-1].decode()
