"""Counts: disjoint classes here, the API's own sums there."""

from typing import Any

import pytest
from anthropic.types import Usage as Strict
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events import Usage
from stages.dialects.anthropic.usage import merged, read_usage, write_usage

counts = st.integers(0, 10**12)


def test_every_token_is_in_one_class() -> None:
    """Reads, writes by lifetime, fresh input, thoughts and words: none is in two."""
    fields = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 30,
        "cache_read_input_tokens": 400,
        "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
        "output_tokens": 50,
        "output_tokens_details": {"thinking_tokens": 35},
        "server_tool_use": {"web_search_requests": 2},
        "service_tier": None,
    }
    usage = read_usage(fields)
    assert usage == Usage(10, 400, 20, 10, 15, 35, {"server_tool_use": {"web_search_requests": 2}})
    assert (usage.prompt, usage.produced) == (440, 50)


@pytest.mark.parametrize(
    ("fields", "usage"),
    [
        ({}, Usage()),
        ({"cache_creation_input_tokens": 30}, Usage(cache_write_5m=30)),
        ({"cache_creation_input_tokens": 30, "cache_creation": {"ephemeral_1h_input_tokens": 12}},
         Usage(cache_write_5m=18, cache_write_1h=12)),
        ({"output_tokens": 5, "output_tokens_details": {"thinking_tokens": 9}}, Usage(output=0, reasoning=5)),
        ({"input_tokens": -1, "output_tokens": "7", "cache_read_input_tokens": True}, Usage(input=0)),
        ({"output_tokens_details": None, "cache_creation": None}, Usage()),
        ({"output_tokens_details": {"thinking_tokens": 9}}, Usage(reasoning=9)),
    ],
)  # fmt: skip
def test_what_is_not_told_is_unknown_and_what_makes_no_sense_is_not_believed(fields: Any, usage: Usage) -> None:
    """Unknown is None, never 0; a part is never more than its sum."""
    assert read_usage(fields) == usage


@pytest.mark.parametrize("nothing", [None, [], "x", 3])
def test_no_object_is_no_usage(nothing: Any) -> None:
    """Servers that leave usage out told nothing."""
    assert read_usage(nothing) is None
    assert merged({"input_tokens": 1}, nothing) == {"input_tokens": 1}


def test_later_counts_replace_earlier_ones_and_null_does_not() -> None:
    """Cumulative: of each field the last that was told."""
    assert merged({"input_tokens": 4, "output_tokens": 1}, {"input_tokens": None, "output_tokens": 9}) == {
        "input_tokens": 4,
        "output_tokens": 9,
    }


def test_iterations_are_what_is_billed() -> None:
    """With compaction the fields at the top leave some out: the sum of the iterations counts."""
    one = {
        "type": "message",
        "input_tokens": 7,
        "cache_read_input_tokens": 2,
        "cache_creation_input_tokens": 1,
        "output_tokens": 5,
    }
    usage = read_usage({"input_tokens": 7, "output_tokens": 5, "iterations": [one, {**one, "type": "compaction"}]})
    assert usage is not None
    assert (usage.input, usage.cache_read, usage.cache_write_5m, usage.output) == (14, 4, 2, 10)


@given(st.builds(Usage, counts, counts, counts, counts, counts, st.none() | counts))
def test_written_counts_read_back_the_same(usage: Usage) -> None:
    """read(write(usage)) == usage, and the vendor's strict type takes it."""
    written = write_usage(usage)
    assert read_usage(written) == usage
    Strict.model_validate(written, strict=True)
    assert (
        written["input_tokens"] + written["cache_creation_input_tokens"] + written["cache_read_input_tokens"]
        == usage.prompt
    )
    assert written["output_tokens"] == usage.produced


def test_nothing_known_is_still_an_object_with_numbers() -> None:
    """Both SDKs fail without input_tokens and output_tokens."""
    Strict.model_validate(write_usage(None), strict=True)
    assert write_usage(None)["input_tokens"] == 0


@pytest.mark.parametrize("tier", [[], {"a": 1}, 5, "flex"])
def test_a_tier_that_the_api_has_not_is_not_told(tier: Any) -> None:
    """Of whatever type it is: an upstream may say anything."""
    assert "service_tier" not in write_usage(read_usage({"input_tokens": 1, "output_tokens": 1, "service_tier": tier}))
