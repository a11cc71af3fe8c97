"""How models want a Chat body: one table of data, by name.

    family("gpt-5.6-sol")  ─▶  Family(role="developer", limit="max_completion_tokens", …)

Chat is one protocol with many readings.  OpenAI's own models refuse what others need and the other way round; which is
which shows in the model's name alone, so that is what decides.  A name that no row matches is a compatible server's
model: it gets the oldest, most widely understood spelling of everything.  A provider that differs passes a Family of
its own to ``from_messages``.  Figures are those of the vendor's API reference, November 2026.
"""

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Literal

import attrs

from stages.thinking import Level


@attrs.frozen(kw_only=True)
class Family:
    """What models of one family take."""

    role: Literal["system", "developer"] = "system"  # of instructions
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    output: int | None = None  # tokens it writes at most; None: not known
    parts: bool = False  # texts stay apart, as parts; otherwise they are joined into one string
    anywhere: bool = False  # instructions may stand in the midst of a conversation; many chat templates refuse them
    efforts: tuple[Level, ...] | None = None  # words of reasoning_effort; (): the field is refused; None: not known
    effort_with_tools: bool = True  # whether /chat/completions takes both (gpt-5.4 and later: only "none")
    stops: int | None = None  # how many stop sequences; 0: the field is refused; None: no limit known
    sampling: bool = True  # temperature, top_p
    top_k: bool = True
    breakpoints: bool = False  # prompt_cache_breakpoint on parts
    strict: bool = False  # schemas may be enforced: response_format and tools take "strict"
    caller: Literal["user", "safety_identifier"] = "user"
    tiers: bool = False  # service_tier
    own: bool = False  # OpenAI's: takes all that its API has, see ``beyond``
    ids: int = 40  # characters of a call's id
    # Of providers, which no model's name tells:
    replay: Literal["", "reasoning_content", "reasoning", "reasoning_details"] = ""  # where earlier thoughts go
    replay_always: bool = False  # every turn with calls needs that field, if only as "" (DeepSeek)
    quiet: dict[str, Any] | None = None  # what turns thinking off, where reasoning_effort can't
    awake: dict[str, Any] | None = None  # what turns it on, beside an effort if there is one; {}: it always is


COMPATIBLE = Family()

_OPENAI = Family(
    parts=True,
    anywhere=True,
    efforts=(),
    stops=4,
    top_k=False,
    strict=True,
    caller="safety_identifier",
    tiers=True,
    own=True,
    output=16_384,
)
_REASONING = attrs.evolve(
    _OPENAI,
    role="developer",
    limit="max_completion_tokens",
    efforts=("low", "medium", "high"),
    stops=0,
    sampling=False,
    output=100_000,
)
_GPT_5 = attrs.evolve(_REASONING, efforts=("minimal", "low", "medium", "high"), output=128_000)
_GPT_5_1 = attrs.evolve(_GPT_5, efforts=("none", "low", "medium", "high"))
_GPT_5_2 = attrs.evolve(_GPT_5, efforts=("none", "low", "medium", "high", "xhigh"))
_GPT_5_4 = attrs.evolve(_GPT_5_2, effort_with_tools=False)
_GPT_5_6 = attrs.evolve(_GPT_5_4, efforts=("none", "low", "medium", "high", "xhigh", "max"), breakpoints=True)
_ALWAYS = attrs.evolve(_GPT_5_6, efforts=("low", "medium", "high", "xhigh"))  # refuses "none"

# The first pattern that matches a name counts.
TABLE: tuple[tuple[str, Family], ...] = (
    ("gpt-5*-chat*", attrs.evolve(_OPENAI, limit="max_completion_tokens")),  # answers without reasoning
    ("gpt-6-astra*", _ALWAYS),
    ("gpt-6.1-sol*", _ALWAYS),
    ("gpt-6*", _GPT_5_6),
    ("gpt-5.6*", _GPT_5_6),
    ("gpt-5.5*", _GPT_5_4),
    ("gpt-5.4*", _GPT_5_4),
    ("gpt-5.1-codex-max*", _GPT_5_2),
    ("gpt-5.1*", _GPT_5_1),
    ("gpt-5.*", _GPT_5_2),
    ("gpt-5*", _GPT_5),
    ("codex*", _REASONING),
    ("o[134]*", _REASONING),
    ("gpt-4.1*", attrs.evolve(_OPENAI, output=32_768)),
    ("gpt-4o*", _OPENAI),
    ("gpt-4*", attrs.evolve(_OPENAI, output=4_096)),
    ("gpt-3.5*", attrs.evolve(_OPENAI, output=4_096)),
    ("chatgpt-*", _OPENAI),
)


@lru_cache(maxsize=1024)
def family(model: str) -> Family:
    """The family of *model*."""
    name = model.lower()
    return next((row for pattern, row in TABLE if fnmatchcase(name, pattern)), COMPATIBLE)
