"""JSON schemas, as each side accepts them."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stages.dialects.chat.schemas import enforceable, plain, rooted

keys = st.sampled_from(["type", "properties", "anyOf", "allOf", "items", "$ref", "$defs", "required", "minLength",
                        "additionalProperties", "x", "pattern", "minItems", "not"])  # fmt: skip
leaves = (
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["object", "string", "#/$defs/x", "x", "(?=a)"])
)
schemas = st.dictionaries(
    keys, st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner))
)


@given(schemas)
def test_a_rooted_schema_is_an_object(schema: Any) -> None:
    """Whatever it was; and done again it stays."""
    once = rooted(schema)
    assert once["type"] == "object"
    assert not {"anyOf", "oneOf", "allOf"} & {key for key in once if isinstance(once[key], list)}
    assert rooted(once) == once or "$ref" in once


@given(schemas)
def test_plain_is_final(schema: Any) -> None:
    """What can be enforced stays as it is."""
    assert plain(plain(schema)) == plain(schema)


def test_what_is_remembered_is_nobodys_to_change() -> None:
    """The same schema again gives an object of its own."""
    schema = {"type": "object", "properties": {str(n): {"type": "string", "minLength": n} for n in range(200)}}
    plain(schema)["properties"].clear()
    assert len(plain(schema)["properties"]) == 200


@given(schemas)
def test_any_schema_is_judged(schema: Any) -> None:
    """Enforceable or not, without an error."""
    assert enforceable(schema) in (True, False)


def test_rooted_keeps_an_object_as_it_is() -> None:
    """The usual case costs nothing and changes nothing."""
    schema = {"$schema": "x", "type": "object", "properties": {"a": {"anyOf": [{}]}}}
    assert rooted(schema) is schema


def test_all_of_demands_what_any_part_demands() -> None:
    """A sum of schemas has all their properties and all their demands."""
    parts = [{"properties": {"a": {}}, "required": ["a"]}, {"properties": {"b": {}}, "required": ["b"]}]
    assert rooted({"allOf": parts, "properties": {"c": {}}}) == {
        "type": "object", "properties": {"a": {}, "b": {}, "c": {}}, "required": ["a", "b"]
    }  # fmt: skip


def test_a_reference_at_the_root_is_followed() -> None:
    """Also through another; one in a circle ends."""
    defs = {"a": {"$ref": "#/$defs/b"}, "b": {"type": "object", "properties": {"x": {}}}, "c": {"$ref": "#/$defs/c"}}
    assert rooted({"$ref": "#/$defs/a", "$defs": defs})["properties"] == {"x": {}}
    assert rooted({"$ref": "#/$defs/c", "$defs": defs})["type"] == "object"


def test_plain_drops_limits_at_every_level() -> None:
    """And closes every object; a property that is called like a keyword stays."""
    schema = {
        "type": "object",
        "properties": {"minLength": {"type": "string", "minLength": 1},
                       "list": {"type": "array", "minItems": 2, "items": {"type": "object", "maximum": 1}}},
    }  # fmt: skip
    closed = {"type": "object", "additionalProperties": False}
    properties = {"minLength": {"type": "string"}, "list": {"type": "array", "minItems": 1, "items": closed}}
    assert plain(schema) == {"type": "object", "properties": properties, "additionalProperties": False}


def test_what_openai_enforces() -> None:
    """Closed objects with every property required, all the way down."""
    closed = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert enforceable(closed)
    assert not enforceable({**closed, "required": []})
    assert not enforceable({**closed, "additionalProperties": True})
    assert not enforceable({**closed, "properties": {"a": {"type": "object", "properties": {}}}})
    assert not enforceable({**closed, "properties": {"a": {"oneOf": [{}]}}})
    assert enforceable({**closed, "properties": {"a": {"anyOf": [closed, {"type": "null"}]}}})
