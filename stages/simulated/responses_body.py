"""The body of a Responses request: what the model looks at, what it tells back, and how its prefix is named.

    tools ─▶ instructions ─▶ input[0] ─▶ … ─▶ input[n]      known up to the longest prefix seen, or a breakpoint

Items that the model made itself (calls, reasoning, its own words) are a turn of the assistant's however many they are,
and outputs of tools are answers, so that a script's turns are counted as in the other dialects.
"""

from collections.abc import Iterator
from typing import Any

import attrs
import msgspec

from stages.simulated import families, responses_schema, signature
from stages.simulated.asked import NOTHING, Asked, Message, Part
from stages.simulated.refusal import Refused
from stages.simulated.responses_tools import Offered, Tool, offered
from stages.simulated.usage import Input, Prefix

ECHO: dict[str, Any] = {  # what a response tells back of its request, and what it says where the request has nothing
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
BARE = ("id", "status", "phase")  # of an item: may be left out when it comes back, so they name nothing


class _Item(msgspec.Struct):
    """One item of the input, of any type."""

    type: str = "message"
    role: str = ""
    content: str | list[Part] | None = None
    output: msgspec.Raw = NOTHING
    tools: list[Tool] | None = None


class _Body(msgspec.Struct):
    """The fields a reply depends on; everything else is skipped."""

    model: str
    input: str | list[_Item] = ""
    max_output_tokens: int | None = None
    stream: bool | None = None
    tools: list[Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    reasoning: dict[str, Any] | None = None
    text: dict[str, Any] | None = None


@attrs.define
class Wanted(Asked):
    """What a request of this dialect asks for beyond what all of them do."""

    offered: dict[str, Offered] = attrs.field(factory=dict)
    echo: dict[str, Any] = attrs.field(factory=lambda: ECHO)  # of a lenient model: nothing that streams would all keep
    removed: list[str] = attrs.field(factory=list)  # ids of reasoning that stands behind another prefix now


_decode = msgspec.json.Decoder(_Body).decode
_CONTENT: msgspec.json.Decoder[str | list[Part]] = msgspec.json.Decoder(str | list[Part])


def read(raw: bytes) -> Wanted:
    """What *raw* asks for; its input is weighed roughly: the whole body, four bytes a token."""
    try:
        body = _decode(raw)
    except msgspec.ValidationError as wrong:
        raise Refused(400, str(wrong), code="invalid_type") from None
    except msgspec.DecodeError:
        raise Refused(400, "We could not parse the JSON body of your request.") from None
    items = [_Item(role="user", content=body.input)] if isinstance(body.input, str) else body.input
    tools = offered([*(body.tools or ()), *(tool for item in items for tool in item.tools or ())])
    reasoning = body.reasoning or {}
    return Wanted(
        model=body.model,
        messages=_messages(items),
        stream=bool(body.stream),
        tools={name: tool.schema for name, tool in tools.items()},
        force=_force(body.tool_choice),
        parallel=body.parallel_tool_calls is not False,
        limit=body.max_output_tokens,
        thinks=thinks(reasoning),
        shows=not families.chat(body.model).official or bool(_summary(reasoning)),
        schema=_schema((body.text or {}).get("format") or {}),
        input=Input(fresh=-(-len(raw) // 4)),
        offered=tools,
    )


def thinks(reasoning: dict[str, Any]) -> bool:
    """Whether the model is told to reason: by an effort, or by the wish to read of it."""
    effort = reasoning.get("effort")
    return effort != "none" if effort is not None else bool(_summary(reasoning))


def _summary(reasoning: dict[str, Any]) -> Any:
    return reasoning.get("summary") or reasoning.get("generate_summary")


def _messages(items: list[_Item]) -> list[Message]:
    """*items* as messages.  An answer cut short that a client brings back to have it ended is still the same turn."""
    messages = [_message(item) for item in items]
    while messages and messages[-1].role == "assistant":
        messages.pop()
    return messages


def _message(item: _Item) -> Message:
    """*item* as a message: the user's, the model's or a tool's."""
    if item.type == "message":
        return Message(item.role, item.content)
    if item.type.endswith("_output"):
        return Message("tool", _output(item.output))
    return Message("system" if item.type in SETTINGS else "assistant")


SETTINGS = ("additional_tools", "configuration_update", "compaction_trigger")  # items that nobody said


def _output(output: msgspec.Raw) -> str | list[Part]:
    """The words in a tool's output; none if it has another form."""
    try:
        return _CONTENT.decode(output) if bytes(output) else ""
    except msgspec.ValidationError:
        return ""


def _force(choice: str | dict[str, Any] | None) -> str | None:
    if not isinstance(choice, dict):
        return {"required": "*", "none": ""}.get(choice or "")
    if choice.get("type") == "allowed_tools":
        named = [str(tool.get("name") or tool.get("type")) for tool in choice.get("tools") or ()]
        return next(iter(named), "*") if choice.get("mode") == "required" else None
    return str(choice.get("name") or choice.get("type"))


def _schema(form: dict[str, Any]) -> Any:
    if form.get("type") == "json_schema":
        return form.get("schema") or {}
    return {} if form.get("type") == "json_object" else None


# -- what is told back ------------------------------------------------------------------------------------------------


def echo(body: dict[str, Any]) -> dict[str, Any]:
    """What a response repeats of *body*; functions that leave strictness open are told what became of it."""
    told = {name: body[name] for name in ECHO if body.get(name) is not None}
    for name in {"text", "reasoning"} & told.keys():
        told[name] = {**ECHO[name], **told[name]}
    if "tools" in told:
        told["tools"] = [_settled(tool) for tool in told["tools"]]
    return {**ECHO, **told}


def _settled(tool: dict[str, Any]) -> dict[str, Any]:
    if tool.get("type") != "function" or tool.get("strict") is not None:
        return tool
    return tool | {"strict": responses_schema.fault(tool.get("parameters") or {}) is None}


# -- weight -----------------------------------------------------------------------------------------------------------


def weigh(body: dict[str, Any]) -> tuple[Prefix, list[str]]:
    """Weigh and name all of *body*; and the ids of reasoning whose prefix is not the one it was thought behind.

    A cache keeps the prompt's end and that of its opening instructions, unless only explicit breakpoints count.
    Reasoning is no part of a prefix: clients may leave it out of earlier turns.
    """
    prefix, removed, opening, turn = Prefix(), list[str](), True, b""
    items = items_of(body)
    implicit = (body.get("prompt_cache_options") or {}).get("mode") != "explicit"
    for tool in body.get("tools") or ():
        prefix.add("tools", tool)
    for part in ({"type": "text", "text": body["instructions"]},) if body.get("instructions") else ():
        prefix.add("system", part, "5m" if implicit else "")
    for n, item in enumerate(items):
        turn = (turn or prefix.name) if produced(item) else b""
        if item.get("type") == "reasoning":
            removed += _removed(item, turn)
            continue
        opening = opening and item.get("role") in ("system", "developer")
        kept = "5m" if implicit and (opening or n == len(items) - 1) else ""
        parts = list(_parts(item))
        for m, (part, ttl) in enumerate(parts):
            prefix.add(str(item.get("role") or item.get("type")), part, ttl or (kept if m == len(parts) - 1 else ""))
    return prefix, removed


def items_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of the input, of which a string is one."""
    given = body.get("input") or []
    return [{"type": "message", "role": "user", "content": given}] if isinstance(given, str) else given


def produced(item: dict[str, Any]) -> bool:
    """Whether a model made *item*, as opposed to the user, the developer or a tool."""
    kind = item.get("type") or "message"
    if kind == "message":
        return item.get("role") == "assistant"
    return not str(kind).endswith("_output") and kind not in SETTINGS


def _removed(item: dict[str, Any], turn: bytes) -> list[str]:
    verdict = signature.verify(str(item.get("encrypted_content") or ""), "")
    return [str(item.get("id") or "")] if verdict.prefix and verdict.prefix != turn else []


def _parts(item: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    """What an item weighs, with the breakpoint behind each part: its content, and whatever else it has."""
    content = item.get("content")
    parts: list[dict[str, Any]] = [{"text": content}] if isinstance(content, str) else content or []
    for part in parts:
        mark = part.get("prompt_cache_breakpoint")
        ttl = ("1h" if mark.get("ttl") == "12h" else "5m") if mark else ""  # the cache's long and short lifetime
        yield {"type": "text", "text": part["text"]} if "text" in part else part, ttl
    if rest := {key: item[key] for key in item if key not in ("type", "role", "content", *BARE)}:
        yield rest, ""
