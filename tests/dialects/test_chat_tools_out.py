"""Tools in the Messages shape as Chat functions."""

from typing import Any

import pytest

from pipeline.errors import InvalidRequest, Unsupported
from tests.dialects.chat_prompts import Body, hubbed, legal_chat, losses, out

CLOSED: Body = {"type": "object", "properties": {"x": {}}, "required": ["x"], "additionalProperties": False}


def tool(name: str = "f", **fields: Any) -> Body:
    return {"name": name, "input_schema": CLOSED, **fields}


def made(*tools: Body, model: str = "gpt-5.1", **fields: Any) -> Body:
    body, _ = out(hubbed(tools=[*tools], model=model, **fields))
    legal_chat(body)
    return body


def test_a_tool_is_a_function() -> None:
    """Name, description and schema go over as they are."""
    assert made(tool(description="d"))["tools"] == [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": CLOSED}}
    ]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("bash_20250124", "bash"),
        ("memory_20250818", "memory"),
        ("text_editor_20250124", "str_replace_editor"),
        ("text_editor_20250728", "str_replace_based_edit_tool"),
    ],
)
def test_tools_that_clients_run_have_published_schemas(kind: str, name: str) -> None:
    """Their names stay: the client that runs them knows them by those."""
    (function,) = [given["function"] for given in made({"type": kind, "name": name})["tools"]]
    assert function["name"] == name
    assert "command" in function["parameters"]["properties"]


@pytest.mark.parametrize("kind", ["web_search_20250305", "code_execution_20260521", "computer_toolset_20260801",
                                  "tool_search_tool_bm25_20251119", "made_up"])  # fmt: skip
def test_tools_that_servers_run_are_refused(kind: str) -> None:
    """By type and place: an answer without the search looks like one with it."""
    with pytest.raises(Unsupported, match=kind) as raised:
        out(hubbed(tools=[{"type": kind, "name": "x"}]))
    assert raised.value.param == "tools[0].type"


def test_strict_where_it_is_enforced() -> None:
    """OpenAI enforces closed schemas; elsewhere the wish is lost, and recorded."""
    assert made(tool(strict=True))["tools"][0]["function"]["strict"] is True
    open_ = {"type": "object", "properties": {"x": {}}}
    body, edits = out(hubbed(tools=[tool(strict=True, input_schema=open_)]))
    assert ("strict" in body["tools"][0]["function"], losses(edits)) == (False, ["tools[0].strict"])
    assert losses(out(hubbed(tools=[tool(strict=True)], model="llama"))[1]) == ["tools[0].strict"]


def test_examples_go_into_the_description() -> None:
    """There is no other place for them."""
    about = made(tool(description="d", input_examples=[{"x": 1}]))["tools"][0]["function"]["description"]
    assert about == 'd\n\nExamples of input:\n{"x":1}'


def test_tools_for_other_tools_are_left_out() -> None:
    """What only a server's code may call, this model can't."""
    body, edits = out(hubbed(tools=[tool(allowed_callers=["code_execution_20260120"])]))
    assert "tools" not in body
    assert losses(edits) == ["tools[0]"]


def test_settings_of_the_telling_are_silent() -> None:
    """How a tool is streamed or loaded is no part of it."""
    _, edits = out(hubbed(tools=[tool(eager_input_streaming=True, defer_loading=True)]))
    assert not edits


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [({"type": "auto"}, "auto"), ({"type": "any"}, "required"), ({"type": "none"}, "none"),
     ({"type": "tool", "name": "a.b"}, None)],
)  # fmt: skip
def test_choices(choice: Body, wanted: Any) -> None:
    """Each has its word; a strange name is the same in the choice and in the tools."""
    body = made(tool("a.b"), tool_choice=choice)
    name = body["tools"][0]["function"]["name"]
    assert body["tool_choice"] == (wanted or {"type": "function", "function": {"name": name}})


def test_one_call_at_a_time() -> None:
    """Only where there are tools: OpenAI refuses the field without."""
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    assert made(tool(), tool_choice=choice)["parallel_tool_calls"] is False
    assert not out(hubbed(tools=[], tool_choice=choice))[0].keys() & {"tool_choice", "parallel_tool_calls"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"tools": "x"}, "tools"), ({"tools": [5]}, "tools[0]"), ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
     ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
     ({"tools": [tool()], "tool_choice": {"type": "z"}}, "tool_choice.type"),
     ({"tools": [tool()], "tool_choice": {"type": "tool", "name": "z"}}, "tool_choice.name")],
)  # fmt: skip
def test_broken_tools_are_refused_by_place(fields: Body, param: str) -> None:
    """The error names the field."""
    with pytest.raises(InvalidRequest) as raised:
        out(hubbed(**fields))
    assert raised.value.param == param


def test_a_tool_that_only_a_server_could_run_is_left_out_where_others_are_offered() -> None:
    """Agents offer a search with every request: recorded as lost; alone, it is what was asked for, and refused."""
    search = {"type": "web_search_20250305", "name": "web_search"}
    own = {"name": "f", "input_schema": {"type": "object"}}
    body, edits = out(hubbed(tools=[search, own], model="gpt-4.1"))
    assert [tool["function"]["name"] for tool in body["tools"]] == ["f"]
    assert ("tools[0]", True) in [(edit.path, edit.lossy) for edit in edits]
    with pytest.raises(Unsupported):
        out(hubbed(tools=[search], model="gpt-4.1"))
