"""How much to think: one intent, whoever says it and however.

    model(high) · model(12000)                                     the suffix
    reasoning_effort · reasoning {effort, max_tokens, enabled}     Chat, and servers of its kind; Responses
    thinking {type, budget_tokens} · output_config.effort          Messages
                                │
                                ▼
    Intent(level, budget)  ──▶  what a model takes: a level, a budget, on or off

A level is a word, a budget a number of tokens; a client says one, the other, or both, and a model takes one or the
other.  This table turns them into each other, for all dialects alike, so that what is asked in one is the same in
any other.

Where a Chat or Responses prompt says itself how much to think, that holds against the suffix: its author set it for
this request.  A Messages prompt does not: clients of that kind always say an effort of their own, and the name is what
their user chose.  This file must not know a model, and of prompts only where they say this.
"""

import re
from collections.abc import Callable
from typing import Any, Literal, get_args

import attrs

from pipeline.prompt import Prompt
from stages.dialects.shape import count, invalid, mapping

Level = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
LEVELS: tuple[Level, ...] = get_args(Level)

# Tokens of thought that a level stands for.  Between two, a budget is the level whose own is nearer by ratio.
BUDGETS: dict[Level, int] = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 32_000, "xhigh": 64_000,
                             "max": 64_000}  # fmt: skip
AUTO = 16_000  # where a model needs a number, and the client leaves it to the model
_UP_TO: tuple[tuple[int, Level], ...] = ((2896, "low"), (16_190, "medium"), (45_254, "high"), (64_000, "xhigh"))


@attrs.frozen
class Intent:
    """How much to think.  Neither: as the model sees fit."""

    level: Level | None = None
    budget: int | None = None  # tokens, more than 0

    @property
    def off(self) -> bool:
        """Whether not to think at all."""
        return self.level == "none"

    @property
    def only_budget(self) -> int | None:
        """The tokens asked for, where no level was."""
        return self.budget if self.level is None else None

    @property
    def said(self) -> str:
        """The intent in a word, for people."""
        return str(self.level or self.budget or "auto")

    def as_level(self) -> Level | None:
        """The level it comes to; None: the model's own."""
        return level_of(self.budget) if self.level is None and self.budget is not None else self.level

    def as_budget(self) -> int:
        """The tokens it comes to; 0: none."""
        return self.budget or (AUTO if self.level is None else BUDGETS.get(self.level, 0))


OFF = Intent("none")
AS_FIT = Intent()


def level_of(budget: int) -> Level:
    """The level that *budget* tokens come to."""
    return next((level for most, level in _UP_TO if budget <= most), "max") if budget > 0 else "none"


def intent_of(effort: str | int) -> Intent:
    """The intent of a suffix: a level in any case, ``auto``, or a number of tokens (0: none).  ValueError for another
    word."""
    if isinstance(effort, int):
        return Intent(budget=effort) if effort > 0 else OFF
    word = effort.lower()
    if word == "auto":
        return AS_FIT
    for level in LEVELS:
        if word == level:
            return Intent(level)
    raise ValueError(effort)


# -- what names say ---------------------------------------------------------------------------------------------------

YIELDS = "anthropic"  # the dialect whose prompts do not hold against a suffix
_SUFFIX = re.compile(
    r"(?P<name>.+)\((?:(?P<level>low|medium|high|xhigh|max|auto|none|minimal)|(?P<budget>[0-9]{1,9}))\)",
    re.ASCII | re.DOTALL | re.IGNORECASE,
)


def suffixed(name: str) -> tuple[str, str | int | None]:
    """``model(effort)`` in two; None where the name says no effort that there is."""
    match = _SUFFIX.fullmatch(name)
    if match is None:
        return name, None
    model, level, budget = match.group("name", "level", "budget")
    return model, level.lower() if level else int(budget)


# -- what prompts say -------------------------------------------------------------------------------------------------


def in_messages(body: dict[str, Any]) -> Intent | None:
    """What a prompt in the Messages shape says; None: nothing.  InvalidRequest where it makes no sense."""
    thinking = mapping(body.get("thinking") or {}, ("thinking",))
    effort = mapping(body.get("output_config") or {}, ("output_config",)).get("effort")
    kind = thinking.get("type")
    if kind in ("disabled", "between_tools"):
        return OFF
    if effort is None and kind is None:
        return None
    path = ("thinking", "budget_tokens")
    budget = count(thinking.get("budget_tokens"), path, least=1) if kind == "enabled" else None
    return Intent(_level(effort, ("output_config", "effort")), budget)


def in_chat(body: dict[str, Any]) -> Intent | None:
    """What a Chat prompt says, in OpenAI's word, OpenRouter's object or DeepSeek's; None: nothing."""
    thinking = mapping(body.get("thinking") or {}, ("thinking",))
    reasoning = mapping(body.get("reasoning") or {}, ("reasoning",))
    level = _level(body.get("reasoning_effort"), ("reasoning_effort",))
    level = level or _level(reasoning.get("effort"), ("reasoning", "effort"))
    if level == "none" or thinking.get("type") == "disabled" or (level is None and reasoning.get("enabled") is False):
        return OFF
    budget = _budget(thinking.get("budget_tokens"), ("thinking", "budget_tokens"))
    budget = budget or _budget(reasoning.get("max_tokens"), ("reasoning", "max_tokens"))
    wished = thinking.get("type") in ("enabled", "adaptive") or reasoning.get("enabled") is True
    return Intent(level, budget) if level or budget or wished else None


def in_responses(body: dict[str, Any]) -> Intent | None:
    """What a Responses prompt says; None: nothing."""
    effort = mapping(body.get("reasoning") or {}, ("reasoning",)).get("effort")
    return None if effort is None else Intent(_level(effort, ("reasoning", "effort")))


def said(prompt: Prompt) -> Intent | None:
    """What *prompt* says, in the words of its dialect; None: nothing.  InvalidRequest where it makes no sense."""
    read = _READ.get(prompt.dialect)
    return None if read is None else read({key: prompt.get(key) for key in _FIELDS if prompt.has(key)})


def wished(prompt: Prompt, effort: str | int | None) -> Intent | None:
    """How much to think, all told: by *prompt*, or by *effort*, what the suffix of its model's name said; None: nobody
    says.  InvalidRequest where it makes no sense."""
    own = said(prompt)
    if effort is None or (own is not None and prompt.dialect != YIELDS):
        return own
    return intent_of(effort)


_FIELDS = ("thinking", "output_config", "reasoning_effort", "reasoning")
_READ: dict[str, Callable[[dict[str, Any]], Intent | None]] = {
    "anthropic": in_messages,
    "chat": in_chat,
    "responses": in_responses,
}


def into_messages(hub: dict[str, Any], intent: Intent) -> None:
    """Say *intent* in *hub*, a prompt in the Messages shape for no model in particular, in place of what is there.

    Thoughts are asked for in summary unless the prompt says how: newer models keep them to themselves otherwise.
    """
    said = mapping(hub.get("thinking") or {}, ("thinking",))
    shown = {"display": said.get("display", "summarized")}
    if intent.off:
        hub["thinking"] = {"type": "disabled"}
    elif intent.budget is not None:
        hub["thinking"] = {"type": "enabled", "budget_tokens": intent.budget, **shown}
    else:
        hub["thinking"] = {"type": "adaptive", **shown}
    config = {key: value for key, value in (hub.pop("output_config", None) or {}).items() if key != "effort"}
    if intent.level not in (None, "none"):
        config["effort"] = intent.level
    if config:
        hub["output_config"] = config


def _level(word: Any, path: tuple[str, ...]) -> Level | None:
    """The level *word*, or None for null.  InvalidRequest for what is none."""
    found = next((level for level in LEVELS if level == word), None)
    if word is not None and found is None:
        invalid(path, f"one of {', '.join(LEVELS[:-1])} and {LEVELS[-1]} is required")
    return found


def _budget(value: Any, path: tuple[str, ...]) -> int | None:
    """The tokens *value*, or None for null.  InvalidRequest for what is no number of them."""
    return None if value is None else count(value, path, least=1)
