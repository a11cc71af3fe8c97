"""How many tokens a prompt has, about: counted here, without asking anyone.

    tokens = (ASCII bytes / 3.6 + other bytes / 2.4 + images · 1600 + PDFs' bytes / 45) · growth + overhead

The JSON text of system, tools and messages is weighed as it stands, so that keys and brackets pay for what the API adds
around blocks, and nothing is decoded: about 1 ms for a megabyte.  Long base64 texts are no words: a picture counts as
a constant, a PDF by its size, thoughts in a signature or a redacted block by theirs.  Models since 4.7 cut the same
text into 1.3 times the tokens (``capabilities``); what is unknown is counted so, too: an estimate had better be high.
"""

import re

import msgspec

from pipeline.prompt import Prompt
from stages.capabilities import capability

ASCII_BYTES = 3.6  # in a token of English, code and JSON mixed
OTHER_BYTES = 2.4  # in a token of UTF-8 beyond ASCII
IMAGE = 1600  # tokens of a picture of about a megapixel: the API scales larger ones down
PDF_BYTES = 45  # base64 characters in a token of a PDF
PDF_LEAST = 1500  # tokens of a page
HIDDEN_BYTES = 8  # base64 characters in a token of thoughts that only their maker can read
TOOLS = 346  # tokens of the API's own text about tools
MESSAGE = 3  # tokens around a message
GROWTH = 1.3

_READ = frozenset({"system", "tools", "messages"})
_IMAGE = re.compile(rb'"type"\s*:\s*"image"')
_BASE64 = re.compile(rb'"([A-Za-z0-9+/=_-]{256,}+)"')
_AROUND = 120  # bytes beside a base64 text in which its source says what it is


def count(prompt: Prompt) -> int:
    """A local estimate of the prompt's tokens."""
    weight = sum(weigh(member.encode()) for path, member in prompt.walk() if path[-1] in _READ)
    known = capability(str(prompt.get("model")))
    overhead = MESSAGE * len(prompt.keys("messages")) + (TOOLS if prompt.keys("tools") else 0)
    return max(1, round(weight * (GROWTH if known is None else known.growth)) + overhead)


def weigh(raw: bytes) -> float:
    """Tokens of one piece of JSON, for the older tokenizer."""
    tokens: float = IMAGE * len(_IMAGE.findall(raw))
    hidden = 0
    for match in _BASE64.finditer(raw) if len(raw) > 256 else ():
        size = match.end() - match.start()
        hidden += size
        beside = raw[max(match.start() - _AROUND, 0) : match.start()] + raw[match.end() : match.end() + _AROUND]
        if b'/pdf"' in beside:
            tokens += max(size / PDF_BYTES, PDF_LEAST)
        elif b'"image/' not in beside:
            tokens += size / HIDDEN_BYTES
    total = len(raw) - hidden
    plain = total if raw.isascii() else len(raw.decode("utf-8", "replace").encode("ascii", "ignore")) - hidden
    return tokens + plain / ASCII_BYTES + (total - plain) / OTHER_BYTES


def encode_count(tokens: int) -> bytes:
    """The answer to count_tokens."""
    return msgspec.json.encode({"input_tokens": tokens})
