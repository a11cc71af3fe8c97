"""How much to think: what a Chat prompt says → the Messages shape, for no model in particular.

    reasoning_effort "high"  ·  reasoning {effort, max_tokens, enabled}  ·  thinking {type}
    (OpenAI)                    (OpenRouter)                                (DeepSeek)

One intent (``stages.thinking``), which the target's dialect puts as its model takes it.
"""

from typing import Any

from stages.thinking import in_chat, into_messages


def think(body: dict[str, Any], hub: dict[str, Any]) -> None:
    """Put into *hub* what *body* says of thinking, if it says anything."""
    intent = in_chat(body)
    if intent is not None:
        into_messages(hub, intent)
