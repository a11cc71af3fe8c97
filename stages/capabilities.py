"""What each Claude model takes and refuses: one table, and how to look a name up in it.

    capability("us.anthropic.claude-opus-4-5-20251101-v1:0")  ─▶  Capability(thinking={"enabled", "disabled"}, …)

A model that is not here gives None: then nothing is known and nothing is adjusted.  The figures are those of the
vendor's model pages (per-model thinking and caching behaviour, model overview; October and November 2026); a name and
its row are all that a new model needs.  What a gateway learns beyond this table, of its upstreams and its operator
(``known``), holds while it is in force: for the exchanges of that gateway, and no others.  This file must not know a
prompt or a wire format.
"""

import re
from collections.abc import Callable
from contextvars import ContextVar
from typing import Literal

import attrs

Effort = Literal["low", "medium", "high", "xhigh", "max"]
LADDER: tuple[Effort, ...] = ("low", "medium", "high", "xhigh", "max")


@attrs.frozen(kw_only=True)
class Capability:
    """One model's row.  Tokens everywhere; a level missing from *efforts* is refused by the model."""

    thinking: frozenset[str]  # the values of thinking.type it accepts: adaptive, enabled, disabled, between_tools
    default: Literal["always", "on", "off"]  # when a request says nothing; always: it can't be turned off
    display: Literal["omitted", "summarized"] = "omitted"  # of thoughts, when a request says nothing
    efforts: tuple[Effort, ...] = LADDER  # empty: the parameter is refused
    effort: Effort | None = "high"  # when a request says nothing
    quiet: Effort = "max"  # the highest effort at which thinking may be off
    # tool_choice any/tool. never: refused; unbudgeted: refused while thinking is "enabled"
    forced: Literal["yes", "unbudgeted", "never"] = "yes"
    # temperature, top_p, top_k. default: refused unless they say what holds anyway; limited: only while it thinks
    sampling: Literal["default", "limited"] = "default"
    prefill: bool = False  # whether the last turn may be the assistant's (with thinking off)
    instructs: bool = False  # whether instructions may stand within the conversation, as a role of their own
    cacheable: int  # the shortest prefix that is cached
    context: int = 1_000_000  # tokens in
    output: int = 128_000  # tokens out at most, thoughts included
    growth: float = 1.3  # tokens for the same text, against the tokenizer before 4.7

    def nearest(self, effort: Effort) -> Effort | None:
        """The level this model has that is nearest to *effort*, of two equally near the higher; None if it has none."""
        asked = LADDER.index(effort)
        return min(
            self.efforts, key=lambda level: (abs(LADDER.index(level) - asked), -LADDER.index(level)), default=None
        )


def capability(model: str) -> Capability | None:
    """What is known of *model*, under any spelling of its name: by what is in force, else by the table."""
    return _IN_FORCE.get()(model)


def row(model: str) -> Capability | None:
    """The table's row of *model*."""
    return TABLE.get(plain(model))


def plain(model: str) -> str:
    """*model* without date, prefix of a cloud and variant, where its name is built like those of the table."""
    match = _NAME.search(model.lower())
    return model.lower() if match is None else match.group(1).replace(".", "-")


class in_force:  # noqa: N801  # stands after "with", as the functions of contextlib do
    """Inside, in this task and those it starts, *lookup* says what is known of a model."""

    __slots__ = ("_before", "_lookup")

    def __init__(self, lookup: Callable[[str], Capability | None]) -> None:
        self._lookup = lookup

    def __enter__(self) -> None:
        self._before = _IN_FORCE.set(self._lookup)

    def __exit__(self, *_: object) -> None:
        _IN_FORCE.reset(self._before)


_IN_FORCE: ContextVar[Callable[[str], Capability | None]] = ContextVar("capabilities", default=row)


# A whole name: at the start or behind a prefix (us.anthropic., anthropic/), before the end, a date or a variant ([1m]).
_NAME = re.compile(r"(?:^|[./])(claude-(?:mythos-preview|[a-z]+-\d+(?:[.-]\d{1,2}(?!\d))?))(?=$|[-@:\[])")

_ADAPTIVE = frozenset({"adaptive"})
_OFF = frozenset({"adaptive", "disabled"})
_BUDGET = frozenset({"enabled", "disabled"})

_FABLE_5_1 = Capability(thinking=_ADAPTIVE, default="always", forced="never", instructs=True, cacheable=512)
_FABLE_5 = Capability(thinking=_ADAPTIVE, default="always", instructs=True, cacheable=512)
_OPUS_4_6 = Capability(
    thinking=_ADAPTIVE | _BUDGET,
    default="off",
    display="summarized",
    efforts=("low", "medium", "high", "max"),
    forced="unbudgeted",
    sampling="limited",
    cacheable=4096,
    growth=1.0,
)
_SONNET_4_5 = Capability(
    thinking=_BUDGET,
    default="off",
    display="summarized",
    efforts=(),
    effort=None,
    forced="unbudgeted",
    sampling="limited",
    prefill=True,
    cacheable=1024,
    context=200_000,
    output=64_000,
    growth=1.0,
)
_OPUS_4_7 = Capability(thinking=_OFF, default="off", cacheable=2048)

TABLE: dict[str, Capability] = {
    "claude-fable-5-2": _FABLE_5_1,  # its own restrictions are not published: those of 5.1
    "claude-mythos-5-2": _FABLE_5_1,
    "claude-fable-5-1": _FABLE_5_1,
    "claude-mythos-5-1": _FABLE_5_1,
    "claude-fable-5": _FABLE_5,
    "claude-mythos-5": _FABLE_5,
    "claude-mythos-preview": attrs.evolve(
        _FABLE_5_1,
        thinking=frozenset({"adaptive", "enabled"}),
        efforts=("low", "medium", "high", "max"),
        instructs=False,
        cacheable=2048,
    ),
    "claude-opus-5-5": attrs.evolve(_FABLE_5_1, effort="medium"),
    "claude-sonnet-5-5": attrs.evolve(
        _FABLE_5_1, thinking=frozenset({"adaptive", "between_tools"}), default="on", quiet="high"
    ),
    "claude-haiku-5-5": Capability(
        thinking=_OFF,
        default="on",
        efforts=("low", "medium", "high"),  # whether it takes more is not published
        effort="medium",
        cacheable=512,
    ),
    "claude-opus-5": Capability(thinking=_OFF, default="on", quiet="high", instructs=True, cacheable=512),
    "claude-sonnet-5": Capability(thinking=_OFF, default="on", cacheable=1024),
    "claude-opus-4-8": attrs.evolve(_OPUS_4_7, instructs=True, cacheable=1024),
    "claude-opus-4-7": _OPUS_4_7,
    "claude-opus-4-6": _OPUS_4_6,
    "claude-sonnet-4-6": attrs.evolve(_OPUS_4_6, cacheable=1024),
    "claude-opus-4-5": attrs.evolve(_SONNET_4_5, efforts=("low", "medium", "high"), effort="high", cacheable=4096),
    "claude-sonnet-4-5": _SONNET_4_5,
    "claude-haiku-4-5": attrs.evolve(_SONNET_4_5, cacheable=4096),
}
