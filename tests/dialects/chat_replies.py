"""Recorded Chat streams, and ways to feed them: shared by the tests of that dialect."""

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from openai._streaming import SSEDecoder
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from pipeline.events import (
    Batch,
    BlockStarted,
    BlockStopped,
    Event,
    Failed,
    Finished,
    Heartbeat,
    InputDelta,
    Kinds,
    Refusal,
    SignatureDelta,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
)
from stages.dialects import chat
from stages.dialects.chat.decoder import StreamDecoder

FIXTURES = Path(__file__).parent / "fixtures" / "chat"
REPLIES = {path.stem: path.read_bytes() for path in sorted((FIXTURES / "replies").glob("*.sse"))}
BODIES = {path.stem: path.read_bytes() for path in sorted((FIXTURES / "bodies").glob("*.json"))}
PROMPTS = {path.stem: json.loads(path.read_bytes()) for path in sorted((FIXTURES / "prompts").glob("*.json"))}
HUBS = {path.stem: json.loads(path.read_bytes()) for path in sorted((FIXTURES / "messages").glob("*.json"))}

DONE = b"data: [DONE]\n\n"


def frame(delta: dict[str, Any] | None = None, finish: str | None = None, **fields: Any) -> bytes:
    """One frame of a stream, with one choice unless *fields* say otherwise."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps({**chunk, **fields}, separators=(",", ":")).encode() + b"\n\n"


def decoded(*pieces: bytes, kinds: Kinds | None = None, hide_usage: bool = False) -> Batch:
    """The events of a stream that arrives in *pieces* and ends."""
    decoder = StreamDecoder(kinds, hide_usage=hide_usage)
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.close()


def unfolded(body: bytes | dict[str, Any]) -> Batch:
    """The events of a whole reply."""
    decoder = chat.whole_decoder()
    decoder.feed(body if isinstance(body, bytes) else json.dumps(body).encode())
    return decoder.close()


def frames_of(events: list[Event]) -> bytes:
    """All bytes that *events* came in, each frame once."""
    return b"".join(event.frame or b"" for event in events if event.nth == 0)


def payloads(stream: bytes) -> list[Any]:
    """What the openai package's own splitter finds in *stream*; raises where that would."""
    return [
        found.json() if found.data != "[DONE]" else "[DONE]"
        for found in SSEDecoder().iter_bytes(iter([stream]))
    ]  # fmt: skip


def validated(stream: bytes) -> list[ChatCompletionChunk]:
    """The chunks in *stream*, each checked strictly by the openai package."""
    chunks = [payload for payload in payloads(stream) if payload != "[DONE]"]
    return [ChatCompletionChunk.model_validate(chunk, strict=True) for chunk in chunks]


def accumulated(stream: bytes) -> ChatCompletion:
    """What the openai package's helper makes of *stream*."""
    state = ChatCompletionStreamState()
    for chunk in validated(stream):
        state.handle_chunk(chunk)
    return state.current_completion_snapshot  # the final one raises where a reply was cut or filtered


def grammatical(events: list[Event]) -> None:
    """Started first, blocks numbered in order, deltas only of open blocks of their kind, one terminal event, last."""
    open_: dict[int, object] = {}
    begun = 0
    meant = {TextDelta: Text | Refusal, ThinkingDelta: Thinking, SignatureDelta: Thinking, InputDelta: ToolUse}
    said = [event for event in events if not isinstance(event, Heartbeat)]
    for number, event in enumerate(said):
        assert isinstance(event, Started) == (number == 0) or isinstance(said[0], Failed)
        assert event.terminal == (number == len(said) - 1)
        if isinstance(event, BlockStarted):
            assert event.index == begun
            open_[begun] = event.block
            begun += 1
        elif isinstance(event, BlockStopped):
            del open_[event.index]
        elif isinstance(event, TextDelta | ThinkingDelta | SignatureDelta | InputDelta):
            assert isinstance(open_[event.index], meant[type(event)])
    assert not open_ or isinstance(events[-1], Failed)


def blocks(events: list[Event]) -> list[tuple[object, str]]:
    """Each block with all its pieces."""
    found: dict[int, tuple[object, str]] = {}
    for event in events:
        if isinstance(event, BlockStarted):
            found[event.index] = (event.block, "")
        elif isinstance(event, TextDelta | ThinkingDelta | InputDelta):
            found[event.index] = (found[event.index][0], found[event.index][1] + event.piece)
    return list(found.values())


def said(events: list[Event]) -> list[Any]:
    """*events* by what a reader learns: blocks and their contents, calls without arguments with none."""
    blocks: dict[int, list[Any]] = {}
    for event in events:
        if isinstance(event, BlockStarted):
            blocks[event.index] = [event.choice, event.block, "", ""]
        elif isinstance(event, TextDelta | ThinkingDelta | InputDelta):
            blocks[event.index][2] += event.piece
        elif isinstance(event, SignatureDelta):
            blocks[event.index][3] += event.piece
    for block in blocks.values():
        if isinstance(block[1], ToolUse) and not block[2]:
            block[2] = "{}"
    end = events[-1]
    return [*blocks.values(), (end.stop, end.stops, end.usage) if isinstance(end, Finished) else type(end)]


# JSON of any shape, made of the words of a stream
leaves = st.none() | st.booleans() | st.integers(-2, 3) | st.text(max_size=5) | st.just("stop") | st.just(1.5)
keys = st.sampled_from(["choices", "delta", "index", "content", "tool_calls", "function", "name", "arguments", "id",
                        "reasoning_details", "type", "text", "data", "finish_reason", "usage", "prompt_tokens", "model",
                        "reasoning", "custom", "input", "error", "function_call", "refusal", "message"])  # fmt: skip
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5))
