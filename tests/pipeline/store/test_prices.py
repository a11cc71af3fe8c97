"""Prices an operator set, and switches of stages, in both databases: what a snapshot holds besides keys."""

import pytest

from pipeline.store import facts, keys, prices
from pipeline.store.database import looking, within
from pipeline.store.opening import Parts
from pipeline.store.prices import NoPrice, PriceRow
from tests.pipeline.store.records import AT


def test_a_price_is_set_and_removed(parts: Parts) -> None:
    """Under an id of its own; one that is not there can't be removed."""
    made = within(parts.backend, lambda db: prices.add(db, PriceRow("", AT, "{}", "ours"), AT))
    assert looking(parts.backend, keys.snapshot).prices == (made,)
    within(parts.backend, lambda db: prices.remove(db, made.id))
    assert looking(parts.backend, prices.listed) == ()
    with pytest.raises(NoPrice):
        within(parts.backend, lambda db: prices.remove(db, made.id))


def test_a_switch_is_part_of_the_snapshot(parts: Parts) -> None:
    """Off and on again, each time under another version; twice is once."""
    seen = [looking(parts.backend, keys.snapshot)]
    for on in (False, False, True):
        within(parts.backend, lambda db, on=on: facts.switch(db, "mine", on=on))  # type: ignore[misc]  # a loop's name
        seen.append(looking(parts.backend, keys.snapshot))
    assert [snapshot.off for snapshot in seen] == [frozenset(), {"mine"}, {"mine"}, frozenset()]
    assert len({snapshot.version for snapshot in seen}) == 4
