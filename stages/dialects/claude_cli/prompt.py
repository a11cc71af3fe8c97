"""The prompt of the CLI: what is said to it on standard input, and the few things that its options can say.

    {"model": "sonnet", "system": ["…"], "messages": [{"role": "user", "content": [{"type": "text", …}]}],
     "max_tokens": 4096, "effort": "high", "thinking": {"type": "enabled", "budget_tokens": 8000}, "session": "…"}

A shape of our own: no program reads it but ``stages.claude_cli``, which starts the CLI with it.  What the CLI can't be
told is dropped and recorded, or refused where the caller would wait for something that can't come: a call that must be
made, an answer of a given form.  Stop sequences are the gateway's own work.
"""

from typing import Any

import msgspec

from pipeline.errors import Unsupported
from pipeline.prompt import Prompt
from stages.capabilities import capability
from stages.dialects.claude_cli.models import resolve
from stages.dialects.claude_cli.turns import turns
from stages.notes import STOPS
from stages.thinking import Intent, in_messages, intent_of, level_of

Fields = dict[str, Any]

EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})
_LOWEST = frozenset({"minimal", "none"})
_READ = frozenset({"model", "messages", "system", "max_tokens", "thinking", "output_config", "stop_sequences", "stream",
                   "metadata", "tool_choice", "tools"})  # fmt: skip


class Asked(msgspec.Struct):
    """A prompt of the CLI, read."""

    model: str
    messages: list[Fields]  # the last one is the user's
    system: list[str] = []
    max_tokens: int | None = None
    effort: str = ""
    thinking: Fields = {}
    session: str = ""  # the caller's name for the conversation


def asked(body: bytes) -> Asked:
    """The prompt in *body*."""
    return msgspec.json.decode(body, type=Asked)


def from_messages(body: Fields, prompt: Prompt) -> Fields:
    """Messages shape → the CLI's prompt; losses are recorded on *prompt*.  Raises Unsupported."""
    refuse(body)
    told: Fields = {"model": resolve(body["model"]), "messages": turns(body["messages"], prompt)}
    if body.get("system"):
        told["system"] = system(body["system"], prompt)
    if body.get("max_tokens"):
        told["max_tokens"] = body["max_tokens"]
    if session := (body.get("metadata") or {}).get("user_id"):
        told["session"] = str(session)
    if body.get("stop_sequences"):
        prompt.notes.note(STOPS, tuple(filter(None, body["stop_sequences"])))
    leave_out(body, prompt)
    intent, display = in_messages(body), (body.get("thinking") or {}).get("display")
    told |= thoughts(intent, told["model"], prompt)
    if display:
        told["thinking"] = {**told.get("thinking", {}), "display": display}
    return told


def refuse(body: Fields) -> None:
    """Raise Unsupported for what the caller would wait for in vain."""
    if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        raise Unsupported("tool_choice: the CLI has no tools of the client's to call", param="tool_choice")
    if (body.get("output_config") or {}).get("format") or body.get("output_format"):
        raise Unsupported("output_config.format: the CLI can't be held to a form", param="output_config.format")


def system(said: Any, prompt: Prompt) -> list[str]:
    """The system prompt's texts."""
    if isinstance(said, str):
        return [said]
    for number, block in enumerate(said):
        if block.get("cache_control") is not None:
            prompt.record("dropped", ("system", number, "cache_control"), "the CLI cuts its caches itself")
    return [block["text"] for block in said if block.get("type") == "text" and block.get("text")]


def leave_out(body: Fields, prompt: Prompt) -> None:
    """Record what the CLI can't be told."""
    if body.get("tools"):
        prompt.record("dropped", ("tools",), "the CLI takes no tools of the client's", lossy=True)
    for key in body:
        if key not in _READ and body[key] is not None:
            prompt.record("dropped", (key,), "the CLI can't be told", lossy=key != "cache_control")


# -- thinking ---------------------------------------------------------------------------------------------------------


def fit(prompt: Prompt, effort: str | int | None) -> None:
    """Ask for thinking as *effort* says; None: leave all as it is."""
    if effort is not None:
        for key, value in thoughts(intent_of(effort), prompt.model, prompt).items():
            prompt.set(key, to=value, why=f"effort {effort} was asked for")


def thoughts(intent: Intent | None, model: str, prompt: Prompt) -> Fields:
    """How much to think, in the CLI's options: newer models go by the effort, older ones by the rest."""
    known = capability(model)
    if intent is None:
        return {"thinking": {"type": "disabled"}} if known is not None and known.default == "off" else {}
    if intent.off:
        if known is None or "disabled" not in known.thinking:
            prompt.record("approximated", ("thinking",), "as little as the model can: it may not be able not to think")
        return {"thinking": {"type": "disabled"}, "effort": "low"}
    if intent.budget is not None:
        effort = level_of(intent.budget) if intent.level is None else intent.level
        return {"thinking": {"type": "enabled", "budget_tokens": intent.budget}, "effort": word(effort)}
    return {"thinking": {"type": "adaptive"}, **({"effort": word(intent.level)} if intent.level else {})}


def word(level: str) -> str:
    """The CLI's word for *level*."""
    return "low" if level in _LOWEST else level
