"""``model(effort)``: the last bracket, if what is in it is an effort, and never a part of a name."""

import timeit
from typing import Any

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidRequest
from pipeline.exchange import Exchange
from stages.notes import EFFORT, LISTED
from stages.thinking_suffix import stage
from tests.doubles import exchange


def asked(model: Any, **fields: Any) -> Exchange:
    """An exchange for *model*, before the stage."""
    return exchange(msgspec.json.encode({"model": model, "messages": [], **fields}), began=0.0)


def passed(model: Any, **fields: Any) -> Exchange:
    """The same, after it."""
    made = asked(model, **fields)
    stage()(made)
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


@pytest.mark.parametrize("fields", [{"reasoning_effort": "low"}, {"reasoning": {"effort": "low"}}])
def test_the_prompts_own_effort_holds(fields: Any) -> None:
    """The suffix is cut all the same, and that it lost is recorded."""
    made = passed("m(max)", **fields)
    assert made.prompt.model == "m"
    assert made.noted(EFFORT) is None
    (edit,) = made.prompt.edits
    assert edit.lossy
    assert "low" in edit.why


def test_a_prompt_that_says_nothing_of_effort_does_not_hold() -> None:
    """Null is nothing; what stands elsewhere is not looked at."""
    made = passed("m(max)", reasoning_effort=None, reasoning={"summary": "auto"}, output_config={"effort": "low"})
    assert made.noted(EFFORT) == "max"


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
    assert attrs.fields(stage) == ()


@pytest.mark.parametrize("model", ["(" * 1_000_000, "m(" + "1" * 1_000_000 + ")", "m" + "(high" * 200_000])
def test_a_name_of_a_megabyte_costs_no_more_than_its_length(model: str) -> None:
    """No pattern runs away."""
    made = asked(model)
    assert timeit.timeit(lambda: stage()(made), number=1) < 1
    assert made.prompt.model == model
