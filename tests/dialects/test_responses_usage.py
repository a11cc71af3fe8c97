"""Token counts, both ways."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseUsage

from pipeline.events import Usage
from stages.dialects.responses.usage import read, write

SEVEN = {"reasoning_tokens": 7}
COUNTS = st.integers(0, 10**9)


@given(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
def test_what_is_written_is_read(fresh: int, cached: int, short: int, long: int, words: int, reasoning: int) -> None:
    """Disjoint classes survive; the totals are sums, and the vendor's type takes them."""
    usage = Usage(fresh, cached, short, long, words, reasoning)
    told = write(usage)
    ResponseUsage.model_validate(told, strict=True)
    assert read(told) == usage
    assert told["input_tokens"] == usage.prompt
    assert told["output_tokens"] == usage.produced
    assert told["total_tokens"] == usage.prompt + usage.produced


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"input_tokens": 10, "output_tokens": 5}, Usage(10, 0, 0, 0, 5, 0)),
        (
            {"input_tokens": 10, "input_tokens_details": None, "output_tokens": 5, "output_tokens_details": None},
            Usage(10, 0, 0, 0, 5, 0),
        ),
        (
            {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 99, "cache_write_tokens": 99}},
            Usage(0, 10, 0, 0),
        ),
        (
            {"input_tokens": 1, "output_tokens": 2, "total_tokens": 10, "output_tokens_details": SEVEN},
            Usage(1, 0, 0, 0, 2, 7),
        ),
        ({"input_tokens": 1, "output_tokens": 2, "cost": 0.5}, Usage(1, 0, 0, 0, 2, 0, {"cost": 0.5})),
        ({}, None),
        (None, None),
        ("much", None),
    ],
)  # fmt: skip
def test_what_servers_tell(told: Any, expected: Usage | None) -> None:
    """Details may be missing or too large; a total may hold reasoning that the output leaves out."""
    assert read(told) == expected


@given(COUNTS, COUNTS, COUNTS)
def test_classes_never_exceed_the_total(total: int, cached: int, written: int) -> None:
    """Fresh, read and written input are disjoint and sum up to the total, whatever the details say."""
    details = {"cached_tokens": cached, "cache_write_tokens": written,
               "cache_write_tokens_details": {"ttl_12h_tokens": written}}  # fmt: skip
    usage = read({"input_tokens": total, "input_tokens_details": details, "output_tokens": 0})
    assert usage is not None
    assert usage.prompt == total
    assert min(usage.input or 0, usage.cache_read or 0, usage.cache_write_5m or 0, usage.cache_write_1h or 0) >= 0
