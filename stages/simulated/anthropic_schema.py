"""What a JSON schema must be for the Messages API to hold a model to it: of strict tools, of output_config.format.

    every object: additionalProperties false · no bounds on numbers, texts, arrays (but minItems 0 or 1) · no recursion

Faults are told as the API does, ``For 'integer' type, properties maximum, minimum are not supported``.
"""

from collections.abc import Iterator
from typing import Any

BOUNDS = {
    "integer": ("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"),
    "number": ("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"),
    "string": ("maxLength", "minLength"),
    "array": ("maxItems", "uniqueItems"),
    "object": ("maxProperties", "minProperties", "patternProperties"),
}
LOOKAROUND = ("(?=", "(?!", "(?<=", "(?<!")
DEPTH = 64


def fault(schema: Any) -> str | None:
    """What keeps *schema* from being enforced; None if nothing does."""
    return next((told for part in _parts(schema) for told in _faults(part)), None)


def _faults(part: dict[str, Any]) -> Iterator[str]:
    kind = str(part.get("type"))
    if kind == "object" and part.get("additionalProperties") is not False:
        yield "For 'object' type, 'additionalProperties' must be explicitly set to false"
    if found := [word for word in BOUNDS.get(kind, ()) if word in part]:
        yield f"For '{kind}' type, properties {', '.join(found)} are not supported"
    if kind == "array" and part.get("minItems", 0) not in (0, 1):
        yield "For 'array' type, 'minItems' values other than 0 or 1 are not supported"
    if any(mark in str(part.get("pattern", "")) for mark in LOOKAROUND):
        yield "For 'string' type, lookaround in 'pattern' is not supported"
    reference = part.get("$ref")
    if isinstance(reference, str) and not reference.startswith("#/"):
        yield f"External schema references are not supported: {reference}"


def _parts(schema: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """*schema* and every schema inside."""
    if not isinstance(schema, dict) or depth > DEPTH:
        return
    yield schema
    for word in ("properties", "$defs", "definitions"):
        for part in (schema.get(word) or {}).values():
            yield from _parts(part, depth + 1)
    for word in ("anyOf", "allOf", "oneOf"):
        for part in schema.get(word) or ():
            yield from _parts(part, depth + 1)
    yield from _parts(schema.get("items"), depth + 1)
