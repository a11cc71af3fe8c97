"""Content blocks: the Messages API's objects and our blocks, opened (in a stream) or complete (in a whole reply).

    {"type": "tool_use", "id", "name", "input": {}}  ─  ToolUse(id, name)      its input follows as InputDeltas
    {"type": "web_search_tool_result", …}            ─  Other("anthropic", …)  complete at its start

What a block is made of besides its deltas goes into the block; what only this dialect understands stays as it came.
"""

from typing import Any

import msgspec

from pipeline.events import (
    Block,
    BlockStarted,
    BlockStopped,
    Event,
    InputDelta,
    Opaque,
    Other,
    Redacted,
    Refusal,
    SignatureDelta,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
)
from stages.dialects.names import safe_id

NAME: str = "anthropic"
ATTRIBUTION = "x-anthropic-billing-header"  # how the first system block of Claude Code begins: not for the model

Fields = dict[str, Any]

_OWN_OF_TOOL_USE = frozenset({"type", "id", "name", "input"})
_ENCODER = msgspec.json.Encoder()


def opened(fields: Fields) -> Block:
    """The block that *fields* begin."""
    match fields:
        case {"type": "text"}:
            return Text()
        case {"type": "thinking"}:
            return Thinking()
        case {"type": "tool_use", "id": str(id), "name": str(name)}:
            extra = {key: value for key, value in fields.items() if key not in _OWN_OF_TOOL_USE}
            return ToolUse(id, name, extra or None)
        case {"type": "redacted_thinking", "data": str(data)}:
            return Redacted(data)
    return Other(NAME, fields)


def contents(fields: Fields, index: int) -> list[Event]:
    """The deltas that say what is already in *fields*: all of it in a whole reply, usually nothing in a stream."""
    deltas: list[Event] = []
    match fields:
        case {"type": "text"}:
            if text := fields.get("text"):
                deltas.append(TextDelta(index, str(text)))
            cited = fields.get("citations")
            for citation in cited if isinstance(cited, list) else ():
                value = {"type": "citations_delta", "citation": citation}
                deltas.append(Opaque(NAME, "citations_delta", value, index))
        case {"type": "thinking"}:
            if thinking := fields.get("thinking"):
                deltas.append(ThinkingDelta(index, str(thinking)))
            if signature := fields.get("signature"):
                deltas.append(SignatureDelta(index, str(signature)))
        case {"type": "tool_use", "input": given} if given:
            deltas.append(InputDelta(index, _ENCODER.encode(given).decode()))
    return deltas


def complete(fields: Fields, index: int) -> list[Event]:
    """All events of a whole block."""
    return [BlockStarted(index, opened(fields)), *contents(fields, index), BlockStopped(index)]


def opening(block: Block) -> Fields:
    """What content_block_start says of *block*.  Both keys of a thinking block are demanded by strict clients."""
    match block:
        case Text() | Refusal():
            return {"type": "text", "text": ""}
        case Thinking():
            return {"type": "thinking", "thinking": "", "signature": ""}
        case ToolUse(id=id, name=name, extra=extra):
            return {"type": "tool_use", "id": safe_id(id), "name": name, "input": {}, **_ours(extra)}
        case Redacted(data=data):
            return {"type": "redacted_thinking", "data": data}
        case Other(body=body):
            return body


def folded(block: Block, deltas: list[Event]) -> Fields:
    """The whole block that *block* and its *deltas* say."""
    fields = opening(block)
    match block:
        case Text() | Refusal():
            fields["text"] = _joined(deltas, TextDelta)
            cited = [delta.value["citation"] for delta in deltas if _cites(delta)]  # type: ignore[attr-defined]  # _cites has looked
            fields["citations"] = cited or None
        case Thinking():
            fields["thinking"] = _joined(deltas, ThinkingDelta)
            fields["signature"] = _joined(deltas, SignatureDelta)
        case ToolUse():
            fields["input"] = parsed_input(_joined(deltas, InputDelta))
        case Other():
            fields = _grown(fields, deltas)
    return fields


def parsed_input(text: str) -> Any:
    """A tool's input: the very JSON text it came in.  What was cut off by a limit, or is no object, stands as it is."""
    if not text.strip():
        return {}
    try:
        sound = isinstance(msgspec.json.decode(text), dict)
    except (msgspec.DecodeError, RecursionError):
        sound = False
    return msgspec.Raw(text.encode()) if sound else {"_raw": text}


def _grown(fields: Fields, deltas: list[Event]) -> Fields:
    """A block of which we know nothing but that texts are told in pieces, and a tool's input as JSON."""
    fields, given = dict(fields), _joined(deltas, InputDelta)
    for delta in deltas:
        for key, value in ((delta.value or {}) if isinstance(delta, Opaque) else {}).items():
            if key == "partial_json":
                given += value if isinstance(value, str) else ""
            elif key != "type":
                earlier = fields.get(key)
                fields[key] = earlier + value if isinstance(earlier, str) and isinstance(value, str) else value
    return {**fields, "input": parsed_input(given)} if given else fields


def _joined(deltas: list[Event], kind: type[TextDelta | ThinkingDelta | SignatureDelta | InputDelta]) -> str:
    return "".join([delta.piece for delta in deltas if type(delta) is kind])


def _cites(delta: Event) -> bool:
    return isinstance(delta, Opaque) and delta.kind == "citations_delta" and "citation" in (delta.value or ())


def _ours(extra: Fields | None) -> Fields:
    """Those further fields of a call that this API has."""
    return {key: value for key, value in (extra or {}).items() if key in {"caller", "toolset_name"}}
