"""Variables: who wins."""

from pipeline.layers import Place
from stages.legacy.variables import Variables

HELD = (("environment", {"A": "1", "B": " "}), (".env", {"A": "2", "B": "3", "c": "4"}))


def test_the_first_source_that_says_something_wins() -> None:
    """An empty variable says nothing."""
    assert Variables(HELD).find("A") == ("1", Place("environment", "A"))
    assert Variables(HELD).find("B") == ("3", Place(".env", "B"))
    assert Variables(HELD).first("D", "B", "A") == ("3", Place(".env", "B"))
    assert Variables(HELD).first("D") is None


def test_lower_case_counts_where_it_did() -> None:
    """And is called as it stands."""
    assert Variables(HELD).find("C") is None
    assert Variables(HELD, folded=True).find("C") == ("4", Place(".env", "c"))
