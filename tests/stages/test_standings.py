"""Standings: how a key's windows are told to each family of clients."""

import pytest
from msgspec.structs import replace

from pipeline.errors import BudgetSpent, RateLimited
from pipeline.store.record import KINDS, Standing
from pipeline.upstream import Quota
from stages.standings import dollars, fields, refusal, span, used_up, without_theirs
from transports.messages import Head

NOW = 1_800_000_000_000
HOUR5 = Standing("usd_5h", "*", 1_000_000, 0, 0, NOW + 3_600_000)
WEEK = Standing("usd_week", "*", 1_000_000, 0, 0, NOW + 86_400_000)
MINUTE = Standing("requests_minute", "*", 60, 20, 0, NOW + 30_000)


@pytest.mark.parametrize(
    ("spent", "status", "threshold"),
    [(749_999, b"allowed", None), (750_000, b"allowed_warning", b"0.75"), (950_000, b"allowed_warning", b"0.95")],
)
def test_claude_code_is_warned_at_both_thresholds(spent: int, status: bytes, threshold: bytes | None) -> None:
    """By the fields that it reads, of the window that is fullest."""
    told = dict(fields("anthropic", [HOUR5, replace(WEEK, spent=spent)], NOW))
    prefix = b"anthropic-ratelimit-unified-"
    assert told[prefix + b"status"] == told[prefix + b"7d-status"] == status
    assert told.get(prefix + b"7d-surpassed-threshold") == threshold
    assert told[prefix + b"representative-claim"] == b"seven_day"
    assert told[prefix + b"reset"] == b"1800086400"
    assert (told[prefix + b"5h-utilization"], told[prefix + b"5h-status"]) == (b"0", b"allowed")


def test_what_is_held_is_not_told_as_used() -> None:
    """It is an upper bound, and most of it comes back."""
    told = dict(fields("anthropic", [replace(HOUR5, held=990_000)], NOW))
    assert told[b"anthropic-ratelimit-unified-5h-utilization"] == b"0"


def test_rates_in_both_tongues() -> None:
    """A moment for one, a span for the other."""
    assert dict(fields("anthropic", [MINUTE], NOW)) == {
        b"anthropic-ratelimit-requests-limit": b"60",
        b"anthropic-ratelimit-requests-remaining": b"40",
        b"anthropic-ratelimit-requests-reset": b"2027-01-15T08:00:30Z",
    }
    assert dict(fields("responses", [MINUTE], NOW)) == {
        b"x-ratelimit-limit-requests": b"60",
        b"x-ratelimit-remaining-requests": b"40",
        b"x-ratelimit-reset-requests": b"30s",
    }


def test_of_several_of_a_kind_the_tightest_is_told() -> None:
    """Of money the fullest, in whatever order they stand; of rates that with the least left, whatever part it is."""
    emptier, fuller = replace(HOUR5, spent=100_000), replace(HOUR5, models="a", limit=10, spent=8)
    wide, narrow = replace(MINUTE, spent=59, limit=70), replace(MINUTE, models="a", limit=10, spent=0)
    for standings in ([emptier, fuller, wide, narrow], [narrow, wide, fuller, emptier]):
        told = dict(fields("anthropic", standings, NOW))
        assert told[b"anthropic-ratelimit-unified-5h-utilization"] == b"0.8"
        assert told[b"anthropic-ratelimit-requests-remaining"] == b"10"
        assert dict(fields("chat", standings, NOW))[b"x-ratelimit-limit-requests"] == b"10"


def test_money_that_is_spent() -> None:
    """Not to be tried again until the window begins anew, which is said in words as well."""
    error = refusal(replace(HOUR5, spent=900_000), 200_000, "anthropic", NOW)
    assert isinstance(error, BudgetSpent)
    assert error.message == (
        "$1.00 in five hours is the limit of this key; $0.90 is spent, and this request may cost $0.20. "
        "It begins anew at 2027-01-15 09:00 UTC."
    )
    assert error.headers == [(b"x-should-retry", b"false"), (b"retry-after", b"3600")]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("requests_minute", "1 request a minute is the limit of this key."),
        ("tokens_minute", "1 token a minute is the limit of this key."),
        ("streams", "1 reply at one time is the limit of this key."),
        ("usd_total", "$0.000001 in all is the limit of this key;"),
    ],
)
def test_one_is_told_as_one(kind: str, text: str) -> None:
    """Not "1 replies"."""
    assert refusal(Standing(kind, "*", 1, 1, 0, 0), 1, "chat", NOW).message.startswith(text)


def test_money_in_all_never_begins_anew() -> None:
    """Nobody is told to come back."""
    error = refusal(Standing("usd_total", "claude-*", 100, 100, 0, 0), 1, "chat", NOW)
    assert error.headers == [(b"x-should-retry", b"false")]
    assert "for claude-*" in error.message


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dialect", ["anthropic", "chat"])
def test_a_limit_of_nothing_promises_nothing(kind: str, dialect: str) -> None:
    """A window that begins anew has no more room, so nobody is told when it does, or to try again."""
    error = refusal(Standing(kind, "*", 0, 0, 0, NOW + 30_000), 1, dialect, NOW)
    assert isinstance(error, BudgetSpent if kind.startswith("usd_") else RateLimited)
    assert (error.retry_after, error.retryable, error.headers) == (None, False, [(b"x-should-retry", b"false")])
    assert error.message.endswith("is the limit of this key.")


def test_money_that_is_only_held_comes_back() -> None:
    """Trying again soon is right then, so that is what clients are told."""
    error = refusal(replace(HOUR5, spent=100_000, held=850_000), 200_000, "anthropic", NOW)
    assert isinstance(error, RateLimited)
    assert (error.headers, error.retryable) == ([(b"retry-after", b"2")], False)


def test_a_plan_that_is_used_up() -> None:
    """By the name of its upstream, and until when."""
    error = used_up("claude", Quota("7d", 1.0, NOW + 7_200_000, NOW), NOW)
    assert (b"retry-after", b"7200") in error.headers
    assert "2027-01-15 10:00 UTC" in error.message


def test_an_upstreams_own_limits_are_left_out_where_ours_are_told() -> None:
    """Two tellings would contradict each other."""
    theirs = [(b"anthropic-ratelimit-unified-overage-status", b"x"), (b"x-ratelimit-limit-tokens", b"1"), (b"a", b"b")]
    assert without_theirs(Head(200, theirs)).headers == [(b"a", b"b")]


@pytest.mark.parametrize(("ms", "text"), [(-5, "0ms"), (20, "20ms"), (1000, "1s"), (360_000, "6m0s")])
def test_spans(ms: int, text: str) -> None:
    """As OpenAI writes them."""
    assert span(ms) == text


@pytest.mark.parametrize(("micros", "text"), [(0, "$0.00"), (5_000_000, "$5.00"), (1_500, "$0.0015"), (1, "$0.000001")])
def test_amounts(micros: int, text: str) -> None:
    """Small ones are not told as nothing."""
    assert dollars(micros) == text
