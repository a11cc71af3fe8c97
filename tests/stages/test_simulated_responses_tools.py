"""What the simulated Responses API refuses of tools and the choice among them, and in which words."""

from typing import Any, get_args

import pytest
from openai.types.responses import tool_param

from stages.simulated import responses_fields
from tests.stages.simulated_talk import BASH, Talk

BAD_NAME = "string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
STRICT = {"type": "function", "name": "f", "strict": True}
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
CLOSED = {**OPEN, "additionalProperties": False}
PATCH = {"type": "custom", "name": "patch"}

REFUSED: list[tuple[dict[str, Any], str, str | None, str | None]] = [
    # -- tools
    (
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        "Missing required parameter: 'tools[0].name'.",
        "missing_required_parameter",
        "tools[0].name",
    ),
    (
        {"tools": [{"name": "f", "input_schema": {}}]},
        "Missing required parameter: 'tools[0].type'.",
        "missing_required_parameter",
        "tools[0].type",
    ),
    (
        {"tools": [{"type": "function", "name": "f", "cache_control": {}}]},
        "Unknown parameter: 'tools[0].cache_control'.",
        "unknown_parameter",
        "tools[0].cache_control",
    ),
    (
        {"tools": [{"type": "function", "name": "a.b"}]},
        f"Invalid 'tools[0].name': {BAD_NAME}",
        "invalid_value",
        "tools[0].name",
    ),
    (
        {"tools": [{"type": "function", "name": "f" * 129}]},
        (
            "Invalid 'tools[0].name': string too long. Expected a string with maximum length 128, but got a string "
            "with length 129 instead."
        ),
        "string_above_max_length",
        "tools[0].name",
    ),
    (
        {"tools": [BASH["responses"]] * 129},
        (
            "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length "
            "129 instead."
        ),
        "array_above_max_length",
        "tools",
    ),
    (
        {"tools": [{"type": "function", "name": "f", "parameters": {}, "strict": False}]},
        "Invalid schema for function 'f': schema must be a JSON Schema of 'type: \"object\"', got 'type: \"None\"'.",
        "invalid_function_parameters",
        "tools[0].parameters",
    ),
    (
        {"tools": [{**STRICT, "parameters": OPEN}]},
        (
            "Invalid schema for function 'f': In context=(), 'additionalProperties' is required to be supplied and to "
            "be false."
        ),
        "invalid_function_parameters",
        "tools[0].parameters",
    ),
    (
        {"tools": [{**STRICT, "parameters": {**CLOSED, "required": []}}]},
        (
            "Invalid schema for function 'f': In context=(), 'required' is required to be supplied and to be an array "
            "including every key in properties. Missing 'a'."
        ),
        "invalid_function_parameters",
        "tools[0].parameters",
    ),
    (
        {"tools": [{"type": "custom", "name": "p", "format": {"type": "grammar", "grammar": {"syntax": "lark"}}}]},
        "Missing required parameter: 'tools[0].format.syntax'.",
        "missing_required_parameter",
        "tools[0].format.syntax",
    ),
    (
        {"tools": [{**PATCH, "format": {"type": "grammar", "syntax": "bnf", "definition": "x"}}]},
        "Invalid value: 'bnf'. Supported values are: 'lark' and 'regex'.",
        "invalid_value",
        "tools[0].format.syntax",
    ),
    (
        {"tools": [{"type": "namespace", "name": "crm", "tools": []}]},
        "Missing required parameter: 'tools[0].description'.",
        "missing_required_parameter",
        "tools[0].description",
    ),
    (
        {"tools": [{"type": "namespace", "name": "crm", "description": "x", "tools": [{"type": "web_search"}]}]},
        "Invalid value: 'web_search'. Supported values are: 'function' and 'custom'.",
        "invalid_value",
        "tools[0].tools[0].type",
    ),
    (
        {"input": [{"type": "additional_tools", "role": "developer", "tools": [{"type": "function"}]}]},
        "Missing required parameter: 'input[0].tools[0].name'.",
        "missing_required_parameter",
        "input[0].tools[0].name",
    ),
    # -- tool_choice
    (
        {"tool_choice": "any", "tools": [PATCH]},
        "Invalid value: 'any'. Supported values are: 'none', 'auto', and 'required'.",
        "invalid_value",
        "tool_choice",
    ),
    (
        {"tool_choice": "required"},
        "Tool choice 'required' must be specified with 'tools' parameter.",
        None,
        "tool_choice",
    ),
    (
        {"tool_choice": {"type": "function", "function": {"name": "patch"}}, "tools": [PATCH]},
        "Unknown parameter: 'tool_choice.function'.",
        "unknown_parameter",
        "tool_choice.function",
    ),
    (
        {"tool_choice": {"type": "function"}, "tools": [PATCH]},
        "Missing required parameter: 'tool_choice.name'.",
        "missing_required_parameter",
        "tool_choice.name",
    ),
    (
        {"tool_choice": {"type": "function", "name": "patch"}, "tools": [PATCH]},
        "Tool choice 'patch' not found in 'tools' parameter.",
        None,
        "tool_choice",
    ),
    (
        {"tool_choice": {"type": "web_search"}, "tools": [PATCH]},
        "Tool choice 'web_search' not found in 'tools' parameter.",
        None,
        "tool_choice",
    ),
    (
        {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "custom", "name": "x"}]}},
        "Tool choice 'x' not found in 'tools' parameter.",
        None,
        "tool_choice",
    ),
]


@pytest.mark.parametrize(("fields", "told", "code", "param"), REFUSED)
async def test_refused(fields: dict[str, Any], told: str, code: str | None, param: str | None) -> None:
    """What the API does not take is a 400 with the vendor's message, code and param."""
    given = {"input": "hi", **fields}
    heard = await Talk("responses").ask(given.pop("input"), **given)
    assert heard.status == 400, heard.body
    assert heard.error == {"message": told, "type": "invalid_request_error", "param": param, "code": code}


TAKEN: list[dict[str, Any]] = [
    {"tools": [{**STRICT, "parameters": CLOSED}], "tool_choice": {"type": "function", "name": "f"}},
    {"tools": [{"type": "function", "name": "f", "parameters": None, "strict": None}]},
    {"tools": [PATCH, {"type": "web_search"}], "tool_choice": {"type": "web_search"}},
    {"tools": [{**PATCH, "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}}]},
    {
        "tools": [
            {"type": "namespace", "name": "n", "description": "d", "tools": [PATCH, {**STRICT, "parameters": CLOSED}]}
        ]
    },
]


@pytest.mark.parametrize("fields", TAKEN)
async def test_taken(fields: dict[str, Any]) -> None:
    """What the API takes is taken."""
    heard = await Talk("responses").ask("hi", **fields)
    assert heard.status == 200, heard.body


async def test_strictness_left_open_is_tried() -> None:
    """A function that does not say is strict if its schema allows, and the response tells which; it is not refused."""
    for schema, strict in ((OPEN, False), (CLOSED, True)):
        for said in ({}, {"strict": None}):
            tool = {"type": "function", "name": "f", "parameters": schema, **said}
            told = (await Talk("responses").ask("hi", tools=[tool])).json["tools"]
            assert told == [{**tool, "strict": strict}]


def test_the_tools_are_the_vendors() -> None:
    """Every tool of the package is known with all of its fields."""
    for member in get_args(tool_param.ToolParam):
        for kind in _kinds(member):
            known = responses_fields.TOOLS[kind]
            assert known is None or known >= set(member.__annotations__), kind


def _kinds(member: Any) -> tuple[str, ...]:
    """The types that a TypedDict is for."""
    hint = member.__annotations__["type"].__forward_arg__
    return tuple(name for name in responses_fields.TOOLS if f"'{name}'" in hint.replace('"', "'"))
