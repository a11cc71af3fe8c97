"""Asides: what the gateway asks on its own account is paid for under its own name."""

from typing import Any

import pytest

from pipeline.errors import UpstreamFailed
from pipeline.events import Usage
from pipeline.exchange import Attempt
from pipeline.store.record import Flag, Record
from stages.asides import records
from stages.prices.catalogue import Catalogue
from stages.prices.cost import Price, Rates
from tests.doubles import exchange

PRICE = Price(models=("judge",), source="a list", tiers=((0, Rates(1_000_000, 5_000_000, 0, 0, 0)),))
REQUEST = Record("r1", at=7, key="k1", caller="ada", session="s1", agent="a1", model="large", cost=99, output=3)


def booked(aside: Attempt) -> Record:
    x = exchange()
    x.asides = [aside]
    (record,) = records(x, REQUEST, Catalogue((PRICE,)))
    return record


def test_an_aside_has_its_own_model_and_cost() -> None:
    """And the key, the session and the agent of the request that it was for."""
    record = booked(Attempt("up", "judge", 1.0, ended=1.5, status=200, usage=Usage(input=50, output=10)))
    assert (record.id, record.operation, record.key, record.session, record.agent) == (
        "r1/1",
        "aside",
        "k1",
        "s1",
        "a1",
    )
    assert (record.model, record.upstream, record.input, record.output, record.cost) == ("judge", "up", 50, 10, 100)
    assert (record.took, record.flags, record.error, record.price) == (500_000, Flag.COMPLETE, "", "a list")


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
    record = booked(Attempt(**({"upstream": "up", "model": "judge", "began": 1.0} | aside)))
    assert (Flag(record.flags), record.error) == (flags, error)
    assert record.cost >= 0
    assert record.input >= 0


def test_each_has_a_name_of_its_own() -> None:
    """So that writing one twice changes nothing."""
    x = exchange()
    x.asides = [Attempt("up", "judge", 1.0), Attempt("up", "judge", 2.0)]
    assert [record.id for record in records(x, REQUEST, Catalogue((PRICE,)))] == ["r1/1", "r1/2"]
