"""The tools of a Responses request: under which name a script calls which of them, and what such a call is.

    tools · additional_tools items ─▶ namespaces opened ─▶ name ─▶ Offered ─▶ the item that calls it

A tool in a namespace goes by its own name, and by ``namespace.name`` or ``namespace__name`` where that is another's
too.  Tools without a name go by their type.  A call of a name that nobody offers is a function's.
"""

from collections.abc import Iterable
from typing import Any

import attrs
import msgspec

from stages.simulated.asked import ANY
from stages.simulated.steps import Call

TEXT = msgspec.Raw(b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}')
HOSTED: dict[
    str, tuple[str, str, str, dict[str, Any]]
] = {  # by type: the item that calls it, the prefix of its id, the field its arguments stand in, what they lack
    "local_shell": ("local_shell_call", "lsh", "action", {"type": "exec", "command": [], "env": {}}),
    "shell": ("shell_call", "sh", "action", {"commands": []}),
    "apply_patch": ("apply_patch_call", "apc", "operation", {"type": "delete_file", "path": "x"}),
    "web_search": ("web_search_call", "ws", "action", {"type": "search"}),
}
NAMES = {"web_search_preview": "web_search", "web_search_2025_08_26": "web_search"}  # older names of the same


class Tool(msgspec.Struct):
    """A tool as it is offered, as far as a reply depends on it."""

    type: str = ""
    name: str = ""
    parameters: msgspec.Raw = ANY
    tools: "list[Tool] | None" = None


@attrs.frozen
class Offered:
    """What stands behind a name that a script may call."""

    kind: str = "function"  # or "custom", or one of HOSTED
    name: str = ""
    namespace: str = ""
    schema: msgspec.Raw = ANY


def offered(tools: Iterable[Tool]) -> dict[str, Offered]:
    """All of *tools* by the names they go by, in their order."""
    found: dict[str, Offered] = {}
    inner: list[Offered] = []
    for tool in tools:
        if tool.type == "namespace":
            inner += [_one(one, tool.name) for one in tool.tools or ()]
        else:
            one = _one(tool)
            found[one.name] = one
    for one in inner:
        found.setdefault(one.name, one)
        found[f"{one.namespace}.{one.name}"] = found[f"{one.namespace}__{one.name}"] = one
    return found


def _one(tool: Tool, namespace: str = "") -> Offered:
    if tool.type == "custom":
        return Offered("custom", tool.name, namespace, TEXT)
    if tool.type == "function":
        return Offered("function", tool.name, namespace, ANY if bytes(tool.parameters) == b"null" else tool.parameters)
    kind = NAMES.get(tool.type, tool.type)
    return Offered(kind, tool.name or kind, namespace)


# -- calls ------------------------------------------------------------------------------------------------------------


def call_item(step: Call, tool: Offered, number: str) -> dict[str, Any]:
    """The item in which *tool* is called; *number* makes its ids."""
    if tool.kind in HOSTED:
        return _hosted(step, tool.kind, number)
    custom = tool.kind == "custom"
    item = {
        "type": "custom_tool_call" if custom else "function_call",
        "id": f"{'ctc' if custom else 'fc'}_{number}",
        "call_id": f"call_{number}",
        "name": tool.name or step.name,
        "status": "completed",
    }
    item |= {"input": _text(step.arguments)} if custom else {"arguments": step.arguments}
    return item | ({"namespace": tool.namespace} if tool.namespace else {})


def _hosted(step: Call, kind: str, number: str) -> dict[str, Any]:
    name, prefix, field, lacks = HOSTED[kind]
    item = {"type": name, "id": f"{prefix}_{number}", "status": "completed", field: lacks | _fields(step.arguments)}
    return item if kind == "web_search" else item | {"call_id": f"call_{number}"}


def _text(arguments: str) -> str:
    """What a custom tool is given: the script's ``input`` if that is all there is, else the words as they are."""
    given = _fields(arguments)
    return given["input"] if list(given) == ["input"] and isinstance(given["input"], str) else arguments


def _fields(arguments: str) -> dict[str, Any]:
    try:
        given = msgspec.json.decode(arguments or "{}")
    except msgspec.DecodeError:
        return {}
    return given if isinstance(given, dict) else {}
