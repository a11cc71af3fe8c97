"""Chain: who is asked, in which order, and what comes after a failure."""

import random
from collections import Counter
from typing import Any

import pytest

from pipeline.errors import InvalidRequest, Overloaded, UpstreamFailed, UpstreamRefused
from pipeline.upstream import Upstream
from stages.chain import Chain, arranged
from stages.health import Health
from stages.retries import Advice, Budget
from tests.doubles import upstream

DOWN = UpstreamFailed("down")
NOTHING = Advice()
KEYS = [number.to_bytes(16, "big") for number in range(600)]


def places(*names: str) -> list[Upstream]:
    return [upstream(name, None) for name in names]


def chain(*upstreams: Upstream, budget: Budget | None = None, retries: int = 1, health: Health | None = None) -> Chain:
    return Chain(
        health=health or Health(),
        budget=budget or Budget(),
        retries=retries,
        longest=5.0,
        dice=random.Random(1),
        left=list(upstreams),
    )


def names(of: Chain, *, now: float = 0.0, error: Any = DOWN) -> list[str]:
    """Whom *of* asks if all fail with *error*."""
    asked, step = [], of.first(now)
    while step is not None:
        asked.append(step.upstream.name)
        step = of.after(step.upstream, error, NOTHING, now)
    return asked


def rest(up: Upstream, until: float) -> None:
    up.condition.rests, up.condition.until = 1, until


# -- the order --------------------------------------------------------------------------------------------------------


def test_an_ordered_chain_is_asked_from_its_beginning() -> None:
    """Each once."""
    assert names(chain(*places("one", "two", "three"))) == ["one", "two", "three"]


def test_who_rests_is_passed_over_and_who_has_rested_is_not() -> None:
    """At the beginning and on the way."""
    one, two, three = places("one", "two", "three")
    rest(one, 10.0)
    rest(three, 10.0)
    assert names(chain(one, two, three)) == ["two"]
    assert names(chain(one, two, three), now=10.0) == ["one", "two", "three"]


def test_where_all_rest_the_one_with_the_least_to_go_is_asked() -> None:
    """Once: its own word is better than one of ours."""
    one, two = places("one", "two")
    rest(one, 20.0)
    rest(two, 10.0)
    assert names(chain(one, two)) == ["two"]


def test_while_one_finds_out_nobody_else_does() -> None:
    """The next is asked instead, for as long as the probe is under way."""
    (one, two), health = places("one", "two"), Health()
    rest(one, 0.0)
    probe = health.visit(one)
    assert names(chain(one, two, health=health)) == ["two"]
    probe.leave(None, 0.0)
    assert names(chain(one, two, health=health))[0] == "one"


def test_weights_share_conversations() -> None:
    """Three to one; the next is found by the same draw."""
    ups = places("one", "two")
    drawn = Counter(arranged(ups, "weighted", {"one": 3.0}, key, keeps=True)[0].name for key in KEYS)
    assert 0.7 < drawn["one"] / len(KEYS) < 0.8


def test_the_least_loaded_is_asked_first() -> None:
    """By replies under way, for its weight."""
    one, two, three = ups = places("one", "two", "three")
    one.condition.running, two.condition.running, three.condition.running = 2, 1, 3
    order = arranged(ups, "least_loaded", {"three": 6.0}, KEYS[0], keeps=False)
    assert [up.name for up in order] == ["three", "two", "one"]


def test_a_conversation_keeps_to_its_own_while_that_has_room() -> None:
    """A quarter more than its share; beyond it the next by the same draw."""
    one, two = ups = places("one", "two")
    home = arranged(ups, "least_loaded", {}, KEYS[0], keeps=True)[0]
    other = two if home is one else one
    home.condition.running, other.condition.running = 4, 4
    assert arranged(ups, "least_loaded", {}, KEYS[0], keeps=True)[0] is home
    home.condition.running = 9
    assert arranged(ups, "least_loaded", {}, KEYS[0], keeps=True)[0] is other


def test_load_is_spread_however_many_conversations_prefer_one() -> None:
    """All have a reply under way: nobody has more than its room."""
    ups = places("one", "two", "three")
    for key in KEYS[:90]:
        arranged(ups, "least_loaded", {}, key, keeps=True)[0].condition.running += 1
    assert max(up.condition.running for up in ups) <= 1.25 * 30 + 1


# -- after a failure --------------------------------------------------------------------------------------------------


def test_a_request_that_is_wrong_is_asked_of_one() -> None:
    """It is so everywhere."""
    refused = UpstreamRefused("bad", dialect="words", means=InvalidRequest("bad"), code=400, fields=[], body=b"")
    assert names(chain(*places("one", "two")), error=refused) == ["one"]
    assert names(chain(*places("one")), error=refused) == ["one"]


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_the_only_one_is_asked_again(retries: int) -> None:
    """As often as configured, after a pause, and the record says so."""
    of = chain(*places("one"), retries=retries)
    step, waits = of.first(0.0), []
    while step is not None:
        waits.append(step.wait)
        step = of.after(step.upstream, Overloaded("busy"), NOTHING, 0.0)
    assert len(waits) == 1 + retries
    assert waits[0] == 0.0
    assert all(wait > 0 for wait in waits[1:])
    assert waits[1:] == sorted(waits[1:])


def test_an_upstream_that_wants_a_long_pause_gets_none() -> None:
    """The client is told instead, with what the upstream wants."""
    for said, again in ((Advice(seconds=4.0), 4.0), (Advice(seconds=6.0), None), (Advice(again=False), None)):
        of = chain(*places("one"))
        first = of.first(0.0)
        assert first is not None
        step = of.after(first.upstream, Overloaded("busy"), said, 0.0)
        assert (step and step.wait) == again


def test_a_program_is_not_asked_again() -> None:
    """It has asked again by itself, for minutes, before it gave up."""
    assert names(chain(upstream("cli", None, program=True), retries=3)) == ["cli"]


def test_one_that_is_well_costs_no_budget_and_one_that_failed_does() -> None:
    """Going over helps; asking those that fail makes an outage worse."""
    one, two = places("one", "two")
    budget = Budget()
    for _ in range(100):
        assert names(chain(one, two, budget=budget)) == ["one", "two"]
    two.condition.row = 1
    asked = [names(chain(one, two, budget=budget)) for _ in range(100)]
    assert asked.count(["one", "two"]) == 0.2 * 200
    assert asked.count(["one"]) == 60


def test_nobody_is_nobody() -> None:
    """No upstream has the model."""
    assert chain().first(0.0) is None
