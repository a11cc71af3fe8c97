"""Reading prices: a file says what it means, or what is wrong with it."""

from datetime import date
from pathlib import Path

import pytest

from stages.prices.cost import Rates
from stages.prices.reading import Unpriced, built_in, moment, of_document, parsed, read

PLAIN = '[[price]]\nmodels = ["m"]\ninput = 4.5\noutput = 22.5\n'


def test_what_is_not_said_of_the_cache_costs_as_much_as_input() -> None:
    """And an hour as much as five minutes."""
    (plain,) = parsed(PLAIN, "f")
    assert plain.tiers == ((0, Rates(4_500_000, 22_500_000, 4_500_000, 4_500_000, 4_500_000)),)
    (some,) = parsed(f"{PLAIN}cache_write_5m = 5\n", "f")
    assert (some.tiers[0][1].cache_write_5m, some.tiers[0][1].cache_write_1h) == (5_000_000, 5_000_000)


@pytest.mark.parametrize(
    ("more", "rates"),
    [
        (
            "tiers = [{ above = 9, input_times = 2, output_times = 1.5 }]",
            Rates(9_000_000, 33_750_000, *[9_000_000] * 3),
        ),
        ("tiers = [{ above = 9, input = 6 }]", Rates(6_000_000, 22_500_000, *[6_000_000] * 3)),
        (
            "cache_read = 0.45\ntiers = [{ above = 9, input = 6, input_times = 3 }]",
            Rates(6_000_000, 22_500_000, 1_350_000, 6_000_000, 6_000_000),
        ),
    ],
)
def test_a_tier_has_new_rates_or_multiples(more: str, rates: Rates) -> None:
    """What neither says of the cache follows the tier's input."""
    (found,) = parsed(PLAIN + more, "f")
    assert found.tiers[1] == (9, rates)


def test_tiers_stand_in_their_order() -> None:
    """However they are written."""
    (found,) = parsed(f"{PLAIN}tiers = [{{ above = 20, input = 3 }}, {{ above = 10, input = 2 }}]", "f")
    assert [above for above, _ in found.tiers] == [0, 10, 20]


def test_what_a_file_says_of_all_holds_for_those_that_say_nothing() -> None:
    """Source, factors, things; and a beginning is midnight, UTC."""
    text = 'source = "s"\nfactors = { a = { b = 0.5 } }\neach = { c = 0.01 }\n'
    own = '[[price]]\nmodels = ["n"]\ninput = 1\noutput = 1\nsource = "t"\nfactors = {}\nsince = 2026-12-01\n'
    plain, other = parsed(text + PLAIN + own, "f")
    assert (plain.source, plain.factors, plain.each, plain.since) == ("s", {"a": {"b": (1, 2)}}, {"c": 10_000}, 0)
    assert (other.source, other.factors, other.since) == ("t", {}, 1_796_083_200_000)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[price]", "not TOML"),
        ('[[price]]\nmodels = ["m"]\ninput = 1\n', "output"),
        ("[[price]]\nmodels = []\ninput = 1\noutput = 1\n", "models"),
        (f"{PLAIN}inputs = 1\n", "inputs"),
        (f"{PLAIN}cache_read = -1\n", "cache_read"),
        (f'{PLAIN}cache_read = "1"\n', "cache_read"),
        (f"{PLAIN}cache_read = nan\n", "cache_read"),
        (f"{PLAIN}tiers = [{{ above = 0, input = 2 }}]\n", r"tiers\[0\]\.above"),
        (
            f"{PLAIN}{PLAIN}tiers = [{{ above = 9 }}, {{ above = 8 }}, {{ above = 9, input = 4 }}]\n",
            r"there is a tier above 9 before - at `\$\.price\[1\]\.tiers\[2\]\.above`",
        ),
    ],
)
def test_what_is_wrong_is_told_with_the_files_name(text: str, why: str) -> None:
    """In one sentence."""
    with pytest.raises(Unpriced, match=rf"prices\.toml: .*{why}"):
        parsed(text, "prices.toml")


def test_a_file_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    """It is not there, or it is no text."""
    with pytest.raises(Unpriced, match="can't be read"):
        read(tmp_path / "none.toml")
    (tmp_path / "some.toml").write_bytes(b"\xff")
    with pytest.raises(Unpriced, match="it is no text"):
        read(tmp_path / "some.toml")


def test_a_document_of_the_store_is_an_entry() -> None:
    """As JSON."""
    found = of_document('{"models": ["m*"], "input": 1, "output": 2, "upstream": "w"}', "set by ada")
    assert (found.models, found.upstream, found.source) == (("m*",), "w", "set by ada")
    with pytest.raises(Unpriced, match="output"):
        of_document('{"models": ["m"], "input": 1}', "")


def test_what_comes_with_us_can_be_read() -> None:
    """Every row has a name, a source and rates; none is named twice for the same beginning."""
    named = [(name, price.since) for price in built_in() for name in price.models]
    assert len(named) == len(set(named)) > 40
    assert all(price.source and price.tiers[0][1].output > 0 for price in built_in())


def test_a_day_begins_at_midnight() -> None:
    """In UTC."""
    assert moment(date(2026, 11, 21)) == 1_795_219_200_000
