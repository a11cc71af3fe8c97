"""The models an operator listed, in both databases."""

import pytest

from pipeline.store import keys, models
from pipeline.store.database import looking, within
from pipeline.store.models import ModelExists, ModelRow, NoModel
from pipeline.store.opening import Parts
from tests.pipeline.store.records import AT


def listed(parts: Parts) -> list[str]:
    return [row.id for row in looking(parts.backend, models.listed)]


def test_the_list_keeps_its_order(parts: Parts) -> None:
    """New ones go last; those that are named go first."""
    for name in ("a", "b", "c"):
        within(parts.backend, lambda db, name=name: models.add(db, ModelRow(name, "t", ("up",)), AT))  # type: ignore[misc]  # a loop's name
    within(parts.backend, lambda db: models.order(db, ["c"]))
    within(parts.backend, lambda db: models.remove(db, "a"))
    within(parts.backend, lambda db: models.change(db, ModelRow("b", "other", (), False)))
    first, second = looking(parts.backend, models.listed)
    assert (first.id, first.target, first.upstreams, first.enabled) == ("c", "t", ("up",), True)
    assert (second.id, second.target, second.upstreams, second.enabled) == ("b", "other", (), False)


def test_what_can_not_be_leaves_everything_as_it_was(parts: Parts) -> None:
    """A name twice; one that is not there."""
    within(parts.backend, lambda db: models.add(db, ModelRow("a"), AT))
    with pytest.raises(ModelExists):
        within(parts.backend, lambda db: models.add(db, ModelRow("a"), AT))
    for work in (
        lambda db: models.remove(db, "b"),
        lambda db: models.change(db, ModelRow("b")),
        lambda db: models.order(db, ["a", "b"]),
    ):
        with pytest.raises(NoModel):
            within(parts.backend, work)
    assert listed(parts) == ["a"]


def test_every_change_is_seen_by_whoever_looks_for_changes(parts: Parts) -> None:
    """The version of the snapshot is another one, and the snapshot holds the list."""
    before = looking(parts.backend, keys.snapshot)
    within(parts.backend, lambda db: models.add(db, ModelRow("a"), AT))
    after = looking(parts.backend, keys.snapshot)
    assert before.version != after.version
    assert [row.id for row in after.models] == ["a"]
