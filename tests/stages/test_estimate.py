"""Estimate: upper bounds that can be believed, and come down as more is known."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events import Usage
from pipeline.prompt import Prompt
from stages.dialects import anthropic
from stages.estimate import DEAREST, FEW, OUTPUT, REMEMBERED, Learned, about, allowed, bound
from stages.prices.cost import Quote
from stages.prices.reading import parsed

(PRICE,) = parsed(
    """
[[price]]
models = ["m"]
input = 5
output = 25
cache_read = 0.5
cache_write_5m = 6.25
cache_write_1h = 10
tiers = [{ above = 200_000, input_times = 2, output_times = 1.5 }]
""",
    "test",
)


quote = Quote(PRICE, {})


def prompt(text: str) -> Prompt:
    return Prompt("anthropic", text.encode())


UNKNOWN: tuple[int | None, float] = (None, 1.0)


def test_the_bound_is_what_the_price_function_bills_for_the_worst() -> None:
    """All of the prompt written to the cache, as much output as is allowed."""
    made = bound(prompt('{"max_tokens": 1000}'), "m", 10_000, UNKNOWN, quote, hour=False)
    assert made.cost == quote(Usage(cache_write_5m=10_000, output=1000)) == 62_500 + 25_000
    hour = bound(prompt('{"max_tokens": 1000}'), "m", 10_000, UNKNOWN, quote, hour=True)
    assert hour.cost == 100_000 + 25_000
    assert hour.tokens == 11_000
    assert hour.prompt < hour.least < hour.cost


def test_a_long_prompt_is_reserved_at_the_tier_it_is_billed_at() -> None:
    """Not at the first."""
    made = bound(prompt('{"max_tokens": 10}'), "m", 300_000, UNKNOWN, quote, hour=False)
    assert made.cost == quote(Usage(cache_write_5m=300_000, output=10))
    assert made.cost > 2 * 300_000 * 6.25


@pytest.mark.parametrize(
    ("said", "model", "tokens"),
    [
        ('{"max_tokens": 500}', "unknown", 500),
        ('{"max_completion_tokens": 500, "n": 3}', "unknown", 1500),
        ('{"max_output_tokens": 7}', "unknown", 7),
        ("{}", "unknown", OUTPUT),
        ('{"max_tokens": 999999}', "claude-opus-4-5", 64_000),
        ('{"max_tokens": "many"}', "claude-opus-4-5", 64_000),
    ],
)
def test_output_is_bounded_by_request_and_model(said: str, model: str, tokens: int) -> None:
    """Whichever is less."""
    assert allowed(prompt(said), model) == tokens


def test_what_was_used_narrows_the_bound() -> None:
    """Once a few are known, and only for that key and model."""
    learned = Learned()
    for _ in range(FEW - 1):
        learned.remember("k", "m", 2000, 0.1)
    assert learned.most("k", "m") == UNKNOWN
    learned.remember("k", "m", 3000, 0.2)
    assert learned.most("k", "m") == (3000, 0.2)
    assert learned.most("k", "other") == UNKNOWN
    wide = bound(prompt('{"max_tokens": 128000}'), "m", 100_000, UNKNOWN, quote, hour=False)
    narrow = bound(prompt('{"max_tokens": 128000}'), "m", 100_000, learned.most("k", "m"), quote, hour=False)
    assert narrow.cost == round(625_000 * 0.2) + 75_000 < wide.cost // 5


def test_what_was_learned_counts_for_caches_of_an_hour_too() -> None:
    """A prompt that was written for an hour is learned as more than all of one; the next ones hold as much."""
    learned = Learned()
    wide = bound(prompt('{"max_tokens": 1000}'), "m", 10_000, UNKNOWN, quote, hour=True)
    for _ in range(FEW):
        learned.remember("k", "m", 1000, quote(Usage(cache_write_1h=10_000)) / wide.prompt)
    for hour in (True, False):
        again = bound(prompt('{"max_tokens": 1000}'), "m", 10_000, learned.most("k", "m"), quote, hour=hour)
        assert again.cost == wide.cost


def test_what_was_learned_long_ago_is_forgotten() -> None:
    """One outlier does not hold for ever."""
    learned = Learned()
    learned.remember("k", "m", 90_000, 4.0)
    for _ in range(REMEMBERED):
        learned.remember("k", "m", 100, 0.5)
    assert learned.most("k", "m") == (100, 0.5)


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from([0.0, 0.1, 1.0, 7.0])), min_size=FEW, max_size=200))
def test_the_most_is_that_of_the_last(uses: list[tuple[int, float]]) -> None:
    """Whatever came before, and however often the same."""
    learned = Learned()
    for output, share in uses:
        learned.remember("k", "m", output, share)
    last = uses[-REMEMBERED:]
    assert learned.most("k", "m") == (max(use for use, _ in last), min(max(share for _, share in last), DEAREST))


def test_text_is_taken_by_its_length_and_pictures_are_counted() -> None:
    """A megabyte of base64 is some two thousand tokens, no four hundred thousand."""
    text = prompt('{"messages": [{"role": "user", "content": "%s"}]}' % ("word " * 20_000))
    assert about(text, anthropic) >= anthropic.count(text)
    source = {"type": "base64", "media_type": "image/png", "data": "A" * 1_000_000}
    body = {"messages": [{"role": "user", "content": [{"type": "image", "source": source}]}]}
    assert about(prompt(json.dumps(body)), anthropic) < 5_000
