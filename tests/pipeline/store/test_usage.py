"""Usage: sums are what adding up the requests would give, however one looks at them."""

from collections.abc import Iterable
from random import Random

import pytest

from pipeline.store import usage as used
from pipeline.store.book import DAY, HOUR, MEASURES, measures
from pipeline.store.database import looking, within
from pipeline.store.keys import Key, create
from pipeline.store.opening import Parts
from pipeline.store.record import Record
from pipeline.store.transact import enter
from pipeline.store.usage import ALL, Filter, Span, Totals
from tests.pipeline.store.records import AT, settled

DAWN = AT // DAY * DAY


def a_month(seed: int = 1, count: int = 400) -> list[Record]:
    """Requests of thirty days: three keys, three models, two upstreams, some sessions with agents."""
    dice = Random(seed)
    made = []
    for number in range(count):
        session = dice.choice(["", "s1", "s2", "s3"])
        made.append(
            settled(
                f"r{number}",
                at=DAWN - dice.randrange(30 * DAY),
                key=dice.choice(["k1", "k2", "k3"]),
                model=dice.choice(["m1", "m2", "m3"]),
                upstream=dice.choice(["up", "other"]),
                session=session,
                agent=dice.choice(["", "a1"]) if session else "",
                error=dice.choice(["", "", "", "ClientGone"]),
                cost=dice.randrange(1000),
                first=dice.choice([-1, 5]),
            )
        )
    return made


def entered(parts: Parts, records: Iterable[Record]) -> None:
    within(parts.backend, lambda db: enter(db, {record.id: record for record in records}, AT))


def added(records: Iterable[Record]) -> Totals:
    """Their sums, the slow way."""
    sums = [0] * len(MEASURES)
    for record in records:
        sums = [one + more for one, more in zip(sums, measures(record), strict=True)]
    return Totals(*sums)


FILTERS = [ALL, Filter(key="k1"), Filter(model="m2"), Filter(upstream="up", key="k3"), Filter(model="none")]


@pytest.mark.parametrize("only", FILTERS)
@pytest.mark.parametrize("span", [Span.last("24h", DAWN), Span.last("7d", DAWN - 1), Span.last("30d", DAWN - 1)])
def test_sums_of_a_span_are_those_of_its_requests(parts: Parts, span: Span, only: Filter) -> None:
    """Altogether, in each bucket, and by each name."""
    records = a_month()
    entered(parts, records)
    fit = [
        record
        for record in records
        if span.begin <= record.at < span.end
        and only.key in (None, record.key)
        and only.model in (None, record.model)
        and only.upstream in (None, record.upstream)
    ]
    found = looking(parts.backend, lambda db: used.usage(db, span, "model", only))
    assert found.totals == added(fit) == looking(parts.backend, lambda db: used.totals(db, span, only))
    assert found.buckets == [
        (at, added(record for record in fit if at <= record.at < at + span.bucket)) for at in span.moments
    ]
    assert {group.id: group.totals for group in found.rows} == {
        model: added(record for record in fit if record.model == model) for model in {record.model for record in fit}
    }


@pytest.mark.parametrize(("by", "names"), [("key", ["k1", "k2"]), ("upstream", ["far", "up"]), ("none", [])])
def test_what_cost_most_comes_first(parts: Parts, by: str, names: list[str]) -> None:
    """And the rest in an order that does not change."""
    entered(parts, [settled("r1", cost=5, key="k2"), settled("r2", cost=9, upstream="far")])
    span = Span.last("24h", AT)
    rows = looking(parts.backend, lambda db: used.grouped(db, span, by))
    assert [group.id for group in rows] == names


def test_keys_are_called_by_their_names(parts: Parts) -> None:
    """As long as they are there; then by their id."""
    key, _ = within(parts.backend, lambda db: create(db, b"pepper", Key(id="", name="laptop"), AT))
    entered(parts, [settled("r1", key=key.id), settled("r2", key="gone", cost=1)])
    rows = looking(parts.backend, lambda db: used.grouped(db, Span.last("24h", AT), "key"))
    assert [(group.id, group.name) for group in rows] == [(key.id, "laptop"), ("gone", "gone")]


def test_whether_a_name_was_ever_used_is_known(parts: Parts) -> None:
    """Of keys, models and upstreams, on whatever day; nothing else has such a name."""
    entered(parts, [settled("r1", at=AT - 400 * DAY, key="k1", model="m1", upstream="up")])
    with parts.backend.reading() as db:
        assert all(used.known(db, *name) for name in (("key", "k1"), ("model", "m1"), ("upstream", "up")))
        assert not used.known(db, "model", "k1")
        with pytest.raises(KeyError):
            used.known(db, "session", "s1")


@pytest.mark.parametrize(("by", "names"), [("session", {"s1": 3, "s2": 1}), ("agent", {"": 3, "a1": 1})])
def test_sessions_and_agents_count_whole(parts: Parts, by: str, names: dict[str, int]) -> None:
    """In the span in which they last did something."""
    entered(
        parts,
        [
            settled("r1", session="s1", at=AT - 3 * DAY),
            settled("r2", session="s1"),
            settled("r3", session="s1", agent="a1"),
            settled("r4", session="s2"),
            settled("r5", session="s0", at=AT - 3 * DAY),
            settled("r6"),
        ],
    )
    rows = looking(parts.backend, lambda db: used.grouped(db, Span.last("24h", AT), by))
    assert {group.id: group.totals.requests for group in rows} == names


@pytest.mark.parametrize("only", [ALL, Filter(key="k1"), Filter(model="m2"), Filter(key="k3", model="m1")])
@pytest.mark.parametrize("by", ["session", "agent"])
@pytest.mark.parametrize(("begin", "end"), [(0, 30), (10, 20), (0, 5), (29, 30)])
def test_what_sessions_used_in_a_span_is_that_of_their_requests(
    parts: Parts, begin: int, end: int, by: str, only: Filter
) -> None:
    """Also of those that began before it, or went on after it: to the token."""
    month = [*a_month(), settled("short", at=DAWN - 25 * DAY, session="short", agent="once", first=0)]
    entered(parts, month)
    span = Span.between(DAWN - (30 - begin) * DAY, DAWN - (30 - end) * DAY, DAY)
    fitting = [record for record in month if record.session and span.begin <= record.at < span.end]
    fitting = [record for record in fitting if only.key in (None, record.key) and only.model in (None, record.model)]
    rows = looking(parts.backend, lambda db: used.within_sessions(db, span, by, only))
    assert {group.id: group.totals for group in rows} == {
        name: added(record for record in fitting if getattr(record, by) == name)
        for name in {getattr(record, by) for record in fitting}
    }


def test_what_cannot_be_grouped_is_said(parts: Parts) -> None:
    """By its name."""
    with pytest.raises(KeyError, match="colour"):
        looking(parts.backend, lambda db: used.grouped(db, Span.last("24h", AT), "colour"))


# -- spans ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("period", "buckets"), [("1h", 1), ("24h", 24), ("7d", 28), ("30d", 30)])
def test_a_period_ends_with_the_bucket_that_is_being_filled(period: str, buckets: int) -> None:
    """And has as many buckets as people expect."""
    span = Span.last(period, AT)
    assert len(span.moments) == buckets
    assert span.moments[-1] <= AT < span.end


def test_today_begins_at_midnight() -> None:
    """UTC, and ends with the hour that runs."""
    span = Span.last("today", DAWN + 5 * HOUR + 1)
    assert (span.begin, len(span.moments)) == (DAWN, 6)


@pytest.mark.parametrize(("length", "bucket"), [(1, HOUR), (2 * DAY, HOUR), (7 * DAY, 6 * HOUR), (90 * DAY, DAY)])
def test_a_span_of_ones_own_is_rounded_outwards(length: int, bucket: int) -> None:
    """To whole buckets, whose size goes with its length."""
    span = Span.between(AT + 1, AT + 1 + length)
    assert span.bucket == bucket
    assert span.begin <= AT + 1 < AT + 1 + length <= span.end
    assert span.begin % bucket == span.end % bucket == 0


def test_means_and_rates_are_of_what_there_is() -> None:
    """Nothing divided by nothing is nothing, not zero."""
    assert (Totals().cache_hit_rate, Totals().mean_took, Totals().mean_first) == (None, None, None)
    some = Totals(requests=2, input=10, cache_read=30, took=9, first=5, firsts=1)
    assert (some.cache_hit_rate, some.mean_took, some.mean_first) == (0.75, 4, 5)


# -- sessions ---------------------------------------------------------------------------------------------------------


def test_pages_of_sessions_show_each_once(parts: Parts) -> None:
    """Those first that did something last, whatever their agents, keys and models, also where moments are the same."""
    dice = Random(3)
    records = [
        settled(
            f"r{number}",
            at=AT + dice.randrange(20),
            session=f"s{dice.randrange(30)}",
            key=dice.choice(["k1", "k2"]),
            agent=dice.choice(["", "a1", "a2"]),
            model=dice.choice(["m1", "m2"]),
        )
        for number in range(300)
    ]
    entered(parts, records)
    last: dict[tuple[str, str], int] = {}
    for record in records:
        last[record.session, record.key] = max(last.get((record.session, record.key), 0), record.at)
    shown, before = [], None
    while True:
        page, before = looking(parts.backend, lambda db, at=before: used.sessions(db, at, 7))
        shown += page
        if before is None:
            break
        assert len(page) == 7
    assert [(one.last, one.session, one.key) for one in shown] == sorted(
        ((at, *name) for name, at in last.items()), reverse=True
    )
    for one in shown:
        assert one.totals == added(each for each in records if (each.session, each.key) == (one.session, one.key))


def test_a_session_tells_its_tree(parts: Parts) -> None:
    """Who was started by whom, and with which model, in the order they began."""
    entered(
        parts,
        [
            settled("r1", session="s1"),
            settled("r2", session="s1", agent="a1", model="small", at=AT + 5),
            settled("r3", session="s1", agent="a2", parent="a1", at=AT + 9),
        ],
    )
    ((session,), following) = looking(parts.backend, lambda db: used.sessions(db, key="k1"))
    assert [(one.agent, one.parent, one.model) for one in session.agents] == [
        ("", "", "m"),
        ("a1", "", "small"),
        ("a2", "a1", "m"),
    ]
    assert (session.began, session.last, following) == (AT, AT + 9, None)
    assert looking(parts.backend, lambda db: used.sessions(db, key="k2")) == ([], None)


@pytest.mark.parametrize("cursor", ["", "x", "12", "12.9.abc", "3.x.a", "1" * 30 + ".1.ab"])
def test_a_cursor_of_ones_own_making_is_refused(parts: Parts, cursor: str) -> None:
    """It was not given out."""
    with pytest.raises(ValueError, match="cursor"):
        looking(parts.backend, lambda db: used.sessions(db, cursor))
