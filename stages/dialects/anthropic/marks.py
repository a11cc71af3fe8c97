"""Cache marks in a prompt that was not written for this API: as many as it takes, in an order it takes.

    tools ◆   system ◆   messages ◆ ◆ ◆      ─▶      tools      system ◆   messages ◆ ◆ ◆
                                                     the last four stay: the longest prefixes are worth most

A mark that lasts an hour must not follow one that lasts five minutes (prompt caching, "Mixing different TTLs").  What
clients of this API set themselves is left alone.
"""

from collections.abc import Iterator

from pipeline.prompt import Prompt
from stages.dialects.anthropic.blocks import Fields

MOST = 4
MARK = "cache_control"


def limit_marks(body: Fields, prompt: Prompt) -> None:
    """Leave the last four marks of *body*, its own to change; none that lasts longer than one before it."""
    marked = [block for block in carriers(body) if block.get(MARK) is not None]
    for block in marked[:-MOST]:
        del block[MARK]
    if len(marked) > MOST:
        prompt.record("dropped", (MARK,), "four cache marks are allowed: the last four stay")
    short = False
    for block in marked[-MOST:]:
        long = block[MARK].get("ttl") == "1h"
        if short and long:
            block[MARK] = {"type": "ephemeral"}
            prompt.record("approximated", (MARK,), "a mark can't last longer than one before it")
        short = short or not long


def carriers(body: Fields) -> Iterator[Fields]:
    """Everything that may bear a mark, in the order in which it is cached."""
    yield from body.get("tools") or ()
    for content in (body.get("system"), *(message.get("content") for message in body["messages"])):
        yield from content if isinstance(content, list) else ()
