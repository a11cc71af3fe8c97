"""The items of a stream as they are written: each block opens its frames, adds to them, and closes them.

    Words       content_part.added    output_text.delta…            output_text.done  content_part.done
    Thoughts    output_item.added     reasoning_summary_text.delta… …done             output_item.done
    Calling     output_item.added     function_call_arguments.delta… …done            output_item.done
    Complete                                                        output_item.added output_item.done

Words are parts of a Message, an item of its own that texts which follow one another share.  The id and the place of an
item are the same in all its frames, and in the response at the end: clients' helpers raise where they are not.

In a silence a block that is open ``beat``s: a delta that is empty, of the kind that it sends anyway.

Each is made from where it stands (*at*: an id and an output_index, new ones where it says none).  ``stop`` may be given
the *final* part or item, as an upstream of this dialect tells it at the end: it stands in for pieces that nobody read.
"""

from collections.abc import Callable
from typing import Any

import attrs

from pipeline.events import (
    Block,
    Event,
    InputDelta,
    Opaque,
    Other,
    Refusal,
    SignatureDelta,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
)
from stages.dialects.citations import ADDED as ANNOTATION
from stages.dialects.logprobs import brief
from stages.dialects.responses import calls
from stages.dialects.responses.items import (
    ITEM_DONE,
    NAME,
    Item,
    annotations,
    items_of,
    message_of,
    part_of,
    prefix_of,
    text_of,
)
from stages.dialects.responses.reasoning import words
from stages.dialects.responses.sheet import Pieces, Sheet

ADDED = "response.output_item.added"


@attrs.frozen
class At:
    """Where an item stands; what is not said is new."""

    item_id: str = ""
    place: int = -1
    number: int = -1  # of a part


NEW = At()


class Message:
    """A message item.  It is open until something else begins and all its parts have ended."""

    def __init__(self, sheet: Sheet, at: At = NEW, phase: Any = None) -> None:
        self._sheet = sheet
        self._id = at.item_id or sheet.item_id("msg")
        self.place = sheet.place(at.place)
        self._phase = {} if phase is None else {"phase": phase}
        self._open = 0
        self._left = False  # something else has begun
        self.parts: dict[int, Item] = {}

    def start(self) -> bytes:
        """The item begins."""
        item = message_of([], item_id=self._id, status="in_progress") | self._phase
        return self._sheet.frame(ADDED, output_index=self.place, item=item)

    def part(self, number: int) -> Item:
        """A part of it begins, the next one if *number* is -1; where that stands."""
        number = len(self.parts) + self._open if number < 0 else number
        self._open += 1
        return {"item_id": self._id, "output_index": self.place, "content_index": number}

    def put(self, number: int, part: Item) -> bytes:
        """The part has ended."""
        self._open -= 1
        self.parts[number] = part
        return self._end()

    def leave(self) -> bytes:
        """Something else begins, or the reply ends."""
        self._left = True
        return self._end()

    def now(self) -> Item:
        """The item as it stands, between its parts."""
        parts = [self.parts[number] for number in sorted(self.parts)]
        return message_of(parts, item_id=self._id, status="in_progress") | self._phase

    def _end(self) -> bytes:
        if self._open or not self._left:
            return b""
        parts = [self.parts[number] for number in sorted(self.parts)]
        item = self._sheet.output[self.place] = message_of(parts, item_id=self._id) | self._phase
        return self._sheet.frame(ITEM_DONE, output_index=self.place, item=item)


class Written:
    """A block that is being written."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.weighed: list[Item] = []  # the tokens of a text, where they are told
        self.notes: list[Opaque] = []
        self.ran = False  # pieces of it passed unread
        self.began: Item | None = None  # the item as it was added, where that was told

    def start(self) -> bytes:
        """Its first frames."""
        return b""

    def take(self, event: Event) -> bytes:
        """The frames of a delta, or of a note, that belongs to it."""
        if isinstance(event, Opaque):
            self.notes.append(event)
        return b""

    def stop(self, final: Item | None = None) -> bytes:
        """Its last frames."""
        return b""

    def beat(self) -> bytes:
        """A frame that shows it is alive and says nothing; none if there is no such frame now."""
        return b""

    @property
    def where(self) -> Item:
        """What its frames say of its place."""
        return {}

    def _text(self, final: Item | None, told: Callable[[Item], str]) -> str:
        return told(final) if self.ran and final is not None else "".join(self.pieces)


class Words(Written):
    """A text or a refusal, part of *message*."""

    def __init__(self, sheet: Sheet, block: Block, message: Message, number: int = -1) -> None:
        super().__init__()
        self._sheet, self._block, self._message = sheet, block, message
        self._where = message.part(number)
        self.place = message.place
        self._refuses = isinstance(block, Refusal)
        self._noted = 0  # annotations
        kind = "response.refusal.delta" if self._refuses else "response.output_text.delta"
        self._frames = Pieces(sheet, kind, self._where, b"}\n\n" if self._refuses else b',"logprobs":[]}\n\n')

    @property
    def where(self) -> Item:
        """Its message, and which part of it."""
        return self._where

    def start(self) -> bytes:
        """The part begins."""
        return self._sheet.frame("response.content_part.added", **self._where, part=part_of(self._block, "", []))

    def take(self, event: Event) -> bytes:
        """More words; or a note: an annotation is told at once, a citation at the end."""
        if isinstance(event, TextDelta):
            self.pieces.append(event.piece)
            if event.logprobs is None or self._refuses:
                return self._frames.frame(event.piece)
            self.weighed += event.logprobs
            kind, weighed = "response.output_text.delta", brief(event.logprobs)
            return self._sheet.frame(kind, **self._where, delta=event.piece, logprobs=weighed)
        super().take(event)
        return self._annotate(event, 0) if isinstance(event, Opaque) and event.kind == ANNOTATION else b""

    def beat(self) -> bytes:
        """No words."""
        return self._frames.frame("") if isinstance(self._block, Text | Refusal) else b""

    def stop(self, final: Item | None = None) -> bytes:
        """The part ends."""
        text = self._text(final, text_of)
        cited = [self._annotate(note, len(text)) for note in self.notes if note.kind != ANNOTATION]
        part = part_of(self._block, text, self.notes, self.weighed)
        done = b""
        if self._refuses:
            done = self._sheet.frame("response.refusal.done", **self._where, refusal=text)
        elif isinstance(self._block, Text):
            weighed = brief(self.weighed)
            done = self._sheet.frame("response.output_text.done", **self._where, text=text, logprobs=weighed)
        done += self._sheet.frame("response.content_part.done", **self._where, part=part)
        return b"".join(cited) + done + self._message.put(self._where["content_index"], part)

    def _annotate(self, note: Opaque, length: int) -> bytes:
        out = b""
        for annotation in () if self._refuses else annotations([note], length):
            out += self._sheet.frame(ANNOTATION, **self._where, annotation_index=self._noted, annotation=annotation)
            self._noted += 1
        return out


class Standing(Written):
    """A block that is an item of its own."""

    def __init__(self, sheet: Sheet, block: Block, at: At = NEW) -> None:
        super().__init__()
        self._sheet, self._block, self._at = sheet, block, at
        self.signature = ""

    @property
    def where(self) -> Item:
        """The item."""
        return {"item_id": self._at.item_id, "output_index": self._at.place}

    @property
    def place(self) -> int:
        """Its output_index; -1: none yet."""
        return self._at.place

    def _stand(self) -> None:
        """Take a place, if there is none yet."""
        prefix = prefix_of(self._block)
        self._at = At(self._at.item_id or self._sheet.item_id(prefix), self._sheet.place(self._at.place))

    def _items(self, text: str) -> list[Item]:
        return items_of(
            self._block, text, self.signature, self.notes, item_id=self._at.item_id, model=self._sheet.model
        )

    def _added(self, item: Item) -> bytes:
        self.began = item
        return self._sheet.frame(ADDED, output_index=self._at.place, item=item)

    def _done(self, item: Item) -> bytes:
        self._sheet.output[self._at.place] = item
        return self._sheet.frame(ITEM_DONE, output_index=self._at.place, item=item)


class Thoughts(Standing):
    """Reasoning; its words are one summary."""

    def __init__(self, sheet: Sheet, block: Block, at: At = NEW) -> None:
        super().__init__(sheet, block, at)
        self._stand()
        self._summary = {**self.where, "summary_index": 0}
        self._frames = Pieces(sheet, "response.reasoning_summary_text.delta", self._summary)

    def start(self) -> bytes:
        """The item begins."""
        return self._added({"id": self._at.item_id, "type": "reasoning", "summary": []})

    def take(self, event: Event) -> bytes:
        """More words, or the signature, which is told at the end."""
        if isinstance(event, ThinkingDelta) and event.piece:
            first = b"" if self.pieces else self._part("response.reasoning_summary_part.added", "")
            self.pieces.append(event.piece)
            return first + self._frames.frame(event.piece)
        if isinstance(event, SignatureDelta):
            self.signature += event.piece
        return b""

    def beat(self) -> bytes:
        """No words; there must have been some, since they stand in a part that began with them."""
        return self._frames.frame("") if self.pieces or self.ran else b""

    def stop(self, final: Item | None = None) -> bytes:
        """The item ends."""
        text, out = self._text(final, words), b""
        if text:
            out = self._sheet.frame("response.reasoning_summary_text.done", **self._summary, text=text)
            out += self._part("response.reasoning_summary_part.done", text)
        return out + self._done(self._items(text)[0])

    def _part(self, kind: str, text: str) -> bytes:
        return self._sheet.frame(kind, **self._summary, part={"type": "summary_text", "text": text})


class Calling(Standing):
    """A call of a function, its arguments told as they come; or of a free-form tool, its input told at once."""

    def __init__(self, sheet: Sheet, block: ToolUse, at: At = NEW) -> None:
        super().__init__(sheet, block, at)
        self._stand()
        self._tool, self._free = block, calls.mark_of(block) == "custom"
        kind = "response.custom_tool_call_input.delta" if self._free else "response.function_call_arguments.delta"
        self._frames = Pieces(sheet, kind, self.where)

    def start(self) -> bytes:
        """The item begins."""
        return self._added(calls.item_of(self._tool, "", item_id=self._at.item_id, status="in_progress"))

    def take(self, event: Event) -> bytes:
        """More of the input."""
        if not isinstance(event, InputDelta) or not event.piece:
            return b""
        self.pieces.append(event.piece)
        return b"" if self._free else self._frames.frame(event.piece)

    def beat(self) -> bytes:
        """No input."""
        return self._frames.frame("")

    def stop(self, final: Item | None = None) -> bytes:
        """The item ends."""
        text = self._text(final, calls.given)
        item = calls.item_of(self._tool, text or "{}", item_id=self._at.item_id, status="completed")
        if not self._free:
            done = self._sheet.frame("response.function_call_arguments.done", **self.where, arguments=item["arguments"])
            return done + self._done(item)
        given = item["input"]
        out = self._frames.frame(given) if given else b""
        out += self._sheet.frame("response.custom_tool_call_input.done", **self.where, input=given)
        return out + self._done(item)


class Complete(Standing):
    """An item that is told when all of it is known: what is sealed, calls that have no deltas, what a server ran."""

    def start(self) -> bytes:
        """The item of a server of this dialect begins as that said; of others nothing is known yet."""
        if not isinstance(self._block, Other) or self._block.dialect != NAME:
            return b""
        self._at = At(self._at.item_id or str(self._block.body.get("id") or ""), self._at.place)
        self._stand()
        return self._added(self._block.body)

    def take(self, event: Event) -> bytes:
        """More input, or a note."""
        if isinstance(event, InputDelta):
            self.pieces.append(event.piece)
        return super().take(event)

    def stop(self, final: Item | None = None) -> bytes:
        """The item, if there is one for such a block here."""
        if final is not None and self.ran:
            return self._done(final)
        if self._at.place >= 0:
            return self._done(self._items("".join(self.pieces))[0])
        if not self._at.item_id:
            self._at = At(self._sheet.item_id(prefix_of(self._block)))
        out = b""
        for item in self._items("".join(self.pieces)):
            self._at = At(self._at.item_id, self._sheet.place())
            out += self._added(item) + self._done(item)
        return out


def standing(sheet: Sheet, block: Block, at: At = NEW) -> Standing:
    """The writer of a block that is an item of its own."""
    if isinstance(block, Thinking):
        return Thoughts(sheet, block, at)
    if isinstance(block, ToolUse) and calls.mark_of(block) in {"", "custom"}:
        return Calling(sheet, block, at)
    return Complete(sheet, block, at)
