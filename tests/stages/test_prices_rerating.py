"""Rerating: the books say what they would have said had the prices been right from the beginning."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pipeline.store import requests
from pipeline.store.balance import imbalance
from pipeline.store.database import Backend, looking, within
from pipeline.store.opening import open_parts
from pipeline.store.prices import PriceRow
from pipeline.store.record import Claim, Flag, Lease, Record
from pipeline.store.settings import Settings
from pipeline.store.transact import Batch, Reserve, enter, transact
from pipeline.store.usage import Span
from stages.prices.rerating import Rerated, apply, days, rerate
from tests.pipeline.store.records import AT, settled

DAY = 24 * 3_600_000
SPAN = Span.between(AT - 5 * DAY, AT + 1)


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    parts = open_parts(Settings(file=tmp_path / "pipeline.db"), AT)
    yield parts.backend
    parts.spool.close()
    parts.backend.close()


def price(output: float, *, models: str = "m*", since: int = 0, **more: object) -> PriceRow:
    document = {"models": [models], "input": 1.0, "output": output, **more}
    return PriceRow("p", since, msgspec.json.encode(document).decode(), "the contract")


def put(backend: Backend, *records: Record) -> None:
    within(backend, lambda db: enter(db, {record.id: record for record in records}, AT))


def one(backend: Backend, name: str) -> Record:
    found = looking(backend, lambda db: requests.one(db, name))
    assert found is not None
    return found


TEN = {"input": 0, "output": 10, "session": "s1"}


def test_looking_changes_nothing(backend: Backend) -> None:
    """It tells what each model's requests cost, and would."""
    put(backend, settled("r1", cost=100, **TEN), settled("r2", cost=100, model="m2", **TEN))
    done = looking(backend, lambda db: rerate(db, [price(30.0)], SPAN))
    assert (done.requests, done.before, done.after) == (2, 200, 600)
    assert done.rows == [("m", 1, 100, 300), ("m2", 1, 100, 300)]
    assert one(backend, "r1").cost == 100


def test_applying_changes_rows_and_sums_alike(backend: Backend) -> None:
    """Once: the second time there is nothing to change."""
    put(backend, settled("r1", cost=100, **TEN), settled("r2", cost=0, flags=int(Flag.UNPRICED | Flag.COMPLETE), **TEN))
    done = within(backend, lambda db: apply(db, [price(30.0)], SPAN))
    assert (done.before, done.after) == (100, 600)
    record = one(backend, "r2")
    assert (record.cost, record.price, record.flags) == (300, "the contract", Flag.COMPLETE)
    assert looking(backend, imbalance) == {}
    again = within(backend, lambda db: apply(db, [price(30.0)], SPAN))
    assert (again.before, again.after) == (600, 600)
    assert looking(backend, imbalance) == {}


def test_what_has_no_price_any_more_is_marked(backend: Backend) -> None:
    """Its cost is unknown, not what it was."""
    put(backend, settled("r1", cost=100, **TEN))
    within(backend, lambda db: apply(db, [], SPAN))
    record = one(backend, "r1")
    assert (record.cost, bool(record.flags & Flag.UNPRICED)) == (0, True)


def test_each_is_priced_as_of_its_own_moment(backend: Backend) -> None:
    """A price that begins later is for later ones."""
    put(backend, settled("r1", at=AT - 3 * DAY, **TEN), settled("r2", **TEN))
    rows = [price(10.0), price(20.0, since=AT - DAY)]
    within(backend, lambda db: apply(db, rows, SPAN))
    assert (one(backend, "r1").cost, one(backend, "r2").cost) == (100, 200)


def test_terms_counts_and_failed_attempts_are_billed_as_they_were(backend: Backend) -> None:
    """What the price depends on besides tokens stands in the record."""
    extra = msgspec.json.encode({"terms": {"speed": "fast"}, "counts": {"service_tier": "batch", "searches": 2}})
    tried = [
        {"upstream": "a", "model": "m", "usage": {"input": 0, "output": 5, "extra": None}},
        {"upstream": "b", "model": "m", "usage": None},
        {"upstream": "up", "model": "m", "usage": {"output": 10}},
    ]
    attempts = msgspec.json.encode(tried).decode()
    put(backend, settled("r1", extra=extra.decode(), attempts=attempts, **TEN))
    factors = {"speed": {"fast": 2.0}, "service_tier": {"batch": 0.5}}
    within(backend, lambda db: apply(db, [price(10.0, factors=factors, each={"searches": 0.01})], SPAN))
    assert one(backend, "r1").cost == 100 + 20_000 + 100  # × 2 × 0.5, two searches, and half as much at twice the price


@pytest.mark.parametrize(("model", "costs"), [("m1", (300, 1)), ("m*", (300, 300)), (None, (300, 300)), ("x", (1, 1))])
def test_only_what_is_asked_for_is_rerated(backend: Backend, model: str | None, costs: tuple[int, int]) -> None:
    """A model, a glob, or all; and of no other time."""
    put(backend, *(settled(name, cost=1, model=name.replace("r", "m"), **TEN) for name in ("r1", "r2")))
    put(backend, settled("r3", cost=1, at=AT - 9 * DAY, **TEN))
    within(backend, lambda db: apply(db, [price(30.0)], SPAN, model))
    assert (one(backend, "r1").cost, one(backend, "r2").cost, one(backend, "r3").cost) == (*costs, 1)


def test_limits_count_the_difference(backend: Backend) -> None:
    """Where the request counted: not in a window that began after it."""
    claims = [Claim("usd_total", 10**9, 1), Claim("usd_5h", 10**9, 1)]
    lease = Lease(id="r2", instance="i", at=AT, key="k1")
    put(backend, settled("r1", at=AT - DAY, cost=100, **TEN))
    within(backend, lambda db: transact(db, Batch(reserves=[Reserve(lease, claims)]), AT))
    put(backend, settled("r2", cost=100, **TEN))
    within(backend, lambda db: apply(db, [price(30.0)], SPAN))
    spent = looking(backend, lambda db: dict(db.rows("SELECT kind, spent FROM windows")))
    assert spent == {"usd_total": 600, "usd_5h": 300}


def test_a_span_is_taken_a_day_at_a_time() -> None:
    """What its days add up to is what it is."""
    parts = list(days(SPAN))
    assert [part.begin for part in parts[1:]] == [part.end for part in parts[:-1]]
    assert (parts[0].begin, parts[-1].end, len(parts)) == (SPAN.begin, SPAN.end, 6)
    one, two = Rerated({"m": [1, 2, 3]}), Rerated({"m": [10, 20, 30], "n": [1, 1, 1]})
    assert (one + two).rows == [("m", 11, 22, 33), ("n", 1, 1, 1)]
