"""What a reply costs: counts × rates, exactly, in whole micro-dollars.

    tokens of each class × rate of the tier the prompt falls into × factors of its terms  +  things × their price
                           └── micro-dollars per million tokens: so the sum is exact, and rounded once, at the end

The one function that reserves and bills.  A tier is chosen by the whole prompt, whatever its tokens are charged as, and
holds for the whole request.  What is unknown has no cost here: None, never zero.
"""

from collections.abc import Mapping
from typing import Any

import attrs

from pipeline.events import Usage

MILLION = 1_000_000
Factor = tuple[int, int]  # numerator and denominator
Terms = Mapping[str, str]  # what the price depends on besides tokens: {"service_tier": "batch"}


@attrs.frozen
class Rates:
    """Micro-dollars per million tokens."""

    input: int
    output: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int


@attrs.frozen
class Price:
    """What a model costs at an upstream, from a moment on."""

    models: tuple[str, ...]  # names, or globs in an operator's own
    source: str  # where it was read
    tiers: tuple[tuple[int, Rates], ...]  # prompts above that many tokens; the first one is for all
    upstream: str = "*"  # glob
    since: int = 0  # ms
    factors: Mapping[str, Mapping[str, Factor]] = attrs.field(factory=dict)  # field → value → factor
    each: Mapping[str, int] = attrs.field(factory=dict)  # things that are counted, micro-dollars each
    flat: Rates | None = attrs.field(init=False, eq=False, repr=False)  # those for all prompts, where there is one tier

    @flat.default
    def _flat(self) -> Rates | None:
        return self.tiers[0][1] if len(self.tiers) == 1 else None

    def rates(self, prompt: int) -> Rates:
        """Those for a prompt of that many tokens."""
        held = self.tiers[0][1]
        for above, rates in self.tiers[1:]:
            if prompt > above:
                held = rates
        return held


def cost(price: Price, usage: Usage, terms: Terms) -> int:
    """What *usage* costs, in micro-dollars, half a one rounded up."""
    rates = price.flat or price.rates(usage.prompt)
    above, below = 0, MILLION  # most classes of a usage are empty: it is quicker to look than to multiply
    if usage.input:
        above = usage.input * rates.input
    if usage.cache_read:
        above += usage.cache_read * rates.cache_read
    if usage.cache_write_5m:
        above += usage.cache_write_5m * rates.cache_write_5m
    if usage.cache_write_1h:
        above += usage.cache_write_1h * rates.cache_write_1h
    if usage.output:
        above += usage.output * rates.output
    if usage.reasoning:
        above += usage.reasoning * rates.output
    if terms:
        times, below = scale(price, terms)
        above *= times
    billed = (2 * above + below) // (2 * below)
    if usage.extra:
        for thing, micros in price.each.items():
            billed += micros * counted(usage.extra, thing)
    return billed


def scale(price: Price, terms: Terms) -> Factor:
    """By what tokens × rate of *price* is multiplied and divided under *terms*, to be micro-dollars."""
    times, below = 1, MILLION
    for field, values in price.factors.items():
        factor = values.get(terms.get(field, ""))
        if factor is not None:
            times, below = times * factor[0], below * factor[1]
    return times, below


@attrs.define(eq=False)
class Quote:
    """What usages cost at *price* under *terms*, in micro-dollars."""

    price: Price
    terms: Terms

    def __call__(self, usage: Usage) -> int:
        """What *usage* costs."""
        return cost(self.price, usage, self.terms)

    def most(self, tokens: int, output: int, *, hour: bool) -> tuple[int, int]:
        """What a prompt of *tokens* costs at most, fresh or written to a cache; and what it does with *output*.

        *hour*: the latter for a cache that may be written for an hour.  The class that is the dearest is that of the
        highest rate, so that nothing has to be counted more than once.
        """
        price, terms = self.price, self.terms
        rates = price.flat or price.rates(tokens)
        times, below = scale(price, terms) if terms else (1, MILLION)
        rate = max(rates.input, rates.cache_write_5m)
        whole = tokens * (max(rate, rates.cache_write_1h) if hour else rate) + output * rates.output
        return (2 * times * tokens * rate + below) // (2 * below), (2 * times * whole + below) // (2 * below)


def counted(extra: Mapping[str, Any] | None, thing: str) -> int:
    """How many of *thing* the upstream counted, at the top or one level below."""
    if not extra:
        return 0
    for within in (extra, *(value for value in extra.values() if isinstance(value, dict))):
        count = within.get(thing)
        if isinstance(count, int) and not isinstance(count, bool) and 0 < count < MILLION:
            return count
    return 0


def terms_of(price: Price, told: Mapping[str, Any] | None, asked: Terms) -> dict[str, str]:
    """The terms that *price* depends on: as the upstream *told*, else as was *asked*."""
    terms: dict[str, str] = {}
    if not told and not asked:
        return terms
    for field in price.factors:
        value = (told or {}).get(field)
        if not isinstance(value, str):
            value = asked.get(field)
        if value is not None:
            terms[field] = value[:50]
    return terms
