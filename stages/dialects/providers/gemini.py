"""Gemini's Chat endpoint: strict about fields, reads the OpenAPI part of JSON Schema, and signs its calls.

Gemini 3 refuses a history whose calls bear no signature.  Its own come back to it (``chat.signed``); where another
model made the calls, the first of each turn gets the word by which Google lets such histories pass: see "Thought
signatures" in its reference.
"""

from fnmatch import fnmatchcase
from typing import Any

import attrs

from pipeline.prompt import Prompt
from stages.dialects.chat.families import Family
from stages.dialects.chat.signed import FIELD, signing
from stages.dialects.narrow import Rules
from stages.dialects.provider import Provider

_UNSIGNED = "skip_thought_signature_validator"
_SIGNING = "gemini-[3-9]*"

_GEMINI = Family(top_k=False, stops=5, efforts=("minimal", "low", "medium", "high"))
_RESTING = attrs.evolve(_GEMINI, efforts=("none", "minimal", "low", "medium", "high"))  # it may be told not to think

_SCHEMAS = Rules(
    keywords=frozenset({"type", "nullable", "format", "description", "enum", "properties", "required", "items",
                        "anyOf", "minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength", "pattern",
                        "minProperties", "maxProperties"}),
    formats=frozenset({"enum", "date-time", "float", "double", "int32", "int64"}),
)  # fmt: skip


def finish(made: dict[str, Any], hub: dict[str, Any], prompt: Prompt) -> None:
    """Mark the first call of each turn as one that was not signed, unless one is."""
    if not fnmatchcase(made["model"].lower().removeprefix("models/"), _SIGNING):
        return
    for message in made["messages"]:
        calls = message.get("tool_calls", ())
        if calls and not any(FIELD in call for call in calls):
            calls[0] |= signing(_UNSIGNED)


PROVIDER = Provider(
    ways=_GEMINI,
    models=(("gemini-2.5-flash*", _RESTING), ("models/gemini-2.5-flash*", _RESTING)),
    refused=("user",),
    schemas=_SCHEMAS,
    finish=finish,
)
