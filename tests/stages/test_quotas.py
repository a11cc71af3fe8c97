"""Quotas: what upstreams tell of their own limits, in each of their ways."""

from typing import Any

import pytest

from stages.quotas import learn, moment, read, used_up
from tests.doubles import upstream

NOW = 1_783_300_000.0
PLAN = [
    (b"anthropic-ratelimit-unified-status", b"allowed"),
    (b"anthropic-ratelimit-unified-reset", b"1783325400"),
    (b"anthropic-ratelimit-unified-5h-reset", b"1783325400"),
    (b"anthropic-ratelimit-unified-5h-utilization", b"0.09"),
    (b"anthropic-ratelimit-unified-7d-reset", b"1783490400"),
    (b"anthropic-ratelimit-unified-7d-utilization", b"1.0"),
]


def test_a_plans_windows() -> None:
    """As a subscription's upstream tells them; what is no window is not taken for one."""
    found = read(PLAN, NOW)
    assert {name: (quota.utilisation, quota.resets) for name, quota in found.items()} == {
        "5h": (0.09, 1783325400_000),
        "7d": (1.0, 1783490400_000),
    }


@pytest.mark.parametrize(
    ("headers", "resets"),
    [
        (
            [
                (b"x-ratelimit-limit-requests", b"60"),
                (b"x-ratelimit-remaining-requests", b"45"),
                (b"x-ratelimit-reset-requests", b"6m0s"),
            ],
            round((NOW + 360) * 1000),
        ),
        (
            [
                (b"anthropic-ratelimit-requests-limit", b"60"),
                (b"anthropic-ratelimit-requests-remaining", b"45"),
                (b"anthropic-ratelimit-requests-reset", b"2026-07-06T08:10:00Z"),
            ],
            1783325400_000,
        ),
    ],
)
def test_rates(headers: Any, resets: int) -> None:
    """Of both families: what is used is what does not remain."""
    (quota,) = read(headers, NOW).values()
    assert (quota.name, quota.utilisation, quota.resets) == ("requests", 0.25, resets)


@pytest.mark.parametrize("text", ["", "soon", "1h nonsense", "9" * 40, "-5", "٣"])
def test_a_moment_that_is_none(text: str) -> None:
    """Whatever an upstream writes there, nothing breaks."""
    assert moment(text, NOW) == 0


@pytest.mark.parametrize("value", [b"", b"nan", b"much", b"\xff"])
def test_a_utilisation_that_is_none(value: bytes) -> None:
    """It is left out."""
    assert read([(b"anthropic-ratelimit-unified-5h-utilization", value)], NOW) == {}


def test_what_is_told_of_a_callers_own_account_is_not_kept() -> None:
    """It says nothing of other callers'."""
    ours, theirs = upstream("a", None), upstream("b", None, client_key=True)
    learn(ours, PLAN, NOW)
    learn(theirs, PLAN, NOW)
    assert (set(ours.windows), set(theirs.windows)) == ({"5h", "7d"}, set())


def test_a_plan_is_used_up_until_it_begins_anew() -> None:
    """And a rate never stops anyone here: it is over in a moment."""
    up = upstream("a", None)
    learn(up, [*PLAN, (b"x-ratelimit-limit-tokens", b"10"), (b"x-ratelimit-remaining-tokens", b"0")], NOW)
    spent = used_up(up, round(NOW * 1000))
    assert spent is not None
    assert spent.name == "7d"
    assert used_up(up, 1783490400_000) is None


def test_a_plan_that_has_something_left_again_stops_nobody() -> None:
    """Each reply's telling counts before the next request, though that looks only at what is full."""
    up, now = upstream("a", None), round(NOW * 1000)
    for utilisation, stops in ((b"0.99", False), (b"1.0", True), (b"0.5", False), (b"much", False), (b"1.2", True)):
        learn(up, [*PLAN[:5], (b"anthropic-ratelimit-unified-7d-utilization", utilisation)], NOW)
        assert (up.windows.full and used_up(up, now) is not None) is stops


def test_what_another_reply_did_not_tell_holds_on() -> None:
    """Replies to different operations tell of different limits."""
    up = upstream("a", None)
    learn(up, PLAN[2:4], NOW)
    learn(up, [(b"x-ratelimit-limit-tokens", b"10"), (b"x-ratelimit-remaining-tokens", b"9")], NOW)
    learn(up, [(b"x-ratelimit-limit-tokens", b"10"), (b"x-ratelimit-remaining-tokens", b"5")], NOW + 1)
    assert {name: (quota.utilisation, quota.at) for name, quota in up.windows.items()} == {
        "5h": (0.09, round(NOW * 1000)),
        "tokens": (0.5, round((NOW + 1) * 1000)),
    }
