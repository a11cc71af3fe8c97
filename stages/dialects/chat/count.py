"""How many tokens a Chat prompt has, about: the formula and the figures of the Messages API's own estimate.

    tokens = (ASCII bytes / 3.6 + other bytes / 2.4 + pictures · 1600 + files' bytes / 45) · growth + overhead

Tools and messages are weighed as they stand, nothing is decoded.  Pictures and files are data URLs here.
"""

import re

import msgspec

from pipeline.prompt import Prompt
from stages.capabilities import capability
from stages.dialects.anthropic.count import ASCII_BYTES, GROWTH, IMAGE, MESSAGE, OTHER_BYTES, PDF_BYTES, PDF_LEAST
from stages.dialects.chat.families import COMPATIBLE, family

_READ = frozenset({"messages", "tools", "functions", "response_format"})
_FILE = re.compile(rb'"data:([a-z]*+)/?[^";,]*+(?:;[^",]*+)?,[^"]*+"')
_REMOTE = re.compile(rb'"image_url"\s*:\s*(?:\{\s*"url"\s*:\s*)?"https?:')


def count(prompt: Prompt) -> int:
    """A local estimate of the prompt's tokens."""
    return estimate(prompt, _READ, "messages")


def estimate(prompt: Prompt, read: frozenset[str], turns: str) -> int:
    """The same of any prompt whose members *read* a model reads; those of *turns* are its messages."""
    weight = sum(weigh(member.encode()) for path, member in prompt.walk() if path[-1] in read)
    model = str(prompt.get("model"))
    known = capability(model)
    # Of a model that nobody knows, the estimate had better be high.
    growth = known.growth if known is not None else GROWTH if family(model) is COMPATIBLE else 1.0
    return max(1, round(weight * growth) + MESSAGE * len(prompt.keys(turns)))


def weigh(raw: bytes) -> float:
    """Tokens of one piece of JSON."""
    tokens: float = IMAGE * len(_REMOTE.findall(raw))
    hidden = 0
    for match in _FILE.finditer(raw) if b'"data:' in raw else ():
        size = match.end() - match.start()
        hidden += size
        tokens += IMAGE if match.group(1) == b"image" else max(size / PDF_BYTES, PDF_LEAST)
    total = len(raw) - hidden
    plain = total if raw.isascii() else len(raw.decode("utf-8", "replace").encode("ascii", "ignore")) - hidden
    return tokens + plain / ASCII_BYTES + (total - plain) / OTHER_BYTES


def encode_count(tokens: int) -> bytes:
    """An answer to who asks for a count; this protocol has none of its own."""
    return msgspec.json.encode({"input_tokens": tokens})
