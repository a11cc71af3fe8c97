"""How many tokens a Responses prompt has, about: Chat's formula, on this API's fields."""

import msgspec

from pipeline.prompt import Prompt
from stages.dialects.chat.count import estimate

_READ = frozenset({"input", "instructions", "tools", "text"})


def count(prompt: Prompt) -> int:
    """A local estimate of the prompt's tokens."""
    return estimate(prompt, _READ, "input")


def encode_count(tokens: int) -> bytes:
    """The answer to ``POST /v1/responses/input_tokens``."""
    return msgspec.json.encode({"object": "response.input_tokens", "input_tokens": tokens})
