"""The fields of a Responses prompt that are Chat's under other names.

    max_output_tokens   reasoning.effort    text.format                text.verbosity   tools (flat)     include
    max_completion_…    reasoning_effort    response_format (nested)   verbosity        tools (nested)   logprobs

Both are one vendor's, so what becomes of these fields on the way to the hub and from it is Chat's affair; here they
only change their names.  ``named`` knows those of errors and records.
"""

import re
from typing import Any

from pipeline.document import Path
from pipeline.prompt import spell
from stages.dialects.shape import mapping, sequence, text
from stages.dialects.wording import Words

Fields = dict[str, Any]

LOGPROBS = "message.output_text.logprobs"  # in ``include``

SAME = frozenset(
    {"model", "stream", "temperature", "top_p", "parallel_tool_calls", "service_tier", "user", "safety_identifier",
     "metadata", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "top_logprobs", "moderation"}
)  # fmt: skip

_TOOL = re.compile(r"tools\[(\d+)\](?:\.(?:function|custom)(?=\.))?")

# Chat's names, and ours; the longest first, because one may begin another.
_RENAMED = (
    ("response_format.json_schema", "text.format"),
    ("max_completion_tokens", "max_output_tokens"),
    ("max_tokens", "max_output_tokens"),
    ("response_format", "text.format"),
    ("reasoning_effort", "reasoning.effort"),
    ("verbosity", "text.verbosity"),
)


# -- Responses → Chat -------------------------------------------------------------------------------------------------


def as_chat(body: Fields) -> Fields:
    """Those fields of *body*, all but ``tools`` and ``tool_choice``, as Chat has them."""
    chat: Fields = {key: value for key, value in body.items() if key in SAME and value is not None}
    if body.get("max_output_tokens") is not None:
        chat["max_completion_tokens"] = body["max_output_tokens"]
    effort = mapping(body.get("reasoning") or {}, ("reasoning",)).get("effort")
    if effort is not None:
        chat["reasoning_effort"] = effort
    said = mapping(body.get("text") or {}, ("text",))
    if said.get("verbosity") not in (None, "medium"):
        chat["verbosity"] = said["verbosity"]
    form = mapping(said.get("format") or {}, ("text", "format"))
    if form:
        inner = {key: value for key, value in form.items() if key != "type"}
        chat["response_format"] = {"type": form.get("type"), **({"json_schema": inner} if inner else {})}
    if LOGPROBS in sequence(body.get("include") or [], ("include",)):
        chat["logprobs"] = True
    if body.get("store") is True:  # what is not asked for is kept, too, but nobody could fetch it from here
        chat["store"] = True
    return chat


def chat_tool(tool: Fields, called: str) -> Fields:
    """A function or a free-form *tool*, which is *called* so, as Chat nests it."""
    kind = tool["type"]
    inner = {key: value for key, value in tool.items() if key in {"description", "parameters", "strict"}} | {
        "name": called
    }
    form = tool.get("format")
    if isinstance(form, dict):
        rule = {key: value for key, value in form.items() if key != "type"}
        inner["format"] = {"type": form.get("type"), **({"grammar": rule} if form.get("type") == "grammar" else {})}
    return {"type": kind, kind: inner}


def named(tools: list[Path]) -> Words:
    """How this dialect calls a place of Chat's; *tools*: where the tools that Chat counts stand."""

    def renamed(place: str) -> str:
        if (tool := _TOOL.match(place)) and int(tool.group(1)) < len(tools):
            return spell(tools[int(tool.group(1))]) + place[tool.end() :]
        for theirs, ours in _RENAMED:
            if place.startswith(theirs):
                return ours + place.removeprefix(theirs)
        return place

    return renamed


# -- Chat → Responses -------------------------------------------------------------------------------------------------


def as_responses(chat: Fields) -> Fields:
    """The fields of a Chat prompt without its conversation, as this API has them."""
    made: Fields = {key: value for key, value in chat.items() if key in SAME}
    if "max_completion_tokens" in chat:
        made["max_output_tokens"] = chat["max_completion_tokens"]
    if "reasoning_effort" in chat:
        made["reasoning"] = {"effort": chat["reasoning_effort"]}
    if "response_format" in chat:
        form = mapping(chat["response_format"], ("response_format",))
        inner = mapping(form.get("json_schema") or {}, ("response_format", "json_schema"))
        made["text"] = {"format": {"type": form.get("type"), **inner}}
    if "verbosity" in chat:
        made["text"] = {**made.get("text", {}), "verbosity": chat["verbosity"]}
    if chat.get("logprobs"):
        made["include"] = [LOGPROBS]
    if "tools" in chat:
        made["tools"] = [_flat_tool(tool) for tool in chat["tools"]]
    if "tool_choice" in chat:
        made["tool_choice"] = _flat_choice(chat["tool_choice"])
    return made | {"store": chat.get("store") is True}


def _flat_tool(tool: Fields) -> Fields:
    """A tool without its nest.  Where ``strict`` is left out the API tries to enforce the schema: so it is told."""
    kind = tool["type"]
    made = {"type": kind, **tool[kind]}
    if kind == "function":
        return {**made, "strict": bool(made.get("strict"))}
    if isinstance(form := made.get("format"), dict) and "grammar" in form:
        made["format"] = {"type": form.get("type"), **mapping(form["grammar"], ("tools", "format", "grammar"))}
    return made


def _flat_choice(choice: Any) -> Any:
    """The choice of a tool, or of some, without its nest."""
    if not isinstance(choice, dict):
        return choice
    kind = choice["type"]
    flat = {"type": kind, **choice[kind]}
    return {**flat, "tools": [_flat_choice(one) for one in flat["tools"]]} if kind == "allowed_tools" else flat


# -- what both sides look at ------------------------------------------------------------------------------------------


def kind_of(value: Fields, path: Path) -> str:
    """The type of an item, a part or a tool."""
    return text(value.get("type"), (*path, "type"))
