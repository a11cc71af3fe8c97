"""The Messages shape as a Responses prompt, field by field; and whatever comes, an answer or a refusal."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidRequest, Unsupported
from pipeline.prompt import Prompt
from stages.dialects import responses
from stages.notes import STOPS
from tests.dialects.responses_oracle import PROMPTS, from_hub, lost, to_hub
from tests.dialects.responses_prompts import Body, legal_responses

ELSEWHERE = Path(__file__).parent / "fixtures" / "anthropic" / "prompts"
CLAUDES = {path.stem: path.read_bytes() for path in sorted(ELSEWHERE.glob("*.json"))}

TOOL: Body = {"name": "f", "input_schema": {"type": "object", "properties": {"x": {"type": "string"}}}}
SCHEMA: Body = {
    "type": "object",
    "properties": {"x": {"type": "string"}},
    "required": ["x"],
    "additionalProperties": False,
}
HI = [{"role": "user", "content": "Hi"}]


def made(model: str = "gpt-5.5", **fields: Any) -> Body:
    body, _ = from_hub({"model": model, "max_tokens": 100, "messages": HI}, **fields)
    legal_responses(body)
    return body


@pytest.mark.parametrize("name", sorted(CLAUDES))
@pytest.mark.parametrize("model", ["gpt-5.6-sol", "gpt-4.1", "llama"])
def test_what_claudes_clients_send(name: str, model: str) -> None:
    """Real prompts become what the API takes."""
    try:
        body, _ = from_hub(msgspec.json.decode(CLAUDES[name]), model=model)
    except Unsupported:
        return
    legal_responses(body)


@pytest.mark.parametrize("name", sorted(PROMPTS.keys() - {"orphans"}))  # a repaired call's is_error is told in words
def test_there_and_back(name: str) -> None:
    """A prompt of this dialect that went through the hub is legal, and has the same conversation."""
    original = msgspec.json.decode(PROMPTS[name])
    hub, _ = to_hub(original, model="gpt-5.6-sol")
    body, _ = from_hub(hub)
    legal_responses(body)
    again, _ = to_hub(body, model="gpt-5.6-sol")
    assert unmarked(again["messages"]) == unmarked(hub["messages"])
    assert again.get("system") == hub.get("system")


def unmarked(value: Any) -> Any:
    """*value* without cache marks: how long they last can't be told."""
    if isinstance(value, list):
        return [unmarked(item) for item in value]
    if isinstance(value, dict):
        return {key: unmarked(item) for key, item in value.items() if key != "cache_control"}
    return value


def test_always() -> None:
    """Nothing is stored, and the reasoning comes with the answer; models that don't reason are not asked for it."""
    body = made()
    assert body["store"] is False
    assert body["include"] == ["reasoning.encrypted_content"]
    assert "include" not in made("gpt-4.1")


def test_limits() -> None:
    """Under its own name; the API takes none below 16; 0 asks for no answer at all."""
    assert made()["max_output_tokens"] == 100
    body, edits = from_hub({"model": "gpt-5.5", "max_tokens": 1, "messages": HI})
    assert body["max_output_tokens"] == 16
    assert [edit.path for edit in edits] == ["max_tokens"]
    assert "max_output_tokens" not in made(max_tokens=None)
    with pytest.raises(Unsupported):
        made(max_tokens=0)


@pytest.mark.parametrize(
    ("model", "fields", "reasoning"),
    [
        ("gpt-5.5", {}, None),
        ("gpt-5.5", {"output_config": {"effort": "high"}}, {"effort": "high"}),
        ("gpt-5.5", {"thinking": {"type": "adaptive"}}, {"summary": "auto"}),
        ("gpt-5.5", {"thinking": {"type": "adaptive", "display": "omitted"}}, None),
        ("gpt-5.5", {"thinking": {"type": "enabled", "budget_tokens": 9000}}, {"effort": "medium", "summary": "auto"}),
        ("gpt-5.5", {"thinking": {"type": "disabled"}}, {"effort": "none"}),
        ("gpt-5.5", {"thinking": {"type": "disabled"}, "tools": [TOOL]}, {"effort": "none"}),
        ("gpt-5.6-sol", {"output_config": {"effort": "max"}, "tools": [TOOL]}, {"effort": "max"}),
        ("gpt-4.1", {"thinking": {"type": "adaptive"}}, None),
        ("llama", {"output_config": {"effort": "low"}}, {"effort": "low"}),
        ("llama", {"thinking": {"type": "disabled"}}, None),
    ],
)
def test_reasoning(model: str, fields: Body, reasoning: Any) -> None:
    """Effort and tools go together here; a summary is asked for where thoughts are shown."""
    assert made(model, **fields).get("reasoning") == reasoning


def test_tools_are_told_whether_to_be_strict() -> None:
    """Where strict is left out the API tries to enforce the schema: it is never left out."""
    body = made(
        tools=[TOOL, {"name": "g", "input_schema": SCHEMA, "strict": True}, {"type": "bash_20250124", "name": "bash"}]
    )
    assert [(tool["name"], tool["strict"]) for tool in body["tools"]] == [("f", False), ("g", True), ("bash", False)]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "f"}, {"type": "function", "name": "f"}),
        (
            {"type": "tool", "name": "web_search"},
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "web_search"}]},
        ),
        (None, None),
    ],
)
def test_choices(choice: Any, expected: Any) -> None:
    """tool_choice in all its forms."""
    search = {"type": "web_search_20250305", "name": "web_search"}
    assert made(tools=[TOOL, search], tool_choice=choice).get("tool_choice") == expected
    if choice is None or choice["type"] != "tool":
        assert made(tools=[search], tool_choice=choice).get("tool_choice") == expected
    one = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    if choice is None or choice.get("name") == "f":
        assert made(tools=[TOOL], tool_choice=one)["parallel_tool_calls"] is False


def test_tools_that_servers_run() -> None:
    """Search, code and servers of tools have their like here; what the like can't do is recorded or refused."""
    search = {"type": "web_search_20260209", "name": "web_search", "allowed_domains": ["x.test"], "max_uses": 3,
              "user_location": {"type": "approximate", "country": "CH"}}  # fmt: skip
    server = {"type": "url", "name": "s", "url": "https://s.test", "authorization_token": "t",
              "tool_configuration": {"allowed_tools": ["a"]}}  # fmt: skip
    code = {"type": "code_execution_20250825", "name": "code_execution"}
    body, edits = from_hub({"model": "gpt-5.5", "messages": HI, "tools": [search, code], "mcp_servers": [server]})
    legal_responses(body)
    assert body["tools"] == [
        {
            "type": "web_search",
            "filters": {"allowed_domains": ["x.test"]},
            "user_location": {"type": "approximate", "country": "CH"},
        },
        {"type": "code_interpreter", "container": {"type": "auto"}},
        {
            "type": "mcp",
            "server_label": "s",
            "server_url": "https://s.test",
            "require_approval": "never",
            "authorization": "t",
            "allowed_tools": ["a"],
        },
    ]
    assert lost(edits) == ["tools[0].max_uses", "tools[1]"]
    with pytest.raises(Unsupported):
        made(tools=[{**search, "blocked_domains": ["y.test"]}])


def test_stop_sequences_are_left_for_the_gateway() -> None:
    """There is no field for them: they are noted on the prompt, and nothing is lost."""
    prompt = Prompt("anthropic", b"{}")
    body = responses.from_messages({"model": "gpt-5.5", "messages": HI, "stop_sequences": ["END"]}, prompt)
    legal_responses(body)
    assert prompt.notes.noted(STOPS) == ("END",)
    assert lost(prompt.edits) == []
    assert made(stop_sequences=[])["store"] is False


def test_the_answers_format() -> None:
    """A schema is enforced where OpenAI can."""
    form = {"type": "json_schema", "schema": SCHEMA}
    assert made(output_config={"format": form})["text"] == {
        "format": {"type": "json_schema", "name": "response", "schema": SCHEMA, "strict": True}
    }


def test_who_asks() -> None:
    """The user's id is told; one that might show who it is, as a digest."""
    assert "ada" not in str(made(metadata={"user_id": '{"session_id":"s1","account":"ada@x.test"}'}))
    assert made(metadata={"user_id": "u-1"})["safety_identifier"] == "u-1"


def test_cache_marks() -> None:
    """Where the model knows them they are told, and the API's own is turned off; elsewhere they go without loss."""
    marked = [
        {
            "role": "user",
            "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        }
    ]
    body = made("gpt-5.6-sol", messages=marked)
    assert body["input"][0]["content"][0]["prompt_cache_breakpoint"] == {"mode": "explicit"}
    assert body["prompt_cache_options"] == {"mode": "explicit"}
    body, edits = from_hub({"model": "gpt-5.5", "messages": marked})
    assert "prompt_cache_options" not in body
    assert lost(edits) == []
    assert edits


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": 3}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "x", "content": "y"}]}, "messages[0].role"),
        ({"stop_sequences": "x"}, "stop_sequences"),
        ({"stop_sequences": [1]}, "stop_sequences[0]"),
        ({"tools": [{"type": "computer_20250124", "name": "c"}]}, "tools[0].type"),
        ({"mcp_servers": [{"name": "x"}]}, "mcp_servers[0].url"),
        ({"thinking": 3}, "thinking"),
    ],
)
def test_refusals_name_the_place(fields: Body, param: str) -> None:
    """A refusal says what is wrong where."""
    with pytest.raises(InvalidRequest) as raised:
        made(**fields)
    assert raised.value.param == param


def test_equal_prompts_stay_equal() -> None:
    """The translation depends on nothing but the prompt."""
    for raw in CLAUDES.values():
        first, second = (msgspec.json.encode(from_hub(msgspec.json.decode(raw), model="gpt-5.6")[0]) for _ in range(2))
        assert first == second


# -- any prompt -------------------------------------------------------------------------------------------------------

leaves = st.none() | st.booleans() | st.integers(-1, 5) | st.sampled_from(
    ["", "x", "text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking", "base64", "url",
     "auto", "any", "tool", "enabled", "adaptive", "json_schema", "bash_20250124", "server_tool_use", "high",
     "ephemeral", "web_search_20250305", "Z3cxAAAA"]
)  # fmt: skip
keys = st.sampled_from(
    ["role", "content", "type", "text", "tools", "name", "input_schema", "id", "input", "tool_use_id", "source", "data",
     "media_type", "url", "title", "context", "citations", "cache_control", "thinking", "signature", "tool_choice",
     "system", "output_config", "effort", "format", "schema", "stop_sequences", "metadata", "user_id", "strict",
     "is_error", "budget_tokens", "max_tokens", "disable_parallel_tool_use", "allowed_domains", "display"]
)  # fmt: skip
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5))
roles = st.sampled_from(["user", "assistant", "system"])
blocks = st.dictionaries(keys, trees, max_size=5)
messages = st.builds(
    lambda role, content: {"role": role, "content": content}, roles, trees | st.lists(blocks, max_size=3)
)


@given(st.dictionaries(keys, trees, max_size=8), st.lists(messages, max_size=4), st.sampled_from(["gpt-5.6-sol", "x"]))
def test_any_body_is_translated_or_refused(fields: Any, spoken: list[Any], model: str) -> None:
    """No shape of JSON makes it raise anything but a refusal."""
    try:
        body, _ = from_hub({**fields, "model": model, "messages": spoken})
    except InvalidRequest:
        return
    assert body["input"]
