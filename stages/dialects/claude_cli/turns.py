"""A conversation in the Messages shape → one that the CLI takes: words, pictures and documents, turn by turn.

    tool_use       ─▶  [called weather with {"city":"Rome"}]     the CLI has no tools of the client's, and the API
    tool_result    ─▶  [result: toolu_1] sunny                   refuses calls where no tools are
    thinking       ─▶  –                                         the CLI itself leaves out thoughts of earlier turns
    role system    ─▶  a reminder in a user's turn               said later than the system prompt
    cache_control  ─▶  –                                         the CLI cuts its caches itself

The same for every turn, whatever comes after it, so that caches hold.  Every change is recorded, once for each kind of
block and turn.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from pipeline.document import Path
from pipeline.errors import Unsupported
from pipeline.prompt import Prompt
from stages.dialects.reminder import reminder

Fields = dict[str, Any]

_AS_THEY_ARE = frozenset({"text", "image", "document"})
_THOUGHTS = frozenset({"thinking", "redacted_thinking"})
_INLINE = frozenset({"base64", "text", "url", "content"})  # sources that need no account's files
_KEPT = ("type", "text", "source", "title", "context")


def turns(messages: list[Fields], prompt: Prompt) -> list[Fields]:
    """*messages* as the CLI takes them; the last one is the user's.  Raises Unsupported."""
    told = []
    for number, message in enumerate(messages):
        path = ("messages", number)
        content = [*blocks(message["content"], (*path, "content"), prompt)]
        role = message["role"]
        if role == "system":
            prompt.record("approximated", path, "told as a reminder in the user's turn: the CLI has one system prompt")
            role, content = "user", [reminder(block) for block in content]
        if content:
            told.append({"role": role, "content": content})
    if not told or told[-1]["role"] != "user":
        raise Unsupported("messages: the CLI can't go on with an answer that is begun", param="messages")
    return told


def blocks(content: Any, path: Path, prompt: Prompt) -> Iterator[Fields]:
    """*content*, a string or blocks, as blocks that the CLI takes."""
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    for number, block in enumerate(content):
        place, kind = (*path, number), block.get("type")
        if kind in _AS_THEY_ARE:
            yield from plain(block, place, prompt)
        elif kind == "tool_use":
            prompt.record("approximated", place, "a call in words: the CLI has no tools of the client's", lossy=True)
            given = msgspec.json.encode(block.get("input") or {}).decode()
            yield words(f"[called {block.get('name')} with {given}]")
        elif kind == "tool_result":
            prompt.record("approximated", place, "a result in words: the CLI has no tools of the client's", lossy=True)
            yield words(f"[{'failed' if block.get('is_error') else 'result'}: {block.get('tool_use_id')}]")
            yield from blocks(block.get("content") or [], (*place, "content"), prompt)
        elif kind in _THOUGHTS:
            prompt.record("dropped", place, "the CLI leaves out thoughts of earlier turns")
        else:
            prompt.record("dropped", place, f"the CLI takes no {kind}", lossy=True)


def plain(block: Fields, path: Path, prompt: Prompt) -> Iterator[Fields]:
    """A block that passes, without what only the API itself could use; nothing for a text without words."""
    source = block.get("source")
    if isinstance(source, dict) and source.get("type") not in _INLINE:
        raise Unsupported(f"{'.'.join(map(str, path))}: the CLI takes no files of an account", param="messages")
    if block["type"] == "text" and not block.get("text"):
        return
    for key in block:
        if key == "cache_control":
            prompt.record("dropped", (*path, key), "the CLI cuts its caches itself")
        elif key not in _KEPT:
            prompt.record("dropped", (*path, key), "the CLI takes no such thing", lossy=block[key] is not None)
    yield {key: block[key] for key in _KEPT if key in block}


def words(text: str) -> Fields:
    """A block of *text*."""
    return {"type": "text", "text": text}
