"""MiniMax: always thinks; its thoughts stand among the words of the answer unless asked to stand apart."""

from typing import Any

from pipeline.prompt import Prompt
from stages.dialects.chat.families import Family
from stages.dialects.provider import Provider

_FORMAT = "MiniMax-response-v1"


def finish(made: dict[str, Any], hub: dict[str, Any], prompt: Prompt) -> None:
    """Ask for thoughts apart, and give them back as they then come."""
    made["reasoning_split"] = True
    for message in made["messages"]:
        words = message.pop("reasoning_content", None)
        if words is not None:
            entry = {"type": "reasoning.text", "format": _FORMAT, "index": 0, "text": words}
            message["reasoning_details"] = [entry]


PROVIDER = Provider(ways=Family(top_k=False, efforts=(), awake={}, replay="reasoning_content"), finish=finish)
