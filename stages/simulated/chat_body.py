"""The body of a Chat Completions request: what the model looks at, and how its prefix is named.

tools ─▶ messages[0] ─▶ … ─▶ messages[n]        a cache that nobody marks: known up to the longest prefix seen
"""

from typing import Any

import msgspec

from stages.simulated import families
from stages.simulated.asked import ANY, Asked, Message
from stages.simulated.refusal import Refused
from stages.simulated.usage import Input, Prefix


class _Function(msgspec.Struct):
    name: str = ""
    parameters: msgspec.Raw = ANY


class _Tool(msgspec.Struct):
    function: _Function | None = None
    custom: _Function | None = None


class _Options(msgspec.Struct):
    include_usage: bool | None = None


class _Body(msgspec.Struct):
    """The fields a reply depends on; everything else is skipped."""

    model: str
    messages: list[Message]
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stream: bool | None = None
    stream_options: _Options | None = None
    tools: list[_Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: str | None = None
    thinking: dict[str, Any] | None = None  # of several compatible providers
    response_format: dict[str, Any] | None = None
    stop: str | list[str] | None = None
    n: int | None = None


_decode = msgspec.json.Decoder(_Body).decode


def read(raw: bytes) -> Asked:
    """What *raw* asks for; its input is weighed roughly: the whole body, four bytes a token."""
    try:
        body = _decode(raw)
    except msgspec.ValidationError as wrong:
        raise Refused(400, str(wrong)) from None
    except msgspec.DecodeError:
        raise Refused(400, "We could not parse the JSON body of your request.") from None
    tools = [tool.function or tool.custom or _Function() for tool in body.tools or ()]
    limit = body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens
    return Asked(
        model=body.model,
        messages=body.messages,
        stream=bool(body.stream),
        tools={tool.name: tool.parameters for tool in tools},
        force=_force(body.tool_choice),
        parallel=body.parallel_tool_calls is not False,
        limit=limit,
        stops=[body.stop] if isinstance(body.stop, str) else body.stop or [],
        thinks=thinks(body.model, body.reasoning_effort, body.thinking),
        schema=_schema(body.response_format or {}),
        choices=max(1, min(body.n or 1, 128)),
        tells_usage=bool(body.stream_options and body.stream_options.include_usage),
        input=Input(fresh=-(-len(raw) // 4)),
    )


def thinks(model: str, effort: str | None, thinking: dict[str, Any] | None) -> bool:
    """Whether the model reasons: told to, by either of the two fields in use, or not told not to where that counts."""
    if effort is None and thinking is None:
        return families.chat(model).replays
    return (thinking or {}).get("type") == "enabled" or effort not in (None, "none")


def _force(choice: str | dict[str, Any] | None) -> str | None:
    if isinstance(choice, dict):
        kind = choice.get("type", "")
        named = choice.get(kind) or {}
        if kind == "allowed_tools":
            return "*" if named.get("mode") == "required" else None
        return str(named.get("name", "*"))
    return {"required": "*", "none": ""}.get(choice or "")


def _schema(form: dict[str, Any]) -> Any:
    if form.get("type") == "json_schema":
        return (form.get("json_schema") or {}).get("schema") or {}
    return {} if form.get("type") == "json_object" else None


def weigh(body: dict[str, Any]) -> Prefix:
    """Weigh and name all of *body*.  The prompt's end, and that of its opening instructions, are put into the cache."""
    prefix, opening = Prefix(), True
    for tool in body.get("tools") or ():
        prefix.add("tools", tool)
    for n, message in enumerate(body["messages"]):
        parts = _parts(message)
        opening = opening and message.get("role") in ("system", "developer")
        kept = opening or n == len(body["messages"]) - 1
        for m, part in enumerate(parts):
            prefix.add(str(message.get("role")), part, "5m" if kept and m == len(parts) - 1 else "")
    return prefix


def _parts(message: dict[str, Any]) -> list[Any]:
    """What a message weighs: its content, and whatever else it has beside its role."""
    content = message.get("content")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else list(content or ())
    rest = {key: value for key, value in message.items() if key not in ("role", "content") and value is not None}
    return [*parts, rest] if rest else parts
