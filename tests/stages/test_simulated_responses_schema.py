"""Which schemas can be strict, and what is said of those that can't."""

from typing import Any

import pytest
from openai.lib._pydantic import to_strict_json_schema
from pydantic import BaseModel

from stages.simulated.responses_schema import fault, loose

CLOSED = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
OPEN = {"type": "object", "properties": {}}
KEYS = "'required' is required to be supplied and to be an array including every key in properties."
SHUT = "'additionalProperties' is required to be supplied and to be false."


def around(inner: Any, *, required: tuple[str, ...] = ("a",)) -> dict[str, Any]:
    """A strict object with one property."""
    return {**CLOSED, "properties": {"a": inner}, "required": list(required)}


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (OPEN, f"In context=(), {SHUT}"),
        ({**CLOSED, "additionalProperties": True}, f"In context=(), {SHUT}"),
        (around(OPEN), f"In context=('properties', 'a'), {SHUT}"),
        (around({"type": ["object", "null"]}), f"In context=('properties', 'a'), {SHUT}"),
        (around({"type": "array", "items": OPEN}), f"In context=('properties', 'a', 'items'), {SHUT}"),
        (around({"anyOf": [OPEN, {"type": "null"}]}), f"In context=('properties', 'a', 'anyOf', '0'), {SHUT}"),
        ({**CLOSED, "$defs": {"x": OPEN}}, f"In context=('$defs', 'x'), {SHUT}"),
        (around({"type": "string"}, required=()), f"In context=(), {KEYS} Missing 'a'."),
        (around({"type": "string"}, required=("a", "b")), f"In context=(), {KEYS} Extra required key 'b' supplied."),
        (around({"oneOf": [{"type": "null"}]}), "In context=('properties', 'a'), 'oneOf' is not permitted."),
        (around({"type": "array"}), "In context=('properties', 'a'), array schema missing items."),
        ({}, "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"None\"'."),
        ({"type": "string"}, "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"string\"'."),
    ],
)
def test_faults_are_told_with_their_place(schema: Any, told: str) -> None:
    """The first fault, and the path to it, in the vendor's words."""
    assert fault(schema) == told


def test_any_schema_of_a_tool_has_rules() -> None:
    """What is not strict is looser, not free: an object without alternatives, arrays with items."""
    assert loose(OPEN) is None
    assert loose({**OPEN, "anyOf": [OPEN]}) is not None
    assert "array schema missing items" in str(loose({"type": "object", "properties": {"a": {"type": "array"}}}))
    assert loose([]) is not None


def test_what_the_vendors_package_makes_is_strict() -> None:
    """The package's own strict schemas, with references, choices and lists, have no fault."""

    class Inner(BaseModel):
        n: int | None
        also: list["Inner"]

    class Outer(BaseModel):
        one: Inner
        many: list[Inner | str]

    assert fault(to_strict_json_schema(Outer)) is None
