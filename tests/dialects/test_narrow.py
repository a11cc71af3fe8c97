"""Schemas for servers that read a part of JSON Schema: what is read stays, what is not is put otherwise and told."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.dialects.narrow import Rules, Schema, narrowed

RULES = Rules(
    keywords=frozenset({"type", "nullable", "format", "description", "enum", "properties", "required", "items",
                        "anyOf", "minimum"}),
    formats=frozenset({"date-time"}),
)  # fmt: skip
TEXT: Schema = {"type": "string"}
NODE: Schema = {"type": "object", "description": "a node", "properties": {"next": {"$ref": "#/$defs/Node"}}}


def made(**schema: Any) -> Schema:
    return narrowed(schema, RULES)[0]


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"type": "integer", "minimum": 1}, {"type": "integer", "minimum": 1}),
        ({"const": 1}, {"enum": ["1"], "type": "string"}),
        ({"type": "integer", "enum": [1, None]}, {"type": "string", "enum": ["1"], "nullable": True}),
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"type": ["string", "integer"]}, {"anyOf": [TEXT, {"type": "integer"}]}),
        ({"anyOf": [TEXT, {"type": "null"}], "description": "d"},
         {"type": "string", "description": "d", "nullable": True}),
        ({"oneOf": [TEXT, {"type": "integer"}]}, {"anyOf": [TEXT, {"type": "integer"}]}),
        ({"allOf": [{"properties": {"a": TEXT}, "required": ["a"]}, {"properties": {"b": TEXT}, "required": ["b"]}]},
         {"properties": {"a": TEXT, "b": TEXT}, "required": ["a", "b"]}),
        ({"format": "uri", "type": "string"}, TEXT),
        ({"format": "date-time", "type": "string"}, {"format": "date-time", "type": "string"}),
        ({"type": "array", "items": [TEXT, {"type": "integer"}]},
         {"type": "array", "items": {"anyOf": [TEXT, {"type": "integer"}]}}),
        ({"properties": {"a": True}, "required": ["a", "gone"]}, {"properties": {"a": {}}, "required": ["a"]}),
        ({"properties": {"const": TEXT, "$ref": TEXT}}, {"properties": {"const": TEXT, "$ref": TEXT}}),
        ({"$ref": "#/$defs/A~1B", "$defs": {"A/B": TEXT}, "description": "d"}, {"type": "string", "description": "d"}),
        ({"$ref": "https://elsewhere.test/x", "description": "d"}, {"description": "d"}),
    ],
)  # fmt: skip
def test_in_its_words(schema: Schema, wanted: Schema) -> None:
    """Each construct has its plainer form; names of properties are no keywords."""
    assert narrowed(schema, RULES)[0] == wanted


def test_a_schema_that_contains_itself() -> None:
    """It is told once, and within itself as any object."""
    schema, changes = narrowed({"$ref": "#/$defs/Node", "$defs": {"Node": NODE}}, RULES)
    assert schema["properties"] == {"next": {"type": "object"}}
    assert [change.path for change in changes if change.lossy] == [("properties", "next")]


def test_references_that_grow_without_end() -> None:
    """Twice the one before, forty times over: bounded, not told in full."""
    defs = {f"D{n}": {"properties": {key: {"$ref": f"#/$defs/D{n + 1}"} for key in "ab"}} for n in range(40)}
    schema, changes = narrowed({"$ref": "#/$defs/D0", "$defs": defs}, RULES)
    assert len(json.dumps(schema)) < 1_000_000
    assert any(change.lossy for change in changes)


def test_the_order_of_properties_stays() -> None:
    """A model writes them in the order it is told them."""
    assert list(made(properties={"z": TEXT, "a": TEXT, "m": TEXT})["properties"]) == ["z", "a", "m"]


def test_what_is_given_is_left_alone() -> None:
    """And what is returned is the caller's own, each time."""
    schema: Schema = {"properties": {"a": {"const": "x"}}}
    first, _ = narrowed(schema, RULES)
    first["properties"].clear()
    assert narrowed(schema, RULES)[0] == {"properties": {"a": {"enum": ["x"], "type": "string"}}}
    assert schema == {"properties": {"a": {"const": "x"}}}


_KEYS = st.sampled_from(["type", "properties", "items", "anyOf", "oneOf", "allOf", "enum", "const", "$ref", "$defs",
                         "required", "format", "description", "additionalProperties", "a", "b"])  # fmt: skip
_LEAVES = st.sampled_from(["string", "object", "null", "#", "#/$defs/a", "#/properties/a", 1, None, True])
_ANYTHING = st.recursive(_LEAVES, lambda below: st.lists(below, max_size=3) | st.dictionaries(_KEYS, below, max_size=4))


@given(st.dictionaries(_KEYS, _ANYTHING, max_size=5))
def test_any_schema(schema: Schema) -> None:
    """Nothing raises, however broken; what comes out has no keyword that is not read, and what is narrow stays."""
    once, _ = narrowed(schema, RULES)
    assert _keywords(once) <= RULES.keywords
    assert narrowed(once, RULES)[0] == once


def _keywords(schema: Any) -> set[str]:
    found = set(schema)
    properties, choices = schema.get("properties"), schema.get("anyOf")
    below = [*(properties.values() if isinstance(properties, dict) else ())]
    below += choices if isinstance(choices, list) else []
    below += [schema["items"]] if "items" in schema else []
    return found.union(*map(_keywords, below))
