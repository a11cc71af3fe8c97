"""Tools of a Chat prompt in the Messages shape."""

from typing import Any

import pytest

from pipeline.errors import InvalidRequest, Unsupported
from tests.dialects.chat_prompts import Body, asked, claudes, in_, legal_messages, losses

EMPTY: Body = {"type": "object", "properties": {}}


def tool(name: str = "f", **fields: Any) -> Body:
    return {"type": "function", "function": {"name": name, **fields}}


def hub(*tools: Body, model: str = "claude-opus-5", **fields: Any) -> Body:
    made, _ = in_({**asked(tools=[*tools], **fields), "model": model})
    legal_messages(made)
    return made


def test_a_function() -> None:
    """Name, description and schema go over; a function without parameters takes an empty object."""
    schema = {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}
    assert hub(tool(description="d", parameters=schema), tool("g"))["tools"] == [
        {"name": "f", "description": "d", "input_schema": schema},
        {"name": "g", "input_schema": EMPTY},
    ]


def test_the_older_functions() -> None:
    """``functions`` are tools."""
    made, _ = in_(asked(functions=[{"name": "f"}], function_call={"name": "f"}))
    assert made["tools"] == [{"name": "f", "input_schema": EMPTY}]
    assert made["tool_choice"] == {"type": "tool", "name": "f"}


def test_a_free_form_tool() -> None:
    """It becomes a function of one text, its grammar told in words."""
    custom = {"name": "sh", "description": "Run.", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}}  # fmt: skip  # noqa: E501  # one literal
    made, edits = in_(asked(tools=[{"type": "custom", "custom": custom}]))
    (given,) = made["tools"]
    assert given["input_schema"]["required"] == ["input"]
    assert given["description"].startswith("Run.\n")
    assert losses(edits) == ["tools[0].custom.format"]


def test_a_strange_name_becomes_another() -> None:
    """In tools and in the choice alike; that is recorded, and no loss."""
    made, edits = in_(asked(tools=[tool("a.b/c")], tool_choice={"type": "function", "function": {"name": "a.b/c"}}))
    legal_messages(made)
    assert made["tools"][0]["name"] == made["tool_choice"]["name"] != "a.b/c"
    assert not losses(edits)


def test_a_choice_at_the_root_of_a_schema() -> None:
    """It becomes one object with the properties of all branches, and the losses are recorded."""
    schema = {
        "anyOf": [
            {"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a", "b"]},
            {"$ref": "#/$defs/other"},
        ],
        "$defs": {"other": {"type": "object", "properties": {"b": {}, "c": {}}, "required": ["b"]}},
    }
    made, edits = in_(asked(tools=[tool(parameters=schema)]))
    legal_messages(made)
    given = made["tools"][0]["input_schema"]
    assert list(given["properties"]) == ["a", "b", "c"]
    assert given["required"] == ["b"]
    assert losses(edits) == ["tools[0].function.parameters"]


def test_strict_stays_where_it_can_be_kept() -> None:
    """A schema that Anthropic can enforce is enforced; another is told, and the loss recorded."""
    closed = {"type": "object", "properties": {}, "additionalProperties": False}
    open_ = {"type": "object", "properties": {"x": {"type": "string", "minLength": 1}}}
    made, edits = in_(asked(tools=[tool(parameters=closed, strict=True), tool("g", parameters=open_, strict=True)]))
    assert ["strict" in given for given in made["tools"]] == [True, False]
    assert losses(edits) == ["tools[1].function.strict"]


@pytest.mark.parametrize(
    ("choice", "made"),
    [("auto", {"type": "auto"}), ("required", {"type": "any"}), ("none", {"type": "none"}),
     ({"type": "function", "function": {"name": "g"}}, {"type": "tool", "name": "g"})],
)  # fmt: skip
def test_choices(choice: Any, made: Body) -> None:
    """Each choice has its word."""
    assert hub(tool(), tool("g"), tool_choice=choice)["tool_choice"] == made


def test_allowed_tools_are_all_there_are() -> None:
    """Tools that may not be called are left out: there is no other way to say so."""
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [tool("g")]}}
    made = hub(tool(), tool("g"), tool_choice=allowed)
    assert [given["name"] for given in made["tools"]] == ["g"]
    assert made["tool_choice"] == {"type": "any"}


def test_one_call_at_a_time() -> None:
    """parallel_tool_calls false goes into the choice; where nothing may be called it says nothing."""
    assert hub(tool(), parallel_tool_calls=False)["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert hub(tool(), parallel_tool_calls=False, tool_choice="none")["tool_choice"] == {"type": "none"}
    assert "tool_choice" not in hub(tool(), parallel_tool_calls=True)


def test_models_that_can_not_be_made_to_call() -> None:
    """A forced choice they would refuse becomes a free one, and that is a loss."""
    made, edits = claudes({**asked(tools=[tool()], tool_choice="required"), "model": "claude-opus-5-5"})
    assert made["tool_choice"] == {"type": "auto"}
    assert losses(edits) == ["tool_choice"]


def test_no_tools_no_choice() -> None:
    """A choice among nothing is left out."""
    made, _ = in_(asked(tools=[], tool_choice="auto", parallel_tool_calls=False))
    assert not made.keys() & {"tools", "tool_choice"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": 5}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [tool("")]}, "tools[0].function.name"),
        ({"tools": [tool(parameters=[])]}, None),
        ({"tools": [tool(parameters="x")]}, "tools[0].function.parameters"),
        ({"tools": [tool()], "tool_choice": "sometimes"}, "tool_choice"),
        (
            {"tools": [tool()], "tool_choice": {"type": "function", "function": {"name": "z"}}},
            "tool_choice.function.name",
        ),
        ({"tools": [tool(strict="yes")]}, "tools[0].function.strict"),
    ],
)
def test_broken_tools_are_refused_by_place(fields: Body, param: str | None) -> None:
    """The error names the field."""
    if param is None:
        assert in_(asked(**fields))[0]["tools"][0]["input_schema"] == EMPTY
        return
    with pytest.raises(InvalidRequest) as raised:
        in_(asked(**fields))
    assert raised.value.param == param


def test_nesting_is_bounded() -> None:
    """A schema nested without end is refused, not walked."""
    schema: Body = {}
    for _ in range(400):
        schema = {"type": "object", "properties": {"x": schema}}
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        in_(asked(tools=[tool(parameters=schema)]))


def test_tools_of_servers_are_refused() -> None:
    """Nobody runs them here."""
    with pytest.raises(Unsupported) as raised:
        in_(asked(tools=[{"type": "web_search"}]))
    assert raised.value.param == "tools[0]"
