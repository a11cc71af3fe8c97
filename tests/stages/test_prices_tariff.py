"""The tariff: prices of the store before those of a file, those before ours; and no row of the store stops it."""

from pathlib import Path

import pytest

from pipeline.store.prices import PriceRow
from stages.prices.reading import Unpriced
from stages.prices.tariff import Tariff

OWN = '[[price]]\nmodels = ["claude-*"]\ninput = 7\noutput = 7\n'
ROW = PriceRow("p1", 100, '{"models": ["claude-opus-*"], "input": 9, "output": 9}', "set by ada")


def rate(tariff: Tariff, rows: tuple[PriceRow, ...], model: str = "claude-opus-4-5", at: int = 200) -> int:
    price = tariff.catalogue(rows).find(model, "up", at)
    assert price is not None
    return price.tiers[0][1].input


def test_three_places_are_asked_in_their_order(tmp_path: Path) -> None:
    """The store, a file of one's own, what comes with us."""
    (tmp_path / "prices.toml").write_text(OWN)
    mine = Tariff(tmp_path / "prices.toml")
    assert rate(Tariff(), ()) == 5_000_000
    assert rate(mine, ()) == 7_000_000
    assert rate(mine, (ROW,)) == 9_000_000
    assert rate(mine, (ROW,), "claude-haiku-4-5") == 7_000_000
    assert rate(mine, (ROW,), at=50) == 7_000_000


def test_it_is_made_anew_only_when_the_stores_rows_change() -> None:
    """They are the same object until then."""
    tariff, rows = Tariff(), (ROW,)
    assert tariff.catalogue(rows) is tariff.catalogue(rows)
    assert tariff.catalogue(rows) is not tariff.catalogue((ROW, ROW))


def test_a_row_that_can_not_be_used_is_passed_over() -> None:
    """It is told; the others hold."""
    assert rate(Tariff(), (PriceRow("p0", 0, "{}", ""), ROW)) == 9_000_000


def test_a_file_that_can_not_be_used_is_told_at_start(tmp_path: Path) -> None:
    """Not at the first request."""
    with pytest.raises(Unpriced, match=r"none\.toml"):
        Tariff(tmp_path / "none.toml")
