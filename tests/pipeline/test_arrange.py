"""Arrange: entries → the order of the line."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.arrange import DEFAULT, Order, arrange, arrange_attempt, names, word
from pipeline.config import Entry
from pipeline.layers import Layers
from pipeline.problems import Problems

UP = ["auth", "model_map", "thinking_suffix", "limits", "meter"]
ATTEMPT = ["translate", "client_identity", "cache_breakpoints"]


def line(*entries: dict[str, Any], without: tuple[str, ...] = ()) -> tuple[Order, list[str]]:
    """The order of *entries*, and what was said of them."""
    problems = Problems(Layers(file="f").label)
    return arrange([Entry(**entry) for entry in entries], without, problems), list(problems)


def attempt(*entries: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The stages of an attempt at an upstream that has *entries* of its own, and what was said."""
    problems = Problems(Layers(file="f").label)
    order = arrange([], (), problems)
    return names(arrange_attempt("x", [Entry(**entry) for entry in entries], order, problems)), list(problems)


def test_the_default_line_is_the_brief() -> None:
    """All eight stages, by name."""
    order, said = line()
    assert names(order.stages) == UP
    assert names(order.attempt) == ATTEMPT
    assert (order.source.name, order.sink.name) == ("forward", "reencode")
    assert not said


@pytest.mark.parametrize(
    ("entry", "stages", "attempts"),
    [
        ({"use": "a:b", "after": "auth"}, ["auth", "b", *UP[1:]], ATTEMPT),
        ({"use": "a:b", "before": "auth"}, ["b", *UP], ATTEMPT),
        ({"use": "a:b", "replace": "auth"}, UP, ATTEMPT),
        ({"use": "a:b", "replace": "auth", "name": "door"}, ["door", *UP[1:]], ATTEMPT),
        ({"use": "a:b", "before": "translate"}, UP, ["b", *ATTEMPT]),
        ({"use": "a:b", "after": "cache_breakpoints"}, UP, [*ATTEMPT, "b"]),
        ({"use": "a:b", "replace": "translate"}, UP, ATTEMPT),
    ],
)
def test_an_entry_with_a_place_edits_the_default(entry: dict[str, Any], stages: list[str], attempts: list[str]) -> None:
    """What it stands beside decides how often it runs; what it replaces gives it its name."""
    order, said = line(entry)
    assert (names(order.stages), names(order.attempt), said) == (stages, attempts, [])
    assert "a:b" in [slot.entry.use for slot in order]


def test_entries_put_after_one_stage_stand_in_their_order() -> None:
    """As they are read."""
    order, _ = line({"use": "a:b", "after": "auth"}, {"use": "a:c", "after": "auth"}, {"use": "a:d", "after": "b"})
    assert names(order.stages)[:4] == ["auth", "b", "d", "c"]


@pytest.mark.parametrize(
    "entry", [{"use": "forward"}, {"use": "a:b", "role": "source"}, {"use": "a:b", "replace": "forward"}]
)
def test_an_end_can_only_be_replaced(entry: dict[str, Any]) -> None:
    """By its name, its role, or the word; the rest of the line stays."""
    order, said = line(entry)
    assert order.source.entry.use == entry["use"]
    assert (names(order.stages), said) == (UP, [])


def test_a_list_without_places_is_the_whole_line() -> None:
    """Both ends and the stages of attempts are implied."""
    order, said = line({"use": "auth"}, {"use": "a:b"}, {"use": "meter"})
    assert names(order.stages) == ["auth", "b", "meter"]
    assert names(order.attempt) == ATTEMPT
    assert (order.source.name, order.sink.name, said) == ("forward", "reencode", [])


def test_the_whole_line_may_be_written_out() -> None:
    """All eight by name give the default line; a stage of an attempt that is left out is left out."""
    order, said = line(*({"use": name} for name in DEFAULT))
    assert (names(order), said) == (list(DEFAULT), [])
    order, said = line({"use": "auth"}, {"use": "meter"}, {"use": "translate"}, {"use": "a:b", "role": "attempt"})
    assert (names(order.attempt), said) == (["translate", "b"], [])


def test_stages_are_left_out_by_name() -> None:
    """Also auth and meter: that is saying so."""
    order, said = line(without=("auth", "meter", "cache_breakpoints"))
    assert (names(order.stages), names(order.attempt), said) == (UP[1:-1], ATTEMPT[:-1], [])


def test_a_whole_line_without_auth_or_meter_says_so() -> None:
    """It starts only then."""
    assert line({"use": "a:b"})[1] == [
        'f: stages: the line has no auth; add it, or say so at the top: without = ["auth"]',
        'f: stages: the line has no meter; add it, or say so at the top: without = ["meter"]',
    ]
    assert line({"use": "a:b"}, without=("auth", "meter"))[1] == []
    assert line({"use": "a:b", "name": "auth"}, {"use": "meter"})[1] == []


@pytest.mark.parametrize(
    ("entries", "without", "said"),
    [
        ([{"use": "a:b", "before": "aut"}], (), "stages[0].before: unknown stage; did you mean auth?"),
        ([{"use": "a:b", "after": "auth"}], ("auth",), "stages[0].after: this stage is left out of the line"),
        ([{"use": "a:b", "after": "auth", "before": "meter"}], (), "stages[0]: only one of before, after and replace"),
        ([{"use": "a:b", "before": "forward"}], (), "stages[0].before: forward is an end of the line"),
        ([{"use": "a:b", "after": "auth", "role": "attempt"}], (), 'stages[0].role: auth has the role "stage"'),
        (
            [{"use": "a:b", "after": "auth"}, {"use": "meter"}],
            (),
            "stages[1]: this entry makes the list the whole line",
        ),
        ([{"use": "a:auth", "after": "auth"}], (), "stages[0]: there is a auth before"),
        (
            [{"use": "auth"}, {"use": "meter"}, {"use": "translate"}, {"use": "a:b"}],
            (),
            "stages[3]: b runs once per ex",
        ),
        ([{"use": "auth"}, {"use": "meter"}], ("meter",), "stages[1]: meter is in the line, and left out"),
        ([], ("metre",), "without[0]: unknown stage; did you mean meter?"),
        ([], ("reencode",), "without[0]: a line has no end without reencode"),
    ],
)
def test_what_makes_no_line(entries: list[dict[str, Any]], without: tuple[str, ...], said: str) -> None:
    """One sentence, at the entry that is at fault."""
    told = line(*entries, without=without)[1]
    assert len(told) == 1
    assert told[0].startswith(f"f: {said}")


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], ["translate"]),
        ([{"use": "a:b"}], ["translate", "b"]),
        ([{"use": "a:b"}, {"use": "translate"}], ["b", "translate"]),
        ([{"use": "a:b", "after": "translate"}], ["translate", "b", "client_identity", "cache_breakpoints"]),
        ([{"use": "a:b", "replace": "cache_breakpoints"}], ["translate", "client_identity", "cache_breakpoints"]),
    ],
)
def test_an_upstream_has_stages_of_its_own(entries: list[dict[str, Any]], expected: list[str]) -> None:
    """Translate is implied, first; entries with a place edit the default."""
    assert attempt(*entries) == (expected, [])


def test_an_upstream_s_stages_run_once_per_attempt() -> None:
    """No other role, and no name of the line above."""
    assert attempt({"use": "a:b", "role": "stage"})[1] == [
        "f: upstreams.x.stages[0].role: here a stage runs once per attempt, and nothing else"
    ]
    assert attempt({"use": "a:meter"})[1][0].startswith("f: upstreams.x.stages[0]: there is a meter before")


@pytest.mark.parametrize(("use", "name"), [("auth", "auth"), ("a.b:c", "c"), ("a.b:stage", "b"), ("b:stage", "b")])
def test_a_stage_is_called_by_the_last_word_of_its_use(use: str, name: str) -> None:
    """The conventional attribute says nothing, so the module's name does."""
    assert word(use) == name


PLACES = st.tuples(st.sampled_from(["before", "after"]), st.sampled_from([*UP, *ATTEMPT]))


@given(st.lists(PLACES, max_size=8))
def test_insertions_keep_the_default_in_its_order(places: list[tuple[str, str]]) -> None:
    """Each stands on its side of its target, once; those put after one stage in the order they are read."""
    entries = [{"use": f"a:s{number}", how: target} for number, (how, target) in enumerate(places)]
    order, said = line(*entries)
    assert said == []
    whole = [*names(order.stages), *names(order.attempt)]
    assert [name for name in whole if name in DEFAULT] == [*UP, *ATTEMPT]
    assert len(whole) == len(set(whole)) == len(places) + len([*UP, *ATTEMPT])
    for number, (how, target) in enumerate(places):
        assert (whole.index(f"s{number}") < whole.index(target)) is (how == "before")
    for target in UP:
        behind = [f"s{number}" for number, place in enumerate(places) if place == ("after", target)]
        assert behind == [name for name in whole if name in behind]
