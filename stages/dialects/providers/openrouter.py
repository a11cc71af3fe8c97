"""OpenRouter: everybody's models under one roof.  How to think is said in one object, and budgets can be said as such.

What Claude signed goes back as it came, in ``reasoning_details``.
"""

from typing import Any

from pipeline.prompt import Prompt
from stages.dialects.chat.families import Family
from stages.dialects.provider import Provider


def finish(made: dict[str, Any], hub: dict[str, Any], prompt: Prompt) -> None:
    """Say effort or budget in ``reasoning``: one of the two, both are refused."""
    effort = made.pop("reasoning_effort", None)
    if effort is None:
        return
    budget = (hub.get("thinking") or {}).get("budget_tokens")
    told = (hub.get("output_config") or {}).get("effort")
    made["reasoning"] = {"max_tokens": budget} if budget is not None and told is None else {"effort": effort}


PROVIDER = Provider(
    ways=Family(replay="reasoning_details", quiet={"reasoning": {"enabled": False}}),
    finish=finish,
)
