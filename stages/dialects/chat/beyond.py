"""What a Chat prompt says beyond the Messages shape: what becomes of it, and how it goes from kin to kin.

    Chat client ──▶ hub {…, "beyond": {"logprobs": true, …}} ──▶ Responses upstream        and the other way round
    Chat client ──▶ hub {…}, each of these dropped with a word ──▶ any other upstream

Chat and Responses are one vendor's and say most things alike, but the hub between them has no place for all: log
probabilities, verbosity, tools that take a text of a grammar, whatever a schema may hold.  So towards its kin a dialect
puts these beside the hub, in Chat's words and as the client said them.  Who reads the hub there takes them; a server
that is not OpenAI's own takes what is ``COMMON``, and the rest goes by the hub after all (``prompt_out``).  No dialect
but these two ever sees the key.
"""

from typing import Any

from pipeline.document import Path
from pipeline.prompt import Prompt
from stages.dialects.chat.parts_in import unsupported
from stages.dialects.chat.tools_in import aliased
from stages.dialects.names import alias
from stages.dialects.shape import mapping, name, objects, text

Fields = dict[str, Any]

BEYOND = "beyond"  # the key beside the hub's
AT = "at"  # of a tool in the hub: where its client has it
KIN = frozenset({"chat", "responses"})

# Dropped: why, and whether something that was asked for is gone.
DROPPED: dict[str, tuple[str, bool]] = {
    "stream_options": ("usage is told as the client asked, whatever the upstream does", False),
    "store": ("nothing is stored", False),
    "prompt_cache_key": ("caches are found by their content", False),
    "prompt_cache_options": ("caches are set by marks on blocks", False),
    "prompt_cache_retention": ("caches are set by marks on blocks", False),
    "include_reasoning": ("reasoning is shown wherever there is any", False),
    "seed": ("no equivalent", True),
    "logit_bias": ("no equivalent", True),
    "logprobs": ("no equivalent", True),
    "top_logprobs": ("no equivalent", True),
    "presence_penalty": ("no equivalent", True),
    "frequency_penalty": ("no equivalent", True),
    "prediction": ("no equivalent", True),
    "metadata": ("only a user's id can be told", True),
    "moderation": ("no equivalent", True),
    "verbosity": ("no equivalent", True),
}

COMMON = frozenset({"logprobs", "top_logprobs", "response_format"})  # what every server of Chat knows
SHARED = COMMON | {
    "store", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "metadata", "moderation",
    "verbosity", "user", "safety_identifier", "service_tier", "tools", "tool_choice", "parallel_tool_calls",
}  # fmt: skip


def split(body: Fields, towards: str) -> tuple[Fields, Fields]:
    """What of *body*, in Chat's words, goes beside the hub to an upstream of the dialect *towards*; and the rest."""
    if towards not in KIN:
        return {}, body
    beside = {key: value for key, value in body.items() if key in SHARED and value is not None}
    return beside, {key: value for key, value in body.items() if key not in beside}


def taken(beside: Fields, prompt: Prompt) -> Fields:
    """*beside* as OpenAI's own servers take it: names of tools are those of the history, none without any tool."""
    told = dict(beside)
    if tools := [_tool(tool, path, prompt) for path, tool in objects(told.pop("tools", []), ("tools",))]:
        told["tools"] = tools
        if isinstance(told.get("tool_choice"), dict):
            told["tool_choice"] = _choice(told["tool_choice"])
    else:  # OpenAI refuses them then
        told.pop("tool_choice", None)
        told.pop("parallel_tool_calls", None)
    return told


def free(beside: Fields) -> frozenset[str]:
    """The names of those tools in what is ``taken`` that take a text."""
    return frozenset(tool["custom"]["name"] for tool in beside.get("tools", ()) if tool["type"] == "custom")


def _tool(tool: Fields, path: Path, prompt: Prompt) -> Fields:
    kind = tool.get("type")
    if kind not in ("function", "custom"):
        raise unsupported(path, f"a tool of type {kind!r} can't be given to this model")
    inner = mapping(tool.get(kind), (*path, kind))
    return {"type": kind, kind: {**inner, "name": aliased(inner, (*path, kind), prompt)}}


def _choice(chosen: Fields, path: Path = ("tool_choice",)) -> Fields:
    kind = text(chosen.get("type"), (*path, "type"))
    inner = mapping(chosen.get(kind), (*path, kind))
    if kind != "allowed_tools":
        return {"type": kind, kind: {**inner, "name": alias(name(inner.get("name"), (*path, kind, "name")))}}
    allowed = [_choice(entry, place) for place, entry in objects(inner.get("tools"), (*path, kind, "tools"))]
    return {"type": kind, kind: {**inner, "tools": allowed}}


def unstored(made: Fields, prompt: Prompt) -> None:
    """Take the client's labels off a Chat prompt of which nothing is stored: OpenAI refuses them then."""
    if "metadata" in made and made.get("store") is not True:
        del made["metadata"]
        prompt.record("dropped", ("metadata",), "Chat has labels only for what is stored", lossy=True)
