"""``model(effort)``: the last bracket, if what is in it is an effort, and never a part of a name."""

import timeit
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidRequest
from pipeline.exchange import Exchange
from pipeline.overlay import problems
from stages.dialects import anthropic, chat, responses
from stages.notes import EFFORT, LISTED
from stages.thinking_suffix import stage
from tests.doubles import exchange


def asked(model: Any, dialect: Any = None, **fields: Any) -> Exchange:
    """An exchange for *model*, before the stage."""
    return exchange(msgspec.json.encode({"model": model, "messages": [], **fields}), dialect=dialect, began=0.0)


def passed(model: Any, dialect: Any = None, default: Any = None, **fields: Any) -> Exchange:
    """The same, after it."""
    made = asked(model, dialect, **fields)
    stage(default)(made)
    return made


@pytest.mark.parametrize(
    ("model", "name", "effort"),
    [
        ("claude-sonnet-5(high)", "claude-sonnet-5", "high"),
        ("claude-sonnet-5(HIGH)", "claude-sonnet-5", "high"),
        ("m(low)", "m", "low"),
        ("m(medium)", "m", "medium"),
        ("m(xhigh)", "m", "xhigh"),
        ("m(max)", "m", "max"),
        ("m(auto)", "m", "auto"),
        ("m(none)", "m", "none"),
        ("m(Minimal)", "m", "minimal"),
        ("m(12000)", "m", 12000),
        ("m(0)", "m", 0),
        ("m(v2)(low)", "m(v2)", "low"),
        ("models/m (x)(16)", "models/m (x)", 16),
    ],
)
def test_an_effort_in_the_last_bracket_is_cut_and_noted(model: str, name: str, effort: Any) -> None:
    """In any case, or as a number of tokens."""
    made = passed(model)
    assert made.prompt.model == name
    assert made.noted(EFFORT) == effort
    assert [(edit.path, edit.lossy) for edit in made.prompt.edits] == [("model", False)]


@pytest.mark.parametrize(
    "model",
    [
        "m", "m(turbo)", "m(high", "m high)", "(high)", "m()", "m(high) ", "m(high)x", "m((high))", "m(-1)", "m(1.5)",
        "m( high)", "m(1e3)", "m(٣)", "m(h\u0131gh)", "m(1234567890)", "m(off)", "m[1m]", "high",
    ],
)  # fmt: skip
def test_anything_else_is_the_models_name(model: str) -> None:
    """Not a byte of the prompt changes."""
    made = passed(model)
    assert made.prompt.encode() == asked(model).prompt.encode()
    assert made.noted(EFFORT) is None
    assert made.prompt.edits == []


@given(st.text(min_size=1), st.sampled_from(["low", "High", "0", "64000", "auto"]))
def test_whatever_comes_before_the_suffix_is_the_name(name: str, effort: str) -> None:
    """Auth, price and upstream see the same name as the model map did: all before the last bracket."""
    assert passed(f"{name}({effort})").prompt.model == name


@pytest.mark.parametrize(
    ("dialect", "fields"),
    [
        (chat, {"reasoning_effort": "low"}),
        (chat, {"reasoning": {"effort": "low"}}),
        (responses, {"reasoning": {"effort": "low"}}),
    ],
)
def test_the_prompts_own_effort_holds(dialect: Any, fields: Any) -> None:
    """The suffix is cut all the same, and that it lost is recorded."""
    made = passed("m(max)", dialect, **fields)
    assert made.prompt.model == "m"
    assert made.noted(EFFORT) is None
    (edit,) = made.prompt.edits
    assert edit.lossy
    assert "low" in edit.why


def test_a_prompt_that_says_nothing_of_effort_does_not_hold() -> None:
    """Null is nothing; what stands elsewhere is not looked at."""
    said = {"reasoning_effort": None, "reasoning": {"summary": "auto"}, "output_config": {"effort": "low"}}
    assert passed("m(max)", chat, **said).noted(EFFORT) == "max"


def test_a_messages_prompt_does_not_hold_against_a_suffix() -> None:
    """Claude Code always says an effort; the name is what its user chose."""
    said = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}
    assert passed("m(max)", anthropic, **said).noted(EFFORT) == "max"


@pytest.mark.parametrize(
    ("dialect", "fields", "effort"),
    [
        (anthropic, {}, "high"),
        (anthropic, {"output_config": {"format": None}}, "high"),
        (anthropic, {"thinking": {"type": "disabled"}}, None),
        (anthropic, {"output_config": {"effort": "low"}}, None),
        (chat, {}, "high"),
        (chat, {"reasoning": {"enabled": False}}, None),
        (responses, {"reasoning": {"summary": "auto"}}, "high"),
        (responses, {"reasoning": {"effort": "none"}}, None),
    ],
)
def test_a_default_holds_where_nothing_is_said(dialect: Any, fields: Any, effort: str | None) -> None:
    """Neither in the prompt, in its dialect's own words, nor in the name."""
    assert passed("m", dialect, "high", **fields).noted(EFFORT) == effort
    assert passed("m(low)", dialect, "high").noted(EFFORT) == "low"
    assert passed("m", dialect, **fields).noted(EFFORT) is None


@pytest.mark.parametrize(("default", "wrong"), [("high", []), (9000, []), ("turbo", 1), (-1, 1), (True, 1)])
def test_defaults_are_efforts(default: Any, wrong: Any) -> None:
    """A level, or a number of tokens; also as the option of a key."""
    assert len(problems({"thinking_suffix": {"default": default}}, [("thinking_suffix", stage())])) == (wrong or 0)


def test_a_name_that_is_listed_as_it_stands_is_not_cut() -> None:
    """The model map knows a model of that very name."""
    made = asked("m(high)")
    made.note(LISTED, True)
    stage()(made)
    assert made.prompt.model == "m(high)"
    assert made.noted(EFFORT) is None


@pytest.mark.parametrize("model", [None, 3, ""])
def test_a_prompt_without_model_is_refused(model: Any) -> None:
    """The error names the field."""
    with pytest.raises(InvalidRequest, match="model"):
        passed(model)


def test_it_takes_part_in_replies_and_counts() -> None:
    """A list of models has no prompt."""
    assert stage.operations == {"reply", "count_tokens"}


@pytest.mark.parametrize("model", ["(" * 1_000_000, "m(" + "1" * 1_000_000 + ")", "m" + "(high" * 200_000])
def test_a_name_of_a_megabyte_costs_no_more_than_its_length(model: str) -> None:
    """No pattern runs away."""
    made = asked(model)
    assert timeit.timeit(lambda: stage()(made), number=1) < 1
    assert made.prompt.model == model
