"""A Messages stream, written: events to bytes.

    untouched, of this dialect  ─▶  its frame, as it came
    anything else               ─▶  rendered: ``event: <name>`` LF ``data: <JSON>`` LF LF

What a strict client may rely on whatever the source: message_start comes first and once, with a usage object; blocks do
not overlap and are numbered from 0 (``serial``); thinking blocks start with an empty signature, tools with an empty
input; the stop reason agrees with the content; message_delta tells the full usage; nothing follows the end, and a
failure ends the stream with ``error`` and without message_stop.
"""

import re
import uuid
from collections.abc import Callable, Container
from typing import Any

import msgspec

from pipeline.errors import UpstreamRefused
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
    Other,
    Refusal,
    Run,
    SignatureDelta,
    Started,
    Stop,
    Text,
    TextDelta,
    ThinkingDelta,
    ToolUse,
    Usage,
    shared,
)
from stages.dialects.anthropic.blocks import NAME, Fields, opening
from stages.dialects.anthropic.deltas import reread
from stages.dialects.anthropic.errors import envelope
from stages.dialects.anthropic.usage import write_usage
from stages.dialects.serial import Serial

_encode = msgspec.json.Encoder().encode

_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":'
_TEXT = _DELTA + b'"text_delta","text":%b}}\n\n'
_THINKING = _DELTA + b'"thinking_delta","thinking":%b}}\n\n'
_SIGNATURE = _DELTA + b'"signature_delta","signature":%b}}\n\n'
_INPUT = _DELTA + b'"input_json_delta","partial_json":%b}}\n\n'
_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_PING = b'event: ping\ndata: {"type": "ping"}\n\n'
_COMMENT = b": ping\n\n"  # before message_start no client expects an event

# How frames of this dialect begin, and those of no other (Responses: "response.…"; Chat has no names).
_OURS = re.compile(rb"(?:\xef\xbb\xbf)?[\r\n]*event: ?(?:message_|content_block_|ping)")
_TYPED = re.compile(rb'"type": ?"(?:message_|content_block_|ping)')  # and what their data says of itself


class StreamEncoder:
    """Writes one stream.  *model*: what the client asked for, should the reply not say."""

    __slots__ = ("_batch", "_began", "_intact", "_model", "_ours", "_over", "_seen", "_serial", "_usage")

    media_type = "text/event-stream; charset=utf-8"

    def __init__(self, model: str) -> None:
        self._model = model
        self._serial = Serial(wanted, reread, hollow)
        self._batch: Batch = []
        self._intact: set[int] | None = None  # of this batch: frames all whose events are here
        self._ours: bool | None = None  # whether frames are of this dialect: of one upstream, so it holds for all
        self._usage: Usage | None = None
        self._seen: tuple[type, ...] = ()  # kinds of blocks written
        self._began = self._over = False

    def feed(self, events: Batch) -> bytes:
        """The bytes of *events*; nothing after the terminal one."""
        if self._over:
            return b""
        if len(events) == 1 and type(run := events[0]) is Run and self._serial.straight:
            return run.frame or b""  # nearly every read of a reply that is passed on
        pieces: list[bytes] = []
        self._batch, self._intact = self._serial.feed(events), None
        for event in self._batch:
            render = _RENDER.get(type(event))
            if render is None:
                pieces.append(self._tell(event))
            elif event.frame is None or self._ours is False:
                pieces.append(render(event))
            elif event.of == 1 and self._ours:
                pieces.append(event.frame)
            else:
                frame = self._frame(event)
                pieces.append(render(event) if frame is None else frame)
            if event.terminal:
                self._over = True
                break
        self._batch = []  # not to be held until the next one comes
        return b"".join(pieces)

    def _frame(self, event: Event) -> bytes | None:
        """The frame to write for *event*, ``b""`` if a sibling has brought it; None if *event* must be rendered."""
        if event.frame is None:
            return None
        if self._ours is None:
            self._ours = _OURS.match(event.frame) is not None and _TYPED.search(event.frame) is not None
        if not self._ours:
            return None
        if event.of == 1:
            return event.frame
        if self._intact is None:
            self._intact = intact(self._batch)
        if id(event.frame) not in self._intact:
            return None
        return event.frame if event.nth == 0 else b""

    # -- events that change what may follow ---------------------------------------------------------------------------

    def _tell(self, event: Event) -> bytes:
        match event:
            case Run():
                return event.frame or b""
            case Heartbeat():
                return self._heartbeat(event)
            case BlockStarted():
                return self._begun() + self._block_started(event)
            case Started():
                return b"" if self._began else self._started(event)
            case Opaque():
                return self._opaque(event)
            case Finished():
                return self._begun() + self._finished(event)
            case Failed():
                return self._failed(event)
        return b""

    def _begun(self) -> bytes:
        """message_start, should nobody have told it: a stage may end a reply before it begins."""
        return b"" if self._began else self._started(Started("", ""))

    def _started(self, event: Started) -> bytes:
        self._began, self._usage = True, event.usage
        frame = self._frame(event)
        return spell("message_start", message=message(event, self._model, event.usage)) if frame is None else frame

    def _block_started(self, event: BlockStarted) -> bytes:
        if type(event.block) not in self._seen:
            self._seen += (type(event.block),)
        frame = self._frame(event)
        if frame is None:
            return spell("content_block_start", index=event.index, content_block=opening(event.block))
        return frame

    def _opaque(self, event: Opaque) -> bytes:
        if event.dialect != NAME:
            return b""
        frame = self._frame(event)
        if frame is not None:
            return frame
        if event.index is not None:
            return spell("content_block_delta", index=event.index, delta=event.value)
        return spell(event.kind, **(event.value if isinstance(event.value, dict) else {}))

    def _heartbeat(self, event: Heartbeat) -> bytes:
        frame = event.frame
        if frame is not None and (frame[:1] == b":" or (self._ours is not False and _OURS.match(frame))):
            return frame
        return _PING if self._began else _COMMENT

    def _finished(self, event: Finished) -> bytes:
        stop = agreed(event.stop, self._seen)
        frame = self._frame(event)
        if frame is not None and stop == event.stop:
            return frame
        delta: Fields = {"stop_reason": stop, "stop_sequence": event.stop_sequence}
        if stop == "refusal":
            delta["stop_details"] = event.details or REFUSED
        usage = write_usage((event.usage or Usage()).over(self._usage))
        inside, beside = parted(event.extra)
        return spell("message_delta", delta={**delta, **inside}, usage=usage, **beside) + spell("message_stop")

    def _failed(self, event: Failed) -> bytes:
        error = event.error
        if event.frame is not None and isinstance(error, UpstreamRefused) and error.dialect == NAME:
            return event.frame
        return b"event: error\ndata: %b\n\n" % _encode(envelope(error))


# -- the parts, shared with whole replies -----------------------------------------------------------------------------

_IN_DELTA = frozenset({"container", "safeguard_results"})
REFUSED = {"type": "refusal", "category": None, "explanation": None}


def wanted(event: BlockStarted) -> bool:
    """Whether a client of this dialect can have a block: there are no second choices, and no blocks of others."""
    return event.choice == 0 and not (isinstance(event.block, Other) and event.block.dialect != NAME)


def hollow(event: BlockStarted) -> bool:
    """Whether a block is none without words: a text in another dialect's frame; this API would refuse it as history."""
    return isinstance(event.block, Text) and event.frame is not None and _OURS.match(event.frame) is None


def message(started: Started, model: str, usage: Usage | None) -> Fields:
    """The message that *started* begins, without content; *model* if it does not say.  *usage*: what to tell of it."""
    return {
        "id": started.id or f"msg_{uuid.uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "model": started.model or model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": write_usage(usage),
    }


def agreed(stop: Stop, seen: Container[type]) -> Stop:
    """*stop*, made to agree with the kinds of blocks that were written: clients believe one or the other."""
    if Refusal in seen:
        return "refusal"
    if stop == "end_turn" and ToolUse in seen:
        return "tool_use"
    return "end_turn" if stop == "tool_use" and ToolUse not in seen else stop


def parted(extra: Fields | None) -> tuple[Fields, Fields]:
    """What else is told at the end, in two: what stands in message_delta's delta, and what beside it."""
    inside = {key: value for key, value in (extra or {}).items() if key in _IN_DELTA}
    return inside, {key: value for key, value in (extra or {}).items() if key not in _IN_DELTA}


def intact(batch: Batch) -> set[int]:
    """The ids of those frames all whose events are in *batch*, next to each other and in order."""
    first = [(position, event) for position, event in enumerate(batch) if event.nth == 0]
    frames = (shared(batch[position : position + event.of]) for position, event in first)
    return {id(frame) for frame in frames if frame is not None}


def spell(kind: str, **fields: Any) -> bytes:
    """A frame of *kind*."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), _encode({"type": kind, **fields}))


def _text(event: TextDelta) -> bytes:
    return _TEXT % (event.index, _encode(event.piece))


def _thinking(event: ThinkingDelta) -> bytes:
    return _THINKING % (event.index, _encode(event.piece))


def _signature(event: SignatureDelta) -> bytes:
    return _SIGNATURE % (event.index, _encode(event.piece))


def _input(event: InputDelta) -> bytes:
    return _INPUT % (event.index, _encode(event.piece))


def _stop(event: BlockStopped) -> bytes:
    return _STOP % event.index


_RENDER: dict[type[Event], Callable[..., bytes]] = {
    TextDelta: _text,
    InputDelta: _input,
    ThinkingDelta: _thinking,
    SignatureDelta: _signature,
    BlockStopped: _stop,
}
