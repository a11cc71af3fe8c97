"""The tokenizer: exact, whatever the text, and quick about it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.tokens.tokenizer import count, tokenizer

pytest.importorskip("toktok")


def test_known_counts() -> None:
    """As published for o200k_base."""
    assert count(["hello world", "", "antidisestablishmentarianism", "お誕生日おめでとう"]) == [2, 0, 6, 8]
    assert tokenizer() is count


def test_special_tokens_are_text() -> None:
    """Nobody can smuggle one in."""
    assert count(["<|endoftext|>"])[0] > 1


def test_a_lone_surrogate_is_counted() -> None:
    """JSON may spell one."""
    assert count(["a\ud800b"])[0] > 0


@pytest.mark.parametrize("text", [" ", "a", "\n", "1234567890", "a  ", "'s", "👨‍👩‍👧", "\0", "e\u0301", "/\n"])
def test_hostile_texts_take_no_time(text: str) -> None:
    """A megabyte of anything: no panic, less than half a second of work, whatever else the machine does."""
    long = text * (1_000_000 // len(text))
    count([""])  # its tables have been read
    began = time.process_time()
    pieces = [long[at : at + 65_536] for at in range(0, len(long), 65_536)]
    assert sum(count(pieces)) > 1000
    assert time.process_time() - began < 0.5


@given(st.text(max_size=300), st.text(max_size=300))
def test_a_cut_costs_little(one: str, two: str) -> None:
    """Two halves have the tokens of the whole, but for a few at the seam."""
    whole, first, second = count([one + two, one, two])
    assert abs(first + second - whole) <= 12
