"""What says whether Anthropic bytes are right: the vendor's own types, strictly, and its own accumulator.

Also the fixtures, and ways to read and write them that several test files share.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import anthropic.types as types
import msgspec
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message
from pydantic import BaseModel

from pipeline.events import Batch, Event, Failed, Kinds, Run
from stages.dialects import anthropic
from stages.dialects.sse import Frames
from tests.doubles import asking

FIXTURES = Path(__file__).parent / "fixtures" / "anthropic"
REPLIES = {path.stem: path.read_bytes() for path in sorted((FIXTURES / "replies").glob("*.sse"))}
BODIES = {path.stem: path.read_bytes() for path in sorted((FIXTURES / "bodies").glob("*.json"))}
PROMPTS = {path.stem: path.read_bytes() for path in sorted((FIXTURES / "prompts").glob("*.json"))}

BETA = {"beta"}  # replies with blocks and reasons that only the vendor's beta types know
FAILING = {"error", "error_first"}  # replies that end in an error

_CLASSES: dict[str, type[BaseModel]] = {
    "message_start": types.RawMessageStartEvent,
    "content_block_start": types.RawContentBlockStartEvent,
    "content_block_delta": types.RawContentBlockDeltaEvent,
    "content_block_stop": types.RawContentBlockStopEvent,
    "message_delta": types.RawMessageDeltaEvent,
    "message_stop": types.RawMessageStopEvent,
}


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    """*stream*, cut at *cuts* (modulo its length)."""
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[a:b] for a, b in pairwise(edges)]


def read(stream: bytes, cuts: list[int] | None = None, kinds: Kinds | None = None) -> Batch:
    """All events of *stream*."""
    decoder = anthropic.stream_decoder(kinds)
    events = [event for piece in pieces(stream, cuts or []) for event in decoder.feed(piece)]
    return events + decoder.close()


def read_whole(body: bytes) -> Batch:
    """All events of a whole reply."""
    decoder = anthropic.whole_decoder()
    for place in range(0, len(body), 100):
        assert decoder.feed(body[place : place + 100]) == []
    return decoder.close()


def said(events: Batch) -> list[Any]:
    """*events* in a form that can be compared: errors are equal by what they say."""
    return [
        ("failed", type(event.error), event.error.message, event.frame) if isinstance(event, Failed) else event
        for event in events
    ]


def write(events: Batch) -> bytes:
    """*events* as a stream."""
    return anthropic.stream_encoder(asking("asked-for")).feed(events)


def write_whole(events: Batch) -> bytes:
    """*events* as one body."""
    return anthropic.whole_encoder(asking("asked-for")).feed(events)


def bare(events: Batch) -> Batch:
    """*events* as if stages had made them: without frames."""
    return [event.replace() for event in events]


def told(stream: bytes) -> list[Any]:
    """The data of all frames of *stream*, parsed; every frame has a name, the one in its data."""
    values = []
    for _, name, data in Frames().feed(stream):
        if data:
            values.append(msgspec.json.decode(data))
            assert values[-1]["type"] == name.decode()
    return values


def check_stream(stream: bytes) -> list[Any]:
    """Assert that every frame is what the vendor's types say, strictly; give their data."""
    values = told(stream)
    for value in values:
        if value["type"] == "ping":
            assert value == {"type": "ping"}
        elif value["type"] == "error":
            types.ErrorResponse.model_validate(value, strict=True)
        else:
            _CLASSES[value["type"]].model_validate(value, strict=True)
    return values


def accumulate(stream: bytes) -> Message:
    """What the vendor's SDK makes of *stream*."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for value in told(stream):
        if value["type"] in _CLASSES:  # the SDK itself makes the object of the data, as leniently as it does in use
            snapshot = accumulate_event(event=value, current_snapshot=snapshot, json_bufs=buffers)
    assert isinstance(snapshot, Message)
    return snapshot


def frames_of(events: list[Event]) -> bytes:
    """The bytes of *events*, each frame once."""
    written = [event.frame for event in events if event.nth == 0]
    return b"".join(frame for frame in written if frame is not None)


def runs(events: list[Event]) -> list[Run]:
    """The runs among *events*."""
    return [event for event in events if isinstance(event, Run)]
