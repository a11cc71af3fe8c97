"""How much to think: one word of Chat's, in the terms of each Claude model."""

from typing import Any

import pytest

from pipeline.errors import InvalidRequest
from tests.dialects.chat_prompts import Body, asked, in_, legal_messages, losses

ADAPTIVE = {"type": "adaptive", "display": "summarized"}


def thought(model: str, **fields: Any) -> tuple[Any, Any, list[str]]:
    """Thinking and effort in the Messages shape, and the losses."""
    hub, edits = in_({**asked(**fields), "model": model})
    legal_messages(hub)
    return hub.get("thinking"), hub.get("output_config", {}).get("effort"), losses(edits)


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "level"),
    [
        ("claude-opus-5", "high", ADAPTIVE, "high"),
        ("claude-opus-5", "minimal", ADAPTIVE, "low"),
        ("claude-opus-5", "none", {"type": "disabled"}, None),
        ("unheard-of", "xhigh", ADAPTIVE, "xhigh"),
        ("claude-sonnet-4-5", "low", {"type": "enabled", "budget_tokens": 2048, "display": "summarized"}, None),
        ("claude-opus-4-5", "high", {"type": "enabled", "budget_tokens": 16384, "display": "summarized"}, "high"),
        ("claude-sonnet-4-5", "none", None, None),
        ("claude-opus-4-8", "none", None, None),
    ],
)
def test_effort(model: str, effort: str, thinking: Any, level: Any) -> None:
    """Models that decide get a level, models that are told a budget, and "none" is as little as can be."""
    assert thought(model, reasoning_effort=effort) == (thinking, level, [])


def test_what_a_model_can_not_do_is_recorded() -> None:
    """The nearest it can is done."""
    assert thought("claude-opus-4-6", reasoning_effort="xhigh")[1:] == ("max", ["reasoning_effort"])
    assert thought("claude-opus-5-5", reasoning_effort="none") == (None, "low", ["reasoning_effort"])
    assert thought("claude-sonnet-5-5", reasoning_effort="none") == (
        {"type": "between_tools"},
        None,
        ["reasoning_effort"],
    )


def test_nothing_asked_nothing_said() -> None:
    """The model's own default holds."""
    assert thought("claude-opus-5") == (None, None, [])


@pytest.mark.parametrize(
    ("fields", "thinking", "level"),
    [
        ({"reasoning": {"effort": "medium"}}, ADAPTIVE, "medium"),
        ({"reasoning": {"max_tokens": 5000}}, ADAPTIVE, "medium"),
        ({"reasoning": {"enabled": False}}, {"type": "disabled"}, None),
        ({"thinking": {"type": "enabled"}}, ADAPTIVE, None),
        ({"thinking": {"type": "disabled"}, "reasoning_effort": "high"}, {"type": "disabled"}, None),
    ],
)
def test_other_spellings(fields: Body, thinking: Any, level: Any) -> None:
    """OpenRouter's and DeepSeek's words are understood, too."""
    assert thought("claude-opus-5", **fields)[:2] == (thinking, level)


def test_the_limit_makes_room_for_a_budget() -> None:
    """Thoughts count against max_tokens, so it is raised; never beyond what the model writes."""
    hub, edits = in_({**asked(reasoning_effort="high", max_tokens=1000), "model": "claude-haiku-4-5"})
    assert (hub["max_tokens"], hub["thinking"]["budget_tokens"]) == (17384, 16384)
    assert [edit.path for edit in edits] == ["max_tokens"]
    hub, _ = in_({**asked(reasoning={"max_tokens": 90_000}, max_tokens=1000), "model": "claude-haiku-4-5"})
    assert hub["thinking"]["budget_tokens"] < hub["max_tokens"] == 64_000


def test_a_forced_call_rules_out_a_budget() -> None:
    """The choice wins, and the loss is recorded."""
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert thought("claude-sonnet-4-5", reasoning_effort="low", tools=tools, tool_choice="required") == (
        None, None, ["reasoning_effort"]
    )  # fmt: skip


@pytest.mark.parametrize("fields", [{"reasoning_effort": "much"}, {"reasoning_effort": 5}, {"reasoning": 1},
                                    {"thinking": "on"}, {"reasoning": {"max_tokens": "x"}}])  # fmt: skip
def test_broken_wishes_are_refused(fields: Body) -> None:
    """By place, as any other field."""
    with pytest.raises(InvalidRequest):
        thought("claude-opus-5", **fields)


def test_thinking_without_a_measure_is_given_one() -> None:
    """``thinking: enabled`` and no budget, towards a model that thinks by budget only."""
    thinking, _, _ = thought("claude-sonnet-4-5", thinking={"type": "enabled"})
    assert thinking == {"type": "enabled", "budget_tokens": 16384, "display": "summarized"}
