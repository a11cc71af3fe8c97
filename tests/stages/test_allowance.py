"""Allowance: limits of every key, and a key's own on top."""

import pytest

from pipeline.layers import Layers
from pipeline.store.record import Claim
from pipeline.structure import structure
from stages.allowance import MODELS, Allowance, Limit, merged

FIVE, WEEK = Limit("usd_5h", 5_000_000), Limit("usd_week", 9_000_000)


def test_a_keys_own_limit_takes_the_place_of_the_same_for_all() -> None:
    """Of the same kind and models; the others hold as well, money first."""
    own = (Limit("streams", 2), Limit("usd_5h", 1), Limit("usd_5h", 7, "claude-*"))
    assert merged((WEEK, FIVE), own) == (
        Limit("usd_5h", 1),
        Limit("usd_5h", 7, "claude-*"),
        WEEK,
        Limit("streams", 2),
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "usd_month", "limit": 1},
        {"kind": "usd_5h", "limit": -1},
        {"kind": "usd_5h", "limit": 1.5},
        {"kind": "usd_5h"},
        {"kind": "usd_5h", "limit": 1, "model": "m"},
    ],
)
def test_what_is_no_limit_is_not_taken_for_one(wrong: object) -> None:
    """Each with a sentence."""
    notes: list[str] = []
    assert structure(wrong, Limit, Layers(), lambda where, text: notes.append(text)) is None
    assert notes


def test_a_models_rules_are_those_that_fit_it() -> None:
    """Made once, whatever else is asked for between; and not kept of every name that somebody makes up."""
    allowance = Allowance((Limit("usd_5h", 9, "claude-*"), Limit("streams", 2)), when_spent="cut")
    opus = allowance.rules("claude-opus")
    assert ([limit.kind for limit in opus.limits], opus.money, opus.counted) == (["usd_5h", "streams"], True, True)
    other = allowance.rules("gpt")
    assert ([limit.kind for limit in other.limits], other.money, other.counted) == (["streams"], False, False)
    assert allowance.rules("claude-opus") is opus
    for number in range(2 * MODELS):
        allowance.rules(f"made-up-{number}")
    assert len(allowance._rules) <= MODELS


def test_a_request_claims_no_more_than_all_there_is() -> None:
    """Else a small limit would stop every one; and of nothing it claims one, which does not fit."""
    limits = (Limit("usd_5h", 50), Limit("usd_week", 5000, "m"), Limit("tokens_minute", 0), Limit("streams", 4))
    assert Allowance(limits).rules("m").claims(
        cost=70, tokens=12, ends=lambda kind: 7 if kind == "usd_5h" else None
    ) == [
        Claim("usd_5h", 50, 50, ends=7),
        Claim("usd_week", 5000, 70, "m"),
        Claim("tokens_minute", 0, 1),
        Claim("streams", 4, 1),
    ]


def test_rules_of_no_limits_claim_nothing() -> None:
    """A key may have limits for other models only."""
    assert not Allowance((Limit("streams", 1, "x"),)).rules("m").limits
