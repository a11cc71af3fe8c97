"""The Messages shape as a Chat prompt, field by field; and whatever comes, an answer or a refusal that names it."""

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidRequest, Unsupported
from pipeline.prompt import Prompt
from stages.dialects import chat
from stages.dialects.chat.families import COMPATIBLE
from stages.notes import STOPS
from tests.dialects.chat_prompts import Body, hubbed, legal_chat, losses, out

TOOL: Body = {"name": "f", "input_schema": {"type": "object", "properties": {}}}
SCHEMA: Body = {
    "type": "object",
    "properties": {"x": {"type": "string"}},
    "required": ["x"],
    "additionalProperties": False,
}


def made(model: str = "gpt-5.1", **fields: Any) -> Body:
    body, _ = out(hubbed(model=model, **fields))
    legal_chat(body)
    return body


def test_the_limit() -> None:
    """Under the name the model takes, and no more than it writes."""
    assert made()["max_completion_tokens"] == 100
    assert made("llama")["max_tokens"] == 100
    assert made("gpt-4o", max_tokens=128_000)["max_tokens"] == 16_384
    body, _ = out({"model": "llama", "messages": [{"role": "user", "content": "x"}]})
    assert "max_tokens" not in body


def test_warming_a_cache_is_refused() -> None:
    """A limit of 0 asks for no answer, which Chat can't."""
    with pytest.raises(Unsupported):
        out(hubbed(max_tokens=0))


@pytest.mark.parametrize(
    ("model", "fields", "effort", "lost"),
    [
        ("gpt-5.1", {"output_config": {"effort": "high"}}, "high", False),
        ("gpt-5.1", {"output_config": {"effort": "max"}}, "high", True),
        ("gpt-5.2", {"output_config": {"effort": "max"}}, "xhigh", True),
        ("gpt-5.6-sol", {"output_config": {"effort": "max"}}, "max", False),
        ("gpt-5.1", {"thinking": {"type": "disabled"}}, "none", False),
        ("gpt-5", {"thinking": {"type": "disabled"}}, "minimal", True),
        ("gpt-6-astra", {"thinking": {"type": "between_tools"}}, "low", True),
        ("gpt-5.1", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low", False),
        ("gpt-5.2", {"thinking": {"type": "enabled", "budget_tokens": 31999}}, "high", False),
        ("gpt-5.1", {"thinking": {"type": "adaptive", "display": "omitted"}}, None, False),
        ("gpt-4.1", {"output_config": {"effort": "high"}}, None, True),
        ("gpt-4.1", {"thinking": {"type": "disabled"}}, None, False),
        ("llama", {"output_config": {"effort": "xhigh"}}, "xhigh", False),
        ("llama", {"thinking": {"type": "disabled"}}, None, False),
        ("gpt-5.6-sol", {"output_config": {"effort": "high"}, "tools": [TOOL]}, "none", True),
        ("gpt-6.1-sol", {"output_config": {"effort": "high"}, "tools": [TOOL]}, None, True),
        ("gpt-5.1", {"output_config": {"effort": "high"}, "tools": [TOOL]}, "high", False),
    ],
)
def test_effort(model: str, fields: Body, effort: Any, lost: bool) -> None:
    """One word, of those the model has; what it can't do is recorded."""
    body, edits = out(hubbed(model=model, **fields))
    assert body.get("reasoning_effort") == effort
    assert losses(edits) == (["output_config.effort"] if lost else [])


def test_providers_with_a_switch_of_their_own() -> None:
    """Thinking is turned off in the way the provider has."""
    ways = attrs.evolve(COMPATIBLE, quiet={"thinking": {"type": "disabled"}})
    body, _ = out(hubbed(thinking={"type": "disabled"}), ways)
    assert body["thinking"] == {"type": "disabled"}


@pytest.mark.parametrize("fields", [{"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
                                    {"output_format": {"type": "json_schema", "schema": SCHEMA}}])  # fmt: skip
def test_a_schema_for_the_answer(fields: Body) -> None:
    """From either place; enforced where the schema is closed."""
    assert made(**fields)["response_format"] == {
        "type": "json_schema", "json_schema": {"name": "response", "schema": SCHEMA, "strict": True}
    }  # fmt: skip


def test_an_open_schema_is_told_only() -> None:
    """OpenAI would refuse to enforce it; the loss is recorded."""
    body, edits = out(hubbed(output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}}))
    assert body["response_format"]["json_schema"]["strict"] is False
    assert losses(edits) == ["output_config.format.schema"]


def test_sampling_where_it_is_taken() -> None:
    """Reasoning models refuse all of it, OpenAI's others top_k."""
    wish = {"temperature": 0.5, "top_p": 0.9, "top_k": 5}
    assert {key: made("llama", **wish).get(key) for key in wish} == wish
    assert losses(out(hubbed(model="gpt-4.1", **wish))[1]) == ["top_k"]
    assert losses(out(hubbed(model="gpt-5.1", **wish))[1]) == ["temperature", "top_p", "top_k"]


def test_stop_sequences() -> None:
    """As many as the model takes; where it takes fewer, or none, the gateway keeps them, and nothing is lost."""
    five = ["a", "b", "c", "d", "e"]
    assert made("llama", stop_sequences=five)["stop"] == five
    assert made("gpt-4.1", stop_sequences=five[:4])["stop"] == five[:4]
    for model, wanted in (("gpt-4.1", five), ("gpt-5.1", ["a"])):
        prompt = Prompt("anthropic", b"{}")
        assert "stop" not in chat.from_messages(hubbed(model=model, stop_sequences=wanted), prompt)
        assert prompt.notes.noted(STOPS) == tuple(wanted)
        assert losses(prompt.edits) == []


def test_who_asks() -> None:
    """An id that servers take; Claude Code's JSON becomes a digest, the same each time."""
    assert made(metadata={"user_id": "u-1"})["safety_identifier"] == "u-1"
    assert made("llama", metadata={"user_id": "u-1"})["user"] == "u-1"
    long = '{"device_id":"0123","session_id":"5f0c"}'
    assert made(metadata={"user_id": long}) == made(metadata={"user_id": long})
    assert len(made(metadata={"user_id": long})["safety_identifier"]) == 64


def test_tiers() -> None:
    """OpenAI has tiers, and a fast one; others none."""
    assert made(service_tier="standard_only")["service_tier"] == "default"
    assert made(speed="fast")["service_tier"] == "fast"
    assert losses(out(hubbed(model="llama", speed="fast"))[1]) == ["speed"]


def test_streams() -> None:
    """The flag goes over; asking for usage is the gateway's own affair."""
    body = made(stream=True)
    assert body["stream"] is True
    assert "stream_options" not in body


@pytest.mark.parametrize("field", ["context_management", "safeguards", "fallbacks", "made_up", "container"])
def test_what_is_lost_is_recorded(field: str) -> None:
    """Nothing disappears without a word."""
    body, edits = out({**hubbed(), field: {"a": 1}})
    assert field not in body
    assert losses(edits) == [field]


def test_servers_are_not_called() -> None:
    """mcp_servers can't be had: the tools in them would be missing."""
    with pytest.raises(Unsupported):
        out(hubbed(mcp_servers=[{"name": "x"}]))


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"model": ""}, "model"), ({"max_tokens": "x"}, "max_tokens"), ({"stop_sequences": "x"}, "stop_sequences"),
     ({"stop_sequences": [1]}, "stop_sequences[0]"), ({"temperature": []}, "temperature"), ({"stream": "y"}, "stream"),
     ({"thinking": "x"}, "thinking"), ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
     ({"output_config": {"effort": "much"}}, "output_config.effort"), ({"system": 5}, "system"),
     ({"metadata": {"user_id": 1}}, "metadata.user_id"),
     ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema")],
)  # fmt: skip
def test_broken_fields_are_refused_by_name(fields: Body, param: str) -> None:
    """The error names the field."""
    with pytest.raises(InvalidRequest) as raised:
        out({**hubbed(), **fields})
    assert raised.value.param == param


# -- whatever comes ---------------------------------------------------------------------------------------------------

leaves = st.none() | st.booleans() | st.integers(-1, 5) | st.floats(0, 2) | st.sampled_from(
    ["", "x", "text", "image", "document", "tool_use", "tool_result", "thinking", "base64", "url", "auto", "tool",
     "enabled", "json_schema", "bash_20250124", "server_tool_use", "web_search_tool_result", "high", "ephemeral"]
)  # fmt: skip
keys = st.sampled_from(
    ["role", "content", "type", "text", "tools", "name", "input_schema", "id", "input", "tool_use_id", "source", "data",
     "media_type", "url", "title", "context", "citations", "cache_control", "thinking", "signature", "tool_choice",
     "system", "output_config", "effort", "format", "schema", "stop_sequences", "metadata", "user_id", "strict",
     "input_examples", "allowed_callers", "is_error", "budget_tokens", "max_tokens", "disable_parallel_tool_use"]
)  # fmt: skip
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5))
roles = st.sampled_from(["user", "assistant", "system"])
blocks = st.dictionaries(keys, trees, max_size=5)
messages = st.builds(
    lambda role, content: {"role": role, "content": content}, roles, trees | st.lists(blocks, max_size=3)
)


@given(st.dictionaries(keys, trees, max_size=8), st.lists(messages, max_size=4),
       st.sampled_from(["gpt-5.1", "gpt-5.6-sol", "gpt-4.1", "x"]))  # fmt: skip
def test_any_body_is_translated_or_refused(fields: Any, spoken: list[Any], model: str) -> None:
    """No shape of JSON makes it raise anything but a refusal that says what is wrong."""
    try:
        body, _ = out({**fields, "model": model, "messages": spoken})
    except InvalidRequest:
        return
    assert body["messages"]
