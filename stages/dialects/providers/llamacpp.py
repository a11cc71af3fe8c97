"""llama.cpp's server: one model behind its template, which may be given variables; effort is one of them."""

from typing import Any

from pipeline.prompt import Prompt
from stages.dialects.chat.families import Family
from stages.dialects.provider import Provider


def finish(made: dict[str, Any], hub: dict[str, Any], prompt: Prompt) -> None:
    """Hand an effort to the template: as a field of the prompt it is not read."""
    if (effort := made.pop("reasoning_effort", None)) is not None:
        made["chat_template_kwargs"] = {**made.get("chat_template_kwargs", {}), "reasoning_effort": effort}


PROVIDER = Provider(
    ways=Family(
        replay="reasoning_content",
        quiet={"chat_template_kwargs": {"enable_thinking": False}},
        awake={"chat_template_kwargs": {"enable_thinking": True}},
    ),
    finish=finish,
)
