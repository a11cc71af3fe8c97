"""Moonshot: Kimi.  k2.5 and later think unless told not to, at a temperature of their own; earlier ones don't think.

In a tool loop a thinking model refuses a turn without ``reasoning_content``, and takes an empty one for a missing one.
"""

from typing import Any

import attrs

from pipeline.prompt import Prompt
from stages.dialects.chat.families import Family
from stages.dialects.provider import Provider

_THINKING = Family(
    sampling=False,
    top_k=False,
    stops=5,
    efforts=(),
    replay="reasoning_content",
    quiet={"thinking": {"type": "disabled"}},
    awake={"thinking": {"type": "enabled"}},
)
_ALWAYS = attrs.evolve(_THINKING, sampling=True, quiet=None, awake={})
_PLAIN = Family(top_k=False, stops=5, efforts=())


def finish(made: dict[str, Any], hub: dict[str, Any], prompt: Prompt) -> None:
    """Give turns that call tools a thought where they have none: another model's, or one that did not think."""
    if not PROVIDER.family(made["model"]).replay:
        return
    for message in made["messages"]:
        if message.get("tool_calls"):
            message.setdefault("reasoning_content", " ")


PROVIDER = Provider(
    ways=_THINKING,
    models=(("kimi-k2-thinking*", _ALWAYS), ("kimi-k2-*", _PLAIN), ("moonshot-v1*", _PLAIN)),
    forced="resting",
    finish=finish,
)
