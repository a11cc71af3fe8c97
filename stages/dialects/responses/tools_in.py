"""Tools of a Responses prompt → the Messages shape.

    function · custom                  ─▶  by way of Chat's: a schema, or one text
    namespace {name, tools}            ─▶  its tools, each called <namespace>__<tool>
    apply_patch · shell · local_shell  ─▶  functions of what their calls hold; called, they are told as such calls again
    tool_search (the client's)         ─▶  a function; tools that it has found are tools from then on
    web_search                         ─▶  Claude's search
    image_generation                   ─▶  left out: clients offer it whatever they are asked
    file_search · mcp · computer …     ─▶  refused by name

Tools stand in ``tools``, and with newer models in items of the input (``additional_tools``).  ``Called`` knows how each
is called here and what a call of it is for the client; ``restoring`` gives replies their names back.
"""

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any

import attrs

from pipeline.document import Path
from pipeline.errors import InvalidRequest, Unsupported
from pipeline.events import Event, ToolUse
from pipeline.prompt import Prompt, spell
from stages.dialects.chat.beyond import AT
from stages.dialects.names import NAME_LENGTH, alias, renaming
from stages.dialects.responses.fields import Fields, chat_tool, kind_of
from stages.dialects.shape import mapping, name, objects, text

BETWEEN = "__"  # namespace and name

SEARCH: Fields = {"type": "web_search_20250305", "name": "web_search"}
_SEARCHES = ("web_search",)  # the types of tools that begin so
_OFFERED = frozenset({"image_generation"})  # what clients offer by the way

_PATH = {"type": "string", "description": "Path of the file, relative to the working directory."}
_DIFF = {"type": "string", "description": "The change as a V4A diff; of a new file, all lines with + before them."}
_COMMANDS = {"type": "array", "items": {"type": "string"}}
_TIMEOUT = {"type": "integer", "description": "Milliseconds after which a command is stopped."}


def _object(required: list[str], **properties: Fields) -> Fields:
    return {"type": "object", "properties": properties, "required": required}


_NATIVE: dict[str, tuple[str, Fields]] = {
    "apply_patch": (
        "Create, update or delete one file.",
        _object(
            ["operation"],
            operation=_object(
                ["type", "path"],
                type={"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
                path=_PATH,
                diff=_DIFF,
            ),
        ),
    ),
    "shell": (
        "Run commands in a shell.",
        _object(
            ["commands"],
            commands=_COMMANDS,
            timeout_ms=_TIMEOUT,
            max_output_length={"type": "integer", "description": "Characters of output to keep."},
        ),
    ),
    "local_shell": (
        "Run one command on the user's machine.",
        _object(
            ["command"],
            command={**_COMMANDS, "description": "The program and its arguments."},
            env={"type": "object", "additionalProperties": {"type": "string"}},
            timeout_ms=_TIMEOUT,
            working_directory={"type": "string"},
        ),
    ),
}


@attrs.frozen
class Tool:
    """A tool as it was given, where, and as what kind of call it is called."""

    path: Path
    given: Fields
    namespace: str
    name: str
    mark: str  # see ``calls``: "" for a function

    @property
    def extra(self) -> Fields | None:
        """What marks a call of it."""
        return {key: value for key, value in (("type", self.mark), ("namespace", self.namespace)) if value} or None


class Called:
    """How each tool of a prompt is called here."""

    def __init__(self, body: Fields) -> None:
        self.tools: dict[str, Tool] = {}  # by the name it has here, in their order
        self.served: list[tuple[Path, Fields]] = []  # what a server runs
        for path, tool in given(body):
            self._add(path, tool, "")

    def name(self, namespace: str, own: str) -> str:
        """The name under which a tool is called here."""
        plain = alias(f"{namespace}{BETWEEN}{own}" if namespace else own)
        there = self.tools.get(plain)
        if namespace and there is not None and (there.namespace, there.name) != (namespace, own):
            mark = "_gw" + blake2b(f"{namespace}\0{own}".encode(), digest_size=8).hexdigest()
            return plain[: NAME_LENGTH - len(mark)] + mark
        return plain

    def _add(self, path: Path, tool: Fields, namespace: str) -> None:
        kind = kind_of(tool, path)
        if kind == "namespace":
            inner = name(tool.get("name"), (*path, "name"))
            for place, child in objects(tool.get("tools"), (*path, "tools")):
                self._add(place, child, inner)
        elif kind in {"function", "custom"}:
            own = name(tool.get("name"), (*path, "name"))
            self._put(Tool(path, tool, namespace, own, "custom" if kind == "custom" else ""))
        elif kind in _NATIVE or (kind == "tool_search" and tool.get("execution") == "client"):
            self._put(Tool(path, tool, "", kind, kind))
        else:
            self.served.append((path, tool))

    def _put(self, tool: Tool) -> None:
        here = self.name(tool.namespace, tool.name)
        known = self.tools.setdefault(here, tool)
        if (known.namespace, known.name) != (tool.namespace, tool.name):
            why = f"the tools {known.name!r} and {tool.name!r} can't be told apart"
            raise InvalidRequest(why, param=spell(tool.path))


def given(body: Fields) -> Iterator[tuple[Path, Fields]]:
    """Path and value of each tool: those of the prompt, then those that items of the input bring."""
    yield from objects(body.get("tools") or [], ("tools",))
    items = body.get("input")
    for number, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict) and item.get("type") in ("additional_tools", "tool_search_output"):
            yield from objects(item.get("tools") or [], ("input", number, "tools"))


def in_chat(called: Called, prompt: Prompt) -> list[Fields]:
    """The tools that the client runs, as Chat has them, under the names they have here."""
    made = []
    for here, tool in called.tools.items():
        if here != tool.name:
            why = "a name that not every model takes: calls come back under the tool's own"
            prompt.record("set", (*tool.path, "name"), why)
        about, schema = _NATIVE.get(tool.mark, ("", {}))
        if tool.mark == "tool_search":
            prompt.record("approximated", tool.path, "told as a function; called, it is told as what it is")
            about = text(tool.given.get("description") or "Find more tools.", (*tool.path, "description"))
            schema = mapping(tool.given.get("parameters") or {}, (*tool.path, "parameters"))
        if tool.mark in {"", "custom"}:
            made.append(chat_tool(tool.given, here))
        else:
            function = {"name": here, "description": about, "parameters": schema}
            made.append({"type": "function", "function": function})
    return made


def served(called: Called, prompt: Prompt, *, placed: bool = False) -> list[Fields]:
    """Tools that a server runs, in the Messages shape; *placed*: they say where the client has them, for its kin.

    Raises Unsupported for what has no equivalent.
    """
    made: list[Fields] = []
    for path, tool in called.served:
        kind = str(tool.get("type"))
        if kind.startswith(_SEARCHES) and tool.get("external_web_access") is not False:
            made.append(_search(tool, path, prompt) | ({AT: path} if placed else {}))
        elif kind.startswith(_SEARCHES):
            prompt.record("dropped", path, "a search of a cache; only the web itself can be searched", lossy=True)
        elif kind in _OFFERED or kind == "tool_search":
            prompt.record("dropped", path, f"no model here has {kind}", lossy=True)
        else:
            raise Unsupported(f"{spell(path)}: a tool of type {kind!r} can't be given to this model", param=spell(path))
    return made[:1]


def _search(tool: Fields, path: Path, prompt: Prompt) -> Fields:
    filters = mapping(tool.get("filters") or {}, (*path, "filters"))
    made = dict(SEARCH)
    if filters.get("allowed_domains"):
        made["allowed_domains"] = filters["allowed_domains"]
    where = mapping(tool.get("user_location") or {}, (*path, "user_location"))
    near = {key: value for key, value in where.items() if value is not None}
    if near.keys() - {"type"}:
        made["user_location"] = {**near, "type": "approximate"}
    if tool.get("search_context_size") not in (None, "medium"):
        prompt.record("dropped", (*path, "search_context_size"), "no equivalent", lossy=True)
    return made


def choice(body: Fields, called: Called) -> Any:
    """``tool_choice``, as Chat has it."""
    chosen = body.get("tool_choice")
    if not isinstance(chosen, dict):
        return chosen
    path: Path = ("tool_choice",)
    kind = kind_of(chosen, path)
    if kind == "allowed_tools":
        allowed = [_named(entry, place, called) for place, entry in objects(chosen.get("tools"), (*path, "tools"))]
        return {"type": kind, kind: {"mode": chosen.get("mode"), "tools": [entry for entry in allowed if entry]}}
    one = _named(chosen, path, called)
    if one is None:
        raise Unsupported(f"tool_choice: a choice of type {kind!r} can't be made here", param="tool_choice")
    return one


def _named(chosen: Fields, path: Path, called: Called) -> Fields | None:
    """The choice of one tool, as Chat has it; None if a server runs it."""
    kind = kind_of(chosen, path)
    if kind in _NATIVE:
        return {"type": "function", "function": {"name": called.name("", kind)}}
    if kind not in {"function", "custom"}:
        return None
    space = text(chosen.get("namespace") or "", (*path, "namespace"))
    return {"type": kind, kind: {"name": called.name(space, name(chosen.get("name"), (*path, "name")))}}


def restoring(body: Fields) -> Callable[[Event], list[Event] | None] | None:
    """A transform that gives calls the names and marks that the tools of *body*, the client's prompt, have there.

    None if there is nothing to restore.
    """
    tools = Called(body).tools.items()
    return renaming(
        {here: ToolUse("", tool.name, tool.extra) for here, tool in tools if here != tool.name or tool.extra}
    )
