"""Deltas, typed: the hot path of every stream that somebody reads.

    {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hel"}  ─  Piece("Hel", 0, 0)

Typed decoding takes the usual case; whatever it refuses (half a surrogate pair, a number that is null) is looked at
leniently.
"""

from typing import Any

import msgspec

from pipeline.errors import UpstreamFailed
from stages.dialects.anthropic.deltas import parsed


class Piece(msgspec.Struct, gc=False):
    """More of a part of a message, or of a call's input.  *output_index* -1: of the item that came last."""

    delta: str
    output_index: int = -1
    content_index: int = 0
    logprobs: Any = None


class Thought(msgspec.Struct, gc=False):
    """More of a summary of reasoning."""

    delta: str
    output_index: int = -1
    summary_index: int = 0


_PIECE = msgspec.json.Decoder(Piece)
_THOUGHT = msgspec.json.Decoder(Thought)
_REFUSED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_TYPE = b'{"type":"'  # how servers that name no events begin them


def piece(data: bytes) -> Piece:
    """What *data* tells.  Raises UpstreamFailed."""
    try:
        return _PIECE.decode(data)
    except _REFUSED:
        value = parsed(data)
        return Piece(_delta(value), index_of(value), number_of(value, "content_index"), value.get("logprobs"))


def thought(data: bytes) -> Thought:
    """The same, of a summary of reasoning."""
    try:
        return _THOUGHT.decode(data)
    except _REFUSED:
        value = parsed(data)
        return Thought(_delta(value), index_of(value), number_of(value, "summary_index"))


def index_of(value: Any) -> int:
    """The number of the item that an event is about; -1: the one that came last."""
    index = value.get("output_index") if isinstance(value, dict) else None
    return index if isinstance(index, int) and not isinstance(index, bool) else -1


def number_of(value: Any, key: str) -> int:
    """The number of a part; 0 if it is not told."""
    number = value.get(key) if isinstance(value, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else 0


def name_of(data: bytes) -> bytes:
    """The name of an event that has it only in its data; ``b""`` if it has none."""
    if data.startswith(_TYPE):
        return data[len(_TYPE) :].partition(b'"')[0]
    value = parsed(data) if data.startswith(b"{") else None
    kind = value.get("type") if isinstance(value, dict) else None
    if isinstance(kind, str):
        return kind.encode("utf-8", "replace")
    return b"error" if isinstance(value, dict) and value.get("error") else b""


def _delta(value: Any) -> str:
    delta = value.get("delta") if isinstance(value, dict) else None
    if not isinstance(delta, str):
        raise UpstreamFailed("the upstream sent a delta without its text")
    return delta
