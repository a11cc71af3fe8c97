"""A whole Chat reply, written: events folded into one ``chat.completion``.

    exactly the events of a body of this dialect, untouched   ─▶   that body, byte for byte
    some of them changed                                      ─▶   a copy of it with the changed fields
    events of another dialect                                 ─▶   a body of our own, every nullable key in it

To know what changed, the body is unfolded once more and folded beside the events that came: a field that says the same
keeps its parsed form, so what no event stands for (citations, filter results, prices) stays.  Where words changed, what
repeats them goes: their log probabilities, reasoning in its second spelling.
"""

import secrets
import time
from copy import deepcopy
from typing import Any

import attrs
import msgspec

from pipeline.events import (
    BlockStarted,
    Event,
    Finished,
    Heartbeat,
    InputDelta,
    Opaque,
    Redacted,
    Refusal,
    SignatureDelta,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
    shared,
)
from stages.dialects.chat import stops, usage
from stages.dialects.chat.blocks import maker
from stages.dialects.chat.chunk import Chunk
from stages.dialects.chat.encoder import call_fields, chat_id, free_input
from stages.dialects.chat.signed import of_a_call
from stages.dialects.chat.whole import unfold
from stages.dialects.citations import cited, nested

_EMPTY = {"role": "assistant", "content": None, "refusal": None}


@attrs.define
class Piece:
    """A block with all that came of it."""

    block: Any
    choice: int
    words: list[str] = attrs.field(factory=list)
    signature: str = ""
    pages: list[dict[str, Any]] = attrs.field(factory=list)  # that it cites


class WholeEncoder:
    """Folds the events of one reply into one body.

    *model*: what the client asked for, should the reply not say.
    """

    media_type = "application/json"

    def __init__(self, *, model: str) -> None:
        self._model = model
        self._events: list[Event] = []
        self._done = False

    def feed(self, events: list[Event]) -> bytes:
        """Nothing until the terminal event; then the body, or nothing after a failure: errors have their own."""
        for event in events:
            if self._done:
                break
            if not isinstance(event, Heartbeat):
                self._events.append(event)
            self._done = event.terminal
            if isinstance(event, Finished):
                return self._body(event)
        return b""

    def _body(self, finished: Finished) -> bytes:
        events, self._events = self._events, []
        started = next((event for event in events if isinstance(event, Started)), None)
        body = started.body if started is not None else None
        if started is None or body is None or not isinstance(body.get("choices"), list):
            return msgspec.json.encode(self._rendered(started or Started("", ""), finished, events))
        frame = shared(events)
        if frame is not None:
            return frame
        return msgspec.json.encode(edited(body, started, finished, events))

    def _rendered(self, started: Started, finished: Finished, events: list[Event]) -> dict[str, Any]:
        """A body for events of another dialect."""
        messages, weighed = fold(events, finished), weights(events)
        counts = finished.usage.over(started.usage) if finished.usage is not None else started.usage
        choices = [
            {
                "index": number,
                "message": {**_EMPTY, **explained(number, message, finished)},
                "logprobs": weighed.get(number),
                **_ending(number, message, finished),
            }
            for number, message in sorted(messages.items())
        ]
        return {
            "id": chat_id(started.id) or f"chatcmpl-{secrets.token_hex(12)}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": started.model or self._model,
            "choices": choices,
            "usage": None if counts is None else usage.write(counts),
            "system_fingerprint": None,
        }


def fold(events: list[Event], finished: Finished) -> dict[int, dict[str, Any]]:
    """The messages that *events* amount to, by choice; only the fields that have a value."""
    pieces: dict[int, Piece] = {}
    for event in events:
        match event:
            case BlockStarted():
                pieces[event.index] = Piece(event.block, event.choice)
            case TextDelta() | ThinkingDelta() | InputDelta() if event.index in pieces:
                pieces[event.index].words.append(event.piece)
            case SignatureDelta() if event.index in pieces:
                pieces[event.index].signature += event.piece
            case Opaque(dialect="responses", index=int(index)) if index in pieces:  # as in a stream
                pieces[index].pages += cited(event, 0)
    choices = {0, *(finished.stops or ()), *(piece.choice for piece in pieces.values())}
    return {choice: _message([piece for piece in pieces.values() if piece.choice == choice]) for choice in choices}


def explained(number: int, message: dict[str, Any], finished: Finished) -> dict[str, Any]:
    """The *message* of that choice, with why it was refused, where that is known and its words don't say it."""
    why = (finished.details or {}).get("explanation") if number == 0 and finished.stop == "refusal" else None
    return {"refusal": why, **message} if isinstance(why, str) else message


def weights(events: list[Event]) -> dict[int, dict[str, Any]]:
    """What *events* tell of the tokens of their texts, by choice."""
    fields: dict[int, tuple[int, str]] = {}
    found: dict[int, dict[str, Any]] = {}
    for event in events:
        if isinstance(event, BlockStarted):
            fields[event.index] = event.choice, "refusal" if isinstance(event.block, Refusal) else "content"
        elif isinstance(event, TextDelta) and event.logprobs and event.index in fields:
            choice, field = fields[event.index]
            told = found.setdefault(choice, {"content": None, "refusal": None})
            told[field] = [*(told[field] or ()), *event.logprobs]
    return found


def _message(pieces: list[Piece]) -> dict[str, Any]:
    """The message of one choice; order between text and calls is lost, Chat has none."""
    text = _words(pieces, Text)
    refusal = _words(pieces, Refusal)
    reasoning = _words(pieces, Thinking)
    details = _details(pieces)
    calls = [_call(piece) for piece in pieces if isinstance(piece.block, ToolUse)]
    found = {
        "content": text or (None if calls or refusal else ""),
        "refusal": refusal or None,
        "reasoning_content": reasoning or None,
        "reasoning_details": details or None,
        "tool_calls": calls or None,
        "annotations": [nested(page) for piece in pieces for page in piece.pages] or None,
    }
    return {key: value for key, value in found.items() if value is not None}


def _words(pieces: list[Piece], kind: type[Text | Refusal | Thinking]) -> str:
    return "".join(["".join(piece.words) for piece in pieces if isinstance(piece.block, kind)])


def _details(pieces: list[Piece]) -> list[dict[str, Any]]:
    """Reasoning block by block, if any was signed or sealed: so it can come back as it was."""
    entries: list[dict[str, Any]] = []
    pieces = [piece for piece in pieces if not isinstance(piece.block, Redacted) or not of_a_call(piece.block.data)]
    if not any(piece.signature or isinstance(piece.block, Redacted) for piece in pieces):
        return entries
    for piece in pieces:
        if isinstance(piece.block, Redacted):
            entry = {"type": "reasoning.encrypted", "data": piece.block.data, "format": maker(piece.block.data)}
        elif isinstance(piece.block, Thinking):
            entry = {"type": "reasoning.text", "text": "".join(piece.words)}
            entry |= {"signature": piece.signature, "format": maker(piece.signature)} if piece.signature else {}
        else:
            continue
        entries.append({**entry, "index": len(entries)})
    return entries


def _call(piece: Piece) -> dict[str, Any]:
    given = "".join(piece.words)
    block = piece.block
    own = call_fields(block)
    if (block.extra or {}).get("type") == "custom":
        return {"id": block.id, "type": "custom", "custom": {"name": block.name, "input": free_input(given)}, **own}
    return {"id": block.id, "type": "function", "function": {"name": block.name, "arguments": given or "{}"}, **own}


def _ending(number: int, message: dict[str, Any], finished: Finished) -> dict[str, Any]:
    stop = finished.stop if number == 0 else (finished.stops or {}).get(number, "end_turn")
    word = stops.write(stop, called="tool_calls" in message, refused="refusal" in message)
    if number == 0 and finished.stop_sequence is not None:
        return {"finish_reason": word, "stop_reason": finished.stop_sequence}
    return {"finish_reason": word}


def edited(body: dict[str, Any], started: Started, finished: Finished, events: list[Event]) -> dict[str, Any]:
    """A copy of *body*, the reply as it came, that says what *events* say now."""
    before = unfold(msgspec.convert(body, Chunk), body)
    was_started, was_finished = before[0], before[-1]
    if not isinstance(was_started, Started) or not isinstance(was_finished, Finished):
        raise TypeError("a reply unfolds from Started to Finished")
    copy = deepcopy(body)
    for key, was, now in (("id", was_started.id, started.id), ("model", was_started.model, started.model)):
        if was != now:
            copy[key] = now
    if was_finished.usage != finished.usage:
        copy["usage"] = None if finished.usage is None else usage.write(finished.usage)
    old, new = fold(before, was_finished), fold(events, finished)
    spoken = {event.kind for event in events if isinstance(event, Opaque)}
    for choice in copy["choices"]:
        number = choice.get("index") if isinstance(choice.get("index"), int) else 0
        _edit(choice, old.get(number, {}), explained(number, new.get(number, {}), finished), spoken)
        ending = _ending(number, new.get(number, {}), finished)
        if ending != _ending(number, old.get(number, {}), was_finished):
            choice.update(ending)
    return copy


def _edit(choice: dict[str, Any], old: dict[str, Any], new: dict[str, Any], spoken: set[str]) -> None:
    """Make *choice*, which said *old*, say *new*."""
    message = choice.get("message")
    if not isinstance(message, dict):
        return
    for key in ("audio", "annotations"):
        if message.get(key) and key not in spoken:
            message.pop(key)
    for key in ("content", "refusal"):
        if old.get(key) != new.get(key):
            message[key] = new.get(key)
            choice["logprobs"] = None
    if any(old.get(key) != new.get(key) for key in ("reasoning_content", "reasoning_details")):
        for key in ("reasoning_content", "reasoning", "reasoning_details"):
            message.pop(key, None)
        message |= {key: new[key] for key in ("reasoning_content", "reasoning_details") if key in new}
    if old.get("tool_calls") != new.get("tool_calls"):
        _edit_calls(message, old.get("tool_calls", []), new.get("tool_calls", []))


def _edit_calls(message: dict[str, Any], old: list[dict[str, Any]], new: list[dict[str, Any]]) -> None:
    """Replace the calls that changed; the others keep the form they came in."""
    told = message.get("tool_calls")
    kept = told if isinstance(told, list) and len(told) == len(old) else old
    calls = [kept[old.index(call)] if call in old else call for call in new]
    message.pop("function_call", None)
    message.pop("tool_calls", None)
    if calls:
        message["tool_calls"] = calls
