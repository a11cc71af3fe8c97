"""Bounds: what settings accept of numbers, and what they say of others."""

from typing import Any

import attrs
import pytest

from pipeline.bounds import Bytes, Count, Number, Part, Seconds, Wait
from pipeline.layers import Layers
from pipeline.structure import structure


@attrs.frozen
class Settings:
    """One of each."""

    seconds: Seconds = 1.0
    wait: Wait = 0.0
    bytes: Bytes = 1
    count: Count = 0
    number: Number = 1
    part: Part = 0.0


def told(**tree: Any) -> list[str]:
    """What is said of *tree*."""
    said: list[str] = []
    structure(tree, Settings, Layers(), lambda where, text: said.append(f"{where[0]}: {text}"))
    return said


def test_the_edges_are_within() -> None:
    """Also of those that may be 0."""
    assert told(seconds=0.001, wait=0.0, bytes=1, count=0, number=1, part=1.0) == []


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("seconds", 0.0, "expected more than 0, got 0"),
        ("seconds", float("nan"), "expected more than 0, got nan"),
        ("wait", -0.5, "expected 0 or more, got -0.5"),
        ("bytes", 0, "expected more than 0, got 0"),
        ("count", -1, "expected 0 or more, got -1"),
        ("number", 0, "expected 1 or more, got 0"),
        ("part", 1.1, "expected a part, from 0 to 1, got 1.1"),
    ],
)
def test_what_lies_beyond_is_told(name: str, value: float, text: str) -> None:
    """With the place and the value."""
    assert told(**{name: value}) == [f"{name}: {text}"]
