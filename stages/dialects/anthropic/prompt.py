"""The Messages prompt: the hub's own shape, so translation is the identity, checked.

    another dialect ◀─ to_messages ─ Messages ─ from_messages ◀─ another dialect

``to_messages`` makes sure that what other dialects read is there and has its type; it looks no deeper, because fields
and blocks are open lists and only an upstream knows them all.  ``from_messages`` makes what others left out or cannot
know acceptable to this API: a limit of tokens, parameters that the model refuses, thoughts of others (``history``).
"""

from typing import Any

from pipeline.document import Path
from pipeline.prompt import Prompt
from stages.capabilities import Capability, capability
from stages.dialects import shape
from stages.dialects.anthropic.blocks import Fields
from stages.dialects.anthropic.fit import SAMPLING, fitted
from stages.dialects.anthropic.history import mended
from stages.notes import STOPS

MAX_TOKENS = 32_000  # for clients that set no limit, where the model can do it
MAX_TOKENS_UNKNOWN = 8_192  # the same for a model of which nothing is known

_ROLES = frozenset({"user", "assistant", "system"})
_OBJECTS = ("thinking", "output_config", "tool_choice", "metadata")


def to_messages(body: Fields, prompt: Prompt) -> Fields:
    """*body*, which is in the Messages shape.  InvalidRequest where it is not."""
    shape.name(body.get("model"), ("model",))
    for path, message in shape.objects(body.get("messages"), ("messages",)):
        role = message.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            shape.invalid((*path, "role"), "one of user, assistant, system is required")
        check_content(message.get("content"), (*path, "content"))
    if body.get("system") is not None:
        check_content(body["system"], ("system",))
    for _ in shape.objects(body.get("tools") or [], ("tools",)):
        pass
    if body.get("max_tokens") is not None:
        shape.count(body["max_tokens"], ("max_tokens",))
    for key in _OBJECTS:
        if body.get(key) is not None:
            shape.mapping(body[key], (key,))
    return body


def check_content(content: Any, path: Path) -> None:
    """InvalidRequest unless *content* is a string or an array of blocks that say their type."""
    if not isinstance(content, str):
        for place, block in shape.objects(content, path):
            shape.name(block.get("type"), (*place, "type"))


def from_messages(body: Fields, prompt: Prompt) -> Fields:
    """*body*, with what this API demands and without what its model refuses; recorded on *prompt*."""
    body = mended(body, prompt)
    known = capability(str(body.get("model")))
    if body.get("max_tokens") is None:
        body["max_tokens"] = MAX_TOKENS_UNKNOWN if known is None else min(MAX_TOKENS, known.output)
        prompt.record("added", ("max_tokens",), "the API demands a limit and the client set none")
    if known is not None:
        drop_refused(body, known, prompt)
    temperature = body.get("temperature")
    if isinstance(temperature, int | float) and temperature > 1:
        body["temperature"] = 1
        prompt.record("approximated", ("temperature",), "the API's scale ends at 1", lossy=True)
    keep_blank_stops(body, prompt)
    return fitted(body, prompt)


def drop_refused(body: Fields, known: Capability, prompt: Prompt) -> None:
    """Take out of *body* what *known* refuses whatever else is said: sampling, a call that must be made."""
    for key in SAMPLING if known.sampling == "default" else ():
        value = body.pop(key, None)
        if value is not None:
            prompt.record("dropped", (key,), "the model refuses sampling parameters", lossy=value != 1)
    choice = body.get("tool_choice") or {}
    if known.forced == "never" and choice.get("type") in {"any", "tool"}:
        body["tool_choice"] = {**{key: choice[key] for key in ("disable_parallel_tool_use",) if key in choice},
                               "type": "auto"}  # fmt: skip
        prompt.record("approximated", ("tool_choice",), "this model can't be made to call a tool", lossy=True)


def keep_blank_stops(body: Fields, prompt: Prompt) -> None:
    """Leave stop sequences of white space, which this API refuses, to the gateway."""
    wanted = body.get("stop_sequences") or []
    blank = tuple(one for one in wanted if isinstance(one, str) and not one.strip())
    if blank:
        body["stop_sequences"] = [one for one in wanted if one not in blank]
        prompt.notes.note(STOPS, blank)
        prompt.record("set", ("stop_sequences",), "white space ends the reply in the gateway: the API takes none")
