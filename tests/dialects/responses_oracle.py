"""What says whether Responses bytes are right: the vendor's own types, strictly, and its own accumulator.

Also the fixtures, and ways to read and write them that several test files share.
"""

import typing
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
from openai import omit
from openai._models import construct_type_unchecked
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseOutputItem, ResponseStreamEvent
from pydantic import BaseModel

from pipeline.events import (
    Batch,
    BlockStarted,
    BlockStopped,
    Event,
    Failed,
    Heartbeat,
    InputDelta,
    Kinds,
    Opaque,
    Run,
    SignatureDelta,
    Started,
    TextDelta,
    ThinkingDelta,
)
from pipeline.prompt import Edit, Prompt
from stages.dialects import anthropic, responses
from stages.dialects.envelope import unwrap
from stages.dialects.responses.items import UNREAD
from stages.dialects.sse import Frames
from tests.doubles import asking

FIXTURES = Path(__file__).parent / "fixtures" / "responses"
REPLIES = {path.stem: path.read_bytes() for path in sorted((FIXTURES / "replies").glob("*.sse"))}
BODIES = {path.stem: path.read_bytes() for path in sorted((FIXTURES / "bodies").glob("*.json"))}
PROMPTS = {path.stem: path.read_bytes() for path in sorted((FIXTURES / "prompts").glob("*.json"))}

FAILING = {"failed", "error_event"}  # replies that end in an error
INFORMAL = {"terse"}  # a server that leaves off what the vendor's types demand

UNKNOWN = {"response.rate_limits.updated"}  # events that the vendor's types do not have

# Codes that the vendor's type does not have, and Codex acts on.
CODES = {"context_length_exceeded", "insufficient_quota", "server_is_overloaded"}


def by_name(kinds: Kinds | None) -> str:
    """The name of a test that reads *kinds*: the same in every run, which a set's own text is not."""
    return "everything" if kinds is None else "+".join(sorted(kind.__name__ for kind in kinds)) or "nothing"


def classes(union: Any) -> dict[str, type[BaseModel]]:
    """The members of *union* by their type."""
    if typing.get_origin(union) is typing.Annotated:
        union = typing.get_args(union)[0]
    if typing.get_origin(union) is typing.Union:
        return {kind: one for member in typing.get_args(union) for kind, one in classes(member).items()}
    return dict.fromkeys(typing.get_args(union.model_fields["type"].annotation), union)


EVENTS = classes(ResponseStreamEvent)
ITEMS = classes(ResponseOutputItem)


# -- reading ----------------------------------------------------------------------------------------------------------


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    """*stream*, cut at *cuts* (modulo its length)."""
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[a:b] for a, b in pairwise(edges)]


def read(stream: bytes, cuts: list[int] | None = None, kinds: Kinds | None = None) -> Batch:
    """All events of *stream*."""
    decoder = responses.stream_decoder(kinds)
    events = [event for piece in pieces(stream, cuts or []) for event in decoder.feed(piece)]
    return events + decoder.close()


def read_whole(body: bytes) -> Batch:
    """All events of a whole reply."""
    decoder = responses.whole_decoder()
    for place in range(0, len(body), 100):
        assert decoder.feed(body[place : place + 100]) == []
    return decoder.close()


def frame(kind: str, **fields: Any) -> bytes:
    """A frame of *kind*."""
    data = msgspec.json.encode({"type": kind, **fields})
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)


# -- writing ----------------------------------------------------------------------------------------------------------


def write(events: Batch) -> bytes:
    """*events* as a stream."""
    return responses.stream_encoder(asking("asked-for")).feed(events)


def write_whole(events: Batch) -> bytes:
    """*events* as one body."""
    return responses.whole_encoder(asking("asked-for")).feed(events)


def bare(events: Batch) -> Batch:
    """*events* as if stages had made them: without frames."""
    return [event.replace(**({"body": None} if isinstance(event, Started) else {})) for event in events]


# -- comparing --------------------------------------------------------------------------------------------------------


def said(events: Batch) -> list[Any]:
    """What *events* say: neighbouring pieces as one, inputs parsed unless empty, signatures by what is in them, errors
    by their words; nothing of how they came."""
    found: list[Any] = []
    for event in events:
        last: Any = found[-1] if found else None
        if isinstance(event, Opaque) and event.kind == UNREAD:
            continue
        if (
            isinstance(event, TextDelta | ThinkingDelta | InputDelta)
            and type(last) is type(event)
            and last.index == event.index
        ):
            found[-1] = last.replace(piece=last.piece + event.piece)
        elif isinstance(event, Failed):
            found.append(("failed", type(getattr(event.error, "means", event.error)), event.error.message))
        elif isinstance(event, Opaque):
            found.append((event.dialect, event.kind, event.index))
        elif not isinstance(event, Heartbeat):
            found.append(event)
    plain = [(event.index, parsed(event.piece)) if isinstance(event, InputDelta) else sealed(event) for event in found]
    return [event for event in plain if not (isinstance(event, tuple) and event[1] == {})]


def sealed(event: Any) -> Any:
    """A signature by what is in it: its envelope says what the item is called, too."""
    envelope = unwrap(event.piece) if isinstance(event, SignatureDelta) else None
    return event if envelope is None else (envelope.dialect, envelope.payload)


def parsed(text: str) -> Any:
    """The JSON in *text*; the text, if it is none."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def exact(events: Batch) -> list[Any]:
    """*events*, to be compared one by one."""
    return [
        ("failed", type(event.error), event.error.message, event.frame) if isinstance(event, Failed) else event
        for event in events
    ]


def frames_of(events: list[Event]) -> bytes:
    """The bytes of *events*, each frame once."""
    return b"".join(event.frame for event in events if event.nth == 0 and event.frame is not None)


def texts(events: Batch) -> dict[int, str]:
    """All pieces of each block, together."""
    found: dict[int, str] = {}
    for event in events:
        if isinstance(event, TextDelta | ThinkingDelta | InputDelta):
            found[event.index] = found.get(event.index, "") + event.piece
    return found


def check_grammar(events: Batch) -> None:
    """Started (BlockStarted delta* BlockStopped)* terminal; Heartbeat, Opaque and Run anywhere."""
    assert [event.terminal for event in events] == [False] * (len(events) - 1) + [True]
    begun, known, open_blocks = False, 0, set[int]()
    for event in events:
        if isinstance(event, Started):
            assert not begun
            begun = True
        elif isinstance(event, BlockStarted):
            assert begun
            assert event.index == known
            open_blocks.add(event.index)
            known += 1
        elif isinstance(event, BlockStopped):
            open_blocks.remove(event.index)
        elif (index := getattr(event, "index", None)) is not None:
            assert index in open_blocks
        else:
            assert begun or isinstance(event, Heartbeat | Failed | Run)


# -- the vendor -------------------------------------------------------------------------------------------------------


def told(stream: bytes) -> list[Any]:
    """The data of all frames of *stream*, parsed; every frame has a name, the one in its data."""
    values = []
    for _, name, data in Frames().feed(stream):
        if data:
            values.append(msgspec.json.decode(data))
            assert values[-1]["type"] == name.decode()
    return values


def check_stream(stream: bytes, *, gaps: bool = False) -> list[Any]:
    """Assert that every frame is what the vendor's types say, strictly, numbered from 0; give their data.

    *gaps*: numbers may be left out, as are those of frames that passed until something was missing.
    """
    values = told(stream)
    numbers = [value["sequence_number"] for value in values]
    assert numbers == (sorted(set(numbers)) if gaps else list(range(len(numbers))))
    for value in values:
        known = value.get("response", {}).get("error") or {}
        if known.get("code") in CODES:
            known["code"] = "server_error"
        if value["type"] not in UNKNOWN:
            EVENTS[value["type"]].model_validate(value, strict=True)
        if "response" in value:
            check_body(value["response"])
        if "item" in value:
            check_item(value["item"])
    return values


def check_body(body: Any) -> Any:
    """Assert that *body* is what the vendor's types say, strictly."""
    Response.model_validate(body, strict=True)
    for item in body["output"]:
        check_item(item)
    return body


def check_item(item: Any) -> None:
    """Assert the same of one item, by its own type: a union takes the nearest."""
    ITEMS[item["type"]].model_validate(item, strict=True)


def accumulate(stream: bytes) -> Any:
    """What the vendor's SDK makes of *stream*."""
    state: Any = ResponseStreamState(input_tools=omit, text_format=omit)
    for value in told(stream):
        if value["type"] in UNKNOWN:
            continue
        state.handle_event(construct_type_unchecked(type_=EVENTS[value["type"]], value=value))
    return state._completed_response


# -- prompts ----------------------------------------------------------------------------------------------------------


def to_hub(body: Any, **more: Any) -> tuple[dict[str, Any], list[Edit]]:
    """*body* with *more* in the Messages shape, and what was recorded."""
    prompt = Prompt.parse("responses", msgspec.json.encode({**body, **more}))
    return responses.to_messages(prompt.body(), prompt), prompt.edits


def as_claude(body: Any, **more: Any) -> tuple[dict[str, Any], list[Edit]]:
    """*body* with *more* as a Claude model is asked it, and what was recorded."""
    prompt = Prompt.parse("responses", msgspec.json.encode({**body, **more}))
    made = anthropic.from_messages(responses.to_messages(prompt.body(), prompt), prompt)
    return made, prompt.edits


def from_hub(body: Any, **more: Any) -> tuple[dict[str, Any], list[Edit]]:
    """*body* with *more*, in the Messages shape, as a Responses prompt, and what was recorded."""
    prompt = Prompt.parse("anthropic", msgspec.json.encode({**body, **more}))
    return responses.from_messages(prompt.body(), prompt), prompt.edits


def lost(edits: list[Edit]) -> list[str]:
    """Where *edits* lost something."""
    return [edit.path for edit in edits if edit.lossy]
