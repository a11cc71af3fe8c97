"""llama.cpp's server: one model behind its template, which may be given variables; effort is one of them."""

from typing import Any

from stages.dialects.chat.families import Family
from stages.dialects.provider import Provider


def spells(effort: str, budget: int | None) -> dict[str, Any]:
    """The template is handed the effort: as a field of the prompt it is not read."""
    return {"chat_template_kwargs": {"reasoning_effort": effort}}


PROVIDER = Provider(
    ways=Family(
        replay="reasoning_content",
        quiet={"chat_template_kwargs": {"enable_thinking": False}},
        awake={"chat_template_kwargs": {"enable_thinking": True}},
    ),
    spells=spells,
)
