"""Responses prompts in the Messages shape, field by field; and whatever comes, an answer or a refusal that names it."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidRequest, Unsupported
from stages.dialects.responses.errors import NotStored
from tests.dialects.chat_prompts import legal_messages, legal_request
from tests.dialects.responses_oracle import PROMPTS, as_claude, lost, to_hub
from tests.dialects.responses_prompts import Body

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
TOOL = {"type": "function", "name": "f", "parameters": SCHEMA, "strict": None}


def made(model: str = "claude-opus-5", **fields: Any) -> Body:
    """A prompt as *model* is asked it."""
    body, _ = as_claude({"model": model, "input": "Hi"}, **fields)
    legal_request(body)
    return body


@pytest.mark.parametrize("name", sorted(PROMPTS))
def test_fixtures_are_legal(name: str) -> None:
    """Whatever real clients send is, in the Messages shape, what the Messages API takes."""
    hub, _ = to_hub(msgspec.json.decode(PROMPTS[name]))
    calls = [block for message in hub["messages"] for block in message["content"] if block["type"] == "thinking"]
    for block in calls:  # foreign reasoning stays in the hub, for its maker
        assert block["signature"].startswith("Z3cx")
    legal_messages(hub)


def test_a_string_is_a_message() -> None:
    """Instructions are the first block of the system prompt."""
    assert made(instructions="Be kind.") == {
        "model": "claude-opus-5",
        "max_tokens": 128_000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "system": [{"type": "text", "text": "Be kind."}],
    }
    hub, _ = to_hub({"model": "claude-opus-5", "input": "Hi"})
    assert "max_tokens" not in hub  # whose model it is knows the limit


@pytest.mark.parametrize(
    ("field", "value"),
    [("previous_response_id", "resp_1"), ("conversation", "conv_1"), ("prompt", {"id": "pmpt_1"})],
)
def test_what_would_have_to_be_kept(field: str, value: Any) -> None:
    """References to earlier responses are refused, by name."""
    with pytest.raises(NotStored) as raised:
        made(**{field: value})
    assert raised.value.param == field


def test_background_is_refused() -> None:
    """Nobody could fetch the answer."""
    with pytest.raises(Unsupported):
        made(background=True)
    made(background=False)


def test_storing_is_declined_without_loss() -> None:
    """store: true is taken, and answered false."""
    _, edits = to_hub({"model": "m", "input": "x"}, store=True)
    assert [edit.path for edit in edits] == ["store"]
    assert lost(edits) == []


@pytest.mark.parametrize(
    ("model", "reasoning", "thinking", "effort"),
    [
        ("claude-opus-5", {"effort": "high", "summary": "auto"}, ("adaptive", "summarized"), "high"),
        ("claude-opus-5", {"effort": "high"}, ("adaptive", "omitted"), "high"),
        ("claude-opus-5", {"summary": "auto"}, ("adaptive", "summarized"), None),
        ("claude-opus-5", {"generate_summary": "concise"}, ("adaptive", "summarized"), None),
        ("claude-opus-5", {"effort": "none"}, ("disabled", None), None),
        ("claude-opus-5", {"effort": None, "summary": None}, None, None),
        ("claude-opus-5-5", {"effort": "minimal", "summary": "auto"}, ("adaptive", "summarized"), "low"),
        ("claude-sonnet-4-5", {"summary": "auto"}, ("enabled", "summarized"), None),
        ("gpt-5.5", {"effort": "xhigh", "summary": "detailed"}, ("adaptive", "summarized"), "xhigh"),
        ("gpt-5.5", None, None, None),
    ],
)
def test_reasoning(model: str, reasoning: Any, thinking: Any, effort: str | None) -> None:
    """Who asks for a summary is shown the thoughts; an effort alone is an effort."""
    hub = made(model, reasoning=reasoning)
    told = hub.get("thinking")
    assert (None if told is None else (told["type"], told.get("display"))) == thinking
    assert hub.get("output_config", {}).get("effort") == effort


def test_a_later_word_on_reasoning() -> None:
    """configuration_update holds for the answer; that it held only from there on is recorded."""
    update = {"type": "configuration_update", "reasoning": {"effort": "low"}}
    hub, edits = to_hub({"model": "claude-opus-5", "input": [update, {"role": "user", "content": "x"}]},
                        reasoning={"effort": "high", "summary": "auto"})  # fmt: skip
    assert hub["output_config"]["effort"] == "low"
    assert hub["thinking"]["display"] == "summarized"
    assert [edit.path for edit in edits] == ["input[0]"]


def test_a_schema_for_the_answer() -> None:
    """text.format is the output's format; what can't be enforced is recorded under its own name."""
    form = {"type": "json_schema", "name": "x", "schema": SCHEMA, "strict": True}
    assert made(text={"format": form})["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    limited = {**SCHEMA, "properties": {"a": {"type": "string", "maxLength": 3}}}
    _, edits = to_hub({"model": "claude-opus-5", "input": "x"}, text={"format": {**form, "schema": limited}})
    assert lost(edits) == ["text.format.schema"]
    hub, edits = to_hub({"model": "claude-opus-5", "input": "x"}, text={"format": {"type": "json_object"}})
    assert "JSON" in hub["system"][0]["text"]
    assert lost(edits) == ["text.format"]


@pytest.mark.parametrize(
    ("fields", "path", "lossy"),
    [
        ({"text": {"verbosity": "low"}}, "text.verbosity", True),
        ({"text": {"verbosity": "medium"}}, None, False),
        ({"include": ["message.output_text.logprobs"], "top_logprobs": 3}, "top_logprobs", True),
        ({"include": ["reasoning.encrypted_content"]}, None, False),
        ({"truncation": "auto"}, "truncation", False),
        ({"truncation": "disabled"}, None, False),
        ({"metadata": {"a": "b"}}, "metadata", True),
        ({"client_metadata": {"a": "b"}}, "client_metadata", False),
        ({"prompt_cache_key": "k"}, "prompt_cache_key", False),
        ({"max_tool_calls": 3}, "max_tool_calls", True),
        ({"context_management": [{"type": "compaction"}]}, "context_management", True),
        ({"service_tier": "flex"}, "service_tier", True),
        ({"made_up": 1}, "made_up", True),
    ],
)
def test_what_goes_is_recorded(fields: Body, path: str | None, lossy: bool) -> None:
    """Nothing disappears without a word, and under its own name."""
    _, edits = to_hub({"model": "gpt-5.5", "input": "x"}, **fields)
    assert path is None or path in [edit.path for edit in edits]
    assert (path in lost(edits)) is lossy
    assert path is not None or edits == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"input": None}, "input"),
        ({"input": [1]}, "input[0]"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
        ({"max_output_tokens": "many"}, "max_output_tokens"),
        ({"reasoning": {"effort": "much"}}, "reasoning.effort"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{"type": "function", "name": "f", "parameters": "x"}]}, "tools[0].parameters"),
        ({"tools": [{"type": "file_search", "vector_store_ids": []}]}, "tools[0]"),
        ({"instructions": 3}, "instructions"),
        ({"stream": "yes"}, "stream"),
        ({"tool_choice": {"type": "mcp"}, "tools": [TOOL]}, "tool_choice"),
    ],
)
def test_refusals_name_the_place(fields: Body, param: str) -> None:
    """A refusal says what is wrong where, in the words of this protocol."""
    with pytest.raises(InvalidRequest) as raised:
        to_hub({"model": "claude-opus-5", "input": "x"}, **fields)
    assert raised.value.param is not None
    assert raised.value.param.startswith(param)
    assert param in raised.value.message


def test_the_users_id_and_the_marks() -> None:
    """Who asks is told; of cache marks the last four stay, none lasting longer than one before it."""
    parts = [{"type": "input_text", "text": str(n), "prompt_cache_breakpoint": {"mode": "explicit", "ttl": ttl}}
             for n, ttl in enumerate(["30m", "12h", "12h", "30m", "12h", None])]  # fmt: skip
    hub = made(input=[{"role": "user", "content": parts}], safety_identifier="u")
    marks = [block.get("cache_control", {}).get("ttl") for block in hub["messages"][0]["content"]]
    assert marks == [None, None, "1h", None, None, None]
    assert ["cache_control" in block for block in hub["messages"][0]["content"]] == [False, False] + [True] * 4
    assert hub["metadata"] == {"user_id": "u"}


def test_equal_prompts_stay_equal() -> None:
    """The translation depends on nothing but the prompt."""
    for raw in PROMPTS.values():
        first, second = (msgspec.json.encode(to_hub(msgspec.json.decode(raw))[0]) for _ in range(2))
        assert first == second


# -- any prompt -------------------------------------------------------------------------------------------------------

leaves = st.none() | st.booleans() | st.integers(-1, 5) | st.sampled_from(
    ["", "x", "message", "reasoning", "function_call", "function_call_output", "custom_tool_call", "input_text",
     "output_text", "input_image", "input_file", "function", "custom", "namespace", "web_search", "shell", "developer",
     "auto", "required", "allowed_tools", "data:image/png;base64,AA==", "https://x.test/a", "Z3cxAAAA", "user"]
)  # fmt: skip
keys = st.sampled_from(
    ["type", "role", "content", "text", "call_id", "name", "namespace", "arguments", "input", "output", "tools", "id",
     "summary", "encrypted_content", "action", "operation", "image_url", "file_data", "file_url", "filename", "detail",
     "parameters", "strict", "format", "definition", "syntax", "execution", "commands", "command", "stdout", "outcome",
     "tool_choice", "reasoning", "effort", "instructions", "mode", "filters", "user_location", "status"]
)  # fmt: skip
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=6))
entries = st.lists(st.dictionaries(keys, trees, max_size=6), max_size=5)


@given(st.dictionaries(keys, trees, max_size=6), trees | entries, st.sampled_from(["claude-opus-5-5", "gpt-5.5"]))
def test_any_body_is_translated_or_refused(fields: Any, items: Any, model: str) -> None:
    """No shape of JSON makes it raise anything but a refusal; what it makes is what the Messages API takes."""
    try:
        hub, _ = to_hub({**fields, "model": model, "input": items})
    except InvalidRequest:
        return
    assert hub["messages"]
