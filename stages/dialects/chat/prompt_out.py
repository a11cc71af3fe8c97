"""The Messages shape → a Chat prompt, field by field; the conversation is in ``history_out``, tools in ``tools_out``.

Every field is read, dropped with a word about it, or refused; the table below says which.  What a model takes shows in
its name (``families``); a provider that differs brings a Family of its own.  Nothing here depends on anything but the
prompt and the model, so that equal prompts stay equal, byte for byte.
"""

import re
from hashlib import sha256

from pipeline.errors import Unsupported
from pipeline.prompt import Prompt
from stages.dialects.chat.beyond import BEYOND, COMMON, free, taken, unstored
from stages.dialects.chat.effort import FIELD, told
from stages.dialects.chat.families import Family, family
from stages.dialects.chat.history_out import Conversation
from stages.dialects.chat.prompt_in import fields
from stages.dialects.chat.schemas import enforceable
from stages.dialects.chat.tools_out import Fields, choice, functions
from stages.dialects.shape import DEPTH, count, deep, flag, invalid, mapping, name, number, sequence, text
from stages.notes import STOPS
from stages.thinking import in_messages

_READ = frozenset({"model", "messages", "system", "tools", "tool_choice", "max_tokens", "stop_sequences", "stream",
                   "temperature", "top_p", "top_k", "metadata", "thinking", "output_config", "output_format",
                   "service_tier", "speed", "cache_control", "mcp_servers"})  # fmt: skip

# Dropped: why, and whether something that was asked for is gone.
_DROPPED: dict[str, tuple[str, bool]] = {
    "context_management": ("the conversation is sent as it is", True),
    "diagnostics": ("no equivalent", False),
    "inference_geo": ("no equivalent", True),
    "container": ("no equivalent", True),
    "fallbacks": ("no equivalent", True),
    "thread": ("no equivalent", True),
    "safeguards": ("the upstream judges no calls of tools", True),
}

_NO_FORMAT = "structured_outputs_unsupported"  # the word by which Claude Code does without
_OPAQUE_ID = re.compile(r"[\w-]{1,64}", re.ASCII)


def from_messages(body: Fields, prompt: Prompt, ways: Family | None = None) -> Fields:
    """*body*, in the Messages shape, as a Chat prompt; losses are recorded on *prompt*.

    *ways*: what the model takes, if its name does not tell (a provider's own).  Raises InvalidRequest where *body* is
    not in that shape, Unsupported where there is no way to say what it says.
    """
    model = name(body.get("model"), ("model",))
    ways = ways or family(model)
    if body.get("mcp_servers"):
        raise Unsupported("mcp_servers: an upstream of this dialect calls no servers", param="mcp_servers")
    body, beside = _beyond(body, ways, prompt)
    conversation = Conversation(prompt, ways, model, free(beside))
    conversation.read(body)
    made: Fields = {"model": model, "messages": conversation.messages}
    own = beside.get("tools", [])
    tools = [*own, *functions(body, ways, prompt, beside=bool(own))]
    if tools:
        made |= {"tools": tools, **choice(body, tools, prompt)}
    if conversation.marked:
        # Without this OpenAI adds a mark of its own at the end, and bills what it writes there.
        made["prompt_cache_options"] = {"mode": "explicit"}
    _limit(body, made, ways, prompt)
    _format(body, made, ways, prompt)
    _effort(body, made, ways, prompt)
    _sampling(body, made, ways, prompt)
    _stops(body, made, ways, prompt)
    _scalars(body, made, ways, prompt)
    if not body.keys() <= _READ:
        _unread(body, prompt)
    return made | {key: value for key, value in beside.items() if key != "tools"}


def _beyond(body: Fields, ways: Family, prompt: Prompt) -> tuple[Fields, Fields]:
    """*body*, and what its kindred client says beyond it, as far as models of *ways* take that; the rest by the hub."""
    if BEYOND not in body:
        return body, {}
    beside = mapping(body.get(BEYOND) or {}, (BEYOND,))
    body = {key: value for key, value in body.items() if key != BEYOND}
    if ways.own:
        beside = taken(beside, prompt)
        unstored(beside, prompt)
        return body, beside
    hub = fields({key: value for key, value in beside.items() if key not in COMMON}, prompt)
    if tools := hub.pop("tools", []):
        body["tools"] = tools + sequence(body.get("tools") or [], ("tools",))
    return hub | body, {key: value for key, value in beside.items() if key in COMMON}


def _limit(body: Fields, made: Fields, ways: Family, prompt: Prompt) -> None:
    if body.get("max_tokens") is None:
        return
    limit = count(body["max_tokens"], ("max_tokens",))
    if limit == 0:
        raise Unsupported("max_tokens: 0 only fills a cache, which this upstream can't be asked to", param="max_tokens")
    if ways.output is not None and limit > ways.output:
        prompt.record("approximated", ("max_tokens",), f"the model writes {ways.output} tokens at most")
        limit = ways.output
    made[ways.limit] = limit


def _format(body: Fields, made: Fields, ways: Family, prompt: Prompt) -> None:
    """What the answer must look like; ``output_format`` is the older place for it."""
    config = mapping(body.get("output_config") or {}, ("output_config",))
    for key in config.keys() - {"effort", "format"}:
        prompt.record("dropped", ("output_config", key), "no equivalent", lossy=True)
    field = ("output_config", "format") if config.get("format") is not None else ("output_format",)
    form = mapping(config.get("format") or body.get("output_format") or {}, field)
    if not form:
        return
    if form.get("type") != "json_schema":
        why = f"{field[-1]}.type: {form.get('type')!r} can't be had from this model"
        raise Unsupported(why, token=_NO_FORMAT, param=field[-1])
    schema = mapping(form.get("schema"), (*field, "schema"))
    if deep(schema, DEPTH):
        invalid((*field, "schema"), "nested too deeply")
    strict = enforceable(schema)
    if not strict:
        why = "told, not enforced: the schema leaves properties open"
        prompt.record("approximated", (*field, "schema"), why, lossy=True)
    made["response_format"] = {
        "type": "json_schema",
        "json_schema": {"name": "response", "schema": schema, "strict": strict},
    }


def _effort(body: Fields, made: Fields, ways: Family, prompt: Prompt) -> None:
    """How much to think."""
    intent = in_messages(body)
    if intent is None:
        return
    fields, lost = told(intent, ways, tools="tools" in made)
    made |= fields
    if lost:
        prompt.record("approximated" if fields else "dropped", ("output_config", "effort"), lost, lossy=True)
    elif intent.budget is not None and intent.level is None and FIELD in fields:
        why = f"a budget is told as the effort that is nearest to it: {fields[FIELD]}"
        prompt.record("approximated", ("thinking", "budget_tokens"), why)
    elif not fields:
        prompt.record("approximated", ("thinking",), "whether this model thinks, and how much, is left to it")


def _sampling(body: Fields, made: Fields, ways: Family, prompt: Prompt) -> None:
    for key, allowed in (("temperature", ways.sampling), ("top_p", ways.sampling), ("top_k", ways.top_k)):
        if body.get(key) is None:
            continue
        value = number(body[key], (key,))
        if allowed:
            made[key] = value
        else:
            prompt.record("dropped", (key,), "the model refuses it", lossy=True)


def _stops(body: Fields, made: Fields, ways: Family, prompt: Prompt) -> None:
    """Stop sequences.  Where the model takes fewer, the gateway keeps them all: it can tell which one was met."""
    path = ("stop_sequences",)
    given = [text(item, (*path, place)) for place, item in enumerate(sequence(body.get(path[0]) or [], path))]
    if ways.stops is not None and len(given) > ways.stops:
        prompt.notes.note(STOPS, tuple(given))
        prompt.record("dropped", path, f"the model takes {ways.stops}: the gateway ends the reply there")
    elif given:
        made["stop"] = given


def _scalars(body: Fields, made: Fields, ways: Family, prompt: Prompt) -> None:
    if body.get("stream") is not None:
        made["stream"] = flag(body["stream"], ("stream",))
    meta = mapping(body.get("metadata") or {}, ("metadata",))
    if meta.get("user_id") is not None:
        made[ways.caller] = _opaque(text(meta["user_id"], ("metadata", "user_id")))
    tier = body.get("service_tier")
    if tier is not None and ways.tiers:
        made["service_tier"] = "default" if tier == "standard_only" else "auto"
    elif tier is not None:
        prompt.record("dropped", ("service_tier",), "this upstream has one tier")
    if body.get("speed") == "fast":
        if ways.tiers:
            made["service_tier"] = "fast"
        else:
            prompt.record("dropped", ("speed",), "no equivalent", lossy=True)


def _unread(body: Fields, prompt: Prompt) -> None:
    """Record what goes: fields that are known to have no equivalent, and fields that nobody knows."""
    for key, value in body.items():
        if key not in _READ and value is not None:
            why, lossy = _DROPPED.get(key, ("not known of a Chat prompt", True))
            prompt.record("dropped", (key,), why, lossy=lossy)


def _opaque(user: str) -> str:
    """*user* as an id that every server takes: short, plain, and nobody's address; the same for the same user."""
    return user if _OPAQUE_ID.fullmatch(user) else sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
