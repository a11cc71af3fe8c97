"""One transaction, on both databases: rows, sums, windows and leases move together, or not at all."""

from collections.abc import Sequence

import pytest

from pipeline.store import sql
from pipeline.store.balance import imbalance
from pipeline.store.database import Backend, Database
from pipeline.store.opening import Parts
from pipeline.store.record import Claim, Granted, Lease, Record, Refused, State
from pipeline.store.transact import Batch, Reserve, reset, transact
from tests.pipeline.store.records import AT, record, settled


def write(parts: Parts, *versions: Record, now: int = AT, releases: Sequence[str] = (), number: int = 0) -> None:
    """Write *versions*, one of each request."""
    with parts.backend.transaction() as db:
        transact(db, Batch("i1", {each.id: each for each in versions}, number, list(releases)), now)


def ask(parts: Parts, name: str, *claims: Claim, key: str = "k1", now: int = AT) -> Granted | Refused:
    """Reserve *claims* for the request *name*."""
    reserve = Reserve(Lease(id=name, instance="i1", at=now, key=key), claims)
    with parts.backend.transaction(durable=False) as db:
        transact(db, Batch("i1", reserves=[reserve]), now)
    assert reserve.answer is not None
    return reserve.answer


def look(backend: Backend, query: str) -> list[tuple[object, ...]]:
    with backend.reading() as db:
        return db.rows(query)


def windows(parts: Parts) -> dict[str, tuple[int, int]]:
    """Spent and held, by kind."""
    with parts.backend.reading() as db:
        return {window.kind: (window.spent, window.held) for window in sql.windows(db, ["k1"])}


def test_a_record_is_written_whole(parts: Parts) -> None:
    """Every field of it, and read again."""
    whole = settled(session="s", agent="a", extra='{"a":1}', attempts="[]", changes="[]", price="p", stop="end_turn")
    write(parts, whole)
    with parts.backend.reading() as db:
        assert sql.records(db, "id = ?", ("r1",)) == [whole]
        assert imbalance(db) == {}


def test_versions_follow_each_other(parts: Parts) -> None:
    """Open, open again, settled; then nothing any more."""
    write(parts, record())
    write(parts, record(output=3))
    assert look(parts.backend, "SELECT state, output FROM requests") == [(State.OPEN, 3)]
    assert look(parts.backend, "SELECT * FROM days") == []
    write(parts, settled())
    write(parts, settled(cost=5))
    write(parts, record())
    assert look(parts.backend, "SELECT state, cost FROM requests") == [(State.SETTLED, 100)]
    assert look(parts.backend, "SELECT requests, cost FROM days") == [(1, 100)]


def test_many_at_once_and_their_sums(parts: Parts) -> None:
    """Several hundred in one batch, some seen before, over days, models and sessions."""
    write(parts, *[record(f"r{n}") for n in range(0, 300, 3)])
    batch = [
        settled(f"r{n}", cost=n, at=AT + n * 3_000_000, model=f"m{n % 3}", session=f"s{n % 7}", first=n % 5 - 1)
        for n in range(300)
    ]
    write(parts, *batch)
    with parts.backend.reading() as db:
        assert imbalance(db) == {}
        assert db.rows("SELECT CAST(SUM(cost) AS BIGINT), CAST(SUM(requests) AS BIGINT) FROM sessions") == [
            (sum(range(300)), 300)
        ]
        assert db.rows("SELECT MIN(began), MAX(last) FROM sessions") == [(AT, AT + 299 * 3_000_000)]


def test_what_is_reserved_is_settled_with_its_record(parts: Parts) -> None:
    """In the same transaction as row and sums."""
    claims = [Claim("usd_5h", 1000, 300), Claim("streams", 2, 1), Claim("requests_minute", 10, 1)]
    assert isinstance(ask(parts, "r1", *claims), Granted)
    assert windows(parts) == {"usd_5h": (0, 300), "streams": (0, 1), "requests_minute": (1, 0)}
    write(parts, settled(cost=120))
    assert windows(parts) == {"usd_5h": (120, 0), "streams": (0, 0), "requests_minute": (1, 0)}
    assert look(parts.backend, "SELECT * FROM leases") == []


def test_what_was_never_sent_is_given_back(parts: Parts) -> None:
    """Once; a second release, or one of a request that held nothing, is no matter."""
    ask(parts, "r1", Claim("usd_5h", 1000, 300), Claim("requests_minute", 10, 1))
    write(parts, releases=["r1", "r1", "r2"])
    write(parts, releases=["r1"])
    assert windows(parts) == {"usd_5h": (0, 0), "requests_minute": (0, 0)}


def test_a_refusal_changes_nothing(parts: Parts) -> None:
    """And tells which window was full, and until when."""
    ask(parts, "r1", Claim("usd_5h", 1000, 900))
    refused = ask(parts, "r2", Claim("streams", 5, 1), Claim("usd_5h", 1000, 200))
    assert isinstance(refused, Refused)
    assert (refused.standing.kind, refused.standing.held, refused.standing.ends) == ("usd_5h", 900, AT + 18_000_000)
    assert windows(parts) == {"usd_5h": (0, 900), "streams": (0, 0)}


def test_what_was_spent_before_there_was_a_limit_counts_for_ever(parts: Parts) -> None:
    """A total; the others begin when they are first needed."""
    write(parts, settled("a", cost=700, model="claude-x"), settled("b", cost=50, model="gpt-y"), settled("c", key="k2"))
    assert isinstance(ask(parts, "r1", Claim("usd_total", 1000, 200), Claim("usd_5h", 1000, 200)), Granted)
    assert windows(parts) == {"usd_total": (750, 200), "usd_5h": (0, 200)}
    refused = ask(parts, "r2", Claim("usd_total", 750, 60, models="claude-*"))
    assert isinstance(refused, Refused)
    assert refused.standing.spent == 700


def test_asking_twice_holds_once(parts: Parts) -> None:
    """An answer that got lost between two tries."""
    for _ in range(2):
        assert isinstance(ask(parts, "r1", Claim("usd_5h", 1000, 600)), Granted)
    assert windows(parts) == {"usd_5h": (0, 600)}


def test_a_reset_begins_a_window_anew_and_keeps_history(parts: Parts) -> None:
    """What is held stays held."""
    ask(parts, "r1", Claim("usd_5h", 1000, 600))
    ask(parts, "r2", Claim("usd_5h", 1000, 100))
    write(parts, settled(cost=500))
    with parts.backend.transaction() as db:
        reset(db, [("k1", "*", "usd_5h"), ("k1", "*", "usd_week")], AT + 1000)
    assert windows(parts) == {"usd_5h": (0, 100)}
    assert look(parts.backend, "SELECT cost FROM days") == [(500,)]


def test_nothing_is_written_if_anything_fails(parts: Parts) -> None:
    """Neither row nor sum nor window."""
    ask(parts, "r1", Claim("usd_5h", 1000, 300))

    class Broken(Exception):
        pass

    def fails(db: Database) -> None:
        transact(db, Batch("i1", {"r1": settled()}), AT)
        raise Broken

    with pytest.raises(Broken), parts.backend.transaction() as db:
        fails(db)
    assert look(parts.backend, "SELECT * FROM requests") == []
    assert look(parts.backend, "SELECT * FROM days") == []
    assert windows(parts) == {"usd_5h": (0, 300)}


def test_how_far_the_spool_is_taken_is_told_with_it(parts: Parts) -> None:
    """So that an entry that was read again is known to be old."""
    write(parts, settled(), number=17)
    assert look(parts.backend, "SELECT applied FROM instances WHERE id = 'i1'") == [(17,)]


def test_a_key_knows_when_it_was_last_used(parts: Parts) -> None:
    """The latest, whatever the order."""
    with parts.backend.transaction() as db:
        db.run(
            "INSERT INTO keys (id, name, enabled, expires, models, options, created, used) "
            "VALUES ('k1', 'ada', 1, 0, '[]', '{}', 0, 0)"
        )
    for at in (AT, AT + 5, AT - 5):
        write(parts, settled(f"r{at}", at=at))
    assert look(parts.backend, "SELECT used FROM keys") == [(AT + 5,)]
