"""Mistral: strict about fields, and about ids: nine letters and digits.

Its own calls have such ids; those of others get a digest, the same for the same id in every turn.
"""

import re
from base64 import b32encode
from hashlib import blake2b
from typing import Any

from pipeline.prompt import Prompt
from stages.dialects.chat.families import Family
from stages.dialects.provider import Provider

_ID = re.compile(r"[a-zA-Z0-9]{9}")


def nine(given: str) -> str:
    """*given*, if it is an id here; else nine characters of its digest (45 bits)."""
    if _ID.fullmatch(given):
        return given
    return b32encode(blake2b(given.encode("utf-8", "surrogatepass"), digest_size=10).digest()).decode()[:9]


def finish(made: dict[str, Any], hub: dict[str, Any], prompt: Prompt) -> None:
    """Shorten the ids of calls and their results alike."""
    for message in made["messages"]:
        for call in message.get("tool_calls", ()):
            call["id"] = nine(call["id"])
        if "tool_call_id" in message:
            message["tool_call_id"] = nine(message["tool_call_id"])


PROVIDER = Provider(
    ways=Family(top_k=False, efforts=("none", "high"), strict=True),
    models=(("mistral-large*", Family(top_k=False, efforts=(), strict=True)),
            ("codestral*", Family(top_k=False, efforts=(), strict=True)),
            ("devstral*", Family(top_k=False, efforts=(), strict=True))),
    refused=("user",),
    usage=False,
    finish=finish,
)  # fmt: skip
