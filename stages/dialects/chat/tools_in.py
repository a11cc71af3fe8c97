"""Tools of a Chat prompt → the Messages shape.

    {"type": "function", "function": {name, description, parameters, strict}}   ─▶  {name, description, input_schema}
    {"type": "custom", "custom": {name, format}}                                ─▶  the same, with one text: {"input"}
    tool_choice auto · required · {function} · none · allowed_tools     ─▶  auto · any · tool · none · fewer tools

Names that are too long or have strange characters become others (``names.alias``), here and in the history alike;
``names.restoring`` gives calls their own names back.
"""

from typing import Any

from pipeline.document import Path
from pipeline.errors import Unsupported
from pipeline.prompt import Prompt
from stages.dialects.chat.parts_in import mark_of, unsupported
from stages.dialects.chat.schemas import CHOICES, plain, rooted
from stages.dialects.names import alias
from stages.dialects.shape import DEPTH, deep, flag, invalid, mapping, name, objects, text

Fields = dict[str, Any]

_CHOICES = {"auto": "auto", "required": "any", "none": "none"}


def tools_of(body: Fields, prompt: Prompt) -> list[Fields]:
    """The tools of *body*, the older ``functions`` among them."""
    found = []
    for path, tool in objects(body.get("tools") or [], ("tools",)):
        kind = tool.get("type")
        if kind == "function":
            made = _function(mapping(tool.get("function"), (*path, "function")), (*path, "function"), prompt)
        elif kind == "custom":
            made = _free(mapping(tool.get("custom"), (*path, "custom")), (*path, "custom"), prompt)
        else:
            raise unsupported(path, f"a tool of type {kind!r} can't be given to this model")
        mark = mark_of(tool, path)
        found.append({**made, "cache_control": mark} if mark else made)
    for path, function in objects(body.get("functions") or [], ("functions",)):
        found.append(_function(function, path, prompt))
    return found


def _function(function: Fields, path: Path, prompt: Prompt) -> Fields:
    tool: Fields = {"name": aliased(function, path, prompt)}
    if function.get("description") is not None:
        tool["description"] = text(function["description"], (*path, "description"))
    schema = mapping(function.get("parameters") or {}, (*path, "parameters"))
    if deep(schema, DEPTH):
        invalid((*path, "parameters"), "nested too deeply")
    root = rooted(schema) if schema else {"type": "object", "properties": {}}
    if any(isinstance(schema.get(key), list) for key in CHOICES):
        why = "the root of a schema must be an object: its choices are told as one"
        prompt.record("approximated", (*path, "parameters"), why, lossy=True)
    tool["input_schema"] = root
    if function.get("strict") is not None and flag(function["strict"], (*path, "strict")):
        if plain(root) == root:
            tool["strict"] = True
        else:
            why = "the schema has parts that can't be enforced here"
            prompt.record("dropped", (*path, "strict"), why, lossy=True)
    return tool


def _free(custom: Fields, path: Path, prompt: Prompt) -> Fields:
    """A tool that takes a text of any form: here a function of one text, its grammar in the description."""
    about = text(custom.get("description") or "", (*path, "description"))
    form = mapping(custom.get("format") or {}, (*path, "format"))
    if form.get("type") == "grammar":
        grammar = mapping(form.get("grammar"), (*path, "format", "grammar"))
        rule = text(grammar.get("definition"), (*path, "format", "grammar", "definition"))
        about = f"{about}\n\nThe input must follow this {grammar.get('syntax')} grammar:\n{rule}".strip()
        prompt.record("approximated", (*path, "format"), "a grammar can be told, not enforced", lossy=True)
    schema = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
    return {"name": aliased(custom, path, prompt), **({"description": about} if about else {}), "input_schema": schema}


def aliased(tool: Fields, path: Path, prompt: Prompt) -> str:
    """The name that *tool* has here; recorded, if it is not its own."""
    given = name(tool.get("name"), (*path, "name"))
    short = alias(given)
    if short != given:
        prompt.record("set", (*path, "name"), "a name that not every model takes: calls come back under the tool's own")
    return short


def choose(body: Fields, tools: list[Fields], prompt: Prompt) -> tuple[list[Fields], Fields | None]:
    """The tools that may be called and the choice among them; None: the default holds."""
    if not tools:
        return tools, None
    choice = body.get("tool_choice") if body.get("tool_choice") is not None else body.get("function_call")
    tools, made = _choice(choice, tools, prompt)
    parallel = body.get("parallel_tool_calls")
    if parallel is not None and not flag(parallel, ("parallel_tool_calls",)):
        made = made or {"type": "auto"}
        if made["type"] != "none":
            made["disable_parallel_tool_use"] = True
    return tools, made


def _choice(choice: Any, tools: list[Fields], prompt: Prompt) -> tuple[list[Fields], Fields | None]:
    path: Path = ("tool_choice",)
    if choice is None:
        return tools, None
    if isinstance(choice, str):
        if choice not in _CHOICES:
            invalid(path, "one of auto, required, none, or an object is required")
        return tools, {"type": _CHOICES[choice]}
    chosen = mapping(choice, path)
    kind = chosen.get("type", "function")
    if kind == "allowed_tools":
        return _allowed(mapping(chosen.get("allowed_tools"), (*path, kind)), tools, prompt)
    if kind not in ("function", "custom"):
        raise Unsupported(f"tool_choice: a choice of type {kind!r} can't be made here", param="tool_choice")
    inner = mapping(chosen[kind], (*path, kind)) if kind in chosen else chosen  # function_call has the name outside
    wanted = alias(name(inner.get("name"), (*path, kind, "name")))
    if all(tool["name"] != wanted for tool in tools):
        invalid((*path, kind, "name"), "no such tool is given")
    return tools, {"type": "tool", "name": wanted}


def _allowed(allowed: Fields, tools: list[Fields], prompt: Prompt) -> tuple[list[Fields], Fields | None]:
    """Fewer tools, because there is no other way to say which of them may be called."""
    path: Path = ("tool_choice", "allowed_tools")
    names = set()
    for place, entry in objects(allowed.get("tools"), (*path, "tools")):
        inner = entry.get(str(entry.get("type")), entry)
        names.add(alias(name(mapping(inner, place).get("name"), (*place, "name"))))
    kept = [tool for tool in tools if tool["name"] in names]
    if not kept:
        invalid((*path, "tools"), "none of these tools is given")
    if len(kept) < len(tools):
        prompt.record("approximated", path, "the tools that may not be called are not told at all")
    return kept, {"type": "any" if allowed.get("mode") == "required" else "auto"}
