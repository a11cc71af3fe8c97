"""OpenRouter: everybody's models under one roof.  How to think is said in one object, and budgets can be said as such.

What Claude signed goes back as it came, in ``reasoning_details``.
"""

from typing import Any

from stages.dialects.chat.families import Family
from stages.dialects.provider import Provider


def spells(effort: str, budget: int | None) -> dict[str, Any]:
    """Effort or budget, in ``reasoning``: one of the two, both are refused."""
    return {"reasoning": {"effort": effort} if budget is None else {"max_tokens": budget}}


PROVIDER = Provider(
    ways=Family(replay="reasoning_details", quiet={"reasoning": {"enabled": False}}),
    spells=spells,
)
