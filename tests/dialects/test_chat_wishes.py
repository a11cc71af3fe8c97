"""What the gateway itself asks for in a Chat prompt: effort, and usage in a stream."""

import json
from typing import Any

import pytest

from pipeline.prompt import Prompt
from stages.dialects.chat import ask_usage, fit, shows_usage


def prompt(**fields: Any) -> Prompt:
    return Prompt.parse("chat", json.dumps({"model": "gpt-5.1", "messages": [], **fields}).encode())


@pytest.mark.parametrize(
    ("model", "effort", "word"),
    [("gpt-5.1", "high", "high"), ("gpt-5.1", "MAX", "high"), ("gpt-5.1", "none", "none"), ("gpt-5.1", 0, "none"),
     ("gpt-5.1", 12_000, "medium"), ("gpt-5", "none", "minimal"), ("gpt-5.2", 64_000, "xhigh"), ("llama", "max", "max"),
     ("gpt-5.1", "auto", None), ("gpt-5.1", None, None), ("gpt-4.1", "high", None)],
)  # fmt: skip
def test_effort(model: str, effort: Any, word: str | None) -> None:
    """One word of those the model has; where it has none, or nothing was asked, the field stays away."""
    asked = prompt(model=model)
    fit(asked, effort)
    assert asked.get("reasoning_effort") == word


@pytest.mark.parametrize(
    ("model", "fields", "word", "lost"),
    [("gpt-5.1", {"reasoning_effort": "max"}, "high", True), ("gpt-5.1", {"reasoning_effort": "low"}, "low", False),
     ("gpt-5.1", {"thinking": {"type": "disabled"}}, "none", False), ("gpt-5.1", {}, None, False),
     ("gpt-5.1", {"reasoning": {"max_tokens": 9000}}, "medium", False),
     ("gpt-4.1", {"reasoning_effort": "low"}, None, True)],
)  # fmt: skip
def test_a_prompt_for_another_model(model: str, fields: Any, word: str | None, lost: bool) -> None:
    """Where nothing is asked on top, what the client says itself is put as the model takes it."""
    asked = prompt(model=model, **fields)
    fit(asked, None)
    assert asked.get("reasoning_effort") == word
    assert any(edit.lossy for edit in asked.edits) is lost


def test_models_that_do_not_reason_beside_tools() -> None:
    """An effort would be a 400, and so would be none said: they are told not to reason, and that is recorded."""
    asked = prompt(model="gpt-5.6-sol", tools=[{"type": "function"}])
    fit(asked, "high")
    assert asked.get("reasoning_effort") == "none"
    assert [edit.lossy for edit in asked.edits] == [True]


@pytest.mark.parametrize("options", [None, {"include_obfuscation": False}, {"include_usage": False}])
def test_usage_is_asked_for(options: Any) -> None:
    """Where the client did not ask, one field is spliced in; all other bytes stay."""
    asked = prompt(stream=True, **({"stream_options": options} if options else {}))
    before = asked.encode()
    assert ask_usage(asked)
    assert shows_usage(asked)
    assert asked.get("stream_options") == {**(options or {}), "include_usage": True}
    assert asked.encode().startswith(before[:50])
    assert not ask_usage(asked)


def test_usage_that_is_asked_for_already() -> None:
    """The client's own wish is left alone, and a whole reply tells its usage anyway."""
    for fields in ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": False}, {}):
        asked = prompt(**fields)
        before = asked.encode()
        assert not ask_usage(asked)
        assert asked.encode() is before


def test_null_options() -> None:
    """``stream_options: null`` says nothing."""
    asked = prompt(stream=True, stream_options=None)
    assert ask_usage(asked)
    assert asked.get("stream_options") == {"include_usage": True}
