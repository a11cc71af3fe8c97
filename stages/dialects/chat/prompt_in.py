"""A Chat prompt → the Messages shape, field by field; the conversation is in ``history_in``, tools in ``tools_in``.

Every field is read, dropped with a word about it, or refused; the tables below say which (wire reference §4.2).  What
depends on Anthropic's models alone (sampling, its own default limit) is left to that dialect: the result may as well go
to any other.  Nothing here depends on anything but the prompt, so that equal prompts stay equal, byte for byte.
"""

import math
from typing import Any

from pipeline.errors import Unsupported
from pipeline.prompt import Prompt
from stages.capabilities import Capability, capability
from stages.dialects.chat.history_in import History
from stages.dialects.chat.schemas import plain
from stages.dialects.chat.thinking_in import think
from stages.dialects.chat.tools_in import Fields, choose, tools_of
from stages.dialects.shape import DEPTH, count, deep, flag, invalid, mapping, name, number, sequence, text

_JSON_ONLY = "Respond with a single JSON object and nothing else."
_GO_ON = "Continue."

# Claude models that take role "system" within messages (their guides; never Sonnet 5, nothing before Opus 4.8).
_INSTRUCTED = frozenset(
    f"claude-{name}"
    for name in ("opus-4-8", "opus-5", "opus-5-5", "sonnet-5-5", "fable-5", "fable-5-1", "fable-5-2", "mythos-5",
                 "mythos-5-1", "mythos-5-2")
)  # fmt: skip

_READ = frozenset({"model", "messages", "tools", "tool_choice", "functions", "function_call", "parallel_tool_calls",
                   "max_tokens", "max_completion_tokens", "reasoning_effort", "reasoning", "thinking", "stop", "stream",
                   "response_format", "temperature", "top_p", "top_k", "user", "safety_identifier", "service_tier", "n",
                   "modalities", "audio", "web_search_options"})  # fmt: skip

# Dropped: why, and whether something that was asked for is gone.
_DROPPED: dict[str, tuple[str, bool]] = {
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
_NOTHING: tuple[Any, ...] = (None, False, 0, {}, [])  # values that ask for nothing

_TIERS: dict[str, Fields] = {
    "auto": {"service_tier": "auto"},
    "priority": {"service_tier": "auto"},
    "default": {"service_tier": "standard_only"},
    "fast": {"speed": "fast"},
}


def to_messages(body: Fields, prompt: Prompt) -> Fields:
    """*body*, a Chat prompt, in the Messages shape; losses are recorded on *prompt*.

    Raises InvalidRequest where it is no Chat prompt, Unsupported where there is no way to say what it says.
    """
    model = name(body.get("model"), ("model",))
    known = capability(model)
    _refuse(body)
    hub: Fields = {"model": model}
    _limit(body, hub, known, prompt)
    history = History(prompt, instructs=model in _INSTRUCTED)
    history.read(body.get("messages"))
    hub["messages"] = history.messages
    tools, choice = choose(body, tools_of(body, prompt), known, prompt)
    tools += _searching(body)
    hub |= {"tools": tools} if tools else {}
    hub |= {"tool_choice": choice} if choice else {}
    _format(body, hub, history, prompt)
    if history.system:
        hub["system"] = history.system
    think(body, hub, known, prompt)
    _finish(hub, known, prompt)
    _sampling(body, hub, known, prompt)
    _scalars(body, hub, prompt)
    _drop(body, prompt)
    _limit_marks(hub, prompt)
    return hub


def _refuse(body: Fields) -> None:
    """Refuse what would need more than one answer, or another medium."""
    if body.get("n") is not None and count(body["n"], ("n",), least=1) > 1:
        raise Unsupported("n: only one choice can be had from this model", param="n")
    if "audio" in sequence(body.get("modalities") or [], ("modalities",)) or body.get("audio") is not None:
        raise Unsupported("modalities: spoken answers can't be had from this model", param="modalities")


def _limit(body: Fields, hub: Fields, known: Capability | None, prompt: Prompt) -> None:
    """The limit of tokens: as asked, at most what the model can; where none is asked, all that it can."""
    field = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    if body.get(field) is not None:
        hub["max_tokens"] = count(body[field], (field,), least=1)
        if known is not None and hub["max_tokens"] > known.output:
            hub["max_tokens"] = known.output
            prompt.record("approximated", (field,), f"the model writes {known.output} tokens at most")
    elif known is not None:
        hub["max_tokens"] = known.output
        prompt.record("added", ("max_tokens",), "a limit is demanded: all that the model can write")


def _searching(body: Fields) -> list[Fields]:
    """The search that Chat's search models do, as a tool of the server."""
    if body.get("web_search_options") is None:
        return []
    options = mapping(body["web_search_options"], ("web_search_options",))
    tool: Fields = {"type": "web_search_20250305", "name": "web_search"}
    where = mapping(options.get("user_location") or {}, ("web_search_options", "user_location"))
    if where:
        near = mapping(where.get("approximate"), ("web_search_options", "user_location", "approximate"))
        tool["user_location"] = {"type": "approximate", **near}
    return [tool]


def _format(body: Fields, hub: Fields, history: History, prompt: Prompt) -> None:
    """What the answer must look like."""
    form = mapping(body.get("response_format") or {}, ("response_format",))
    match form.get("type"):
        case None | "text":
            pass
        case "json_object":
            history.system.append({"type": "text", "text": _JSON_ONLY})
            prompt.record("approximated", ("response_format",), "told in words", lossy=True)
        case "json_schema":
            path = ("response_format", "json_schema", "schema")
            schema = mapping(mapping(form.get("json_schema"), path[:2]).get("schema") or {}, path)
            if deep(schema, DEPTH):
                invalid(path, "nested too deeply")
            hub["output_config"] = {"format": {"type": "json_schema", "schema": plain(schema)}}
            if hub["output_config"]["format"]["schema"] != schema:
                prompt.record("approximated", path, "limits that can't be enforced are left out", lossy=True)
        case other:
            raise Unsupported(f"response_format.type: {other!r} can't be had from this model", param="response_format")


def _finish(hub: Fields, known: Capability | None, prompt: Prompt) -> None:
    """A conversation that ends with the assistant: an answer already begun, which newer models refuse to go on with."""
    last = hub["messages"][-1]
    if last["role"] != "assistant":
        return
    if known is not None and (not known.prefill or "thinking" in hub):
        why = "this model does not go on with an answer that is begun: it is asked to"
        prompt.record("approximated", ("messages",), why, lossy=True)
        hub["messages"].append({"role": "user", "content": [{"type": "text", "text": _GO_ON}]})
    elif last["content"][-1]["type"] == "text":
        last["content"][-1]["text"] = last["content"][-1]["text"].rstrip()


def _scalars(body: Fields, hub: Fields, prompt: Prompt) -> None:
    """Fields that say one thing."""
    if body.get("stream") is not None:
        hub["stream"] = flag(body["stream"], ("stream",))
    if body.get("stop") is not None:
        _stops(body["stop"], hub, prompt)
    for key in ("safety_identifier", "user"):
        if body.get(key) is not None and "metadata" not in hub:
            hub["metadata"] = {"user_id": text(body[key], (key,))}
    tier = body.get("service_tier")
    if tier is not None and text(tier, ("service_tier",)) in _TIERS:
        hub |= _TIERS[tier]
    elif tier is not None:
        prompt.record("dropped", ("service_tier",), "no equivalent", lossy=True)


def _sampling(body: Fields, hub: Fields, known: Capability | None, prompt: Prompt) -> None:
    """Temperature and its kin.  Models before 4.7 take little of them while they think, and never two at once."""
    for key in ("temperature", "top_p", "top_k"):
        if body.get(key) is not None:
            hub[key] = number(body[key], (key,))
    if known is None or known.sampling != "limited":
        return
    if hub.get("thinking", {}).get("type") in {"enabled", "adaptive"}:
        refused = [key for key, least in (("temperature", 1), ("top_p", 0.95), ("top_k", math.inf))
                   if hub.get(key, least) < least]  # fmt: skip
    else:
        refused = ["top_p"] if "temperature" in hub and "top_p" in hub else []
    for key in refused:
        del hub[key]
        prompt.record("dropped", (key,), "this model refuses it beside what else is asked for", lossy=True)


def _stops(value: Any, hub: Fields, prompt: Prompt) -> None:
    given = [value] if isinstance(value, str) else sequence(value, ("stop",))
    found = [text(item, ("stop", place)) for place, item in enumerate(given)]
    kept = [item for item in found if item.strip()]
    if kept:
        hub["stop_sequences"] = kept
    if len(kept) < len(found):
        prompt.record("dropped", ("stop",), "a stop sequence must be more than white space", lossy=True)


def _drop(body: Fields, prompt: Prompt) -> None:
    """Record what goes: fields that are known to have no equivalent, and fields that nobody knows."""
    for key, value in body.items():
        if key in _READ or value in _NOTHING:
            continue
        why, lossy = _DROPPED.get(key, ("not known of a Chat prompt", True))
        prompt.record("dropped", (key,), why, lossy=lossy)


def _limit_marks(hub: Fields, prompt: Prompt) -> None:
    """At most four cache marks, the last ones; none that lasts longer than one before it."""
    blocks = [*hub.get("tools", []), *hub.get("system", [])]
    blocks += [block for message in hub["messages"] for block in message["content"]]
    marked = [block for block in blocks if "cache_control" in block]
    for block in marked[:-4]:
        del block["cache_control"]
    if len(marked) > 4:
        prompt.record("dropped", ("cache_control",), "four cache marks are allowed: the last four stay")
    short = False
    for block in marked[-4:]:
        short = short or block["cache_control"].get("ttl") != "1h"
        if short and block["cache_control"].get("ttl") == "1h":
            block["cache_control"] = {"type": "ephemeral"}
            prompt.record("approximated", ("cache_control",), "a mark can't last longer than one before it")
