"""Where prompt caching should cut, for clients that do not say.

    tools   [ a, b, c ◆ ]     system [ … ◆ ]     user … assistant … user [ … ◆ ] assistant … user [ tool_result ◆ ]
                  tools              system                        previous                                 newest

A prompt to a Messages upstream is cached only up to its breakpoints.  This stage sets up to four where the client has
set none at all, neither on a tool, in the system prompt, in a message (at any depth), nor at the top: a client that
marks anything knows what it does.  ``newest`` and ``previous`` together let a loop of tool calls read at every turn
what the turn before has written.

Nothing but the markers changes from turn to turn, and a marker is no part of what is cached, so prefixes stay valid.
A text that is a bare string becomes a block where it must carry a marker, which means the same to the API.  Never
marked: thoughts, empty texts, tools that load later, and the attribution line that Claude Code puts first.

Settings::

    [[upstreams.X.stages]]
    use    = "cache_breakpoints"
    ttl    = "5m"                                          # or "1h": writes cost 2x instead of 1.25x
    places = ["tools", "system", "previous", "newest"]     # the order does not matter
    enabled = true

A key may have its own: options {"cache_breakpoints": {"ttl": "1h"}}.  Runs once per attempt, after ``translate``; does
nothing to prompts of other dialects.  Does not wait and does not look at replies.  Every marker is recorded.
"""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal

import attrs

from pipeline.document import Path
from pipeline.exchange import Exchange
from pipeline.prompt import Prompt
from stages.dialects.anthropic.blocks import ATTRIBUTION

Place = Literal["tools", "system", "previous", "newest"]
Spot = tuple[Path, str | None]  # of a block; or of a bare string, and that

_MARK = "cache_control"
_QUOTED = b'"cache_control"'
# What may carry a marker (Messages API, prompt caching): not thoughts, and nothing that is not known to take one.
_CACHEABLE = frozenset({"text", "image", "document", "search_result", "container_upload", "compaction"})


@attrs.frozen
class CacheBreakpoints:
    """Marks where an Anthropic prompt should be cached, if its author did not."""

    ttl: Literal["5m", "1h"] = "5m"
    places: tuple[Place, ...] = ("tools", "system", "previous", "newest")
    enabled: bool = True

    operations: ClassVar[frozenset[str]] = frozenset({"reply"})
    reads: ClassVar[frozenset[str]] = frozenset({"dialect"})
    changes: ClassVar[frozenset[str]] = frozenset({"prompt.tools", "prompt.system", "prompt.messages"})
    per_key: ClassVar[frozenset[str]] = frozenset({"ttl", "places", "enabled"})

    def __call__(self, exchange: Exchange) -> None:
        """Mark the exchange's prompt."""
        prompt = exchange.prompt
        if not self.enabled or prompt.dialect != "anthropic" or marked(prompt):
            return
        marker = {"type": "ephemeral", "ttl": "1h"} if self.ttl == "1h" else {"type": "ephemeral"}
        for place in dict.fromkeys(self.places):
            spot = _PLACES[place](prompt)
            if spot is not None:
                mark(prompt, spot, marker, place)


def mark(prompt: Prompt, spot: Spot, marker: dict[str, str], place: str) -> None:
    """Put *marker* on the block at *spot*, or on the bare string there."""
    path, text = spot
    why = f"the {place} are cached up to here"
    if text is None:
        prompt.set(*path, _MARK, to=marker, why=why)
    else:
        block = {"type": "text", "text": text, _MARK: marker}
        prompt.set(*path, to=[block], why=f"{why}; only a block can say so")


# -- where ------------------------------------------------------------------------------------------------------------


def last_tool(prompt: Prompt) -> Spot | None:
    """The last tool that is part of the prefix."""
    for number in reversed(prompt.keys("tools")):
        if prompt.kind("tools", number) == "object" and prompt.get("tools", number, "defer_loading") is not True:
            return ("tools", number), None
    return None


def last_system(prompt: Prompt) -> Spot | None:
    """The last block of the system prompt."""
    return cacheable(prompt, ("system",))


def newest_turn(prompt: Prompt) -> Spot | None:
    """The last block of the last message."""
    numbers = prompt.keys("messages")
    return cacheable(prompt, ("messages", numbers[-1], "content")) if numbers else None


def previous_turn(prompt: Prompt) -> Spot | None:
    """The last block of what stood before the assistant last spoke: the newest turn of one request ago."""
    numbers, spoken = prompt.keys("messages"), False
    for number in reversed(numbers if len(numbers) > 2 else ()):  # user, assistant, user: most small requests are one
        speaks = prompt.get("messages", number, "role") == "assistant"
        if spoken and not speaks:
            return cacheable(prompt, ("messages", number, "content"))
        spoken = spoken or speaks
    return None


def cacheable(prompt: Prompt, path: Path) -> Spot | None:
    """The last part of the content at *path* that can carry a marker."""
    if (text := prompt.string(*path)) is not None:
        return (path, text) if text and not text.startswith(ATTRIBUTION) else None
    for number in reversed(prompt.keys(*path)):
        if can_carry(prompt.get(*path, number)):
            return (*path, number), None
    return None


def can_carry(block: Any) -> bool:
    """Whether *block* may have a marker."""
    match block:
        case {"type": "text", "text": str(text)}:
            return bool(text) and not text.startswith(ATTRIBUTION)
        case {"type": str(kind)}:
            return kind in _CACHEABLE or kind.endswith(("tool_use", "tool_result"))
    return False


_PLACES: dict[str, Callable[[Prompt], Spot | None]] = {
    "tools": last_tool,
    "system": last_system,
    "previous": previous_turn,
    "newest": newest_turn,
}


# -- whether ----------------------------------------------------------------------------------------------------------


def marked(prompt: Prompt) -> bool:
    """Whether the client has set any marker.  Only where one counts: a tool's argument may bear the same name."""
    if _QUOTED in prompt.text("system") and any(block.get(_MARK) is not None for block in nested(prompt.get("system"))):
        return True  # who marks anything marks that, too: no need to look through the conversation
    if _QUOTED not in prompt.encode():  # nothing to look for in megabytes
        return False
    return prompt.get(_MARK) is not None or any(block.get(_MARK) is not None for block in blocks(prompt))


def blocks(prompt: Prompt) -> Iterator[dict[str, Any]]:
    """All objects within *prompt* that may carry a marker: its tools, and all blocks, nested ones included."""
    yield from objects(prompt.get("tools"))
    yield from nested(prompt.get("system"))
    for message in objects(prompt.get("messages")):
        yield from nested(message.get("content"))


def nested(content: Any) -> Iterator[dict[str, Any]]:
    """The blocks of *content*, and those in them: results of tools, documents, search results."""
    for block in objects(content):
        yield block
        yield from nested(block.get("content"))
        if isinstance(source := block.get("source"), dict):
            yield from nested(source.get("content"))


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """The objects in *value*, if it is a list."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


stage = CacheBreakpoints
