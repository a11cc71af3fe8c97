"""Retries: what upstreams say of trying again, what is worth it, and how much of it there may be."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import (
    ContextTooLong,
    Forbidden,
    GatewayError,
    InvalidRequest,
    Overloaded,
    RateLimited,
    ServerError,
    Unauthenticated,
    UnknownModel,
    Unsupported,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamTruncated,
)
from pipeline.store.record import Standing
from stages.retries import BELIEVED, FLOOR, SPAN, Advice, Budget, advice, elsewhere, pause, transient, worth_telling
from stages.standings import refusal
from tests.doubles import upstream

NOW = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC


def refused(means: GatewayError, code: int = 500, **fields: Any) -> UpstreamRefused:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    return UpstreamRefused("no", dialect="words", means=means, code=code, fields=named, body=b"")


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "0.5"}, 0.5),
        ({"retry_after_ms": "250", "retry_after": "1"}, 0.25),
        ({"retry_after_ms": "soon", "retry_after": "1"}, 1.0),
        ({"retry_after": "Fri, 15 Jan 2027 08:01:00 GMT"}, 60.0),
        ({"retry_after": "Fri, 15 Jan 2027 07:00:00 GMT"}, 0.0),
        ({"retry_after": "-3"}, 0.0),
        ({"retry_after": "99999999"}, BELIEVED),
        ({"retry_after": "inf"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "soon"}, None),
        ({}, None),
    ],
)
def test_when_to_come_back(fields: dict[str, str], seconds: float | None) -> None:
    """Seconds, milliseconds or a date; within an hour; anything else says nothing."""
    assert advice(refused(Overloaded("busy"), 529, **fields), NOW) == Advice(seconds, None)


@pytest.mark.parametrize(("value", "again"), [("true", True), ("false", False), ("False", False), ("maybe", None)])
def test_whether_to_come_back(value: str, again: bool | None) -> None:
    """x-should-retry, as vendors' own clients obey it."""
    assert advice(refused(Overloaded("busy"), x_should_retry=value), NOW).again is again


def test_what_is_said_in_the_body_counts() -> None:
    """An error in a stream has no fields."""
    assert advice(RateLimited("slow", retry_after=3), NOW).seconds == 3.0


@pytest.mark.parametrize(
    ("error", "said", "worth"),
    [
        (UpstreamFailed("down"), Advice(), True),
        (UpstreamTruncated("cut"), Advice(), True),
        (refused(Overloaded("busy"), 529), Advice(), True),
        (refused(ServerError("oh"), 500), Advice(again=False), False),
        (refused(InvalidRequest("what"), 400), Advice(), False),
        (refused(InvalidRequest("lock"), 409), Advice(again=True), True),
        (UpstreamTimeout("late"), Advice(), False),
        (refused(RateLimited("slow"), 429), Advice(), False),
        (refused(RateLimited("slow"), 429), Advice(seconds=1), True),
    ],
)
def test_what_passes_by_itself(error: GatewayError, said: Advice, worth: bool) -> None:
    """The upstream's own word first; one that took all its time is not given as much again."""
    assert transient(error, said) is worth


def test_a_limit_of_the_callers_key_is_told_at_once() -> None:
    """Nobody waits for it, although it says when to come back: no upstream refused."""
    full = Standing("streams", "*", limit=4, spent=0, held=4, ends=0)
    error = refusal(full, 1, "anthropic", 0)
    assert advice(error, 0).seconds == 2
    assert not transient(error, advice(error, 0))
    assert not elsewhere(upstream("up", None), error)


@pytest.mark.parametrize(
    ("error", "worth"),
    [
        (UpstreamTimeout("late"), True),
        (refused(RateLimited("slow"), 429), True),
        (refused(Unauthenticated("no"), 401), True),
        (refused(Forbidden("no"), 403), True),
        (refused(UnknownModel("what"), 404), True),
        (Unsupported("not there"), True),
        (refused(InvalidRequest("what"), 400), False),
        (refused(ContextTooLong("long"), 400), False),
        (Unauthenticated("ours"), False),
    ],
)
def test_what_another_may_do_better(error: GatewayError, worth: bool) -> None:
    """Not a request that is wrong; and nobody is let in elsewhere after a refusal of ours."""
    assert elsewhere(upstream("one", None), error) is worth


def test_who_is_refused_with_a_key_of_its_own_is_not_let_in_on_ours() -> None:
    """The next upstream may be one that we pay."""
    own = upstream("one", None, client_key=True)
    assert not elsewhere(own, refused(Unauthenticated("no"), 401))
    assert elsewhere(own, refused(Overloaded("busy"), 529))


def test_the_error_that_is_told_is_one_the_caller_can_act_on() -> None:
    """That a spare upstream's key is bad is not its affair; otherwise the last word counts."""
    busy, bad, down = refused(Overloaded("busy"), 529), refused(Unauthenticated("no"), 401), UpstreamFailed("down")
    assert worth_telling(None, bad) is bad
    assert worth_telling(busy, bad) is busy
    assert worth_telling(busy, down) is down
    assert worth_telling(bad, busy) is busy


@given(st.integers(0, 50), st.integers(0, 100))
def test_pauses_grow_are_shaken_and_bounded(times: int, seed: int) -> None:
    """Whatever the number; what was asked for is waited for, if it may be."""
    dice = random.Random(seed)
    grown = pause(times, Advice(), 5.0, dice)
    assert grown is not None
    assert min(0.125 * 2**times, 5.0) <= grown <= min(0.25 * 2**times, 5.0)
    assert pause(times, Advice(seconds=5.1), 5.0, dice) is None
    told = pause(0, Advice(seconds=2.0), 5.0, dice)
    assert told == 2.0


def test_a_fifth_of_recent_requests_may_be_asked_twice() -> None:
    """Whatever fails: of 1,000 requests 200 retries; few requests have a handful."""
    budget, spent = Budget(0.2), 0
    for _ in range(1000):
        budget.asked(0.0)
        spent += budget.spend(0.0)
    assert spent == 200
    few = Budget(0.2)
    few.asked(0.0)
    assert [few.spend(0.0) for _ in range(FLOOR + 1)] == [True] * FLOOR + [False]
    assert few.spend(SPAN + 1)


def test_no_budget_is_none() -> None:
    """With 0 nothing is asked twice."""
    budget = Budget(0.0)
    budget.asked(0.0)
    assert not budget.spend(0.0)


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=300))
def test_the_budget_holds_over_any_span(steps: list[tuple[float, bool]]) -> None:
    """In any ten seconds; and it holds no more than a handful of numbers."""
    budget, now = Budget(0.2), 0.0
    asked: list[float] = []
    again: list[float] = []
    for gap, retry in steps:
        now += gap
        if retry:
            again += [now] if budget.spend(now) else []
        else:
            budget.asked(now)
            asked.append(now)
        recent = [moment for moment in asked if moment > now - SPAN - 1]
        assert sum(moment > now - SPAN for moment in again) <= max(FLOOR, 0.2 * len(recent)) + FLOOR
        assert len(budget._seconds) <= SPAN + 2
