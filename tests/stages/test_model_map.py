"""Model map: exact before glob, whole names before suffixes, and who may answer."""

import math
from typing import Any

import pytest

from pipeline import Caller
from pipeline.errors import UnknownModel
from pipeline.live import RULE
from pipeline.upstream import Listed
from stages.dialects import anthropic, chat
from stages.model_map import ModelMap
from stages.notes import CHOICE, LISTED, NAMED, OFFERED
from stages.parameters import PARAMETERS
from stages.routing import Rule
from tests.doubles import exchange, upstream
from tests.pipeline.configs import refused

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
    """With what they stand for; globs are not names."""
    x = exchange(operation="models", upstreams=list(UPSTREAMS))
    MAP(x)
    offered = x.noted(OFFERED) or {}
    assert list(offered.items()) == [("fast", "small-1"), ("odd(high)", "odd-model"), ("gpt-5", "big-1")]


FAMILIES = ModelMap(
    aliases={"my-haiku": "mine"},
    rules=(Rule("claude-opus-9", model="ninth"),),
    small="little",
    big="large",
    reasoning_model="thinker",
    completion_model="talker",
)


@pytest.mark.parametrize(
    ("model", "more", "becomes", "by"),
    [
        ("my-haiku", "", "mine", "aliases.my-haiku"),
        ("claude-haiku-5", "", "little", "small"),
        ("anthropic/claude-3-5-haiku-latest", ',"thinking":{"type":"adaptive"}', "little", "small"),
        ("claude-opus-9", ',"thinking":{"type":"adaptive"}', "ninth", "rules[0]"),
        ("claude-opus-5", ',"thinking":{"type":"adaptive"}', "thinker", "reasoning_model"),
        ("claude-opus-5(high)", "", "thinker(high)", "reasoning_model"),
        ("claude-opus-5(none)", "", "large(none)", "big"),
        ("claude-opus-5(v2)", "", "large(v2)", "big"),
        ("claude-sonnet-5", ',"thinking":{"type":"disabled"}', "large", "big"),
        ("gpt-6", ',"output_config":{"effort":"low"}', "thinker", "reasoning_model"),
        ("gpt-6", "", "talker", "completion_model"),
    ],
)
def test_an_alias_then_rules_then_families_and_thinking(model: str, more: str, becomes: str, by: str) -> None:
    """In that order; who thinks gets the reasoner, but for the small; the rest is for the last."""
    x = exchange(f'{{"model":"{model}"{more}}}'.encode(), dialect=anthropic, upstreams=list(UPSTREAMS))
    FAMILIES(x)
    assert x.prompt.model == becomes
    assert (x.noted(RULE) or "").partition(" ")[0] == by
    assert all(f"({by})" in edit.why for edit in x.prompt.edits)


def test_thinking_alone_may_divide_all_names() -> None:
    """With both set, and nothing else, no name passes."""
    both = ModelMap(reasoning_model="thinker", completion_model="talker")
    for more, becomes in (
        ("", "talker"),
        (',"reasoning_effort":"high"', "thinker"),
        (',"reasoning_effort":"none"', "talker"),
    ):
        x = exchange(f'{{"model":"any"{more}}}'.encode(), dialect=chat, upstreams=list(UPSTREAMS))
        both(x)
        assert x.prompt.model == becomes


def test_a_chat_prompts_own_effort_holds_against_the_suffix() -> None:
    """As thinking_suffix has it, so that both mean the same."""
    x = exchange(b'{"model":"claude-opus-5(high)","reasoning_effort":"none"}', dialect=chat, upstreams=list(UPSTREAMS))
    FAMILIES(x)
    assert x.prompt.model == "large(high)"


async def test_all_upstreams_that_name_the_model_may_answer_in_their_order() -> None:
    """And only where none does, the first that names no models."""
    ups = [
        upstream("any", None, listed=Listed(until=math.inf)),
        upstream("a", None, models=("gpt-*",)),
        upstream("other", None, models=("claude-*",)),
        upstream("b", None, models=("*-6",)),
        upstream("any2", None, listed=Listed(until=math.inf)),
    ]
    for model, names in (("gpt-6", ["a", "b"]), ("gpt-5", ["a"]), ("llama", ["any"])):
        x = exchange(f'{{"model":"{model}"}}'.encode(), upstreams=list(ups))
        ModelMap()(x)
        assert [up.name for up in x.upstreams] == names


def test_what_forward_and_the_reply_need_to_know_is_noted() -> None:
    """How to choose an upstream, what to change there, and the name for the reply; nothing where nothing is said."""
    rule = Rule("gpt-*", upstreams=("two", "one"), choice="weighted", drop=("top_k",), set={"a.b": 1})
    x = exchange(b'{"model":"gpt-5"}', upstreams=list(UPSTREAMS), asked="gpt-5")
    ModelMap(rules=(rule,))(x)
    parameters = x.noted(PARAMETERS)
    assert parameters is not None
    assert (parameters.drop, parameters.put) == ((("top_k",),), ((("a", "b"), 1),))
    assert (x.noted(CHOICE), x.noted(NAMED), x.noted(RULE)) == ("weighted", "gpt-5", 'rules[0] ("gpt-*")')
    x = exchange(b'{"model":"gpt-5"}', upstreams=list(UPSTREAMS), asked="gpt-5")
    ModelMap(answer_as="upstream")(x)
    assert (x.noted(PARAMETERS), x.noted(CHOICE), x.noted(NAMED), x.noted(RULE)) == (None, None, None, None)


def test_a_name_with_brackets_is_its_own_glob() -> None:
    """As some clients write a model's long context: a set of characters elsewhere."""
    x = asked("claude-opus-5[1m]")
    ModelMap(aliases={"claude-opus-5[1m]": "big-1"})(x)
    assert x.prompt.model == "big-1"


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"rules": (Rule("a-*"), Rule("a-1"))}, 'rules[1] ("a-1") is never reached: rules[0] ("a-*")'),
        (
            {"aliases": {"a": "b"}, "rules": (Rule("a", upstreams=("one",)),)},
            'rules[0] ("a") is never reached: aliases.a',
        ),
        ({"rules": (Rule(model="x"),), "small": "y"}, 'small ("*haiku*") is never reached: rules[0] ("*")'),
        (
            {"rules": (Rule(thinking=False),), "reasoning_model": "r", "big": "b"},
            'big ("*opus*") is never reached: rules[0] ("*") with reasoning_model ("*")',
        ),
        (
            {"rules": (Rule("a", over_tokens=9, up_to_tokens=9),)},
            "can never hold: no request has over 9 and up to 9 tokens",
        ),
        ({"rules": (Rule("a", drop=("model",)),)}, "'model' is not for drop and set"),
        ({"rules": (Rule("a", drop=("x",), set={"x": 1}),)}, "'x' is both dropped and set"),
        ({"rules": (Rule("a", set={"x.": 1}),)}, "'x.' is no place in a prompt"),
    ],
)
def test_what_can_never_hold_or_be_done_is_told_at_start(settings: dict[str, Any], complaint: str) -> None:
    """With its place; the rest is in order."""
    complaints = list(ModelMap(**settings).check(frozenset({"one"})))
    assert any(complaint in each for each in complaints), complaints
    assert not list(MAP.check(frozenset({"one", "two", "gone"})))
    assert not list(FAMILIES.check(frozenset()))


def test_a_gateway_does_not_start_with_rules_that_are_never_reached() -> None:
    """Named with their place, all at once, whatever else is wrong."""
    settings = """
        [model_map]
        aliases = { a = "b" }
        rules = [{ match = "a" }, { match = "x", upstreams = ["nobody"] }, { match = "y", choise = "ordered" }]
        small = "s"
    """
    assert refused(settings) == ["pipeline.toml: model_map.rules[2].choise: unknown key; did you mean choice?"]
    named, shadowed = refused(settings.replace("choise", "choice"))
    assert named == """pipeline.toml: model_map: rules[1] ("x") names 'nobody', which is no upstream"""
    assert 'rules[0] ("a") is never reached: aliases.a ("a") before it' in shadowed
