"""A whole Chat reply, read: one JSON body, exploded into the events a stream would have had.

    {"choices": [{"message": {…}, "finish_reason": "stop"}], "usage": {…}}   ─▶   Started … Finished, one batch

All events share the body as their frame; Started keeps it parsed, so that what no event stands for survives an edit.
"""

from typing import Any

import msgspec

from pipeline.errors import UpstreamFailed, UpstreamTruncated
from pipeline.events import Batch, Event, Finished, Opaque, Started, Stop, Text
from stages.dialects.chat import stops, usage
from stages.dialects.chat.blocks import Blocks, Nameless
from stages.dialects.chat.chunk import Chunk, Delta, read
from stages.dialects.chat.refusals import frame_error


def explode(frame: bytes) -> Batch:
    """The events of a whole reply.  Raises GatewayError if it is none, or an error with status 200."""
    if not frame.strip():
        raise UpstreamTruncated("the upstream closed without an answer")
    chunk, body = read(frame), _body(frame)
    if chunk is None or body is None:
        raise UpstreamFailed("the upstream's answer is not a chat completion")
    if chunk.error:
        raise frame_error(frame)
    if not chunk.choices:
        raise UpstreamFailed("the upstream's answer has no choices")
    return unfold(chunk, body)


def unfold(chunk: Chunk, body: dict[str, Any]) -> Batch:
    """The events of a reply that is one: *chunk*, typed, and *body*, all of it."""
    blocks = Blocks(whole=True)
    blocks.reply = chunk.id if isinstance(chunk.id, str) else ""
    blocks.model = chunk.model if isinstance(chunk.model, str) else ""
    events: list[Event] = [Started(blocks.reply, blocks.model, body=body)]
    reasons: dict[int, tuple[Stop, str | None]] = {}
    for told in chunk.choices or ():
        choice = blocks.choice(told.index if told.index.__class__ is int else 0)
        message = told.message or told.delta or Delta()
        _take(blocks, choice.number, message, events, told.logprobs)
        word = told.finish_reason if isinstance(told.finish_reason, str) else ""
        error = stops.broken(word)
        if error is not None:
            raise error
        sequence = told.stop_reason if isinstance(told.stop_reason, str) else None
        stop = stops.read(word, called=choice.called, refused=choice.refused, sequence=sequence is not None)
        reasons[choice.number] = stop, sequence
    counts = usage.read(chunk.usage) if isinstance(chunk.usage, dict) else None
    stop, sequence = reasons.pop(min(reasons))
    others = {number: stop for number, (stop, _) in reasons.items()}
    return [*events, Finished(stop, sequence, counts, None, others or None)]


def _take(blocks: Blocks, number: int, message: Delta, events: list[Event], logprobs: Any) -> None:
    choice = blocks.choice(number)
    blocks.take(choice, message, events, logprobs)
    for kind, value in (("audio", message.audio), ("annotations", message.annotations)):
        if value:
            events.append(Opaque("chat", kind, value, choice.open if choice.kind is Text else None))
    try:
        blocks.close(choice, events)
    except Nameless:
        raise UpstreamFailed("the upstream's answer calls a tool without a name") from None


def _body(frame: bytes) -> dict[str, Any] | None:
    try:
        body = msgspec.json.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
