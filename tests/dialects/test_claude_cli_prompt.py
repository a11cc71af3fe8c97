"""The CLI's prompt: what it can be told, what is recorded as lost, what is refused."""

from typing import Any

import pytest

from pipeline.errors import InvalidRequest, Unsupported
from pipeline.prompt import Prompt
from stages.dialects.claude_cli.prompt import Asked, asked, fit, from_messages
from stages.notes import STOPS

HELLO: list[dict[str, Any]] = [{"role": "user", "content": "hello"}]


def told(**fields: Any) -> tuple[Asked, Prompt]:
    """The prompt of a Messages request, as the program reads it, and what was recorded."""
    prompt = Prompt("anthropic", b"{}")
    prompt.become("claude_cli", from_messages({"model": "sonnet", "messages": HELLO, **fields}, prompt))
    return asked(prompt.encode()), prompt


def lost(prompt: Prompt) -> list[str]:
    return [edit.path for edit in prompt.edits if edit.lossy]


def test_the_least_there_is() -> None:
    """A model and a message; nothing is made up."""
    found, prompt = told()
    assert found == Asked("sonnet", [{"role": "user", "content": [{"type": "text", "text": "hello"}]}])
    assert prompt.edits == []
    assert prompt.model == "sonnet"


def test_what_the_cli_can_be_told() -> None:
    """System prompt, limit and the caller's session; streams are its only way of answering."""
    system = [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "b"}]
    found, prompt = told(system=system, max_tokens=77, metadata={"user_id": "u"}, stream=True)
    assert (found.system, found.max_tokens, found.session) == (["a", "b"], 77, "u")
    assert lost(prompt) == []
    assert told(system="all")[0].system == ["all"]


def test_what_it_can_t_be_told_is_recorded() -> None:
    """Field by field, as a loss."""
    _, prompt = told(temperature=0.5, top_p=0.1, tools=[{"name": "t", "input_schema": {}}], context_management={})
    assert lost(prompt) == ["tools", "temperature", "top_p", "context_management"]
    assert lost(told(tools=[], tool_choice={"type": "auto"}, top_k=None, cache_control={})[1]) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"tool_choice": {"type": "any"}},
        {"tool_choice": {"type": "tool", "name": "t"}},
        {"output_config": {"format": {"type": "json_schema"}}},
        {"output_format": {"type": "json_schema"}},
        {"messages": [*HELLO, {"role": "assistant", "content": "I"}]},
    ],
)
def test_what_the_caller_would_wait_for_in_vain_is_refused(fields: dict[str, Any]) -> None:
    """A call that must be made, an answer of a given form, an answer that is begun."""
    with pytest.raises(Unsupported):
        told(**fields)


def test_a_model_that_is_none() -> None:
    """It would be an option."""
    with pytest.raises(InvalidRequest):
        told(model="--dangerously-skip-permissions")


def test_stop_sequences_are_the_gateways_work() -> None:
    """It watches the words itself."""
    _, prompt = told(stop_sequences=["END", ""])
    assert prompt.notes.noted(STOPS) == ("END",)
    assert lost(prompt) == []


# -- thinking ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "effort", "thinking"),
    [
        ({"thinking": {"type": "adaptive"}}, "", {"type": "adaptive"}),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, "", {"type": "adaptive", "display": "omitted"}),
        ({"output_config": {"effort": "max"}}, "max", {"type": "adaptive"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "low", {"type": "enabled", "budget_tokens": 2000}),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, "low", {"type": "enabled", "budget_tokens": 9}),
        ({"thinking": {"type": "disabled"}}, "low", {"type": "disabled"}),
        ({"model": "claude-haiku-4-5-20251001"}, "", {"type": "disabled"}),
        ({"model": "claude-opus-5-5"}, "", {}),
    ],
)  # fmt: skip
def test_how_much_to_think(fields: dict[str, Any], effort: str, thinking: dict[str, Any]) -> None:
    """Newer models go by the effort, older ones by a budget: both are said.  Said nothing, the API's own default holds,
    which the CLI's is not."""
    found, _ = told(**fields)
    assert (found.effort, found.thinking) == (effort, thinking)


def test_thinking_that_can_t_be_turned_off_is_recorded() -> None:
    """Of a model that can, there is nothing to say."""
    off = {"type": "disabled"}
    assert [edit.path for edit in told(model="claude-opus-5-5", thinking=off)[1].edits] == ["thinking"]
    assert told(model="claude-haiku-4-5-20251001", thinking=off)[1].edits == []


@pytest.mark.parametrize(
    ("suffix", "effort", "thinking"),
    [
        ("high", "high", {"type": "adaptive"}),
        ("minimal", "low", {"type": "adaptive"}),
        ("none", "low", {"type": "disabled"}),
        (12_000, "medium", {"type": "enabled", "budget_tokens": 12_000}),
        ("auto", "", {"type": "adaptive"}),
        (None, "", {}),
    ],
)
def test_a_suffix_says_the_same(suffix: str | int | None, effort: str, thinking: dict[str, Any]) -> None:
    """``model(high)``, once the prompt is the CLI's already."""
    _, prompt = told()
    fit(prompt, suffix)
    found = asked(prompt.encode())
    assert (found.effort, found.thinking) == (effort, thinking)
