"""Options: what is said of a key, held against the line that is to read it."""

import tomllib
from typing import Any

import pytest

from pipeline.admin.options import check
from pipeline.admin.refusal import Refused
from pipeline.layers import Layers
from pipeline.loading import Built, build
from pipeline.reading import settle

UPSTREAM = '[upstreams.up]\npreset = "simulated"\n'


def built(text: str = "") -> Built:
    return build(settle(Layers(tree=tomllib.loads(text + UPSTREAM))))


def wrong(at: Built, options: dict[str, Any], limits: list[Any]) -> dict[str, str]:
    """What is refused, by its place."""
    try:
        check(at, options, limits)
    except Refused as refused:
        return {each.path: each.message for each in refused.body.error.fields}
    return {}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"forward": {"fidelity": "strict"}, "thinking_suffix": {"default": "high"}},
        {"cache_breakpoints": {"enabled": True, "ttl": "1h"}, "translate": {"attribution": "keep"}},
    ],
)
def test_stages_of_the_line_and_of_attempts_may_be_meant(options: dict[str, Any]) -> None:
    """And the source."""
    assert wrong(built(), options, [{}]) == {}


def test_all_that_is_wrong_is_told_at_once() -> None:
    """Each with its place in what was sent."""
    said = wrong(built(), {"cache_breakpoints": {"ttl": "2h", "tll": 1}, "reencode": {"x": 1}}, [])
    assert set(said) == {"options.cache_breakpoints.ttl", "options.cache_breakpoints.tll", "options.reencode"}
    assert "did you mean ttl" in said["options.cache_breakpoints.tll"]


def test_limits_need_somebody_to_keep_them() -> None:
    """In a line without the stage a limit would be a promise that nobody keeps; without limits there is none."""
    without = built('without = ["limits"]\n')
    assert set(wrong(without, {}, [{}])) == {"limits"}
    assert wrong(without, {}, []) == {}


def test_limits_are_checked_under_their_own_names() -> None:
    """Settings of theirs among the options are another check's affair."""
    assert wrong(built(), {"limits": {"limits": "nonsense"}}, []) == {}
