"""What a JSON schema must be for the Responses API to hold a model to it, and what any schema of a tool must be.

    every object: additionalProperties false, all properties required          strict
    the root: an object, without alternatives · every array: items             any

Faults are told with their place, as the API does: ``In context=('properties', 'a'), …``.
"""

from collections.abc import Iterator
from typing import Any

DEPTH = 64
Place = tuple[str, ...]
FORBIDDEN = (
    "oneOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
)
ROOTLESS = ("oneOf", "anyOf", "allOf", "enum", "not")


def fault(schema: Any) -> str | None:
    """What keeps *schema* from being strict; None if nothing does."""
    return loose(schema) or next((text for place, part in _parts(schema) for text in _strict(place, part)), None)


def loose(schema: Any) -> str | None:
    """What keeps *schema* from being taken at all."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        kind = schema.get("type") if isinstance(schema, dict) else None
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'."
    if any(word in schema for word in ROOTLESS):
        return "schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level."
    for place, part in _parts(schema):
        if part.get("type") == "array" and "items" not in part:
            return f"In context={place}, array schema missing items."
    return None


def _strict(place: Place, schema: dict[str, Any]) -> Iterator[str]:
    for word in FORBIDDEN:
        if word in schema:
            yield f"In context={place}, '{word}' is not permitted."
    kind = schema.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema:
        if schema.get("additionalProperties") is not False:
            yield f"In context={place}, 'additionalProperties' is required to be supplied and to be false."
        yield from _required(place, list(schema.get("properties") or ()), schema.get("required") or [])


def _required(place: Place, properties: list[str], required: list[str]) -> Iterator[str]:
    what = "'required' is required to be supplied and to be an array including every key in properties."
    rule = f"In context={place}, {what}"
    for name in properties:
        if name not in required:
            yield f"{rule} Missing '{name}'."
    for name in required:
        if name not in properties:
            yield f"{rule} Extra required key '{name}' supplied."


def _parts(schema: Any, place: Place = ()) -> Iterator[tuple[Place, dict[str, Any]]]:
    """*schema* and every schema inside, each with its place."""
    if not isinstance(schema, dict) or len(place) > DEPTH:
        return
    yield place, schema
    for word in ("properties", "$defs", "definitions"):
        for name, part in (schema.get(word) or {}).items():
            yield from _parts(part, (*place, word, name))
    for word in ("anyOf", "oneOf", "allOf"):
        for n, part in enumerate(schema.get(word) or ()):
            yield from _parts(part, (*place, word, str(n)))
    yield from _parts(schema.get("items"), (*place, "items"))
