"""Asides: what the gateway asks on its own account is paid for under its own name."""

from typing import Any

import pytest

from pipeline.errors import UpstreamFailed
from pipeline.events import Usage
from pipeline.exchange import Attempt
from pipeline.store.record import Flag, Record, State
from stages.asides import record
from stages.prices.catalogue import Catalogue
from stages.prices.cost import Price, Rates

PRICE = Price(models=("judge",), source="a list", tiers=((0, Rates(1_000_000, 5_000_000, 0, 0, 0)),))
REQUEST = Record("r1", at=7, key="k1", caller="ada", session="s1", agent="a1", model="large", cost=99, output=3)


def booked(aside: Attempt, number: int = 1) -> Record:
    return record(aside, number, REQUEST, Catalogue((PRICE,)))


def test_an_aside_has_its_own_model_and_cost() -> None:
    """And the key, the session and the agent of the request that it was for."""
    made = booked(Attempt("up", "judge", 1.0, ended=1.5, status=200, usage=Usage(input=50, output=10)))
    assert (made.id, made.operation, made.key, made.session, made.agent) == (
        "r1/1",
        "aside",
        "k1",
        "s1",
        "a1",
    )
    assert (made.model, made.upstream, made.input, made.output, made.cost) == ("judge", "up", 50, 10, 100)
    assert (made.took, made.flags, made.error, made.price) == (500_000, Flag.COMPLETE, "", "a list")


@pytest.mark.parametrize(
    ("aside", "flags", "error"),
    [
        ({"ended": 2.0, "error": UpstreamFailed("x")}, Flag.ESTIMATED, "UpstreamFailed"),
        ({}, Flag.ESTIMATED, "ClientGone"),
        ({"ended": 2.0, "usage": Usage(input=-5, output=9)}, Flag.COMPLETE | Flag.SUSPECT | Flag.ESTIMATED, ""),
        ({"ended": 2.0, "model": "unheard", "usage": Usage(output=9)}, Flag.COMPLETE | Flag.UNPRICED, ""),
    ],
)
def test_one_that_went_wrong_says_so(aside: dict[str, Any], flags: Flag, error: str) -> None:
    """It is in the books all the same, and nobody is credited."""
    made = booked(Attempt(**({"upstream": "up", "model": "judge", "began": 1.0} | aside)))
    assert (Flag(made.flags), made.error) == (flags, error)
    assert made.cost >= 0
    assert made.input >= 0


def test_each_has_a_name_of_its_own() -> None:
    """So that writing one twice changes nothing."""
    assert [booked(Attempt("up", "judge", 1.0), number).id for number in (1, 2)] == ["r1/1", "r1/2"]


def test_what_was_asked_is_charged_for_unless_it_was_refused() -> None:
    """Estimated by its size, while nobody has told; one that never came through costs nothing."""
    asked = booked(Attempt("up", "judge", 1.0, size=4000))
    assert (asked.input, asked.cost, asked.state) == (1000, 1000, State.OPEN)
    for status, error in ((529, UpstreamFailed("x")), (None, UpstreamFailed("x"))):
        assert booked(Attempt("up", "judge", 1.0, ended=2.0, size=4000, status=status, error=error)).cost == 0
