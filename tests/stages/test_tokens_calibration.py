"""Calibration: factors follow what upstreams report, and say how far off they may be."""

import random

import pytest

from stages.tokens.calibration import MODELS, Calibrations
from stages.tokens.scales import Scale, Sum
from stages.tokens.weight import Picture

SCALE = Scale(factor=1.1, spread=0.15, look=lambda picture: 1000)
NAME = ("up", "m")


def held(words: int) -> Sum:
    return Sum(words=words, turns=1)


def learned(*factors: float, words: int = 10_000) -> Calibrations:
    """Calibrations after replies that reported so many tokens for a word."""
    known = Calibrations()
    for factor in factors:
        known.learn(NAME, SCALE, held(words), round(words * factor) + held(words).fixed(SCALE))
    return known


def test_nothing_observed_is_the_table() -> None:
    """With the table's doubt."""
    calibration = Calibrations().of(NAME, SCALE)
    assert (calibration.factor, calibration.error, calibration.seen) == (1.1, pytest.approx(0.15), 0)


def test_the_factor_follows_what_is_reported() -> None:
    """A steady upstream is known after a few replies, and the doubt goes."""
    calibration = learned(*[1.5] * 12).of(NAME, SCALE)
    assert calibration.factor == pytest.approx(1.5, rel=0.02)
    assert calibration.error < 0.15
    assert learned(*[1.5] * 60).of(NAME, SCALE).error < 0.02


def test_a_change_of_tokenizer_is_followed() -> None:
    """Old observations fade."""
    assert learned(*[1.0] * 200, *[2.0] * 40).of(NAME, SCALE).factor == pytest.approx(2.0, rel=0.02)


def test_the_bar_holds_most_prompts() -> None:
    """Where texts differ, about 19 of 20 lie within the error."""
    dice = random.Random(3)
    factors = [dice.gauss(1.4, 0.1) for _ in range(400)]
    calibration = learned(*factors).of(NAME, SCALE)
    bar = calibration.factor * calibration.error
    inside = sum(abs(factor - calibration.factor) <= bar for factor in factors)
    assert 0.85 < inside / len(factors) < 1


@pytest.mark.parametrize(
    ("prompt", "reported"),
    [
        (held(10), 400),  # too short
        (Sum(words=1000, turns=1, pictures=[Picture()] * 9), 10_000),  # mostly pictures
        (held(10_000), 900_000),  # no tokenizer
        (held(10_000), 7),  # no count
        (held(10_000), 1),
    ],
)
def test_what_says_little_is_left_out(prompt: Sum, reported: int) -> None:
    """One report that makes no sense must not spoil a hundred that do."""
    known = Calibrations()
    known.learn(NAME, SCALE, prompt, reported)
    assert known.of(NAME, SCALE).seen == 0


def test_models_are_forgotten_beyond_a_number() -> None:
    """The one that was longest unheard of first."""
    known = Calibrations()
    for number in range(MODELS + 1):
        known.learn(("up", str(number)), SCALE, held(1000), 2000)
        known.learn(("up", "0"), SCALE, held(1000), 2000)
    assert known.of(("up", "0"), SCALE).seen > 1
    assert known.of(("up", "1"), SCALE).seen == 0
    assert known.of(("up", "2"), SCALE).seen == 1
