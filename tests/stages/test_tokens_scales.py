"""Scales: what models make of what a prompt holds."""

import pytest

from stages.capabilities import in_force, row
from stages.tokens.scales import Scale, Sum, added, scale_of
from stages.tokens.weight import Picture, Weight


@pytest.mark.parametrize(
    ("model", "factor", "declared"),
    [
        ("claude-opus-4-5-20251101", 1.15, False),
        ("us.anthropic.claude-sonnet-4-6-v1:0", 1.15, False),
        ("claude-3-5-haiku-latest", 1.15, False),
        ("claude-opus-4-8", 1.5, False),
        ("claude-opus-9", 1.5, False),
        ("gpt-6-sol", 1.0, True),
        ("openai/gpt-oss-120b", 1.0, True),
        ("o3", 1.0, True),
        ("gemini-3-pro", 1.05, False),
        ("qwen3-coder", 1.1, False),
    ],
)
def test_a_model_has_the_scale_of_its_family(model: str, factor: float, declared: bool) -> None:
    """Found by any spelling; what is unknown is counted a little high."""
    scale = scale_of(model)
    assert (scale.factor, scale.declared) == (factor, declared)


def test_what_is_in_force_decides() -> None:
    """A model that the operator describes is scaled as described."""
    with in_force(lambda model: row("claude-opus-4-5")):
        assert scale_of("claude-next").factor == 1.15


def test_units_are_added_up() -> None:
    """Turns and tools are counted, all system blocks are one turn."""
    held = added(
        [
            ("text", Weight(words=1)),
            ("text", Weight(words=2)),
            ("tool", Weight(written=30, declared=20)),
            ("turn", Weight(words=4, pages=2, pictures=(Picture(1, 1),), asks=True)),
            ("turn", Weight(words=8)),
        ]
    )
    assert held == Sum(words=15, written=30, declared=20, pages=2, pictures=[Picture(1, 1)], turns=3, tools=1)


def test_thoughts_count_until_the_next_question() -> None:
    """A loop of calls keeps them; an earlier turn's are done with."""
    ask, think, answer = Weight(words=1, asks=True), Weight(thoughts=100), Weight(words=2)
    assert added([("turn", ask), ("turn", think), ("turn", answer), ("turn", think)]).words == 203
    assert added([("turn", ask), ("turn", think), ("turn", ask)]).words == 2


def test_the_factor_applies_to_words_only() -> None:
    """Frames and pictures have a price of their own."""
    scale = Scale(turn=5, prompt=7, tools=100, declared=True, page=1000, look=lambda picture: picture.width)
    held = Sum(words=10, written=999, declared=20, pages=1, pictures=[Picture(40, 1)], turns=2, tools=1)
    assert held.spoken(scale) == 10 + 20 + 500
    assert held.fixed(scale) == 2 * 5 + 7 + 100 + 1000 + 40
