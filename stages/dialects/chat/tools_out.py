"""Tools in the Messages shape → Chat functions.

{name, description, input_schema}          ─▶  {"type": "function", "function": {name, description, parameters}}
bash_… · text_editor_… · memory_…          ─▶  functions with the schema their clients understand (``typed_tools``)
web_search_… and what else servers run     ─▶  left out and recorded beside other tools: agents offer them with every
                                               request; refused by name where they are all that was asked for: an
                                               answer without the search would look like one with it
"""

from typing import Any

import msgspec

from pipeline.document import Path
from pipeline.errors import Unsupported
from pipeline.prompt import Prompt, spell
from stages.dialects.chat.beyond import AT
from stages.dialects.chat.families import Family
from stages.dialects.chat.schemas import enforceable
from stages.dialects.chat.tools_in import aliased
from stages.dialects.chat.typed_tools import function_of
from stages.dialects.names import alias
from stages.dialects.shape import DEPTH, deep, flag, invalid, mapping, name, objects, sequence, text

Fields = dict[str, Any]

_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_READ = frozenset({"name", "type", "description", "input_schema", "strict", "input_examples", "allowed_callers",
                   "cache_control", "max_characters"})  # fmt: skip
_SILENT = frozenset({"eager_input_streaming", "defer_loading"})  # how a tool is told, not what it is
_KNOWN = _READ | _SILENT


def functions(body: Fields, family: Family, prompt: Prompt, *, beside: bool = False) -> list[Fields]:
    """The tools of *body* that can be called; *beside*: there are others.  Raises InvalidRequest or Unsupported."""
    if not body.get("tools"):
        return []
    made = []
    tools = [(tool.get(AT, path), tool) for path, tool in objects(body["tools"], ("tools",))]
    beside = beside or any(not _served(tool, path) for path, tool in tools)
    for path, tool in tools:
        if beside and tool.get("type") and _served(tool, path):
            prompt.record("dropped", path, f"a tool of type {tool['type']!r} can't be run for this model", lossy=True)
            continue
        if tool.get("allowed_callers") is not None and "direct" not in sequence(tool["allowed_callers"], path):
            prompt.record("dropped", path, "a tool that only other tools call", lossy=True)
            continue
        made.append({"type": "function", "function": _function(tool, path, family, prompt)})
        for key in tool.keys() - _KNOWN:
            prompt.record("dropped", (*path, key), "not known of a Chat function", lossy=True)
    return made


def _function(tool: Fields, path: Path, family: Family, prompt: Prompt) -> Fields:
    function: Fields = {"name": aliased(tool, path, prompt)}
    about, schema = _described(tool, path)
    if tool.get("input_examples") and (tool.get("type") or "custom") == "custom":
        prompt.record("approximated", (*path, "input_examples"), "told in the description")
    if about:
        function["description"] = about
    function["parameters"] = schema
    if tool.get("strict") is not None and flag(tool["strict"], (*path, "strict")):
        if family.strict and enforceable(schema):
            function["strict"] = True
        else:
            prompt.record("dropped", (*path, "strict"), "the schema can't be enforced here", lossy=True)
    return function


def _served(tool: Fields, path: Path) -> bool:
    """Whether the server would run *tool*: no client can."""
    kind = text(tool.get("type") or "custom", (*path, "type"))
    return kind != "custom" and function_of(kind) is None


def _described(tool: Fields, path: Path) -> tuple[str, Fields]:
    """Description and schema of a tool: its own, or what its type stands for."""
    kind = tool.get("type") or "custom"
    if kind != "custom":
        published = function_of(text(kind, (*path, "type")))
        if published is None:
            where = spell((*path, "type"))
            raise Unsupported(f"{where}: a tool of type {kind!r} can't be run for this model", param=where)
        return published
    about = text(tool.get("description") or "", (*path, "description"))
    if tool.get("input_examples"):
        examples = [msgspec.json.encode(_shallow(example, place)).decode()
                    for place, example in objects(tool["input_examples"], (*path, "input_examples"))]  # fmt: skip
        about = "\n".join([about, "", "Examples of input:", *examples]).strip()
    schema = mapping(tool.get("input_schema"), (*path, "input_schema"))
    return about, _shallow(schema, (*path, "input_schema"))


def _shallow(value: Fields, path: Path) -> Fields:
    if deep(value, DEPTH):
        invalid(path, "nested too deeply")
    return value


def choice(body: Fields, tools: list[Fields], prompt: Prompt) -> Fields:
    """``tool_choice`` and ``parallel_tool_calls``; neither where there are no tools, OpenAI refuses them then."""
    if body.get("tool_choice") is None or not tools:
        return {}
    chosen = mapping(body["tool_choice"], ("tool_choice",))
    kind = text(chosen.get("type"), ("tool_choice", "type"))
    made: Fields = {}
    if kind == "tool":
        wanted = alias(name(chosen.get("name"), ("tool_choice", "name")))
        if all(tool[tool["type"]]["name"] != wanted for tool in tools):
            invalid(("tool_choice", "name"), "no such tool is given")
        made["tool_choice"] = {"type": "function", "function": {"name": wanted}}
    elif kind in _CHOICES:
        made["tool_choice"] = _CHOICES[kind]
    else:
        invalid(("tool_choice", "type"), "one of auto, any, tool and none is required")
    if chosen.get("disable_parallel_tool_use") is not None and flag(
        chosen["disable_parallel_tool_use"], ("tool_choice", "disable_parallel_tool_use")
    ):
        made["parallel_tool_calls"] = False
    return made
