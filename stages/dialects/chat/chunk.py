"""One frame of a Chat stream, typed: what ``chat.completion.chunk`` may hold, as far as anyone here reads it.

Servers differ in every field, so nearly all are Any and looked at where they are used: a number where a text should be
must not cost the whole frame.  ``read`` never raises.
"""

import json
from typing import Annotated, Any, Literal

import msgspec

from stages.dialects.sse import Frames


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
    extra_content: Any = None  # Gemini: what signs the call


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
    logprobs: Any = None


class Chunk(msgspec.Struct, gc=False):
    """A frame; or a whole reply."""

    id: Any = None
    model: Any = None
    choices: list[Choice] | None = None
    usage: Any = None
    error: Any = None


class _Words(msgspec.Struct, gc=False):
    """A delta that says words, and nothing else that anyone here reads."""

    content: Annotated[str, msgspec.Meta(min_length=1)]
    reasoning_content: None = None
    reasoning: None = None
    reasoning_details: None = None
    refusal: None = None
    tool_calls: None = None
    function_call: None = None
    audio: None = None
    annotations: None = None


class _Going(msgspec.Struct, gc=False):
    """The first answer, going on."""

    delta: _Words
    index: Literal[0] = 0
    finish_reason: None = None
    logprobs: None = None


class Words(msgspec.Struct, gc=False):
    """A chunk that has more words of one answer, nearly all are: what it may not be fails to decode."""

    choices: tuple[_Going]
    usage: dict[str, Any] | None = None
    error: None = None


class _QuietChoice(msgspec.Struct, gc=False):
    """A choice that goes on."""

    finish_reason: Literal[""] | None = None


class _Quiet(msgspec.Struct, gc=False):
    """A chunk that holds neither an end nor usage nor an error: any other value of these fails to decode."""

    choices: list[_QuietChoice]
    usage: None = None
    error: None = None


class Envelope(msgspec.Struct, gc=False):
    """What all frames of one reply have alike; ``choices`` tells a frame of this dialect from any other."""

    choices: list[Any]
    id: str = ""
    created: int = 0
    model: str = ""
    system_fingerprint: str | None = None


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
CHUNK = msgspec.json.Decoder(Chunk)
WORDS = msgspec.json.Decoder(Words)


_ENVELOPE = msgspec.json.Decoder(Envelope)
_QUIET = msgspec.json.Decoder(_Quiet)


def quiet(payloads: list[bytes]) -> bool:
    """Whether each of *payloads* is a chunk that nobody must read.

    Decoding so little takes 0.3 µs a frame, less than searching for the keys in all their spellings.
    """
    try:
        return len(_QUIET.decode_lines(b"\n".join(payloads))) == len(payloads)
    except UNREADABLE:
        return False


def read(data: bytes) -> Chunk | None:
    """The chunk in *data*; None if there is none."""
    try:
        return CHUNK.decode(data)
    except UNREADABLE:
        return _mended(data)


def _mended(data: bytes) -> Chunk | None:
    """*data* once more: with half a surrogate pair or half a character replaced, where a server cut a word in two."""
    try:
        value = json.loads(data.decode("utf-8", "replace"))
        return CHUNK.decode(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None


def envelope(frame: bytes) -> Envelope | None:
    """What the first chunk in *frame* has in common with all others; None if *frame* is of another dialect."""
    for _, _, payload in Frames().feed(frame):
        try:
            return _ENVELOPE.decode(payload)
        except UNREADABLE:
            if payload.startswith(b"[DONE]"):
                return Envelope([])
    return None
