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
     ("gpt-5.1", 12_000, "high"), ("gpt-5", "none", "minimal"), ("gpt-5.2", 64_000, "xhigh"), ("llama", "max", "max"),
     ("gpt-5.1", "auto", None), ("gpt-5.1", None, None), ("gpt-4.1", "high", None), ("gpt-5.1", "odd", None)],
)  # fmt: skip
def test_effort(model: str, effort: Any, word: str | None) -> None:
    """One word of those the model has; where it has none, or nothing was asked, the field stays away."""
    asked = prompt(model=model)
    fit(asked, effort)
    assert asked.get("reasoning_effort") == word


def test_the_prompts_own_effort_holds() -> None:
    """What the client says itself is not overruled."""
    asked = prompt(reasoning_effort="low")
    fit(asked, "high")
    assert asked.get("reasoning_effort") == "low"
    assert asked.edits == []


def test_models_that_do_not_reason_beside_tools() -> None:
    """The field would be a 400: it stays away, and that is recorded."""
    asked = prompt(model="gpt-5.6-sol", tools=[{"type": "function"}])
    fit(asked, "high")
    assert not asked.has("reasoning_effort")
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
