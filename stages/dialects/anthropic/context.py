"""context_management for upstreams that have none: old tool results and thoughts are left out here.

    clear_tool_uses_20250919     when the prompt is over its trigger: all results but the newest become a placeholder
    clear_thinking_20251015      thoughts of all turns but the newest
    compact_…, anything else     needs a model: not done, and recorded

What is cleared is a pure function of the prompt, and changes as seldom as may be, because every change voids the cache
behind it.  The conversation is replayed request by request: what was cleared when it was shorter stays cleared, and no
more is until, with all that left out, it is over the trigger again.  So between two clearings a prompt begins with the
one before it, byte for byte.  Tokens are estimated (``count.weigh``), as the vendor's are before a model has seen them.

The client is told what was done in the vendor's form, ``applied_edits``: it is left on the prompt (``TOLD``).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from pipeline.document import Path
from pipeline.prompt import Prompt
from stages.dialects.anthropic.blocks import Fields
from stages.dialects.anthropic.count import weigh
from stages.dialects.shape import count, mapping, objects
from stages.notes import TOLD

FIELD = "context_management"
CLEARED = "[cleared: this tool's result was left out to save room]"
TRIGGER, KEPT = 100_000, 3  # tokens of the prompt, uses of tools: what holds where an edit does not say
GAIN = 0.05  # of the trigger: less is not worth a cache, when a prompt is over it whatever is cleared

_encode = msgspec.json.Encoder().encode
_THOUGHTS = ("thinking", "redacted_thinking")


def managed(body: Fields, prompt: Prompt) -> Fields:
    """*body* without ``context_management``, and as that wants it; recorded on *prompt*.  Raises InvalidRequest."""
    asked = body.get(FIELD)
    if asked is None:
        return body
    body = {key: value for key, value in body.items() if key != FIELD}
    applied = []
    for path, edit in objects(mapping(asked, (FIELD,)).get("edits") or [], (FIELD, "edits")):
        clear = _EDITS.get(str(edit.get("type")))
        if clear is None:
            prompt.record("dropped", path, f"{edit.get('type')}: not done here", lossy=True)
            continue
        done = clear(body, edit, path)
        if done:
            applied.append({"type": edit["type"], **done})
            counts = ", ".join(f"{name} {number}" for name, number in done.items())
            prompt.record("set", ("messages",), f"{edit['type']}, as was asked: {counts}")
    told = prompt.notes.noted(TOLD)
    prompt.notes.note(TOLD, {**(told or {}), FIELD: {"applied_edits": applied}})
    return body


def applied(told: Fields | None) -> bool:
    """Whether *told*, what the end of a reply tells beside the reply, says that something was cleared."""
    managed = (told or {}).get(FIELD)
    return isinstance(managed, dict) and bool(managed.get("applied_edits"))


# -- tools ------------------------------------------------------------------------------------------------------------


def clear_tool_uses(body: Fields, edit: Fields, path: Path) -> dict[str, int]:
    """Put a placeholder for the results that *edit* wants cleared; what was done, if anything."""
    messages = list(body["messages"])
    replay = Replay(edit, path, rest(body))
    for message in messages:
        replay.take(message)
    if not replay.cleared:
        return {}
    inputs = edit.get("clear_tool_inputs")
    for number, message in enumerate(messages):
        if any(_id(block) in replay.cleared for block in blocks(message)):
            content = [cleared(block, replay.names, inputs) if _id(block) in replay.cleared else block
                       for block in blocks(message)]  # fmt: skip
            messages[number] = {**message, "content": content}
    body["messages"] = messages
    return {"cleared_tool_uses": len(replay.cleared), "cleared_input_tokens": round(replay.freed)}


class Replay:
    """The conversation from its beginning, a message at a time, with what would have been cleared on the way."""

    def __init__(self, edit: Fields, path: Path, weight: float) -> None:
        trigger = mapping(edit.get("trigger") or {}, (*path, "trigger"))
        self._counts_uses = trigger.get("type") == "tool_uses"
        self._most = _value(trigger, (*path, "trigger"), TRIGGER)
        self._kept = _value(edit.get("keep"), (*path, "keep"), KEPT)
        least = 0.0 if self._counts_uses else GAIN * self._most
        self._least = max(least, _value(edit.get("clear_at_least"), (*path, "clear_at_least"), 0))
        self._excluded = frozenset(edit.get("exclude_tools") or ())
        self._weight = weight
        self._live: dict[str, float] = {}  # answered uses that are not cleared, with the weight of their results
        self.names: dict[str, str] = {}  # of tools, by the id of their use
        self.cleared: set[str] = set()
        self.freed = 0.0

    def take(self, message: Fields) -> None:
        """One message more; a request may have ended with it, if it is the user's."""
        self._weight += weigh(_encode(message))
        for block in blocks(message):
            if block.get("type") == "tool_use":
                self.names[_id(block)] = str(block.get("name"))
            elif block.get("type") == "tool_result":
                self._live[_id(block)] = weigh(_encode(block.get("content")))
        load = len(self._live) if self._counts_uses else self._weight
        if message.get("role") == "user" and load > self._most:
            self._clear()

    def _clear(self) -> None:
        old = list(self._live)[: max(0, len(self._live) - self._kept)]
        going = {use: self._live[use] for use in old if self.names.get(use) not in self._excluded}
        gain = sum(going.values())
        if not going or gain < self._least:
            return
        for use in going:
            del self._live[use]
        self.cleared |= going.keys()
        self._weight -= gain
        self.freed += gain


def cleared(block: Fields, names: dict[str, str], inputs: Any) -> Fields:
    """*block* of a cleared use: its result is a placeholder; its input is kept, unless *inputs* says otherwise."""
    if block.get("type") == "tool_result":
        return {**block, "content": CLEARED}
    named = isinstance(inputs, list) and names.get(_id(block)) in inputs
    return {**block, "input": {}} if inputs is True or named else block


# -- thoughts ---------------------------------------------------------------------------------------------------------


def clear_thinking(body: Fields, edit: Fields, path: Path) -> dict[str, int]:
    """Leave out the thoughts of all turns but those that *edit* wants kept; what was done, if anything."""
    keep = edit.get("keep")
    if keep == "all" or (isinstance(keep, dict) and keep.get("type") == "all"):
        return {}
    most = _value(keep, (*path, "keep"), 1, least=1)
    turns = [turn for turn in turns_of(body["messages"]) if any(thinks(body["messages"][place]) for place in turn)]
    going = {place for turn in turns[:-most] for place in turn}
    freed = 0.0
    messages = []
    for place, message in enumerate(body["messages"]):
        content = blocks(message)
        if place in going and thinks(message):
            left = [block for block in content if block.get("type") not in _THOUGHTS]
            freed += sum(weigh(_encode(block)) for block in content if block.get("type") in _THOUGHTS)
            message = {**message, "content": left}  # noqa: PLW2901  # the message as it goes on
        if message.get("content") != [] or not content:
            messages.append(message)
    body["messages"] = messages
    return {"cleared_thinking_turns": len(turns) - most, "cleared_input_tokens": round(freed)} if going else {}


def turns_of(messages: list[Fields]) -> Iterator[list[int]]:
    """The places of the messages of each turn: what follows a word of the user's, tools' results included."""
    turn: list[int] = []
    for place, message in enumerate(messages):
        results = all(block.get("type") == "tool_result" for block in blocks(message)) and blocks(message)
        if message.get("role") == "user" and not results:
            yield turn
            turn = []
        turn.append(place)
    yield turn


def thinks(message: Fields) -> bool:
    """Whether there are thoughts in *message*."""
    return any(block.get("type") in _THOUGHTS for block in blocks(message))


# -- parts ------------------------------------------------------------------------------------------------------------


def rest(body: Fields) -> float:
    """The weight of what comes before the messages."""
    return sum(weigh(_encode(body[key])) for key in ("system", "tools") if body.get(key))


def blocks(message: Fields) -> list[Fields]:
    """The blocks of *message*; none where its content is a text."""
    content = message.get("content")
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def _id(block: Fields) -> str:
    """The use of a tool that *block* is about; empty for another block."""
    return str(block.get("tool_use_id") or block.get("id") or "") if str(block.get("type")).startswith("tool_") else ""


def _value(said: Any, path: Iterable[str | int], default: int, *, least: int = 0) -> int:
    """The number in ``{"type": …, "value": N}``; *default* where nothing is said."""
    value = mapping(said or {}, tuple(path)).get("value")
    return default if value is None else count(value, (*path, "value"), least=least)


_EDITS: dict[str, Callable[[Fields, Fields, Path], dict[str, int]]] = {
    "clear_tool_uses_20250919": clear_tool_uses,
    "clear_thinking_20251015": clear_thinking,
}
