"""Cost: exact, whole micro-dollars; the tier of the whole prompt, the factors of its terms, and what is counted."""

from fractions import Fraction

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events import Usage
from stages.prices.cost import Price, Quote, Rates, cost, counted, terms_of

LOW = Rates(input=100_000, output=500_000, cache_read=10_000, cache_write_5m=125_000, cache_write_1h=200_000)
HIGH = Rates(input=500_000, output=2_500_000, cache_read=50_000, cache_write_5m=625_000, cache_write_1h=1_000_000)
PRICE = Price(
    models=("m",),
    source="a list",
    tiers=((0, LOW), (100_000, HIGH)),
    factors={"service_tier": {"batch": (1, 2)}, "inference_geo": {"us": (11, 10)}},
    each={"web_search_requests": 10_000},
)
COUNTS = st.integers(0, 100_000_000)


def test_each_class_has_its_rate() -> None:
    """A million of each cost what the list says."""
    flat = Price(models=("m",), source="", tiers=((0, LOW),))
    million = 1_000_000
    for name in ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h"):
        assert cost(flat, Usage(**{name: million}), {}) == getattr(LOW, name)
    assert cost(flat, Usage(reasoning=million), {}) == LOW.output


@pytest.mark.parametrize(("prompt", "rates"), [(100_000, LOW), (100_001, HIGH)])
def test_the_tier_is_that_of_the_whole_prompt(prompt: int, rates: Rates) -> None:
    """Whatever its tokens are charged as, and it holds for the output too."""
    usage = Usage(input=prompt - 60_000, cache_read=60_000, output=1000)
    expected = Fraction((prompt - 60_000) * rates.input + 60_000 * rates.cache_read + 1000 * rates.output, 1_000_000)
    assert cost(PRICE, usage, {}) == int(expected + Fraction(1, 2))


@pytest.mark.parametrize(
    ("terms", "times"),
    [
        ({}, Fraction(1)),
        ({"service_tier": "batch"}, Fraction(1, 2)),
        ({"inference_geo": "us"}, Fraction(11, 10)),
        ({"service_tier": "batch", "inference_geo": "us"}, Fraction(11, 20)),
        ({"service_tier": "standard", "speed": "fast"}, Fraction(1)),
    ],
)
def test_factors_multiply(terms: dict[str, str], times: Fraction) -> None:
    """Those that are known; other terms cost nothing."""
    assert cost(PRICE, Usage(output=1_000_000), terms) == 500_000 * times


@given(COUNTS, COUNTS, COUNTS)
def test_it_is_rounded_once(given_: int, read: int, output: int) -> None:
    """At the end, half a micro-dollar up: never off by more than that half."""
    usage = Usage(input=given_, cache_read=read, output=output)
    rates = PRICE.rates(usage.prompt)
    exact = Fraction(11 * (given_ * rates.input + read * rates.cache_read + output * rates.output), 10 * 1_000_000)
    billed = cost(PRICE, usage, {"inference_geo": "us"})
    assert billed - Fraction(1, 2) <= exact < billed + Fraction(1, 2)


@pytest.mark.parametrize(
    ("extra", "count"),
    [
        (None, 0),
        ({"web_search_requests": 3}, 3),
        ({"server_tool_use": {"web_search_requests": 2}}, 2),
        ({"web_search_requests": -3}, 0),
        ({"web_search_requests": True}, 0),
        ({"web_search_requests": "3"}, 0),
        ({"web_search_requests": 10**9}, 0),
    ],
)
def test_things_are_counted_where_upstreams_tell_them(extra: dict[str, object] | None, count: int) -> None:
    """At the top or one level below, and only what can be a count."""
    assert counted(extra, "web_search_requests") == count
    assert cost(PRICE, Usage(extra=extra), {}) == 10_000 * count


def test_terms_are_as_told_before_as_asked() -> None:
    """A tier that was asked for and not given is not paid for; only what the price depends on is kept."""
    told = {"service_tier": "standard", "other": "x"}
    assert terms_of(PRICE, told, {"service_tier": "batch", "inference_geo": "us"}) == {
        "service_tier": "standard",
        "inference_geo": "us",
    }
    assert terms_of(PRICE, {"service_tier": 7}, {"service_tier": "batch"}) == {"service_tier": "batch"}


@given(
    st.integers(0, 300_000),
    st.integers(0, 100_000),
    st.sampled_from([{}, {"service_tier": "batch"}]),
    st.permutations([1, 7, 9]),
)
def test_the_most_is_what_the_dearest_class_is_billed(
    tokens: int, output: int, terms: dict[str, str], rates: list[int]
) -> None:
    """By the price function, whichever class that is; a cache of an hour only where there may be one."""
    fresh, short, long = rates
    price = attrs.evolve(PRICE, tiers=((0, Rates(fresh, 20, 0, short, long)), (100_000, HIGH)))
    quote = Quote(price, terms)
    ways = [Usage(input=tokens), Usage(cache_write_5m=tokens), Usage(cache_write_1h=tokens)]
    billed = [cost(price, attrs.evolve(way, output=output), terms) for way in ways]
    prompt = max(quote(way) for way in ways[:2])
    assert quote.most(tokens, output, hour=False) == (prompt, max(billed[:2]))
    assert quote.most(tokens, output, hour=True) == (prompt, max(billed))
