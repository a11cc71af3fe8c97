"""Problems: noted one by one, told together."""

import pytest

from pipeline.layers import spell
from pipeline.problems import ConfigError, Problems, unknown


def test_problems_are_told_together_in_order_and_once() -> None:
    """Two readers may find the same."""
    problems = Problems(spell)
    problems.check()
    problems.add(("b",), "wrong")
    note = problems.below("a", 0)
    note(("x",), "wrong too")
    note(("x",), "wrong too")
    assert problems
    with pytest.raises(ConfigError) as caught:
        problems.check()
    assert caught.value.lines == ["b: wrong", "a[0].x: wrong too"]
    assert str(caught.value) == "b: wrong\na[0].x: wrong too"


def test_the_nearest_word_is_offered() -> None:
    """Or all that are known, where none is near."""
    assert unknown("prot", ["port", "host"]) == "unknown key; did you mean port?"
    assert unknown("zzz", ["port", "host"], "flag") == "unknown flag; known: host, port"
    assert unknown("zzz", ["port", "host", "port"]) == "unknown key; known: host, port"
    assert unknown("zzz", []) == "unknown key"
