"""Export: every record a line, which spreadsheets and scripts read as it was meant."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.store import export
from pipeline.store.record import Flag
from tests.pipeline.store.records import AT, settled


def read(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode(), newline="")))


def test_both_formats_tell_the_same() -> None:
    """In the words of the format."""
    record = settled(cost=1_234_567, error="Overloaded", model='a "b", c', first=-1)
    (row,) = read(export.head("csv") + export.lines("csv", [record], {"k1": "laptop"}))
    line = json.loads(export.head("jsonl") + export.lines("jsonl", [record], {"k1": "laptop"}))
    assert (row["cost_usd"], row["model"], row["key_name"]) == ("1.234567", 'a "b", c', "laptop")
    assert (row["first_ms"], row["streamed"]) == ("", "false")
    assert {name: line[name] for name in ("cost_usd", "first_ms", "streamed", "at")} == {
        "cost_usd": "1.234567",
        "first_ms": None,
        "streamed": False,
        "at": "2027-01-15T08:00:00.000+00:00",
    }
    assert list(line) == list(row)


def test_an_unknown_cost_is_empty() -> None:
    """It is not zero."""
    (row,) = read(export.head("csv") + export.lines("csv", [settled(flags=int(Flag.UNPRICED), at=AT)], {}))
    assert row["cost_usd"] == ""


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\t=1"])
def test_no_text_is_a_formula(name: str) -> None:
    """Whatever callers call their models."""
    (row,) = read(export.head("csv") + export.lines("csv", [settled(model=name)], {}))
    assert row["model"] == "'" + name


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_money_keeps_every_digit(micros: int) -> None:
    """It is never a float."""
    whole, _, part = export.dollars(micros).lstrip("-").partition(".")
    assert int(whole) * 1_000_000 + int(part) == abs(micros)
    assert export.dollars(micros).startswith("-") == (micros < 0)


def test_another_format_is_refused() -> None:
    """By its name."""
    with pytest.raises(KeyError, match="xls"):
        export.head("xls")
