"""Allowance: limits of every key, and a key's own on top."""

import pytest

from pipeline.layers import Layers
from pipeline.structure import structure
from stages.allowance import Limit, merged

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
