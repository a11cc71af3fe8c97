"""Globs: which of them stand for more than one name."""

import pytest

from pipeline.globs import in_full, wild


@pytest.mark.parametrize(("glob", "many"), [("gpt-*", True), ("gpt-?", True), ("gpt-[56]", True), ("gpt-5.6", False)])
def test_a_wildcard_stands_for_many_names(glob: str, many: bool) -> None:
    """Each of the three kinds of wildcard makes a glob of a name, and nothing else does."""
    assert wild(glob) is many


def test_names_in_full_are_left_in_their_order() -> None:
    """What is no single name can't be asked for as it stands."""
    assert list(in_full(["*", "b", "a-?", "a"])) == ["b", "a"]
