"""Requests: every way to page through them shows each once, in one order."""

from functools import partial

import pytest

from pipeline.store import requests
from pipeline.store.balance import imbalance
from pipeline.store.book import DAY
from pipeline.store.database import looking, within
from pipeline.store.opening import Parts
from pipeline.store.record import Claim, Flag, Lease, Record
from pipeline.store.transact import Batch, Reserve, transact
from pipeline.store.usage import ALL, Filter, Span
from tests.pipeline.store.records import AT, record, settled
from tests.pipeline.store.test_usage import a_month, entered

FILTERS = [
    ALL,
    Filter(key="k1"),
    Filter(model="m2"),
    Filter(upstream="other"),
    Filter(session="s1"),
    Filter(errors=True),
    Filter(key="k2", model="m1"),
    Filter(key="k2", errors=True),
    Filter(model="m3", upstream="up", errors=True),
    Filter(session="s2", key="k1", model="m1", errors=True),
    Filter(key="nobody", model="m1"),
]


def fits(only: Filter, one: Record) -> bool:
    return (not only.errors or bool(one.error)) and all(
        getattr(only, name) in (None, getattr(one, name)) for name in ("key", "model", "upstream", "session")
    )


@pytest.mark.parametrize("only", FILTERS)
def test_pages_show_each_once(parts: Parts, only: Filter) -> None:
    """The newest first, whatever is asked for, and nothing that is still open."""
    records = a_month(seed=5)
    records += [settled(f"same{n}", at=AT, key="k2", model="m1", error="Overloaded") for n in range(9)]
    entered(parts, [*records, record("open", at=AT)])
    shown, before = [], None
    while True:
        page, before = looking(parts.backend, lambda db, at=before: requests.page(db, only, at, 7))
        shown += page
        if before is None:
            break
        assert len(page) == 7
    expected = [one for one in records if fits(only, one)]
    assert [(one.at, one.id) for one in shown] == sorted(((one.at, one.id) for one in expected), reverse=True)


@pytest.mark.parametrize("cursor", ["", "x", "12", ".r1", "1" * 30 + ".r1"])
def test_a_cursor_of_ones_own_making_is_refused(parts: Parts, cursor: str) -> None:
    """It was not given out."""
    with pytest.raises(ValueError, match="cursor"):
        looking(parts.backend, lambda db: requests.page(db, before=cursor))


def test_one_is_found_with_its_asides(parts: Parts) -> None:
    """And nobody else's."""
    names = ["r1", "r1/1", "r1/2", "r10", "r10/1", "r1x"]
    entered(parts, [settled(name) for name in names])
    found = looking(parts.backend, lambda db: (requests.one(db, "r1"), requests.asides(db, "r1")))
    assert found[0] is not None
    assert [found[0].id, *(one.id for one in found[1])] == ["r1", "r1/1", "r1/2"]
    assert looking(parts.backend, lambda db: requests.one(db, "r2")) is None


def test_what_open_requests_hold_is_told(parts: Parts) -> None:
    """Of one key, the oldest first."""
    for later, (name, key) in enumerate((("r2", "k1"), ("r3", "k2"), ("r1", "k1"))):
        asked = Reserve(Lease(id=name, instance="i", at=AT, key=key), [Claim("usd_total", 1000, 30)])
        within(parts.backend, partial(transact, batch=Batch(reserves=[asked]), now=AT + later))
    found = looking(parts.backend, lambda db: requests.holds(db, "k1"))
    assert [(one.id, one.holds) for one in found] == [(name, [("*", "usd_total", 30)]) for name in ("r2", "r1")]


@pytest.mark.parametrize("only", [ALL, Filter(key="k1", errors=True)])
def test_batches_are_all_of_a_span(parts: Parts, only: Filter) -> None:
    """The oldest first, each once, however they are cut."""
    records = a_month(seed=8)
    entered(parts, [*records, record("open", at=AT - DAY)])
    span = Span.between(AT - 20 * DAY, AT - 5 * DAY)
    found: list[Record] = []
    after: requests.Position | None = (0, "")
    while after is not None:
        some, after = looking(parts.backend, lambda db, at=after: requests.batch(db, span, only, at, 11))
        found += some
    expected = [one for one in records if span.begin <= one.at < span.end and fits(only, one)]
    assert [one.id for one in found] == [one.id for one in sorted(expected, key=lambda one: (one.at, one.id))]


# -- the end of old ones ----------------------------------------------------------------------------------------------


def test_sums_outlive_their_requests(parts: Parts) -> None:
    """Whole days go, in parts; what is left still balances with its sums; what is open stays."""
    span = Span.between(AT - 40 * DAY, AT)
    entered(parts, [*a_month(), record("open", at=AT - 35 * DAY)])
    before = looking(parts.backend, lambda db: _sums(parts, span))
    parted = []
    while not parted or parted[-1] == 50:
        parted.append(within(parts.backend, lambda db: requests.remove(db, AT - 10 * DAY, 50)))
    assert len(parted) > 3
    left, _ = looking(parts.backend, lambda db: requests.batch(db, span, size=1000))
    assert min(one.at for one in left) >= (AT - 10 * DAY) // DAY * DAY
    assert len(left) + sum(parted) == 400
    assert looking(parts.backend, lambda db: requests.one(db, "open")) is not None
    assert looking(parts.backend, lambda db: _sums(parts, span)) == before
    assert looking(parts.backend, imbalance) == {}


def _sums(parts: Parts, span: Span) -> list[object]:
    return looking(parts.backend, lambda db: db.rows("SELECT * FROM days ORDER BY day, key, model, upstream"))


def test_pages_end_where_requests_do(parts: Parts) -> None:
    """Sums of days whose requests were removed lead nowhere."""
    entered(parts, a_month())
    only = Filter(key="k1", model="m1")
    within(parts.backend, lambda db: requests.remove(db, AT - 10 * DAY, 1000))
    page, following = looking(parts.backend, lambda db: requests.page(db, only, limit=500))
    assert page
    assert following is None


# -- as others see them -----------------------------------------------------------------------------------------------


def test_what_is_unknown_is_told_as_null() -> None:
    """A cost, a first event; and flags as words."""
    flags = int(Flag.UNPRICED | Flag.ESTIMATED)
    told = requests.told(settled(first=-1, flags=flags, changes='[{"path": "a", "lossy": true}, {"path": "b"}]'), {})
    assert (told["cost"], told["first"], told["estimated"], told["suspect"]) == (None, None, True, False)
    assert (told["changes_count"], told["lost_count"], told["key_name"]) == (2, 1, "ada")


def test_the_whole_of_it_tells_stages_and_attempts() -> None:
    """What its extra holds, unpacked."""
    one = settled(
        attempts='[{"upstream": "a"}]', extra='{"stages": {"meter": 12}, "counts": {"x": 1}, "credential": "second"}'
    )
    told = requests.told_whole(one, {"k1": "laptop"})
    assert (told["attempts"], told["stages"]) == ([{"upstream": "a"}], {"meter": 12})
    assert told["credential"] == "second"
    assert (told["extra"], told["changes"], told["key_name"]) == ({"counts": {"x": 1}}, [], "laptop")
