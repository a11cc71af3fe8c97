"""Rotation: who is shown, who rests."""

from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from pipeline.credentials.credential import Credential, configured
from pipeline.credentials.rotation import BAD, LIMITED, LONGEST, SPENT, Rotation, rest_for
from pipeline.errors import (
    BudgetSpent,
    Forbidden,
    GatewayError,
    InvalidRequest,
    Overloaded,
    PaymentRequired,
    RateLimited,
    Unauthenticated,
    UpstreamRefused,
)
from pipeline.secret import Secret

THREE = [configured("up", number, Secret(f"key {number}")) for number in (1, 2, 3)]


def refused(means: GatewayError) -> UpstreamRefused:
    return UpstreamRefused("no", dialect="words", means=means, code=429, fields=[], body=b"")


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (RateLimited("slow", retry_after=7), 7),
        (RateLimited("slow", retry_after=0), 1),
        (RateLimited("slow"), LIMITED),
        (RateLimited("slow", retry_after=10**6), LONGEST),
        (BudgetSpent("gone", retry_after=60), 60),
        (BudgetSpent("gone"), SPENT),
        (PaymentRequired("pay"), SPENT),
        (Unauthenticated(), BAD),
        (Forbidden("not this model"), 0),
        (Overloaded("busy"), 0),
        (InvalidRequest("what"), 0),
    ],
)
def test_what_is_about_the_credential_lets_it_rest(error: GatewayError, seconds: float) -> None:
    """As long as the upstream says; the rest is about the request, or about nobody."""
    assert rest_for(error) == rest_for(refused(error)) == seconds


async def test_a_conversation_keeps_to_one_and_many_spread(autojump_clock: trio.testing.MockClock) -> None:
    """What an upstream caches belongs to an account; no account gets all."""
    rotation = Rotation()
    chosen = {name: rotation.choose(THREE, name) for name in (b"%d" % number for number in range(300))}
    assert all(rotation.choose(THREE[::-1], name) is each for name, each in chosen.items())
    counts = [sum(each is one for each in chosen.values()) for one in THREE]
    assert min(counts) > 60


async def test_one_that_rests_moves_its_own_conversations_only(autojump_clock: trio.testing.MockClock) -> None:
    """And gets them back."""
    rotation, names = Rotation(), [b"%d" % number for number in range(100)]
    before = {name: rotation.choose(THREE, name) for name in names}
    rotation.judge(THREE[0], refused(RateLimited("slow", retry_after=20)))
    during = {name: rotation.choose(THREE, name) for name in names}
    assert THREE[0] not in during.values()
    assert all(during[name] is before[name] for name in names if before[name] is not THREE[0])
    await trio.sleep(20)
    assert {name: rotation.choose(THREE, name) for name in names} == before


async def test_where_all_rest_the_one_with_the_least_to_go_is_asked(autojump_clock: trio.testing.MockClock) -> None:
    """The upstream itself says what it has to say: nothing is refused on its behalf."""
    rotation = Rotation()
    for each, seconds in zip(THREE, (30, 10, 20), strict=True):
        rotation.judge(each, RateLimited("slow", retry_after=seconds))
    assert rotation.choose(THREE, b"x") is THREE[1]


async def test_one_that_changed_does_not_rest(autojump_clock: trio.testing.MockClock) -> None:
    """Another version is another credential; and what has rested is forgotten."""
    rotation = Rotation()
    old, new = (Credential(id="c", upstream="up", secret=Secret("s"), version=version) for version in (1, 2))
    rotation.judge(old, Unauthenticated())
    assert (rotation.resting(old), rotation.resting(new)) == (BAD, 0)
    await trio.sleep(BAD)
    rotation.judge(new, RateLimited("slow"))
    assert len(rotation._until) == 1


@given(st.sets(st.integers(0, 2), max_size=2), st.binary(max_size=64))
def test_whoever_rests_is_never_chosen_while_another_is_awake(resting: Any, conversation: bytes) -> None:
    """Whatever the conversation."""

    async def main() -> None:
        rotation = Rotation()
        for number in resting:
            rotation.judge(THREE[number], Unauthenticated())
        assert THREE.index(rotation.choose(THREE, conversation)) not in resting

    trio.run(main)
