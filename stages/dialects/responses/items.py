"""Output items: what a response consists of ⇄ blocks.

    message              output_text, refusal parts        Text, Refusal: one block a part
    reasoning                                              Thinking
    function_call …      a tool that the caller runs       ToolUse, see ``calls``
    web_search_call …    what the server ran; unknown      Other

``exploded`` reads a complete item, as whole replies have it; ``part_of`` and ``items_of`` write them.
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
from stages.dialects.anthropic.blocks import folded
from stages.dialects.citations import ADDED as ANNOTATION
from stages.dialects.citations import cited
from stages.dialects.logprobs import Tokens, spelled, tokens
from stages.dialects.responses import calls, reasoning

NAME = "responses"
ITEM_DONE = "response.output_item.done"
UNREAD = "unread"  # an Opaque of ours: pieces of its block were passed by, so that only its end says all

Item = dict[str, Any]

_ADDED = 0x80  # where the numbers of items begin that join those of an upstream, which may be a gateway like this one

# -- reading ----------------------------------------------------------------------------------------------------------


def block_of(item: Item) -> Block | None:
    """The block that *item* is; None for a message, whose parts are blocks."""
    if item.get("type") == "message":
        return None
    if item.get("type") == "reasoning":
        return Thinking()
    return calls.tool(item) if calls.called(item) else Other(NAME, item)


def exploded(item: Item, index: int, model: str) -> list[Event]:
    """All events of *item*, its blocks numbered from *index*; *model* made it."""
    block = block_of(item)
    if block is None:
        return [event for number, part in enumerate(contents(item)) for event in _part(part, index + number)]
    events: list[Event] = [BlockStarted(index, block)]
    if isinstance(block, Thinking):
        if text := reasoning.words(item):
            events.append(ThinkingDelta(index, text))
        if signature := reasoning.sealed(item, model):
            events.append(SignatureDelta(index, signature))
    elif isinstance(block, ToolUse) and (given := calls.given(item)):
        events.append(InputDelta(index, given))
    return [*events, BlockStopped(index)]


def contents(item: Item) -> list[Item]:
    """The parts of a message."""
    content = item.get("content")
    if isinstance(content, str):  # some compatible servers
        return [{"type": "output_text", "text": content, "annotations": []}]
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def text_of(part: Item) -> str:
    """The words of a part."""
    text = part.get("refusal" if part.get("type") == "refusal" else "text")
    return text if isinstance(text, str) else ""


def part_block(part: Item) -> Block:
    """The block that a message's *part* is."""
    match part.get("type"):
        case "output_text" | "text":
            return Text()
        case "refusal":
            return Refusal()
    return Other(NAME, part)


def _part(part: Item, index: int) -> list[Event]:
    events: list[Event] = [BlockStarted(index, part_block(part))]
    if text := text_of(part):
        events.append(TextDelta(index, text, tokens(part.get("logprobs"))))
    noted = part.get("annotations")
    for number, annotation in enumerate(noted if isinstance(noted, list) else ()):
        value = {"type": ANNOTATION, "annotation_index": number, "annotation": annotation}
        events.append(Opaque(NAME, ANNOTATION, value, index))
    return [*events, BlockStopped(index)]


# -- writing ----------------------------------------------------------------------------------------------------------


class Ids:
    """The ids of a reply and its items: functions of the id that the reply came with, stable and never shared."""

    def __init__(self, reply: str) -> None:
        own = reply.startswith("resp_")
        self.response = reply if own else f"resp_{calls.digest(reply)}"
        self._stem = self.response.removeprefix("resp_")
        self._first = _ADDED if own else 0

    def item(self, prefix: str, number: int) -> str:
        """The id of the item with that number, the prefix telling its kind."""
        return f"{prefix}_{self._stem}{self._first + number:02x}"


def message_of(parts: list[Item], *, item_id: str, status: str = "completed") -> Item:
    """A message of *parts*."""
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": parts}


def part_of(block: Block, text: str, notes: list[Opaque], weighed: Tokens = ()) -> Item:
    """The part of a message that *block* with the words *text* is; *notes*: what else was said of it, *weighed*: its
    tokens, if those were told."""
    if isinstance(block, Refusal):
        return {"type": "refusal", "refusal": text}
    if isinstance(block, Other):
        return block.body
    noted = annotations(notes, len(text))
    return {"type": "output_text", "annotations": noted, "logprobs": spelled(weighed), "text": text}


def annotations(notes: list[Opaque], length: int) -> list[Item]:
    """The annotations that *notes* stand for, of a text of *length* characters."""
    found: list[Item] = []
    for note in notes:
        value = note.value if isinstance(note.value, dict) else {}
        if note.dialect == NAME and note.kind == ANNOTATION and "annotation" in value:
            found.append(value["annotation"])
        else:
            found += cited(note, length)
    return found


def prefix_of(block: Block) -> str:
    """How the id of the item begins that *block* is or is part of."""
    match block:
        case Thinking() | Redacted():
            return "rs"
        case ToolUse():
            return calls.PREFIXES[calls.mark_of(block)]
        case Other(dialect="anthropic"):
            return "rs"
    return "msg"


def items_of(block: Block, text: str, signature: str, notes: list[Opaque], *, item_id: str, model: str) -> list[Item]:
    """The items that *block*, no part of a message, is; none if there is no place for it here."""
    match block:
        case Thinking():
            sealed = reasoning.encrypted(signature, model) if signature else None
            return [reasoning.item_of(text, sealed, item_id=item_id)]
        case Redacted(data=data):
            return [reasoning.item_of("", reasoning.encrypted(data, model, "redacted"), item_id=item_id)]
        case ToolUse():
            return [calls.item_of(block, text or "{}", item_id=item_id, status="completed")]
        case Other(dialect="responses", body=body):
            return [next((note.value for note in reversed(notes) if note.kind == ITEM_DONE), body)]
        case Other(dialect="anthropic"):
            return _carried(folded(block, list(notes)), item_id, model)
    return []


def _carried(fields: Item, item_id: str, model: str) -> list[Item]:
    """What a server of Claude's did: the block for its maker, who wants it back with the history; a search also for
    whoever shows it."""
    payload = msgspec.json.encode(fields).decode()
    carrier = reasoning.item_of("", reasoning.encrypted(payload, model, "block"), item_id=item_id)
    if fields.get("type") != "server_tool_use" or fields.get("name") != "web_search":
        return [carrier]
    given = calls.value_of(msgspec.json.encode(fields.get("input")).decode())
    action = {"type": "search", "query": str(given.get("query", ""))}
    shown_id = f"ws_{item_id.partition('_')[2]}"
    return [carrier, {"id": shown_id, "type": "web_search_call", "status": "completed", "action": action}]
