"""The ``content_block_delta`` event: the hot path of every stream that somebody reads.

    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hel"}}  ─  TextDelta(1, "Hel")

Typed decoding takes the usual case.  Whatever it refuses is looked at leniently: lone surrogates (from servers that
cut a text between the halves of a character), kinds that we do not know, deltas inside blocks that only this dialect
understands.
"""

import json
from collections.abc import Callable
from typing import Any

import msgspec

from pipeline.errors import UpstreamFailed
from pipeline.events import (
    Block,
    Event,
    InputDelta,
    Opaque,
    Other,
    Run,
    SignatureDelta,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
)
from stages.dialects.anthropic.blocks import NAME, Fields
from stages.dialects.sse import Frames

DELTA = b"content_block_delta"
NEAR = 200  # bytes at a delta's start in which servers write its type

# Event → type of the delta, its field, the block it belongs in.
KINDS: dict[Callable[..., Event], tuple[str, str, type[Block]]] = {
    TextDelta: ("text_delta", "text", Text),
    InputDelta: ("input_json_delta", "partial_json", ToolUse),
    ThinkingDelta: ("thinking_delta", "thinking", Thinking),
    SignatureDelta: ("signature_delta", "signature", Thinking),
}


class _Text(msgspec.Struct, tag="text_delta"):
    piece: str = msgspec.field(name="text")


class _Input(msgspec.Struct, tag="input_json_delta"):
    piece: str = msgspec.field(name="partial_json")


class _Thinking(msgspec.Struct, tag="thinking_delta"):
    piece: str = msgspec.field(name="thinking")


class _Signature(msgspec.Struct, tag="signature_delta"):
    piece: str = msgspec.field(name="signature")


class _Told(msgspec.Struct):
    index: int
    delta: _Text | _Input | _Thinking | _Signature


_TYPED = msgspec.json.Decoder(_Told)
_ANY = msgspec.json.Decoder()
_EVENTS: dict[type, tuple[Callable[..., Event], type[Block]]] = {
    _Text: (TextDelta, Text),
    _Input: (InputDelta, ToolUse),
    _Thinking: (ThinkingDelta, Thinking),
    _Signature: (SignatureDelta, Thinking),
}


def read_delta(data: bytes, raw: bytes, blocks: dict[int, Block]) -> Event:
    """The event that *data* tells, with *raw* as its frame; *blocks* are those open.  Raises UpstreamFailed."""
    try:
        told = _TYPED.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_leniently(parsed(data), raw, blocks)
    delta = told.delta
    made, fits = _EVENTS[type(delta)]
    if type(blocks.get(told.index)) is fits:
        return made(told.index, delta.piece, frame=raw)
    return _read_leniently(parsed(data), raw, blocks)


def _read_leniently(value: Any, raw: bytes, blocks: dict[int, Block]) -> Event:
    index, delta = index_of(value), member(value, "delta")
    kind, block = delta.get("type"), blocks.get(index)
    if block is None:
        raise UpstreamFailed(f"the upstream went on with block {index}, which is not open")
    if isinstance(block, Other):
        return Opaque(NAME, str(kind), delta, index, frame=raw)
    for tag, field, fits in KINDS.values():
        if kind == tag and (type(block) is not fits or not isinstance(delta.get(field), str)):
            raise UpstreamFailed(f"the upstream sent a {kind} that does not fit block {index}")
    return _unbound(index, delta, raw)


def reread(run: Run) -> list[Event]:
    """The events in the frames of *run*, for a block whose number has changed since.  What is broken is left out."""
    events: list[Event] = []
    for raw, name, data in Frames().feed(run.frame or b""):
        if name != DELTA:
            events.append(Opaque(run.dialect, name.decode("utf-8", "replace"), frame=raw))
            continue
        try:
            value = parsed(data)
            events.append(_unbound(index_of(value), member(value, "delta"), raw))
        except UpstreamFailed:
            continue
    return events


def _unbound(index: int, delta: Fields, raw: bytes) -> Event:
    """The event of a delta whose block is not at hand."""
    for made, (tag, field, _) in KINDS.items():
        if delta.get("type") == tag and isinstance(delta.get(field), str):
            return made(index, delta[field], frame=raw)
    return Opaque(NAME, str(delta.get("type")), delta, index, frame=raw)


# -- JSON as it comes -------------------------------------------------------------------------------------------------


def parsed(data: bytes) -> Any:
    """What *data* says; UpstreamFailed if that is not JSON."""
    try:
        return _ANY.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        text = json.dumps(json.loads(data), ensure_ascii=False, allow_nan=False)
        return _ANY.decode(text.encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise UpstreamFailed("the upstream sent an event that is not JSON") from None


def member(value: Any, key: str) -> Fields:
    """The object under *key*; UpstreamFailed if there is none."""
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, dict):
        raise UpstreamFailed(f"the upstream sent an event without its {key}")
    return found


def index_of(value: Any) -> int:
    """The number of the block that an event is about; UpstreamFailed if there is none."""
    index = value.get("index") if isinstance(value, dict) else None
    if not isinstance(index, int) or isinstance(index, bool):
        raise UpstreamFailed("the upstream sent a block without its number")
    return index
