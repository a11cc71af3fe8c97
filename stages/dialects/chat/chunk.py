"""One frame of a Chat stream, typed: what ``chat.completion.chunk`` may hold, as far as anyone here reads it.

Servers differ in every field (wire reference §2.6), so nearly all are Any and looked at where they are used: a number
where a text should be must not cost the whole frame.  ``read`` never raises.
"""

import json
from typing import Any

import msgspec


class Function(msgspec.Struct, gc=False):
    """A function's name and the text of its arguments; both in the first fragment, or not."""

    name: Any = None
    arguments: Any = None


class Free(msgspec.Struct, gc=False):
    """A free-form tool's name and input."""

    name: Any = None
    input: Any = None


class Call(msgspec.Struct, gc=False):
    """A fragment of a tool call."""

    index: Any = None
    id: Any = None
    function: Function | None = None
    custom: Free | None = None


class Delta(msgspec.Struct, gc=False):
    """What a choice's message has more of.  A whole message has the same fields."""

    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    refusal: Any = None
    tool_calls: list[Call] | None = None
    function_call: Function | None = None
    audio: Any = None
    annotations: Any = None


class Choice(msgspec.Struct, gc=False):
    """One of n answers."""

    index: Any = 0
    delta: Delta | None = None
    message: Delta | None = None  # of a whole reply
    finish_reason: Any = None
    stop_reason: Any = None  # vLLM: the stop sequence that was met


class Chunk(msgspec.Struct, gc=False):
    """A frame; or a whole reply."""

    id: Any = None
    model: Any = None
    choices: list[Choice] | None = None
    usage: Any = None
    error: Any = None


_CHUNK = msgspec.json.Decoder(Chunk)


def read(data: bytes) -> Chunk | None:
    """The chunk in *data*; None if there is none."""
    try:
        return _CHUNK.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _mended(data)


def _mended(data: bytes) -> Chunk | None:
    """*data* once more: with half a surrogate pair or half a character replaced, where a server cut a word in two."""
    try:
        value = json.loads(data.decode("utf-8", "replace"))
        return _CHUNK.decode(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
