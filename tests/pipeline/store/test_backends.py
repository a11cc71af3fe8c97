"""What both databases promise: whole transactions, one state of things to look at, and two words for all failures."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.store import postgres
from pipeline.store.database import Backend, Outage, Rejected, looking, marks, within
from pipeline.store.opening import Parts, open_parts
from pipeline.store.sqlite import Sqlite
from tests.pipeline.store.conftest import Place
from tests.pipeline.store.records import AT


def test_marks_are_of_few_sizes() -> None:
    """So that few statements are prepared; the last value fills up."""
    assert marks(["a"]) == ("?", ["a"])
    assert marks(["a", "b"]) == ("?, ?, ?, ?", ["a", "b", "b", "b"])
    assert len(marks(list("abcde"))[1]) == 16


def test_a_reader_sees_what_was_committed(parts: Parts) -> None:
    """And nothing that was not; what it began to look at does not change."""
    with parts.backend.transaction() as db:
        db.run("INSERT INTO facts VALUES ('a', '1')")
        assert looking(parts.backend, lambda db: db.rows("SELECT value FROM facts WHERE name = 'a'")) == []
    with parts.backend.reading() as look:
        assert look.rows("SELECT value FROM facts WHERE name = 'a'") == [("1",)]
        within(parts.backend, lambda db: db.run("UPDATE facts SET value = '2' WHERE name = 'a'"))
        assert look.rows("SELECT value FROM facts WHERE name = 'a'") == [("1",)]


def test_a_reader_changes_nothing(parts: Parts) -> None:
    """It is not able to."""
    with pytest.raises((Rejected, Outage)), parts.backend.reading() as db:
        db.run("INSERT INTO facts VALUES ('a', '1')")


def test_many_rows_in_one_statement(parts: Parts) -> None:
    """Numbers to the last digit, texts to the last character."""
    rows = [(f"n{number}", f"wörd {number} ' \" % ? :x") for number in range(20)]
    with parts.backend.transaction() as db:
        db.many("INSERT INTO facts VALUES (?, ?)", rows)
        db.run("INSERT INTO instances (id, seen, applied) VALUES ('i9', ?, 0)", (2**62,))
    found = looking(parts.backend, lambda db: db.rows("SELECT name, value FROM facts WHERE name LIKE 'n%'"))
    assert sorted(found) == sorted(rows)
    assert looking(parts.backend, lambda db: db.rows("SELECT seen FROM instances WHERE id = 'i9'")) == [(2**62,)]


@pytest.mark.parametrize("value", [2**70, "half \ud800"])
def test_what_it_can_not_hold_it_rejects(parts: Parts, value: object) -> None:
    """Now and later: there is no use in trying again."""
    with pytest.raises(Rejected), parts.backend.transaction() as db:
        db.run(
            "INSERT INTO instances (id, seen, applied) VALUES (?, ?, 0)",
            ("x", value) if isinstance(value, int) else (value, 0),
        )


def test_a_statement_that_makes_no_sense_is_rejected(parts: Parts) -> None:
    """A bug of ours, or tables of another version."""
    with pytest.raises(Rejected), parts.backend.transaction() as db:
        db.run("INSERT INTO nowhere VALUES (1)")


def test_two_writers_take_turns(parts: Parts, place: Place) -> None:
    """From two connections, as two processes have them."""
    other = open_parts(place.settings(folder=place.folder / "elsewhere"), AT)

    def add(backend: Backend) -> None:
        for _ in range(10):
            within(backend, lambda db: db.run("UPDATE instances SET applied = applied + 1"))

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(add, (parts.backend, other.backend)))
    assert looking(parts.backend, lambda db: db.rows("SELECT applied FROM instances")) == [(20,), (20,)]
    other.spool.close()
    other.backend.close()


def test_an_embedded_file_is_its_owners_alone(tmp_path: Path) -> None:
    """There are digests of keys in it, and who asked for what."""
    file = tmp_path / "deep" / "pipeline.db"
    Sqlite(file).close()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_an_embedded_file_that_another_process_locks_is_an_outage(parts: Parts, place: Place) -> None:
    """After a moment; nobody waits for ever."""
    other = Sqlite(place.folder / "pipeline.db")
    with other.transaction(), pytest.raises(Outage, match="locked"), parts.backend.transaction():
        pass
    other.close()


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_what_must_outlive_the_machine_is_synced(parts: Parts, place: Place) -> None:
    """FULL for books, NORMAL for reservations, in a write-ahead log."""
    for durable, expected in ((True, 2), (False, 1), (True, 2)):
        with parts.backend.transaction(durable=durable) as db:
            assert db.rows("PRAGMA synchronous") == [(expected,)]
            assert db.rows("PRAGMA journal_mode") == [("wal",)]


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
def test_a_server_that_is_not_there_is_an_outage(place: Place) -> None:
    """Said in one sentence, without a password."""
    patience, postgres.PATIENCE = postgres.PATIENCE, 0.2
    try:
        with pytest.raises(Outage) as caught:
            postgres.Postgres("postgresql://pipeline:hunter2@127.0.0.1:1/test")
    finally:
        postgres.PATIENCE = patience
    assert "hunter2" not in str(caught.value)
