"""How much to think: Chat's words as one intent, which each Claude model is then asked as it takes it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidRequest
from stages.capabilities import TABLE
from stages.thinking import in_chat, in_messages
from tests.dialects.chat_prompts import Body, asked, claudes, in_, losses

ADAPTIVE = {"type": "adaptive", "display": "summarized"}
SPELLINGS: list[Body] = [
    {"reasoning_effort": "high"},
    {"reasoning_effort": "none"},
    {"reasoning": {"effort": "medium"}},
    {"reasoning": {"max_tokens": 5000}},
    {"reasoning": {"enabled": False}},
    {"thinking": {"type": "enabled"}},
    {"thinking": {"type": "enabled", "budget_tokens": 9000}},
    {"thinking": {"type": "disabled"}, "reasoning_effort": "high"},
    {},
]


def thought(model: str, **fields: Any) -> tuple[Any, Any, list[str]]:
    """Thinking and effort that *model* is asked for, and the losses."""
    body, edits = claudes({**asked(**fields), "model": model})
    return body.get("thinking"), body.get("output_config", {}).get("effort"), losses(edits)


@pytest.mark.parametrize("fields", SPELLINGS)
def test_every_spelling_is_one_intent(fields: Body) -> None:
    """In the hub for no model in particular, whoever it is for."""
    for model in ("claude-sonnet-4-5", "claude-opus-5-5", "unheard-of"):
        assert in_messages(in_({**asked(**fields), "model": model})[0]) == in_chat(fields)


def budget(tokens: int) -> Body:
    return {"type": "enabled", "budget_tokens": tokens, "display": "summarized"}


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "level"),
    [
        ("claude-opus-5", "high", ADAPTIVE, "high"),
        ("claude-opus-5", "minimal", ADAPTIVE, "low"),
        ("claude-opus-5", "none", {"type": "disabled"}, None),
        ("unheard-of", "xhigh", ADAPTIVE, "xhigh"),
        ("claude-sonnet-4-5", "low", budget(1024), None),
        ("claude-opus-4-5", "high", budget(32_000), "high"),
        ("claude-sonnet-4-5", "none", {"type": "disabled"}, None),
        ("claude-opus-4-8", "none", {"type": "disabled"}, None),
    ],
)
def test_effort(model: str, effort: str, thinking: Any, level: Any) -> None:
    """Models that decide get a level, models that are told a budget, and "none" is as little as can be."""
    assert thought(model, reasoning_effort=effort) == (thinking, level, [])


def test_what_a_model_can_not_do_is_recorded() -> None:
    """The nearest it can is done."""
    assert thought("claude-opus-4-6", reasoning_effort="xhigh")[1:] == ("max", ["output_config.effort"])
    assert thought("claude-opus-5-5", reasoning_effort="none")[:2] == (None, "low")
    assert thought("claude-sonnet-5-5", reasoning_effort="none") == ({"type": "between_tools"}, None, ["thinking"])


def test_nothing_asked_nothing_said() -> None:
    """The model's own default holds."""
    assert thought("claude-opus-5") == (None, None, [])


def test_the_limit_makes_room_for_a_budget() -> None:
    """Thoughts count against max_tokens, so it is raised; never beyond what the model writes."""
    body, edits = claudes({**asked(reasoning_effort="high", max_tokens=1000), "model": "claude-haiku-4-5"})
    assert (body["max_tokens"], body["thinking"]["budget_tokens"]) == (33_000, 32_000)
    assert [edit.path for edit in edits] == ["max_tokens"]
    body, _ = claudes({**asked(reasoning={"max_tokens": 90_000}, max_tokens=1000), "model": "claude-haiku-4-5"})
    assert body["thinking"]["budget_tokens"] < body["max_tokens"] == 64_000


TOOL = {"type": "function", "function": {"name": "f"}}


def test_a_forced_call_rules_out_a_budget() -> None:
    """The choice wins, and the loss is recorded."""
    assert thought("claude-sonnet-4-5", reasoning_effort="low", tools=[TOOL], tool_choice="required") == (
        None, None, ["thinking", "output_config.effort"]
    )  # fmt: skip


@pytest.mark.parametrize("fields", [{"reasoning_effort": "much"}, {"reasoning_effort": 5}, {"reasoning": 1},
                                    {"thinking": "on"}, {"reasoning": {"max_tokens": "x"}}])  # fmt: skip
def test_broken_wishes_are_refused(fields: Body) -> None:
    """By place, as any other field."""
    with pytest.raises(InvalidRequest):
        thought("claude-opus-5", **fields)


def test_thinking_without_a_measure_is_given_one() -> None:
    """``thinking: enabled`` and no budget, towards a model that thinks by budget only."""
    assert thought("claude-sonnet-4-5", thinking={"type": "enabled"})[0] == budget(16_000)


@given(
    st.sampled_from([*sorted(TABLE), "unheard-of"]),
    st.sampled_from(SPELLINGS),
    st.sampled_from([None, 1, 1500, 40_000, 10**9]),
    st.sampled_from([None, "auto", "required"]),
    st.dictionaries(st.sampled_from(["temperature", "top_p", "top_k"]), st.sampled_from([0, 0.5, 0.97, 1])),
    st.booleans(),
)
def test_no_model_is_asked_for_what_it_refuses(
    model: str, fields: Body, limit: Any, choice: Any, sampling: Body, begun: bool
) -> None:
    """Every spelling, every model, and all that thinking goes badly with (``legal_request`` looks)."""
    messages = [{"role": "user", "content": "x"}] + ([{"role": "assistant", "content": "{ "}] if begun else [])
    said = {"max_tokens": limit, "tool_choice": choice, "tools": [TOOL], **sampling, **fields}
    claudes({**asked(*messages, **{key: value for key, value in said.items() if value is not None}), "model": model})
