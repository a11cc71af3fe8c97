"""One intent, whoever says it and however."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidRequest
from stages.thinking import (
    AS_FIT,
    BUDGETS,
    LEVELS,
    OFF,
    Intent,
    in_chat,
    in_messages,
    in_responses,
    intent_of,
    into_messages,
    level_of,
    suffixed,
)

HIGH = Intent("high")


@pytest.mark.parametrize(
    ("said", "intent"),
    [("high", HIGH), ("HIGH", HIGH), ("auto", AS_FIT), ("none", OFF), (0, OFF), (-5, OFF), (9000, Intent(budget=9000))],
)
def test_a_suffix(said: Any, intent: Intent) -> None:
    """A level in any case, auto, or a number of tokens."""
    assert intent_of(said) == intent


def test_what_is_no_effort_is_none() -> None:
    """The suffix's own grammar lets nothing else pass."""
    with pytest.raises(ValueError, match="turbo"):
        intent_of("turbo")


@pytest.mark.parametrize(
    ("body", "intent"),
    [
        ({}, None),
        ({"thinking": None, "output_config": {}}, None),
        ({"thinking": {"type": "adaptive"}}, AS_FIT),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}, HIGH),
        ({"output_config": {"effort": "high"}}, HIGH),
        ({"thinking": {"type": "enabled", "budget_tokens": 9000}}, Intent(budget=9000)),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 9000}, "output_config": {"effort": "low"}},
            Intent("low", 9000),
        ),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}, OFF),
        ({"thinking": {"type": "between_tools"}}, OFF),
    ],
)
def test_a_prompt_in_the_messages_shape(body: Any, intent: Intent | None) -> None:
    """Off is off whatever the effort; a level and a budget may both be said."""
    assert in_messages(body) == intent


@pytest.mark.parametrize(
    ("body", "intent"),
    [
        ({}, None),
        ({"reasoning_effort": "high"}, HIGH),
        ({"reasoning": {"effort": "high"}}, HIGH),
        ({"reasoning_effort": "high", "reasoning": {"effort": "low"}}, HIGH),
        ({"reasoning_effort": "none"}, OFF),
        ({"reasoning": {"enabled": False}}, OFF),
        ({"reasoning": {"enabled": True}}, AS_FIT),
        ({"reasoning": {"max_tokens": 9000}}, Intent(budget=9000)),
        ({"thinking": {"type": "enabled"}}, AS_FIT),
        ({"thinking": {"type": "enabled", "budget_tokens": 9000}}, Intent(budget=9000)),
        ({"thinking": {"type": "disabled"}, "reasoning_effort": "high"}, OFF),
    ],
)
def test_a_chat_prompt(body: Any, intent: Intent | None) -> None:
    """OpenAI's word, OpenRouter's object, DeepSeek's switch."""
    assert in_chat(body) == intent


def test_a_responses_prompt() -> None:
    """One place."""
    assert in_responses({"reasoning": {"effort": "high", "summary": "auto"}}) == HIGH
    assert in_responses({"reasoning": {"summary": "auto"}}) is None


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (in_messages, {"output_config": {"effort": "turbo"}}),
        (in_messages, {"thinking": {"type": "enabled", "budget_tokens": -1}}),
        (in_messages, {"thinking": "yes"}),
        (in_chat, {"reasoning_effort": 3}),
        (in_chat, {"reasoning": {"max_tokens": "many"}}),
        (in_responses, {"reasoning": {"effort": "turbo"}}),
    ],
)
def test_nonsense_is_refused_by_its_place(read: Any, body: Any) -> None:
    """Not taken for something else."""
    with pytest.raises(InvalidRequest) as caught:
        read(body)
    assert caught.value.param
    assert str(next(iter(body))) in caught.value.param


def test_levels_and_budgets_are_one_table() -> None:
    """1,024, 8,192, 32,000 and 64,000: what each level stands for is that level again."""
    assert [BUDGETS[level] for level in ("low", "medium", "high", "xhigh")] == [1024, 8192, 32_000, 64_000]
    for level in ("low", "medium", "high", "xhigh"):
        assert level_of(BUDGETS[level]) == level
    assert level_of(31_999) == "high"
    assert [level_of(budget) for budget in (0, 1, 100_000)] == ["none", "low", "max"]


@given(st.integers(0, 200_000), st.integers(0, 200_000))
def test_more_tokens_are_never_a_lower_level(one: int, other: int) -> None:
    """The table has no dents."""
    low, high = sorted((one, other))
    assert LEVELS.index(level_of(low)) <= LEVELS.index(level_of(high))


def test_either_comes_to_the_other() -> None:
    """What was said itself is not computed."""
    assert (HIGH.as_budget(), Intent(budget=9000).as_level()) == (32_000, "medium")
    assert (Intent("low", 9000).as_budget(), Intent("low", 9000).as_level()) == (9000, "low")
    assert (AS_FIT.as_level(), OFF.as_budget()) == (None, 0)
    assert AS_FIT.as_budget() == 16_000


INTENTS = st.sampled_from(
    [OFF, AS_FIT, *(Intent(level) for level in LEVELS[1:]), Intent(budget=9000), Intent("low", 9000)]
)


@given(INTENTS, st.sampled_from([{}, {"thinking": {"type": "disabled"}}, {"output_config": {"effort": "max"}}]))
def test_what_is_said_in_the_messages_shape_reads_the_same(intent: Intent, before: Any) -> None:
    """Whatever stood there; what else stands beside it stays."""
    body: dict[str, Any] = {**before, "output_config": {**before.get("output_config", {}), "format": 1}}
    into_messages(body, intent)
    assert in_messages(body) == intent
    assert body["output_config"]["format"] == 1


def test_thoughts_are_shown_unless_the_prompt_says_how() -> None:
    """Newer models keep them to themselves otherwise."""
    body: dict[str, Any] = {}
    into_messages(body, HIGH)
    assert body == {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "high"}}
    body = {"thinking": {"type": "disabled", "display": "omitted"}}
    into_messages(body, Intent(budget=2000))
    assert body == {"thinking": {"type": "enabled", "budget_tokens": 2000, "display": "omitted"}}


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("m(high)", ("m", "high")),
        ("m(HIGH)", ("m", "high")),
        ("m(v2)(8000)", ("m(v2)", 8000)),
        ("m(turbo)", ("m(turbo)", None)),
        ("m", ("m", None)),
        ("(high)", ("(high)", None)),
    ],
)
def test_a_suffix_is_what_says_an_effort(name: str, parts: tuple[str, str | int | None]) -> None:
    """In the last parentheses; anything else belongs to the name."""
    assert suffixed(name) == parts
