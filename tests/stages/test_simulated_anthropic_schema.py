"""Schemas that the simulated Messages API would not hold a model to, and what it says of them."""

from typing import Any

import pytest

from stages.simulated.anthropic_schema import fault

CLOSED: dict[str, Any] = {"type": "object", "additionalProperties": False}


def holding(part: dict[str, Any]) -> dict[str, Any]:
    """A schema that has *part* somewhere inside."""
    return {**CLOSED, "properties": {"a": {"anyOf": [{"type": "array", "items": part}]}}}


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"type": "object"}, "For 'object' type, 'additionalProperties' must be explicitly set to false"),
        ({"type": "integer", "minimum": 1, "maximum": 2}, "For 'integer' type, properties maximum, minimum are not"),
        ({"type": "number", "multipleOf": 2}, "For 'number' type, properties multipleOf are not supported"),
        ({"type": "string", "maxLength": 5}, "For 'string' type, properties maxLength are not supported"),
        ({"type": "string", "pattern": "(?=a)b"}, "For 'string' type, lookaround in 'pattern' is not supported"),
        ({"type": "array", "minItems": 2}, "For 'array' type, 'minItems' values other than 0 or 1 are not supported"),
        ({"$ref": "https://example.com/a"}, "External schema references are not supported: https://example.com/a"),
    ],
)
def test_what_can_not_be_enforced(part: dict[str, Any], told: str) -> None:
    """Wherever it stands."""
    assert (fault(holding(part)) or "").startswith(told)


@pytest.mark.parametrize(
    "part",
    [
        CLOSED,
        {"type": "string", "enum": ["a"], "pattern": "^a+$", "format": "date"},
        {"type": "array", "minItems": 1},
        {"$ref": "#/$defs/a"},
        {"type": ["string", "null"]},
    ],
)
def test_what_can(part: dict[str, Any]) -> None:
    """Names, choices, patterns, definitions."""
    assert fault({**holding(part), "$defs": {"a": {"type": "null"}}}) is None


def test_a_schema_without_end_is_looked_at_to_some_depth() -> None:
    """And no further."""
    schema: dict[str, Any] = {"type": "array"}
    schema["items"] = schema
    assert fault(schema) is None
