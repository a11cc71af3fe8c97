"""Recorded Chat streams, and ways to feed them: shared by the tests of that dialect."""

import json
from pathlib import Path
from typing import Any

from openai._streaming import SSEDecoder
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from pipeline.events import Batch, Event, Kinds
from stages.dialects.chat.decoder import StreamDecoder
from stages.dialects.chat.whole import WholeDecoder

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
    decoder = WholeDecoder()
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
