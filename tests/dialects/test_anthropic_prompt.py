"""The hub's own shape: checked on its way out, completed on its way in."""

from typing import Any

import msgspec
import pytest

from pipeline.errors import InvalidRequest
from pipeline.prompt import Prompt
from stages.dialects import anthropic
from stages.dialects.anthropic.prompt import MAX_TOKENS
from tests.dialects.anthropic_oracle import PROMPTS

GOOD: dict[str, Any] = {"model": "claude-sonnet-5", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}


def prompt(body: Any) -> Prompt:
    return Prompt("anthropic", msgspec.json.encode(body))


@pytest.mark.parametrize("name", PROMPTS)
def test_the_hubs_own_shape_is_not_translated(name: str) -> None:
    """What goes in comes out, and nothing is recorded."""
    body = msgspec.json.decode(PROMPTS[name])
    asked = prompt(body)
    assert anthropic.to_messages(body, asked) == msgspec.json.decode(PROMPTS[name])
    assert asked.edits == []


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": ["x"]}, "messages[0]"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type"),
        ({"system": 3}, "system"),
        ({"system": [{}]}, "system[0].type"),
        ({"tools": ["x"]}, "tools[0]"),
        ({"tools": {"a": 1}}, "tools"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"thinking": "high"}, "thinking"),
        ({"tool_choice": "auto"}, "tool_choice"),
    ],
)
def test_what_other_dialects_could_not_read_is_refused(change: dict[str, Any], param: str) -> None:
    """The error names the field."""
    with pytest.raises(InvalidRequest) as caught:
        anthropic.to_messages({**GOOD, **change}, prompt(GOOD))
    assert caught.value.param == param


@pytest.mark.parametrize(
    "change", [{"system": None}, {"tools": None}, {"messages": [{"role": "system", "content": []}]}]
)
def test_what_means_nothing_may_be_there(change: dict[str, Any]) -> None:
    """Null is as good as absent; a system message may be empty."""
    assert anthropic.to_messages({**GOOD, **change}, prompt(GOOD)) == {**GOOD, **change}


@pytest.mark.parametrize(
    ("model", "limit"),
    [("claude-sonnet-5", 128_000), ("claude-opus-4-5", 64_000), ("something-else", MAX_TOKENS)],
)
def test_a_limit_is_set_where_the_client_set_none(model: str, limit: int) -> None:
    """The API demands one: all that the model can write; it is recorded."""
    body = {**GOOD, "model": model}
    del body["max_tokens"]
    asked = prompt(body)
    assert anthropic.from_messages(body, asked)["max_tokens"] == limit
    assert [(edit.action, edit.path, edit.lossy) for edit in asked.edits] == [("added", "max_tokens", False)]


def test_sampling_goes_where_the_model_refuses_it() -> None:
    """Clients of other dialects send a temperature to everything; a model that refuses it would refuse them."""
    body = {**GOOD, "temperature": 0, "top_p": 0.9, "top_k": 4}
    asked = prompt(body)
    assert anthropic.from_messages(body, asked) == GOOD
    assert [(edit.action, edit.path, edit.lossy) for edit in asked.edits] == [
        ("dropped", "temperature", True),
        ("dropped", "top_p", True),
        ("dropped", "top_k", True),
    ]
    assert body["top_k"] == 4, "the argument is not changed"


@pytest.mark.parametrize("model", ["claude-opus-4-5", "something-else"])
def test_sampling_stays_where_the_model_takes_it(model: str) -> None:
    """A temperature above the API's scale is its highest."""
    body = {**GOOD, "model": model, "temperature": 0.3, "top_k": 4}
    assert anthropic.from_messages(body, prompt(body)) == body
    hot = prompt({})
    assert anthropic.from_messages({**body, "temperature": 1.7}, hot)["temperature"] == 1
    assert [(edit.action, edit.path) for edit in hot.edits] == [("approximated", "temperature")]


def test_a_complete_prompt_stays_as_it_is() -> None:
    """Nothing is added to what lacks nothing."""
    asked = prompt(GOOD)
    assert anthropic.from_messages(GOOD, asked) == GOOD
    assert asked.edits == []


def test_streams_tell_their_usage_without_being_asked() -> None:
    """Nothing to set, nothing to hide."""
    asked = prompt(GOOD)
    assert not anthropic.ask_usage(asked)
    assert asked.edits == []
