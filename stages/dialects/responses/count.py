"""How many tokens a Responses prompt has, about: Chat's formula, on this API's fields."""

import msgspec

from pipeline.prompt import Prompt
from stages.capabilities import capability
from stages.dialects.anthropic.count import GROWTH, MESSAGE
from stages.dialects.chat.count import weigh
from stages.dialects.chat.families import COMPATIBLE, family

_READ = frozenset({"input", "instructions", "tools", "text"})


def count(prompt: Prompt) -> int:
    """A local estimate of the prompt's tokens."""
    weight = sum(weigh(member.encode()) for path, member in prompt.walk() if path[-1] in _READ)
    model = str(prompt.get("model"))
    known = capability(model)
    growth = known.growth if known is not None else GROWTH if family(model) is COMPATIBLE else 1.0
    return max(1, round(weight * growth) + MESSAGE * len(prompt.keys("input")))


def encode_count(tokens: int) -> bytes:
    """The answer to ``POST /v1/responses/input_tokens``."""
    return msgspec.json.encode({"object": "response.input_tokens", "input_tokens": tokens})
