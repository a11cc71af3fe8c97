"""Model map: exact before glob, whole names before suffixes, and who may answer."""

from typing import Any

import pytest

from pipeline import Caller
from pipeline.errors import UnknownModel
from stages.model_map import ModelMap, Rule
from stages.notes import LISTED, OFFERED
from tests.doubles import exchange, upstream

MAP = ModelMap(
    aliases={"fast": "small-1", "odd(high)": "odd-model"},
    rules=(
        Rule("gpt-5", model="big-1", upstreams=("two",)),
        Rule("gpt-*", model="big-2", upstreams=("two", "one", "gone")),
        Rule("keep-*", upstreams=("two",)),
    ),
)
UPSTREAMS = [upstream("one", None, models=("small-*", "odd-*")), upstream("two", None)]


def asked(model: str, caller: Any = None) -> Any:
    return exchange(f'{{"model":"{model}"}}'.encode(), upstreams=list(UPSTREAMS), caller=caller)


@pytest.mark.parametrize(
    ("model", "becomes", "at"),
    [
        ("fast", "small-1", ["one"]),
        ("fast(high)", "small-1(high)", ["one"]),
        ("odd(high)", "odd-model", ["one"]),
        ("gpt-5", "big-1", ["two"]),
        ("gpt-6(8000)", "big-2(8000)", ["two", "one"]),
        ("keep-me", "keep-me", ["two"]),
        ("small-9", "small-9", ["one"]),
        ("unmapped", "unmapped", ["two"]),
        ("unmapped (x)", "unmapped (x)", ["two"]),
    ],
)
def test_names_become_names_and_find_their_upstreams(model: str, becomes: str, at: list[str]) -> None:
    """Aliases, globs in order, suffixes carried over, chains in the rule's order; the rest passes."""
    x = asked(model)
    MAP(x)
    assert x.prompt.model == becomes
    assert [up.name for up in x.upstreams] == at
    assert len(x.prompt.edits) == (model != becomes)


def test_a_whole_name_that_is_listed_has_no_suffix() -> None:
    """And thinking_suffix is told so."""
    for model, listed in (("odd(high)", True), ("fast(high)", False), ("unmapped(high)", False)):
        x = asked(model)
        MAP(x)
        assert x.noted(LISTED) is listed


def test_an_unmapped_name_leaves_the_clients_bytes() -> None:
    """Nothing is rewritten that need not be."""
    x = asked("unmapped")
    MAP(x)
    assert x.prompt.encode() == b'{"model":"unmapped"}'


def test_a_model_nobody_has_or_the_caller_may_not_use_is_unknown() -> None:
    """One wording for both: what exists is not told."""
    lonely = exchange(b'{"model":"big"}', upstreams=[UPSTREAMS[0]])
    forbidden = asked("fast", Caller("ada", "a", ("other-*",)))
    for x in (lonely, forbidden):
        with pytest.raises(UnknownModel):
            MAP(x)


def test_a_caller_may_use_a_model_by_the_name_it_knows() -> None:
    """The glob is of names that clients say."""
    x = asked("fast(high)", Caller("ada", "a", ("fast",)))
    MAP(x)
    assert x.prompt.model == "small-1(high)"


def test_a_rule_for_an_upstream_that_is_not_there_is_told_at_start() -> None:
    """With the rule and the name."""
    (complaint,) = MAP.check(frozenset({"one", "two"}))
    assert "gpt-*" in complaint
    assert "gone" in complaint


def test_aliases_and_exact_rules_are_offered_in_lists() -> None:
    """Globs are not names."""
    x = exchange(operation="models", upstreams=list(UPSTREAMS))
    MAP(x)
    assert [model.id for model in x.noted(OFFERED) or []] == ["fast", "odd(high)", "gpt-5"]
