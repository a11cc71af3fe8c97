"""Names of tools and ids of calls that every dialect takes.

    tool name    "mcp.files/read" ──alias──▶ "mcp_files_read_gw3f…"  ──restoring──▶ "mcp.files/read"
    call id      "functions.Bash:0" ──safe_id──▶ "gwid_ZnVuY3Rpb25zLkJhc2g6MA" ──raw_id──▶ "functions.Bash:0"

Both are pure functions of the value: the same name has the same alias in every turn of a conversation and in every
process, so that nothing before a cached prefix changes.  What is legal already stays as it is.

* A **name** may be longer than what it must fit in, so no code can be undone from the alias alone.  The way back is a
  table of the request's own tools: ``restoring(body)`` is a transform of the reply that gives each call the name the
  client knows (and the fields that mark a call of a free-form tool).  Two names meet in one alias only if 64 bits of
  their digests do; then the request is refused.
* An **id** comes back only inside the history, and is coded so that it can be undone without a table.

What must hold: ``alias(alias(name)) == alias(name)``; ``raw_id(safe_id(id)) == id``.  This file must not know a
dialect; of their prompts it knows only where tools stand.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any

from pipeline.errors import InvalidRequest
from pipeline.events import BlockStarted, Event, ToolUse, reads

NAME_LENGTH = 64  # OpenAI; Anthropic has taken up to 128, other servers less

_NAME = re.compile(rf"[a-zA-Z0-9_-]{{1,{NAME_LENGTH}}}")
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_BAD = re.compile(r"[^a-zA-Z0-9_-]")
_CODED = "gwid_"

Called = dict[str, ToolUse]  # by alias: what a call of it is for the client


def alias(name: str) -> str:
    """*name*, if it is legal everywhere; else a legal name for it."""
    if _NAME.fullmatch(name):
        return name
    mark = "_gw" + blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return _BAD.sub("_", name)[: NAME_LENGTH - len(mark)] + mark


def safe_id(raw: str) -> str:
    """*raw*, if it consists of what Anthropic takes (``^[a-zA-Z0-9_-]+$``); else a code for it."""
    if _ID.fullmatch(raw) and not raw.startswith(_CODED):
        return raw
    return _CODED + urlsafe_b64encode(raw.encode("utf-8", "surrogatepass")).decode().rstrip("=")


def raw_id(safe: str) -> str:
    """What ``safe_id`` was given; *safe* itself, if it is no code."""
    if not safe.startswith(_CODED):
        return safe
    code = safe.removeprefix(_CODED)
    try:
        raw = urlsafe_b64decode(code + "=" * (-len(code) % 4)).decode("utf-8", "surrogatepass")
    except ValueError:  # what codings of any kind raise
        return safe
    return raw if safe_id(raw) == safe else safe


def short_id(raw: str, limit: int) -> str:
    """*raw*, if it has at most *limit* characters (at least 38); else a digest of it."""
    if len(raw) <= limit:
        return raw
    return "call_" + blake2b(raw.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class Ids:
    """Ids of calls in one conversation: one that was used before becomes another.  *limit*: their most characters."""

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._used: dict[str, int] = {}  # and how often each was asked for

    def copy(self) -> "Ids":
        """Others that know the same."""
        made = Ids(self._limit)
        made._used = dict(self._used)
        return made

    def unique(self, given: str) -> str:
        """*given*, if no call before has it; else with a number behind."""
        unique, number = given, self._used.get(given, 0)
        stem = given if self._limit is None else given[: self._limit - 8]
        while unique in self._used:
            number += 1
            unique = f"{stem}_{number}"
        self._used[given] = max(number, 1)
        self._used.setdefault(unique, 1)
        return unique


def restoring(body: dict[str, Any]) -> Callable[[Event], list[Event] | None] | None:
    """A transform that gives calls the names and marks that the tools of *body*, the client's prompt, have.

    None if there is nothing to restore.  Raises InvalidRequest if two names can't be told apart.
    """
    table: Called = {}
    known: dict[str, str] = {}
    for name, extra in _tools(body):
        code = alias(name)
        if known.setdefault(code, name) != name:
            raise InvalidRequest(f"the tools {known[code]!r} and {name!r} can't be told apart", param="tools")
        if code != name or extra is not None:
            table[code] = ToolUse("", name, extra)
    return renaming(table)


def renaming(table: Called) -> Callable[[Event], list[Event] | None] | None:
    """A transform that gives calls the names and marks that *table* has for them; None if there are none in it."""
    if not table:
        return None

    @reads(BlockStarted)
    def restored(event: Event) -> list[Event] | None:
        if not isinstance(event, BlockStarted) or not isinstance(event.block, ToolUse):
            return None
        tool = table.get(event.block.name)
        if tool is None:
            return None
        return [event.replace(block=ToolUse(event.block.id, tool.name, tool.extra))]

    return restored


def _tools(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Name and mark of every tool in *body*: in tools[], tools[].function, tools[].custom or functions[]."""
    for field in ("tools", "functions"):
        listed = body.get(field)
        for tool in listed if isinstance(listed, list) else ():
            if not isinstance(tool, dict):
                continue
            kind = tool.get("type")
            inner = tool.get(kind) if isinstance(kind, str) else None
            name = (inner if isinstance(inner, dict) else tool).get("name")
            if isinstance(name, str) and name:
                # Chat's free-form tools are called with a text in place of arguments.
                yield name, {"type": "custom"} if kind == "custom" and isinstance(inner, dict) else None
