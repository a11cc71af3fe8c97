"""Calls of the caller's tools: the items that the Responses API has for them ⇄ a name and one JSON object.

    function_call      name, namespace, arguments "{…}"     name          {…}
    custom_tool_call   name, namespace, input "text"        name          {"input": "text"}
    apply_patch_call   operation {type, path, diff}         apply_patch   {"operation": {…}}
    shell_call         action {commands, …}                 shell         {"commands": […], …}
    local_shell_call   action {type: exec, command, …}      local_shell   {"command": […], …}
    tool_search_call   arguments {…}  (client's)            tool_search   {…}

As a ToolUse such a call has its item's kind in ``extra["type"]`` and its namespace in ``extra["namespace"]``; a plain
function call has neither.  So a client that offered a tool in its own way is called in its own way, whoever answers.
A model of another family may write what an item has no place for; then the call is told as a function's.
"""

from hashlib import blake2b
from typing import Any

import msgspec

from pipeline.events import ToolUse
from stages.dialects.chat.encoder import free_input

MARKS = {
    "function_call": "",
    "custom_tool_call": "custom",
    "apply_patch_call": "apply_patch",
    "shell_call": "shell",
    "local_shell_call": "local_shell",
    "tool_search_call": "tool_search",
}
_ITEMS = {mark: kind for kind, mark in MARKS.items()}
# How ids of items begin.
PREFIXES = {"": "fc", "custom": "ctc", "apply_patch": "apc", "shell": "sh", "local_shell": "lsh", "tool_search": "tsc"}

_PATCHES = {"create_file": {"path", "diff"}, "update_file": {"path", "diff"}, "delete_file": {"path"}}
_LIMITS = ("timeout_ms", "max_output_length")
_quote = msgspec.json.Encoder().encode


def called(item: dict[str, Any]) -> bool:
    """Whether *item* calls a tool that the caller runs."""
    kind = str(item.get("type"))
    return kind in MARKS and (kind != "tool_search_call" or item.get("execution") == "client")


def tool(item: dict[str, Any]) -> ToolUse:
    """What *item* calls, without the input."""
    mark = MARKS[item["type"]]
    name = item.get("name") if mark in {"", "custom"} else mark
    extra = {key: value for key, value in (("type", mark), ("namespace", item.get("namespace"))) if value}
    call = item.get("call_id") or item.get("id")
    return ToolUse(call if isinstance(call, str) else "", name if isinstance(name, str) else "", extra or None)


def given(item: dict[str, Any]) -> str:
    """The input that *item* gives, as the text of a JSON object."""
    match item.get("type"):
        case "function_call":
            arguments = item.get("arguments")
            return arguments if isinstance(arguments, str) else _json(arguments or {})
        case "custom_tool_call":
            return _json({"input": item.get("input") or ""})
        case "apply_patch_call":
            return _json({"operation": item.get("operation")})
        case "tool_search_call":
            return _json(item.get("arguments") or {})
        case _:
            action = item.get("action")
            return _json({key: value for key, value in _object(action).items() if key != "type"})


def text(item: dict[str, Any]) -> str:
    """The input of *item* as deltas tell it: of a free-form call the text itself."""
    if item.get("type") != "custom_tool_call":
        return given(item)
    return item["input"] if isinstance(item.get("input"), str) else ""


def mark_of(block: ToolUse) -> str:
    """What kind of call *block* is; "" for a function's."""
    mark = (block.extra or {}).get("type")
    return mark if mark in _ITEMS else ""


def item_of(block: ToolUse, text: str, *, item_id: str, status: str) -> dict[str, Any]:
    """The item that calls *block* with the input *text*; as it stands before there is any, where *text* is empty."""
    mark = mark_of(block)
    inner = _inner(mark, text)
    if inner is None:
        mark, inner = "", {"arguments": text}
    item = {"id": item_id, "type": _ITEMS[mark], "status": status, **inner, "call_id": block.id}
    if mark in {"", "custom"}:
        item["name"] = block.name
        if namespace := (block.extra or {}).get("namespace"):
            item["namespace"] = namespace
    return item


def _inner(mark: str, text: str) -> dict[str, Any] | None:
    """The members in which an item of that kind has its input; None if it has no place for *text*."""
    if mark == "":
        return {"arguments": text}
    if mark == "custom":
        return {"input": free_input(text)}
    value = value_of(text)
    match mark:
        case "apply_patch":
            operation = _patch(value.get("operation", value))
            return None if operation is None else {"operation": operation}
        case "shell":
            return _shell(value)
        case "local_shell":
            return _local(value)
    return {"arguments": value, "execution": "client"}


def _patch(value: Any) -> dict[str, Any] | None:
    value = _object(value)
    fields = _PATCHES.get(str(value.get("type")), set())
    if not fields or not all(isinstance(value.get(field), str) for field in fields):
        return None
    return {"type": value["type"], **{field: value[field] for field in sorted(fields)}}


def _shell(value: dict[str, Any]) -> dict[str, Any] | None:
    commands = _words(value.get("commands", value.get("command")))
    return None if commands is None else {"action": {"commands": commands, **_limits(value, _LIMITS)}}


def _local(value: dict[str, Any]) -> dict[str, Any] | None:
    command, env = _words(value.get("command")), value.get("env")
    if command is None:
        return None
    told = {key: value[key] for key in ("user", "working_directory") if isinstance(value.get(key), str)}
    env = {key: str(text) for key, text in _object(env).items()}
    return {"action": {"type": "exec", "command": command, "env": env, **_limits(value, _LIMITS[:1]), **told}}


def _words(value: Any) -> list[str] | None:
    """A list of strings; a single string counts as one."""
    words = [value] if isinstance(value, str) else value
    return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


def _limits(value: dict[str, Any], names: tuple[str, ...]) -> dict[str, int | None]:
    return {key: value[key] if isinstance(value.get(key), int) else None for key in names}


def value_of(text: str) -> dict[str, Any]:
    """The object in *text*; an empty one if there is none."""
    try:
        value = msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, RecursionError):
        return {}
    return _object(value)


def digest(text: str) -> str:
    """A short name for *text*, of which ids are made where there are none."""
    return blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest()


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _json(value: Any) -> str:
    return _quote(value).decode()
