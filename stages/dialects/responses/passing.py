"""Frames of this dialect, written as they came: what may pass, and what must be known should one not.

A response says everything twice or three times: in deltas, in ``done`` frames, in the completed response.  So a text
that a stage changed or took away would still stand in frames that nobody touched.  Frames pass only while every event
so far came, untouched and in order; each end of a block is compared with the pieces that passed, and the end of the
reply with the number of blocks.  At the first that differs passing is over for good, and the log, all blocks so far,
tells the writer where to go on.

Frames that nobody read (Runs) can't have been changed: a block that was passed by in them says so at its end, and is
not compared.
"""

import re

import msgspec

from pipeline.errors import UpstreamFailed, UpstreamRefused
from pipeline.events import (
    Batch,
    BlockStarted,
    BlockStopped,
    Event,
    Failed,
    Finished,
    Heartbeat,
    InputDelta,
    Opaque,
    Run,
    Started,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
    shared,
)
from stages.dialects.anthropic.deltas import parsed
from stages.dialects.citations import ADDED as ANNOTATION
from stages.dialects.responses import calls, reasoning
from stages.dialects.responses.items import ITEM_DONE, NAME, UNREAD, Item, contents, text_of
from stages.dialects.responses.pieces import number_of
from stages.dialects.responses.tray import LIMIT
from stages.dialects.sse import Frames

PART_ADDED = "response.content_part.added"
PART_DONE = "response.content_part.done"

# How frames of this dialect begin, and those of no other.
_OURS = re.compile(rb'event: ?response\.|"type": ?"response\.')
_NEAR = 4096  # bytes in which that is looked for
_NUMBER = re.compile(rb'"sequence_number": ?(\d+)')
_PIECES = frozenset({TextDelta, ThinkingDelta, InputDelta})


class Passed:
    """A block whose beginning passed."""

    __slots__ = ("notes", "pieces", "ran", "start", "stop", "weighed")

    def __init__(self, start: BlockStarted) -> None:
        self.start = start
        self.pieces: list[str] = []
        self.weighed: list[Item] = []  # the tokens of a text
        self.notes: list[Opaque] = []
        self.stop: BlockStopped | None = None
        self.ran = False  # pieces of it passed unread


class Passing:
    """What has passed of one reply."""

    def __init__(self) -> None:
        self.started: Started | None = None
        self.log: list[Passed] = []
        self._last = b""  # the frame that passed last
        self._known = False  # whether frames are of this dialect

    def take(self, events: Batch, position: int) -> int:
        """How many events, from *position* on, their frame may be written for; 0: it must not."""
        event = events[position]
        frame = event.frame
        if frame is None or not (self._known or self._ours(event)):
            return 0
        if event.of == 1 and type(event) in _PIECES:
            if not 0 <= event.index < len(self.log):  # type: ignore[attr-defined]  # pieces have one
                return 0
            self.log[event.index].pieces.append(event.piece)  # type: ignore[attr-defined]  # and the other
            if type(event) is TextDelta and event.logprobs:
                self.log[event.index].weighed += event.logprobs
            self._last = frame
            return 1
        group = events[position : position + event.of]
        if shared(group) is None or not self._fits(group):
            return 0
        for sibling in group:
            self._note(sibling)
        self._last = frame
        return event.of

    @property
    def open(self) -> list[Passed]:
        """The blocks that have not ended."""
        return [passed for passed in self.log if passed.stop is None]

    @property
    def number(self) -> int:
        """The sequence number of the last frame that passed; -1 if it told none."""
        numbers = _NUMBER.findall(self._last)
        return int(numbers[-1]) if numbers else -1

    def _ours(self, event: Event) -> bool:
        frame = event.frame or b""
        if isinstance(event, Heartbeat) and frame.startswith(b":"):
            return True  # a comment is anyone's
        if isinstance(event, Failed):
            return isinstance(event.error, UpstreamRefused) and event.error.dialect == NAME
        self._known = _OURS.search(frame, 0, _NEAR) is not None
        return self._known

    def _fits(self, group: Batch) -> bool:
        """Whether nothing is missing before *group*, and nothing is in it that did not pass in pieces."""
        blocks = len(self.log)
        for event in group:
            index = getattr(event, "index", None)
            if isinstance(event, BlockStarted):
                if event.index != blocks:
                    return False
                blocks += 1
            elif index is not None and not 0 <= index < blocks:
                return False
            elif isinstance(event, BlockStopped) and index is not None and index < len(self.log):
                if not self._agrees(self.log[index], group):
                    return False
            elif isinstance(event, Finished) and _count(event.frame or b"") > blocks:
                return False
        return True

    def _agrees(self, passed: Passed, group: Batch) -> bool:
        """Whether the end of a block says only what was told of it before, or is in *group*."""
        mine = [event for event in group if getattr(event, "index", None) == passed.start.index]
        if any(isinstance(event, Opaque) and event.kind == UNREAD for event in mine):
            return True
        final = final_of(passed.start, payloads(group[0].frame or b""))
        if final is None:
            return True
        said = _said(passed.start, final)
        told = "".join(passed.pieces) + "".join([event.piece for event in mine if type(event) in _PIECES])  # type: ignore[attr-defined]  # pieces have one
        notes = final.get("annotations")
        noted = sum(note.kind == ANNOTATION for note in passed.notes)
        return said in {"", told} and (len(notes) if isinstance(notes, list) else 0) <= noted

    def _note(self, event: Event) -> None:
        match event:
            case Started():
                self.started = event
            case BlockStarted():
                self.log.append(Passed(event))
            case BlockStopped(index=index):
                self.log[index].stop = event
            case Run():  # while one is open that somebody reads, nothing passes unread
                for passed in self.open:
                    passed.ran = True
            case Opaque(dialect="responses", kind="unread", index=int(index)):
                self.log[index].ran = True
            case Opaque(index=int(index)):
                self.log[index].notes.append(event)
            case TextDelta(index=index) | ThinkingDelta(index=index) | InputDelta(index=index):
                self.log[index].pieces.append(event.piece)


# -- what frames say --------------------------------------------------------------------------------------------------


def payloads(frame: bytes) -> list[Item]:
    """What is in *frame*, which may be several; what is broken is left out."""
    found: list[Item] = []
    for _, _, data in Frames(LIMIT).feed(frame):
        try:
            value = parsed(data) if data else None
        except UpstreamFailed:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


def final_of(start: BlockStarted, told: list[Item]) -> Item | None:
    """The part or item that the block of *start* has become, by its last frames."""
    part = next((value["part"] for value in told if value.get("type") == PART_DONE), None)
    item = next((value["item"] for value in told if value.get("type") == ITEM_DONE), None)
    if isinstance(item, dict) and item.get("type") != "message":
        return item
    if isinstance(part, dict):
        return part
    parts = contents(item) if isinstance(item, dict) else []
    number = number_of_part(start)
    return parts[number] if number < len(parts) else None


def number_of_part(start: BlockStarted) -> int:
    """The content_index of the part that *start* begins."""
    for value in payloads(start.frame or b""):
        if value.get("type") == PART_ADDED:
            return number_of(value, "content_index")
    return 0


def _said(start: BlockStarted, final: Item) -> str:
    block = start.block
    if isinstance(block, Thinking):
        return reasoning.words(final)
    return calls.given(final) if isinstance(block, ToolUse) else text_of(final)


class _Output(msgspec.Struct):
    type: str = ""
    content: list[msgspec.Raw] | None = None


class _Response(msgspec.Struct):
    output: list[_Output] | None = None


class _End(msgspec.Struct):
    response: _Response | None = None


_END = msgspec.json.Decoder(_End)


def _count(frame: bytes) -> int:
    """How many blocks the response has that *frame* ends; 0 if that can't be told."""
    blocks = 0
    for _, _, data in Frames(LIMIT).feed(frame):
        try:
            response = _END.decode(data).response if b'"response"' in data else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        for item in (response and response.output) or ():
            blocks += len(item.content or ()) if item.type == "message" else 1
    return blocks
