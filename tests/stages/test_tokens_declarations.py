"""Declarations: tools in the form of TypeScript, and whatever a client sends as a schema."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stages.tokens.declarations import declaration

SCHEMA = {
    "type": "object",
    "properties": {
        "at": {"type": "string", "description": "Where to look."},
        "how": {"enum": ["near", "far"], "default": "near"},
        "many": {"type": "array", "items": {"type": "integer"}},
        "area": {"type": "object", "properties": {"wide": {"type": ["number", "null"]}}, "required": ["wide"]},
        "else": {"anyOf": [{"type": "boolean"}, {"$ref": "#/x"}]},
    },
    "required": ["at"],
}


def test_a_tool_is_declared() -> None:
    """Descriptions, required fields, unions, arrays, objects within objects, defaults."""
    assert declaration("look", "Looks.\nTwice.", SCHEMA) == (
        "// Looks.\n// Twice.\n"
        "type look = (_: {\n"
        "// Where to look.\n"
        "at: string,\n"
        'how?: "near" | "far", // default: "near"\n'
        "many?: number[],\n"
        "area?: {\nwide: number | null,\n},\n"
        "else?: boolean | any,\n"
        "}) => any;\n\n"
    )


def test_a_tool_without_fields_takes_nothing() -> None:
    """No schema, no properties, properties of another form."""
    for schema in (None, {}, {"type": "object", "properties": {}}, {"properties": "x"}, ["x"]):
        assert declaration("look", "", schema) == "type look = () => any;\n\n"


def test_what_is_nested_without_end_has_one() -> None:
    """Below 32 levels all is any."""
    schema: Any = {"type": "string"}
    for _ in range(300):
        schema = {"type": "array", "items": schema}
    assert "any[]" in declaration("look", "", {"properties": {"deep": schema}})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "items", "enum", "anyOf", "required", "description", "default", "x"]
            ),
            inner | st.sampled_from(["object", "array", "string"]),
            max_size=5,
        )
    ),
)


@given(JSON)
def test_nothing_is_raised(schema: Any) -> None:
    """Whatever JSON a schema is."""
    assert declaration("look", "", {"properties": {"x": schema}}).endswith("=> any;\n\n")
