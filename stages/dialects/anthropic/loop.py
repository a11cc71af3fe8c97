"""A turn that goes on with the results of its tools: whether there is a thought in it.

    user · assistant [thinking, tool_use] · user [tool_result]     it thought, and goes on
    user · assistant [text, tool_use]     · user [tool_result]     it is bare: while thinking has a budget, a 400

Models with a budget demand that such a turn begins with its thought.  It can't where the client does not give thoughts
back, as most of other protocols don't, or where they were another maker's.  What can still be had is an answer without
further thoughts, until the user speaks again.
"""

from collections.abc import Iterable
from typing import Any

from stages.capabilities import capability
from stages.dialects.anthropic.blocks import Fields

WHY = "the turn under way comes without its thoughts, and this model goes on with those or with none"

_THOUGHTS = frozenset({"thinking", "redacted_thinking"})


def decides(model: str) -> bool:
    """Whether *model* decides itself how much to think, and so demands nothing; or nothing is known of it."""
    known = capability(model)
    return known is None or "adaptive" in known.thinking


def followed(messages: Iterable[Fields], thought: bool | None = None) -> bool | None:
    """Whether the turn under way behind *messages* has a thought; None: none is under way.  *thought*: before them."""
    for message in messages:
        role, kinds = message.get("role"), _kinds(message)
        if role == "assistant":
            thought = bool(thought) or not _THOUGHTS.isdisjoint(kinds)
        elif role == "user" and "tool_result" not in kinds:
            thought = None
    return thought


def ends_bare(messages: Any) -> bool:
    """Whether *messages*, a whole conversation, end in results of a turn that has no thought."""
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return False
    return answered(messages) and followed(messages) is False


def answered(messages: list[Fields]) -> bool:
    """Whether *messages* end in what the user says."""
    return bool(messages) and messages[-1].get("role") != "assistant"


def _kinds(message: Fields) -> set[str]:
    content = message.get("content")
    return {str(block.get("type")) for block in content if isinstance(block, dict)} if type(content) is list else set()
