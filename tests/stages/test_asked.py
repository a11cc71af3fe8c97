"""Asked: pictures where a model would see them, thinking in any words, numbers as they are."""

import json
from typing import Any

import pytest

from pipeline import Caller
from stages.asked import Asked, pictured
from stages.dialects import anthropic, chat, responses
from tests.doubles import exchange

IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}


def ask(body: dict[str, Any], dialect: Any = anthropic, effort: str | int | None = None, **fields: Any) -> Asked:
    """The facts of a request."""
    return Asked(exchange(json.dumps({"model": "m", **body}).encode(), dialect=dialect, **fields), effort)


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (anthropic, {"messages": [{"role": "user", "content": [IMAGE]}]}),
        (anthropic, {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": [IMAGE]}]}]}),
        (chat, {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}),
        (responses, {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}),
        (responses, {"input": [{"type": "function_call_output", "output": [{"type": "input_image"}]}]}),
        (responses, {"input": [{"type": "computer_call_output", "output": {"type": "computer_screenshot"}}]}),
        (anthropic, {"messages": [{"role": 5, "content": [{"type": 7, "content": IMAGE}]}]}),  # no prompt: by its looks
    ],
)
def test_pictures_are_found_wherever_a_model_would_see_them(dialect: Any, body: dict[str, Any]) -> None:
    """In messages, in what calls gave; spelled with spaces or without."""
    assert ask(body, dialect).images
    assert pictured(exchange(json.dumps(body, separators=(",", ":")).encode(), dialect=dialect).prompt)


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (anthropic, {"messages": [{"role": "user", "content": '{"type":"image"}'}]}),
        (anthropic, {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "input": IMAGE}]}]}),
        (anthropic, {"messages": [], "tools": [{"input_schema": {"examples": [{"type": "image"}]}}]}),
        (chat, {"messages": [{"role": "assistant", "content": None}], "x": {"type": "image_url"}}),
        (responses, {"input": "input_image", "tools": [{"type": "image_generation"}]}),
    ],
)
def test_words_calls_and_tools_are_no_pictures(dialect: Any, body: dict[str, Any]) -> None:
    """Whatever they are called."""
    assert not ask(body, dialect).images


@pytest.mark.parametrize(
    ("dialect", "body", "effort", "thinks"),
    [
        (anthropic, {}, None, False),
        (anthropic, {}, "high", True),
        (anthropic, {}, "none", False),
        (anthropic, {}, 0, False),
        (anthropic, {"thinking": {"type": "disabled"}}, "high", True),
        (anthropic, {"thinking": {"type": "enabled", "budget_tokens": 1024}}, None, True),
        (anthropic, {"output_config": {"effort": "low"}}, None, True),
        (anthropic, {"thinking": {"type": "enabled", "budget_tokens": "?"}}, None, True),
        (chat, {"reasoning_effort": "none"}, "high", False),
        (chat, {"reasoning": {"max_tokens": 2000}}, None, True),
        (responses, {"reasoning": {"effort": "minimal"}}, None, True),
        (responses, {"reasoning": {"summary": "auto"}}, None, False),
    ],
)
def test_thinking_is_one_wish_in_whatever_words(
    dialect: Any, body: dict[str, Any], effort: str | int | None, thinks: bool
) -> None:
    """The prompt's own fields, the suffix, and which of them holds."""
    assert ask(body, dialect, effort).thinking is thinks


def test_who_asks_with_what_and_how_much() -> None:
    """The key's name, the fields of the head, bytes, and tokens as the dialect estimates them."""
    asked = ask({"messages": [{"role": "user", "content": "word " * 1000}]}, caller=Caller("ada", "a"))
    assert asked.key == "ada"
    assert asked.size > 5000
    assert 700 < asked.tokens < 2500
    assert ask({}).key == ""
