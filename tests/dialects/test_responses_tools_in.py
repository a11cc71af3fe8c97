"""Tools of Responses prompts in the Messages shape, and the way back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidRequest, Unsupported
from pipeline.events import BlockStarted, Text, ToolUse
from stages.dialects.responses import restoring
from stages.dialects.responses.tools_in import Called
from tests.dialects.chat_prompts import NAME, legal_messages
from tests.dialects.responses_oracle import as_claude, lost, to_hub
from tests.dialects.responses_prompts import Body

SCHEMA: Body = {"type": "object", "properties": {"x": {"type": "string"}}}


def function(name: str, **more: Any) -> Body:
    return {"type": "function", "name": name, "parameters": SCHEMA, "strict": None, **more}


def space(name: str, *tools: Body) -> Body:
    return {"type": "namespace", "name": name, "description": "", "tools": [*tools]}


def made(*tools: Body, model: str = "claude-opus-5", **fields: Any) -> Body:
    hub, _ = to_hub({"model": model, "input": "x", "tools": [*tools]}, **fields)
    legal_messages(hub)
    return hub


def back(*tools: Body, name: str) -> ToolUse:
    """What a call of *name*, as the model makes it, is for the client that gave *tools*."""
    transform = restoring({"model": "m", "input": "x", "tools": [*tools]})
    event = BlockStarted(0, ToolUse("call_1", name))
    changed = transform(event) if transform is not None else None
    (one,) = [event] if changed is None else changed
    assert isinstance(one, BlockStarted)
    assert isinstance(one.block, ToolUse)
    return one.block


def test_functions() -> None:
    """Flat here, flat there; no parameters are no properties; strict stays where it can be enforced."""
    closed = {**SCHEMA, "required": ["x"], "additionalProperties": False}
    tools = made(
        function("a", description="A."), function("b", parameters=None), function("c", parameters=closed, strict=True)
    )
    assert tools["tools"] == [
        {"name": "a", "description": "A.", "input_schema": SCHEMA},
        {"name": "b", "input_schema": {"type": "object", "properties": {}}},
        {"name": "c", "input_schema": closed, "strict": True},
    ]


def test_free_form_tools() -> None:
    """A tool that takes a text takes an object with one; its grammar is told; its calls come back as what they are."""
    patch = {
        "type": "custom",
        "name": "apply_patch",
        "format": {"type": "grammar", "syntax": "lark", "definition": "start: X"},
    }
    hub, edits = to_hub({"model": "claude-opus-5", "input": "x", "tools": [patch]})
    assert hub["tools"][0]["input_schema"]["required"] == ["input"]
    assert "start: X" in hub["tools"][0]["description"]
    assert lost(edits) == ["tools[0].format"]
    assert back(patch, name="apply_patch") == ToolUse("call_1", "apply_patch", {"type": "custom"})


def test_namespaces() -> None:
    """Tools of a namespace have its name before theirs, and lose it in calls."""
    tools = [space("functions", {"type": "custom", "name": "exec"}, function("wait")), function("ls")]
    assert [tool["name"] for tool in made(*tools)["tools"]] == ["functions__exec", "functions__wait", "ls"]
    assert back(*tools, name="functions__exec") == ToolUse(
        "call_1", "exec", {"type": "custom", "namespace": "functions"}
    )
    assert back(*tools, name="functions__wait") == ToolUse("call_1", "wait", {"namespace": "functions"})
    assert back(*tools, name="ls") == ToolUse("call_1", "ls")
    assert back(*tools, name="unknown") == ToolUse("call_1", "unknown")


def test_two_tools_never_share_a_name() -> None:
    """However namespaces and names meet, each tool has a name of its own that leads back to it."""
    tools = [function("a__b"), space("a", function("b")), space("a__b", function("c")), space("a", function("b__c"))]
    names = [tool["name"] for tool in made(*tools)["tools"]]
    assert len(set(names)) == 4
    assert [(back(*tools, name=one).name, (back(*tools, name=one).extra or {}).get("namespace")) for one in names] == [
        ("a__b", None),
        ("b", "a"),
        ("c", "a__b"),
        ("b__c", "a"),
    ]


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=80)


SPACES = st.dictionaries(NAMES, st.lists(NAMES, min_size=1, max_size=3, unique=True), max_size=4)


@given(SPACES)
def test_names_lead_back(spaces: dict[str, list[str]]) -> None:
    """Any names in any namespaces: legal, one each, and reversible."""
    tools = [space(name, *[function(own) for own in owns]) for name, owns in spaces.items()]
    called = Called({"tools": tools})
    assert len(called.tools) == sum(len(owns) for owns in spaces.values())
    for here, tool in called.tools.items():
        assert NAME.fullmatch(here)
        restored = back(*tools, name=here)
        assert (restored.name, restored.extra) == (tool.name, {"namespace": tool.namespace})
        assert called.name(tool.namespace, tool.name) == here


def test_tools_within_the_input() -> None:
    """additional_tools are tools, and so are those that a search has found."""
    found = {"type": "tool_search_output", "call_id": "s", "execution": "client", "tools": [function("found")]}
    items = [
        {"type": "additional_tools", "role": "developer", "tools": [space("functions", function("wait"))]},
        {"role": "user", "content": "x"},
        {"type": "tool_search_call", "call_id": "s", "execution": "client", "arguments": {"query": "f"}},
        found,
    ]
    search = {"type": "tool_search", "execution": "client", "description": "Find.", "parameters": SCHEMA}
    hub = made(search, input=items)
    assert [tool["name"] for tool in hub["tools"]] == ["tool_search", "functions__wait", "found"]
    assert hub["messages"][2]["content"][0]["content"] == "found: found"
    assert back(search, name="tool_search") == ToolUse("call_1", "tool_search", {"type": "tool_search"})


@pytest.mark.parametrize("kind", ["shell", "apply_patch", "local_shell"])
def test_the_clients_own_kinds(kind: str) -> None:
    """They are functions with the shape of their calls, and calls of them are told as such."""
    tool = {"type": kind}
    assert made(tool)["tools"][0]["name"] == kind
    assert back(tool, name=kind) == ToolUse("call_1", kind, {"type": kind})
    assert made(tool, tool_choice=tool)["tool_choice"] == {"type": "tool", "name": kind}


def test_searching_the_web() -> None:
    """Claude's search takes its place, at most once; a search of a cache is none of the web."""
    tool = {"type": "web_search", "filters": {"allowed_domains": ["x.test"]},
            "user_location": {"type": "approximate", "country": "CH", "city": None}}  # fmt: skip
    expected = {
        "type": "web_search_20250305",
        "name": "web_search",
        "allowed_domains": ["x.test"],
        "user_location": {"type": "approximate", "country": "CH"},
    }
    assert made(tool, {"type": "web_search_preview"})["tools"] == [expected]
    assert made(tool, tool_choice={"type": "web_search"})["tool_choice"] == {"type": "tool", "name": "web_search"}
    hub, edits = to_hub({"model": "m", "input": "x", "tools": [{"type": "web_search", "external_web_access": False}]})
    assert "tools" not in hub
    assert lost(edits) == ["tools[0]"]


def test_what_is_offered_by_the_way() -> None:
    """Hosted tools that clients always offer are left out, and recorded; what is asked for by itself is refused."""
    hub, edits = to_hub({"model": "m", "input": "x", "tools": [{"type": "image_generation"}, function("f")]})
    assert [tool["name"] for tool in hub["tools"]] == ["f"]
    assert lost(edits) == ["tools[0]"]
    for kind in ("file_search", "mcp", "code_interpreter", "computer", "new_kind"):
        with pytest.raises(Unsupported, match=kind):
            made({"type": kind})


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", {"type": "auto"}),
        ("required", {"type": "any"}),
        ("none", {"type": "none"}),
        ({"type": "function", "name": "a"}, {"type": "tool", "name": "a"}),
        ({"type": "custom", "name": "c"}, {"type": "tool", "name": "c"}),
        ({"type": "function", "name": "b", "namespace": "ns"}, {"type": "tool", "name": "ns__b"}),
        (None, None),
    ],
)
def test_choices(choice: Any, expected: Any) -> None:
    """tool_choice in all its forms."""
    tools = [function("a"), space("ns", function("b")), {"type": "custom", "name": "c"}]
    assert made(*tools, tool_choice=choice).get("tool_choice") == expected


def test_fewer_tools() -> None:
    """What may not be called is not told, searches included."""
    tools = [function("a"), function("b"), {"type": "web_search"}]
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "b"}]}
    hub = made(*tools, tool_choice=allowed)
    assert [tool["name"] for tool in hub["tools"]] == ["b"]
    assert hub["tool_choice"] == {"type": "any"}
    allowed["tools"].append({"type": "web_search"})  # type: ignore[attr-defined]  # a list it is
    assert len(made(*tools, tool_choice=allowed)["tools"]) == 2


def test_a_choice_that_a_model_refuses() -> None:
    """A model that can't be forced is asked, and the loss recorded."""
    for choice in ("required", {"type": "web_search"}):
        tools = [function("a"), {"type": "web_search"}]
        hub, edits = as_claude({"model": "claude-opus-5-5", "input": "x", "tools": tools}, tool_choice=choice)
        assert hub["tool_choice"] == {"type": "auto"}
        assert "tool_choice" in lost(edits)


def test_one_call_at_a_time() -> None:
    """parallel_tool_calls: false goes with the choice."""
    assert made(function("a"), parallel_tool_calls=False)["tool_choice"] == {
        "type": "auto",
        "disable_parallel_tool_use": True,
    }


def test_renaming_is_recorded() -> None:
    """Under the tool's own place, in whatever list it stands."""
    tools = [{"type": "web_search"}, space("ns", function("a.b", strict="x"))]
    with pytest.raises(InvalidRequest) as raised:
        made(*tools)
    assert raised.value.param == "tools[1].tools[0].strict"
    _, edits = to_hub({"model": "m", "input": "x", "tools": [space("ns", function("a.b"))]})
    assert [edit.path for edit in edits] == ["tools[0].tools[0].name"]


def test_nothing_to_restore() -> None:
    """Plain functions need nothing; other events pass."""
    assert restoring({"model": "m", "input": "x", "tools": [function("a")]}) is None
    transform = restoring({"tools": [{"type": "shell"}]})
    assert transform is not None
    assert transform(BlockStarted(0, Text())) is None
