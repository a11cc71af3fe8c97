"""The catalogue: a model is found however it is spelled, and no other model in its place."""

from datetime import UTC, datetime

import pytest

from stages.prices.catalogue import Catalogue
from stages.prices.cost import Price, Rates
from stages.prices.reading import built_in

NOW = round(datetime(2026, 11, 21, tzinfo=UTC).timestamp() * 1000)
OURS = Catalogue(built_in())


def price(*models: str, input: int = 1, **fields: object) -> Price:  # noqa: A002  # as the rate is called
    return Price(models=models, source="", tiers=((0, Rates(input, 0, 0, 0, 0)),), **fields)  # type: ignore[arg-type]  # of a test


def rate(catalogue: Catalogue, model: str, upstream: str = "up", at: int = NOW) -> int | None:
    found = catalogue.find(model, upstream, at)
    return None if found is None else found.tiers[0][1].input


@pytest.mark.parametrize(
    "model",
    [
        "claude-opus-4-5",
        "claude-opus-4-5-20251101",
        "us.anthropic.claude-opus-4-5-20251101-v1:0",
        "anthropic/claude-opus-4.5",
        "claude-opus-4-5@20251101",
        "claude-opus-4-5[1m]",
        "Claude-Opus-4-5-latest",
    ],
)
def test_a_model_is_found_however_it_is_spelled(model: str) -> None:
    """Dated, with a provider before it, a variant behind it."""
    assert rate(OURS, model) == 5_000_000


@pytest.mark.parametrize(
    "model", ["claude-opus-4-5-mini", "claude-opus", "my-claude-opus-4-5", "", "gpt-5.2-codex-max"]
)
def test_a_name_that_only_looks_alike_is_unknown(model: str) -> None:
    """An unknown price is told, not guessed."""
    assert rate(OURS, model) is None


def test_ones_own_come_first() -> None:
    """As globs, of the model and of the upstream, whatever comes with us."""
    catalogue = Catalogue(built_in(), (price("claude-opus-*", input=7, upstream="work*"),))
    assert rate(catalogue, "claude-opus-4-5", "work-eu") == 7
    assert rate(catalogue, "anthropic/claude-opus-4-5", "work") == 7
    assert rate(catalogue, "claude-opus-4-5", "home") == 5_000_000


@pytest.mark.parametrize(("at", "expected"), [(0, 1), (99, 1), (100, 2), (199, 2), (200, 3)])
def test_the_latest_beginning_that_is_past_holds(at: int, expected: int) -> None:
    """Before the first one, the first; of two that begin together, the one that was added last."""
    rows = (price("m", input=2, since=100), price("m", input=1), price("m", input=9, since=200),
            price("m", input=3, since=200))  # fmt: skip
    assert rate(Catalogue((), rows), "m", at=at) == expected


def test_names_that_callers_invent_are_not_kept_for_ever() -> None:
    """However many they are."""
    catalogue = Catalogue(built_in())
    for number in range(5000):
        catalogue.find(f"model-{number}", "up", NOW)
    assert len(catalogue._found) <= 2000


# What docs and lists said in November 2026: input, output, read, written for short, for long; dollars.
LISTED = [
    ("claude-fable-5-2", 8, 40, 0.2, 10, 16),
    ("claude-fable-5-1", 10, 50, 0.25, 12.5, 20),
    ("claude-opus-5-5", 4, 20, 0.2, 5, 8),
    ("claude-opus-4-6", 5, 25, 0.5, 6.25, 10),
    ("claude-sonnet-5-5", 2, 10, 0.1, 2.5, 4),
    ("claude-sonnet-4-5", 3, 15, 0.3, 3.75, 6),
    ("claude-haiku-5-5", 0.1, 0.5, 0.01, 0.125, 0.2),
    ("claude-haiku-4-5", 1, 5, 0.1, 1.25, 2),
    ("gpt-6.1-sol", 2, 10, 0.1, 2.5, 5),
    ("gpt-5.5", 5, 30, 0.5, 5, 5),
    ("gpt-4o-mini-2024-07-18", 0.15, 0.6, 0.075, 0.15, 0.15),
    ("deepseek-v4-pro", 1.32, 3.96, 0.044, 1.32, 1.32),
    ("kimi-k3", 3, 15, 0.3, 3, 6),
    ("MiniMax-M3", 0.3, 1.2, 0.06, 0.3, 0.3),
]


@pytest.mark.parametrize(("model", "rates"), [(row[0], row[1:]) for row in LISTED])
def test_what_comes_with_us_is_what_was_listed(model: str, rates: tuple[float, ...]) -> None:
    """With its source."""
    found = OURS.find(model, "up", NOW)
    assert found is not None
    first = found.tiers[0][1]
    told = (first.input, first.output, first.cache_read, first.cache_write_5m, first.cache_write_1h)
    assert told == tuple(round(dollars * 1_000_000) for dollars in rates)
    assert found.source


@pytest.mark.parametrize(
    ("model", "prompt", "rates"),
    [
        ("claude-haiku-5-5", 100_000, (100_000, 500_000, 10_000)),
        ("claude-haiku-5-5", 100_001, (500_000, 2_500_000, 50_000)),
        ("gpt-5.6-sol", 272_000, (4_000_000, 20_000_000, 400_000)),
        ("gpt-5.6-sol", 272_001, (8_000_000, 30_000_000, 800_000)),
        ("gemini-3.1-pro-preview", 200_001, (4_000_000, 18_000_000, 400_000)),
        ("claude-opus-4-6", 900_000, (5_000_000, 25_000_000, 500_000)),
    ],
)
def test_long_prompts_have_their_own_rates(model: str, prompt: int, rates: tuple[int, ...]) -> None:
    """Where the list says so."""
    found = OURS.find(model, "up", NOW)
    assert found is not None
    held = found.rates(prompt)
    assert (held.input, held.output, held.cache_read) == rates


def test_multipliers_are_those_of_the_vendor() -> None:
    """Batch for all; a region from 4.6 on; speed where it is sold."""
    factors = {model: OURS.find(model, "up", NOW) for model in ("claude-opus-5-5", "claude-opus-4-5", "gpt-6-sol")}
    told = {model: dict(found.factors) for model, found in factors.items() if found is not None}
    assert told["claude-opus-5-5"] == {
        "service_tier": {"batch": (1, 2)},
        "inference_geo": {"us": (11, 10)},
        "speed": {"fast": (2, 1)},
    }
    assert told["claude-opus-4-5"] == {"service_tier": {"batch": (1, 2)}}
    assert told["gpt-6-sol"]["service_tier"]["priority"] == (2, 1)
