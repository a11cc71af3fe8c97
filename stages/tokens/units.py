"""Units: a prompt, cut where one turn of a conversation differs from the next.

    {"system": …, "tools": [a, b], "messages": [c, d]}    ─▶    … · a · b · c · d, each with its kind and its digest

Nothing is decoded: the members are found and their bytes taken as they stand, about 1 ms for half a megabyte.  The
names are those of all dialects; what is not named here does not reach the model as tokens.
"""

import hashlib
from collections.abc import Iterator
from typing import Literal

import attrs
import msgspec

from pipeline.prompt import Prompt

Kind = Literal["text", "tool", "schema", "turn"]

# Members whose elements (or which themselves, where they are no array) are units.
MEMBERS: dict[str, Kind] = {
    "system": "text",
    "instructions": "text",
    "tools": "tool",
    "functions": "tool",
    "messages": "turn",
    "input": "turn",
    "response_format": "schema",
    "text": "schema",
    "output_config": "schema",
}
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


@attrs.frozen
class Unit:
    """A piece of a prompt: its *kind*, its JSON, and a *digest* by which it is known again."""

    kind: Kind
    raw: bytes
    digest: bytes


def members(prompt: Prompt) -> list[tuple[Kind, bytes]]:
    """Kind and JSON of what is counted.  InvalidRequest if the prompt is broken."""
    return [
        (MEMBERS[str(key)], member.encode()) for (key,), member in prompt.walk() if key in MEMBERS
    ]  # fmt: skip


def units(found: list[tuple[Kind, bytes]]) -> list[Unit]:
    """The units in *found*.  Touches no prompt: a large one may be cut in a thread."""
    return [
        Unit(kind, raw, hashlib.sha256(raw, usedforsecurity=False).digest())
        for kind, member in found
        for raw in elements(member)
    ]


def elements(member: bytes) -> Iterator[bytes]:
    """The elements of an array, or the one value there is."""
    if member[:1] != b"[":
        yield member
        return
    try:
        elements = _ARRAY.decode(member)
    except (msgspec.DecodeError, RecursionError):  # the upstream will say so; a count must not
        yield member
        return
    for element in elements:
        yield bytes(memoryview(element))
