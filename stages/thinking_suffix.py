"""``model(effort)``: how much to think, said in the model's name.

    "claude-sonnet-5(high)"   ─▶  model "claude-sonnet-5", effort "high"
    "claude-opus-4-5(12000)"  ─▶  model "claude-opus-4-5", effort 12000 (a budget in tokens)
    "claude-opus-5(turbo)"    ─▶  left alone: that is what the model is called

For clients that can choose a model but no effort.  The effort is one of ``low medium high xhigh max auto none minimal``
in any case, or a number of tokens, between the last ``(`` and a final ``)``; anything else is part of the name.  The
suffix is cut and the wish is left for ``translate``, which says it as the upstream's dialect and the model allow
(``none``: as little thinking as the model can do).  Where the client also says an effort in its prompt, that one holds.
A name that ``model_map`` lists as it stands, brackets included, is not cut.

The client's own words are in ``exchange.asked``; replies keep the upstream's model name as ever.  Takes part in replies
and counts of tokens.  Has no settings, does not wait, and does not look at replies.
"""

import re
from typing import ClassVar

import attrs

from pipeline.exchange import Exchange
from pipeline.prompt import Prompt
from stages.notes import EFFORT, LISTED

_SUFFIX = re.compile(
    r"(?P<name>.+)\((?:(?P<level>low|medium|high|xhigh|max|auto|none|minimal)|(?P<budget>[0-9]{1,9}))\)",
    re.ASCII | re.DOTALL | re.IGNORECASE,
)
_SAID = (("reasoning_effort",), ("reasoning", "effort"))  # where a prompt may say it, in the dialects that can


@attrs.frozen
class ThinkingSuffix:
    """Turns ``model(effort)`` into the model and a wish."""

    operations: ClassVar[frozenset[str]] = frozenset({"reply", "count_tokens"})

    def __call__(self, exchange: Exchange) -> None:
        """Cut the suffix of the prompt's model, and note EFFORT.  InvalidRequest if there is no model."""
        prompt = exchange.prompt
        match = None if exchange.noted(LISTED) else _SUFFIX.fullmatch(prompt.model)
        if match is None:
            return
        name, level, budget = match.group("name", "level", "budget")
        if said := effort_said(prompt):
            prompt.set("model", to=name, why=f"the prompt's own effort, {said}, holds against the suffix", lossy=True)
            return
        prompt.set("model", to=name, why="the suffix says how much to think")
        exchange.note(EFFORT, level.lower() if level else int(budget))


def effort_said(prompt: Prompt) -> str:
    """The effort that the prompt says itself; empty if it does not."""
    for path in _SAID:
        value = prompt.get(*path)
        if isinstance(value, str):
            return value
    return ""


stage = ThinkingSuffix
