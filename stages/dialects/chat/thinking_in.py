"""How much to think: what a Chat prompt says → the Messages shape.

    reasoning_effort "high"  ·  reasoning {effort, max_tokens}  ·  thinking {type}    (OpenAI · OpenRouter · DeepSeek)
        ─▶  thinking adaptive, output_config.effort        models that decide for themselves, and unknown ones
        ─▶  thinking enabled, budget_tokens                models that are told
        ─▶  thinking disabled, between_tools, or nothing   "none"

Thoughts are asked for in summary: newer models keep them to themselves otherwise, and a Chat client that asks for
reasoning shows it.
"""

from typing import Any

from pipeline.prompt import Prompt
from stages.capabilities import LADDER, Capability, Effort
from stages.dialects.shape import count, invalid, mapping

Fields = dict[str, Any]

_BUDGETS = {"low": 2048, "medium": 8192, "high": 16384, "xhigh": 32768, "max": 32768, "auto": 16384}
_LEAST = 1024  # tokens the Messages API takes as a budget


def think(body: Fields, hub: Fields, known: Capability | None, prompt: Prompt) -> None:
    """Put into *hub* what *body* says of thinking.  *hub* has its limit and its tool choice already."""
    wish = _wish(body)
    if wish is None:
        return
    if wish == "none":
        _rest(hub, known, prompt)
    elif known is not None and not known.thinking & {"adaptive"}:
        _budget(hub, _BUDGETS[wish] if isinstance(wish, str) else wish, known, prompt)
    elif isinstance(wish, int) and (known is None or "enabled" in known.thinking):
        _budget(hub, wish, known, prompt)
    else:
        hub["thinking"] = {"type": "adaptive", "display": "summarized"}
        _effort(hub, _level(wish), known, prompt)


def _wish(body: Fields) -> Effort | int | str | None:
    """A level, a budget, "none", or None where the prompt says nothing; "auto": think, as much as seems right."""
    own = mapping(body.get("thinking") or {}, ("thinking",))
    if own.get("type") == "disabled":
        return "none"
    reasoning = mapping(body.get("reasoning") or {}, ("reasoning",))
    budget = reasoning.get("max_tokens") if own.get("budget_tokens") is None else own["budget_tokens"]
    if budget is not None:
        return count(budget, ("reasoning", "max_tokens"), least=1)
    if reasoning.get("enabled") is False:
        return "none"
    effort = reasoning.get("effort") if body.get("reasoning_effort") is None else body["reasoning_effort"]
    if effort is None:
        return "auto" if own.get("type") in ("enabled", "adaptive") or reasoning.get("enabled") is True else None
    if effort in ("none", "minimal"):
        return "none" if effort == "none" else "low"
    if effort not in LADDER:
        invalid(("reasoning_effort",), "one of none, minimal, low, medium, high, xhigh and max is required")
    return str(effort)


def _level(wish: Effort | int | str) -> Effort | None:
    if isinstance(wish, int):
        return next((level for level in LADDER if _BUDGETS[level] >= wish), "max")
    return next((level for level in LADDER if level == wish), None)


def _effort(hub: Fields, level: Effort | None, known: Capability | None, prompt: Prompt) -> None:
    nearest = level if known is None or level is None else known.nearest(level)
    if nearest is None:
        return
    if nearest != level:
        why = f"the nearest effort that this model has is {nearest}"
        prompt.record("approximated", ("reasoning_effort",), why, lossy=True)
    hub.setdefault("output_config", {})["effort"] = nearest


def _rest(hub: Fields, known: Capability | None, prompt: Prompt) -> None:
    """As little thinking as the model can do."""
    if known is None or ("disabled" in known.thinking and known.default != "off"):
        hub["thinking"] = {"type": "disabled"}
    elif "between_tools" in known.thinking:
        hub["thinking"] = {"type": "between_tools"}
        prompt.record("approximated", ("reasoning_effort",), "this model thinks between tools at least", lossy=True)
    elif known.default == "always":
        prompt.record("approximated", ("reasoning_effort",), "this model can't but think", lossy=True)
        _effort(hub, "low", known, prompt)


def _budget(hub: Fields, budget: int, known: Capability | None, prompt: Prompt) -> None:
    """Thinking with a budget: at least _LEAST, less than the limit; and never beside a forced choice."""
    if hub.get("tool_choice", {}).get("type") in {"any", "tool"}:
        why = "this model can't think where a tool must be called"
        prompt.record("dropped", ("reasoning_effort",), why, lossy=True)
        return
    if known is not None and known.efforts:
        _effort(hub, _level(budget), known, prompt)
    budget = max(budget, _LEAST)
    limit = hub.get("max_tokens")
    if limit is not None and limit <= budget:
        raised = min(limit + budget, known.output if known is not None else limit + budget)
        if raised > limit:
            prompt.record("set", ("max_tokens",), "the limit counts thoughts, too: raised by their budget")
            hub["max_tokens"] = limit = raised
        budget = min(budget, limit - 1)
    if budget < _LEAST:
        prompt.record("dropped", ("reasoning_effort",), "the limit leaves no room for thinking", lossy=True)
        return
    hub["thinking"] = {"type": "enabled", "budget_tokens": budget, "display": "summarized"}
