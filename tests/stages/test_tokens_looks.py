"""Looks: what pictures cost, against figures that were measured and the vendors' own examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.tokens.looks import Flat, Patches, Tiles
from stages.tokens.scales import scale_of
from stages.tokens.weight import Picture


@pytest.mark.parametrize(
    ("model", "picture", "tokens"),
    [
        # One picture in a prompt, October 2026, less what the prompt without it has.
        ("claude-opus-5-5", Picture(256, 256), 100),
        ("claude-opus-5-5", Picture(1024, 1024), 1369),
        ("claude-opus-5-5", Picture(1920, 1080), 2691),
        ("claude-haiku-4-5", Picture(1280, 720), 1196),
        ("gpt-6-astra", Picture(256, 256), 77),
        ("gpt-6-astra", Picture(1920, 1080), 2448),
        ("gpt-6-astra", Picture(4032, 3024), 14_364),
        ("gpt-6-astra", Picture(2560, 1440, "high"), 2931),
        ("gpt-6-astra", Picture(4032, 3024, "high"), 2942),
        ("gpt-5.5", Picture(4032, 3024), 11_868),
        # The vision guide's examples.
        ("gpt-4o", Picture(1024, 1024, "high"), 765),
        ("gpt-4o", Picture(2048, 4096, "high"), 1105),
        ("gpt-4o", Picture(4096, 8192, "low"), 85),
        ("gpt-4.1-mini", Picture(1024, 1024), 1659),
        ("gpt-4.1-mini", Picture(1800, 2400), 2353),
    ],
)
def test_a_picture_costs_what_was_measured(model: str, picture: Picture, tokens: int) -> None:
    """To the token."""
    assert scale_of(model).look(picture) == tokens


def test_a_large_picture_is_scaled_down() -> None:
    """Within 1 % of 1560 tokens, as measured; never beyond the model's limit."""
    assert abs(scale_of("claude-haiku-4-5").look(Picture(1920, 1080)) - 1560) / 1560 < 0.01
    assert scale_of("claude-opus-5-5").look(Picture(8000, 8000)) == 4784


def test_a_picture_that_can_not_be_read_counts_as_a_usual_one() -> None:
    """Not as nothing."""
    assert scale_of("claude-opus-5-5").look(Picture()) == 1369
    assert Tiles(85, 170)(Picture()) == 765
    assert Flat(1000)(Picture()) == 1000


@given(st.integers(1, 65_535), st.integers(1, 65_535), st.sampled_from(["auto", "low", "high", "original", ""]))
def test_limits_hold(width: int, height: int, detail: str) -> None:
    """For every size: at least one token, at most the limit."""
    for look, most in ((Patches(28, 1568, edge=1568), 1568), (Patches(32, 1536, exact=True, high=99), 1536)):
        assert 1 <= look(Picture(width, height, detail)) <= most
    assert 85 <= Tiles(85, 170)(Picture(width, height, detail)) <= 85 + 170 * 8
