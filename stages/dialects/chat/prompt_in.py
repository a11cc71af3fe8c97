"""A Chat prompt → the Messages shape, field by field; the conversation is in ``history_in``, tools in ``tools_in``.

Every field is read, dropped with a word about it, or refused; the tables below say which.  What a model takes and
refuses is left to the target's dialect: the result may as well go to any other.  Nothing here depends on anything but
the prompt, so that equal prompts stay equal, byte for byte.
"""

from typing import Any

from pipeline.errors import Unsupported
from pipeline.prompt import Prompt
from stages.dialects.chat.beyond import BEYOND, DROPPED, KIN, split
from stages.dialects.chat.history_in import History
from stages.dialects.chat.schemas import plain
from stages.dialects.chat.thinking_in import think
from stages.dialects.chat.tools_in import Fields, choose, tools_of
from stages.dialects.shape import DEPTH, count, deep, flag, invalid, mapping, name, number, sequence, text

_JSON_ONLY = "Respond with a single JSON object and nothing else."

_READ = frozenset({"model", "messages", "tools", "tool_choice", "functions", "function_call", "parallel_tool_calls",
                   "max_tokens", "max_completion_tokens", "reasoning_effort", "reasoning", "thinking", "stop", "stream",
                   "response_format", "temperature", "top_p", "top_k", "user", "safety_identifier", "service_tier", "n",
                   "modalities", "audio", "web_search_options"})  # fmt: skip

_NOTHING: tuple[Any, ...] = (None, False, 0, {}, [])  # values that ask for nothing

_TIERS: dict[str, Fields] = {
    "auto": {"service_tier": "auto"},
    "priority": {"service_tier": "auto"},
    "default": {"service_tier": "standard_only"},
    "fast": {"speed": "fast"},
}


def to_messages(body: Fields, prompt: Prompt, towards: str = "") -> Fields:
    """*body*, a Chat prompt, in the Messages shape; losses are recorded on *prompt*.

    *towards*: the upstream's dialect; for kin there is more than that shape holds, see ``beyond``.  Raises
    InvalidRequest where it is no Chat prompt, Unsupported where there is no way to say what it says.
    """
    model = name(body.get("model"), ("model",))
    beside, body = split(body, towards)
    history = History(prompt, detailed=towards in KIN)
    history.read(body.get("messages"))
    hub: Fields = {"model": model, "messages": history.heard, **fields(body, prompt)}
    if system := history.system + hub.pop("system", []):
        hub["system"] = system
    return hub | {BEYOND: beside} if beside else hub


def fields(body: Fields, prompt: Prompt) -> Fields:
    """All of *body* but its model and its conversation, in the Messages shape; as ``to_messages``."""
    _refuse(body)
    if body.get("n") is not None and count(body["n"], ("n",), least=1) > 1:
        prompt.record("dropped", ("n",), "one choice is all that this upstream gives", lossy=True)
    hub: Fields = {}
    _limit(body, hub)
    tools, choice = choose(body, tools_of(body, prompt), prompt)
    tools += _searching(body, prompt)
    hub |= {"tools": tools} if tools else {}
    hub |= {"tool_choice": choice} if choice else {}
    _format(body, hub, prompt)
    think(body, hub)
    _scalars(body, hub, prompt)
    _drop(body, prompt)
    return hub


def _refuse(body: Fields) -> None:
    """Refuse what would need another medium."""
    if "audio" in sequence(body.get("modalities") or [], ("modalities",)) or body.get("audio") is not None:
        raise Unsupported("modalities: spoken answers can't be had from this model", param="modalities")


def _limit(body: Fields, hub: Fields) -> None:
    """The limit of tokens, as asked."""
    field = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    if body.get(field) is not None:
        hub["max_tokens"] = count(body[field], (field,), least=1)


def _searching(body: Fields, prompt: Prompt) -> list[Fields]:
    """The search that Chat's search models do, as a tool of the server."""
    if body.get("web_search_options") is None:
        return []
    prompt.record("approximated", ("web_search_options",), "told as a tool: the model may search, it need not")
    options = mapping(body["web_search_options"], ("web_search_options",))
    tool: Fields = {"type": "web_search_20250305", "name": "web_search"}
    where = mapping(options.get("user_location") or {}, ("web_search_options", "user_location"))
    if where:
        near = mapping(where.get("approximate"), ("web_search_options", "user_location", "approximate"))
        tool["user_location"] = {"type": "approximate", **near}
    return [tool]


def _format(body: Fields, hub: Fields, prompt: Prompt) -> None:
    """What the answer must look like."""
    form = mapping(body.get("response_format") or {}, ("response_format",))
    match form.get("type"):
        case None | "text":
            pass
        case "json_object":
            hub["system"] = [{"type": "text", "text": _JSON_ONLY}]
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


def _scalars(body: Fields, hub: Fields, prompt: Prompt) -> None:
    """Fields that say one thing."""
    if body.get("stream") is not None:
        hub["stream"] = flag(body["stream"], ("stream",))
    if body.get("stop") is not None:
        given = [body["stop"]] if isinstance(body["stop"], str) else sequence(body["stop"], ("stop",))
        hub["stop_sequences"] = [text(item, ("stop", place)) for place, item in enumerate(given)]
    for key in ("temperature", "top_p", "top_k"):
        if body.get(key) is not None:
            hub[key] = number(body[key], (key,))
    for key in ("safety_identifier", "user"):
        if body.get(key) is not None and "metadata" not in hub:
            hub["metadata"] = {"user_id": text(body[key], (key,))}
    tier = body.get("service_tier")
    if tier is not None and text(tier, ("service_tier",)) in _TIERS:
        hub |= _TIERS[tier]
    elif tier is not None:
        prompt.record("dropped", ("service_tier",), "no equivalent", lossy=True)


def _drop(body: Fields, prompt: Prompt) -> None:
    """Record what goes: fields that are known to have no equivalent, and fields that nobody knows."""
    for key, value in body.items():
        if key in _READ or value in _NOTHING:
            continue
        why, lossy = DROPPED.get(key, ("not known of a Chat prompt", True))
        prompt.record("dropped", (key,), why, lossy=lossy)
