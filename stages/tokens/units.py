"""Units: a prompt, cut where one turn of a conversation differs from the next.

    {"system": …, "tools": [a, b], "messages": [c, d]}    ─▶    … · a · b · c · d, each with its kind and its digest

Nothing is decoded: the members are found and their bytes taken as they stand, under 1 ms for half a megabyte.  The
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


@attrs.define(eq=False)  # never changed; frozen would cost as much again
class Unit:
    """A piece of a prompt: its *kind*, its JSON, and a *digest* of both by which it is known again."""

    kind: Kind
    raw: bytes
    digest: bytes


def members(prompt: Prompt) -> list[tuple[Kind, bytes]]:
    """Kind and JSON of what is counted.  InvalidRequest if the prompt is broken."""
    return [(MEMBERS[str(path[-1])], member.encode()) for path, member in prompt.walk() if path[-1] in MEMBERS]


def units(found: list[tuple[Kind, bytes]]) -> list[Unit]:
    """The units in *found*.  Touches no prompt: a large one may be cut in a thread."""
    return [
        Unit(kind, raw, kind.encode() + hashlib.sha256(raw).digest()[:16])
        for kind, member in found
        for raw in elements(member)
    ]


def elements(member: bytes) -> Iterator[bytes]:
    """The elements of an array, or the one value there is."""
    if member[:1] != b"[":
        yield member
        return
    try:
        inside = _ARRAY.decode(member)
    except (msgspec.DecodeError, RecursionError):  # the upstream will say so; a count need not
        yield member
        return
    for element in inside:
        yield bytes(memoryview(element))
