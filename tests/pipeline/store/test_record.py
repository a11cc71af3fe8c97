"""Records: what goes into the spool comes out, and no text breaks a database."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.store.record import FIELDS, NUMBERS, Record, clean, decode, encode
from tests.pipeline.store.records import settled


def test_a_record_survives_the_spool() -> None:
    """To the last field."""
    record = settled(session="s", attempts="[]", first=-1)
    assert decode(encode(record)) == record


def test_an_entry_of_an_earlier_version_is_read() -> None:
    """Fields are added at the end, with a default."""
    earlier = msgspec.msgpack.encode(["r9", "i", 0, 5])
    assert decode(earlier) == Record(id="r9", instance="i", at=5)


def test_every_field_has_a_type_that_a_column_can_have() -> None:
    """Text or whole number."""
    assert {type(getattr(settled(), name)) for name in set(FIELDS) - NUMBERS} == {str}
    assert {type(getattr(settled(), name)) for name in NUMBERS} == {int}


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (None, ""),
        ("", ""),
        ("claude-opus-4-5", "claude-opus-4-5"),
        ("a\x00b", "a\ufffdb"),
        ("a\r\nb", "a\ufffd\ufffdb"),
        ("\x1b[31mred", "\ufffd[31mred"),
        ("half \ud800", "half ?"),
        ("名前", "名前"),
        ("x" * 500, "x" * 200),
    ],
)
def test_names_are_made_harmless(text: str | None, cleaned: str) -> None:
    """They come from callers and upstreams."""
    assert clean(text) == cleaned


@given(st.text(st.characters()))
def test_whatever_it_was_it_is_printable_then(text: str) -> None:
    """And encodes, and is bounded."""
    cleaned = clean(text)
    assert (cleaned.isprintable(), len(cleaned) <= 200) == (True, True)
    cleaned.encode()
