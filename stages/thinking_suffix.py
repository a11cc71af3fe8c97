"""``model(effort)``: how much to think, said in the model's name; and what holds for who does not say it at all.

    "claude-sonnet-5(high)"   ─▶  model "claude-sonnet-5", effort "high"
    "claude-opus-4-5(12000)"  ─▶  model "claude-opus-4-5", effort 12000 (a budget in tokens)
    "claude-opus-5(turbo)"    ─▶  left alone: that is what the model is called

For clients that can choose a model but no effort.  The effort is one of ``low medium high xhigh max auto none minimal``
in any case, or a number of tokens, between the last ``(`` and a final ``)``; anything else is part of the name.  The
suffix is cut and the wish is left for ``translate``, which says it as the upstream's dialect and the model allow
(``none``: as little thinking as the model can do).  A name that ``model_map`` lists as it stands, brackets included, is
not cut.

Where a Chat or Responses prompt says itself how much to think, that holds: its author set it for this request.  A
Messages prompt does not hold against a suffix: clients of that kind always say an effort of their own, and the name is
what their user chose.

    [thinking_suffix]
    default = "high"      # for prompts that say nothing, suffix included: an effort as above; a key may have its own

The client's own words are in ``exchange.asked``, and replies bear them (``model_map``'s ``answer_as``).  Takes part in
replies and counts of tokens.  Does not wait, and does not look at replies.
"""

from typing import Annotated, ClassVar, Literal

import attrs

from pipeline.exchange import Exchange
from pipeline.prompt import Prompt
from pipeline.structure import Check
from stages.notes import EFFORT, LISTED
from stages.thinking import YIELDS, suffixed

# Where a prompt may say it itself, by dialect.
_SAID: dict[str, tuple[tuple[str, ...], ...]] = {
    "anthropic": (("thinking", "type"), ("output_config", "effort")),
    "chat": (
        ("reasoning_effort",),
        ("reasoning", "effort"),
        ("reasoning", "max_tokens"),
        ("reasoning", "enabled"),
        ("thinking", "type"),
    ),
    "responses": (("reasoning", "effort"),),
}


def _tokens(value: int) -> None:
    if not 0 <= value < 10**9:
        raise ValueError(f"expected a number of tokens, got {value}")


@attrs.frozen
class ThinkingSuffix:
    """Turns ``model(effort)`` into the model and a wish."""

    default: (
        Literal["none", "minimal", "low", "medium", "high", "xhigh", "max", "auto"]
        | Annotated[int, Check(_tokens)]
        | None
    ) = None

    operations: ClassVar[frozenset[str]] = frozenset({"reply", "count_tokens"})
    reads: ClassVar[frozenset[str]] = frozenset({"listed", "prompt.model"})
    changes: ClassVar[frozenset[str]] = frozenset({"prompt.model", "effort"})
    per_key: ClassVar[frozenset[str]] = frozenset({"default"})
    rehearsed: ClassVar[bool] = True

    def __call__(self, exchange: Exchange) -> None:
        """Cut the suffix of the prompt's model, and note EFFORT.  InvalidRequest if there is no model."""
        prompt = exchange.prompt
        name, effort = (prompt.model, None) if exchange.noted(LISTED) else suffixed(prompt.model)
        if effort is None:
            if self.default is not None and not effort_said(prompt):
                exchange.note(EFFORT, self.default)
            return
        if prompt.dialect != YIELDS and (said := effort_said(prompt)):
            prompt.set("model", to=name, why=f"the prompt's own effort, {said}, holds against the suffix", lossy=True)
            return
        prompt.set("model", to=name, why="the suffix says how much to think")
        exchange.note(EFFORT, effort)


def effort_said(prompt: Prompt) -> str:
    """How much to think by the prompt itself, in its own word; empty if it does not say."""
    found = (prompt.get(*path) for path in _SAID.get(prompt.dialect, ()))
    return next((str(value) for value in found if value is not None), "")


stage = ThinkingSuffix
