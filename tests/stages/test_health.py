"""Health: who fails rests, for ever longer, and is tried out by one request before it is relied on."""

import random

import pytest

from pipeline.credentials.wallet import Wallet
from pipeline.errors import GatewayError, InvalidRequest, Overloaded, RateLimited, Unauthenticated, UpstreamFailed
from pipeline.secret import Secret
from pipeline.upstream import RECENT, Upstream
from stages.health import ENOUGH, JITTER, Health, Rest
from tests.doubles import upstream

REST = Rest(failures=3, rate=0.5, seconds=10.0, longest=100.0)
DOWN = UpstreamFailed("down")


def health() -> Health:
    return Health(REST, random.Random(1))


def fail(up: Upstream, judge: Health, now: float, error: GatewayError = DOWN, told: float | None = None) -> None:
    visit = judge.visit(up)
    visit.sent = True
    visit.leave(error, now, told)


def answer(up: Upstream, judge: Health, now: float) -> None:
    visit = judge.visit(up)
    visit.sent = True
    visit.well()
    visit.leave(None, now)


async def test_failures_in_a_row_make_it_rest() -> None:
    """One answer in between, and they are counted anew."""
    up, judge = upstream("one", None), health()
    for _ in range(2):
        fail(up, judge, 0.0)
        fail(up, judge, 0.0)
        assert judge.may_ask(up, 0.0)
        answer(up, judge, 0.0)
    for _ in range(3):
        fail(up, judge, 0.0)
    assert not judge.may_ask(up, 0.0)
    assert 10 * (1 - JITTER) <= judge.to_go(up, 0.0) <= 10 * (1 + JITTER)


async def test_one_that_fails_every_other_time_rests_as_well() -> None:
    """By the rate of the newest tries, from a few on."""
    up, judge = upstream("one", None), health()
    for _ in range(ENOUGH // 2 - 1):
        answer(up, judge, 0.0)
        fail(up, judge, 0.0)
    assert judge.may_ask(up, 0.0)
    answer(up, judge, 0.0)
    fail(up, judge, 0.0)
    assert not judge.may_ask(up, 0.0)
    assert len(up.condition.recent) <= RECENT


async def test_after_its_rest_one_finds_out() -> None:
    """Nobody else meanwhile; it is relied on again as soon as that one is answered, not when its answer ends."""
    up, judge = upstream("one", None), health()
    for _ in range(3):
        fail(up, judge, 0.0)
    now = up.condition.until
    assert judge.may_ask(up, now)
    probe = judge.visit(up)
    probe.sent = True
    assert not judge.may_ask(up, now)
    probe.well()
    assert judge.may_ask(up, now)
    assert up.condition.running == 1
    probe.leave(None, now)
    assert (up.condition.rests, up.condition.running, up.condition.probes) == (0, 0, 0)


async def test_each_rest_is_longer_up_to_a_bound() -> None:
    """Twice as long each time, shaken; and short again once it was well."""
    up, judge, now, rests = upstream("one", None), health(), 0.0, []
    for _ in range(3):
        fail(up, judge, now)
    for _ in range(6):
        rests.append(judge.to_go(up, now))
        now = up.condition.until
        fail(up, judge, now)
    for number, seconds in enumerate(rests):
        grown = 10 * 2**number
        assert min(grown, 100) * (1 - JITTER) <= seconds <= min(grown * (1 + JITTER), 100)
    now = up.condition.until
    answer(up, judge, now)
    for _ in range(3):
        fail(up, judge, now)
    assert judge.to_go(up, now) <= 10 * (1 + JITTER)


async def test_a_probe_whose_client_leaves_says_nothing() -> None:
    """The next request finds out in its place."""
    up, judge = upstream("one", None), health()
    for _ in range(3):
        fail(up, judge, 0.0)
    now = up.condition.until
    judge.visit(up).leave(None, now)
    assert judge.may_ask(up, now)
    assert up.condition.rests == 1


async def test_what_began_before_the_rest_does_not_end_it() -> None:
    """Nor does its failure make the rest longer: it says nothing new."""
    up, judge = upstream("one", None), health()
    old, older = judge.visit(up), judge.visit(up)
    old.sent = older.sent = True
    for _ in range(3):
        fail(up, judge, 0.0)
    until = up.condition.until
    old.well()
    older.leave(DOWN, 1.0)
    assert (up.condition.rests, up.condition.until) == (1, until)


async def test_one_that_says_when_it_will_be_back_is_taken_at_its_word() -> None:
    """At the first failure; for no longer than the longest rest."""
    for told, least, most in ((20.0, 20.0, 24.0), (5000.0, 100.0, 100.0)):
        up, judge = upstream("one", None), health()
        fail(up, judge, 0.0, Overloaded("busy"), told)
        assert least <= judge.to_go(up, 0.0) <= most


@pytest.mark.parametrize("error", [InvalidRequest("bad"), RateLimited("slow"), Unauthenticated("no")])
async def test_what_is_about_the_request_or_its_key_says_nothing_of_the_upstream(error: GatewayError) -> None:
    """Whether the key is one of ours or the caller's own."""
    for up in (upstream("one", None, key=Secret("k")), upstream("one", None, client_key=True)):
        judge = health()
        for _ in range(5):
            fail(up, judge, 0.0, error)
        assert judge.may_ask(up, 0.0)


async def test_one_without_keys_that_limits_rests() -> None:
    """A server of one's own that takes no more."""
    up, judge = upstream("one", None), health()
    for _ in range(3):
        fail(up, judge, 0.0, RateLimited("slow"))
    assert not judge.may_ask(up, 0.0)


async def test_what_was_never_sent_is_not_its_failure() -> None:
    """A stage that refuses before it was asked."""
    up, judge = upstream("one", None), health()
    for _ in range(5):
        judge.visit(up).leave(DOWN, 0.0)
    assert judge.may_ask(up, 0.0)


async def test_one_whose_keys_all_rest_rests() -> None:
    """The wallet knows until when."""
    wallet = Wallet.of("one", [Secret("a"), Secret("b")])
    up, judge = upstream("one", None, wallet=wallet), health()
    for number, held in enumerate(wallet.listed()):
        assert judge.may_ask(up, 0.0), number
        wallet.rotation.judge(held, RateLimited("slow", retry_after=60 + number))
    assert not judge.may_ask(up, 0.0)
    assert 50 < judge.to_go(up, 0.0) <= 60
