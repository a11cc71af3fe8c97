"""Recovery: what a process left is settled once, for what was shown, whoever comes first and however often."""

import os
from pathlib import Path
from typing import Any

import pytest

from pipeline.store import recovery
from pipeline.store.balance import imbalance
from pipeline.store.book import DAY
from pipeline.store.database import looking, within
from pipeline.store.opening import Parts, open_parts
from pipeline.store.record import Claim, Flag, Granted, Lease, Record, State, encode
from pipeline.store.requests import remove
from pipeline.store.spool import Spool, orphans
from pipeline.store.transact import Batch, Reserve, transact
from tests.pipeline.store.conftest import Place
from tests.pipeline.store.records import AT, record, settled


class Died:
    """A process that dies: it has a spool and writes to the database like any other, until it does."""

    def __init__(self, parts: Parts) -> None:
        self.parts, self.spool = parts, Spool(parts.root, 4 << 20)
        self.instance = self.spool.instance
        within(parts.backend, lambda db: db.run("INSERT INTO instances VALUES (?, ?, 0)", (self.instance, AT)))

    def spooled(self, *versions: Record) -> int:
        """Append *versions*; gives the last one's number."""
        for version in versions:
            version.instance = self.instance
            self.spool.append(encode(version))
        return self.spool.appended

    def applied(self, *versions: Record) -> None:
        """Append *versions*, and have them in the database as well."""
        number = self.spooled(*versions)
        with self.parts.backend.transaction() as db:
            transact(db, Batch(self.instance, {each.id: each for each in versions}, number), AT)

    def reserved(self, name: str, amount: int) -> None:
        reserve = Reserve(Lease(id=name, instance=self.instance, at=AT, key="k1"), [Claim("usd_5h", 1000, amount)])
        with self.parts.backend.transaction() as db:
            transact(db, Batch(self.instance, reserves=[reserve]), AT)
        assert isinstance(reserve.answer, Granted)

    def dies(self) -> None:
        """Its lock goes with it; its files stay, and nothing is written back."""
        self.spool._unapplied.append(b"")  # a process that dies cleans nothing up
        self.spool.close()


def rows(parts: Parts) -> dict[str, tuple[int, int, str, int]]:
    """State, cost, error and flags of each request."""
    found = looking(parts.backend, lambda db: db.rows("SELECT id, state, cost, error, flags FROM requests"))
    assert looking(parts.backend, imbalance) == {}
    return {row[0]: (row[1], row[2], row[3], row[4]) for row in found}


def windows(parts: Parts) -> list[tuple[Any, ...]]:
    return looking(parts.backend, lambda db: db.rows("SELECT spent, held FROM windows"))


ESTIMATED, COMPLETE = int(Flag.ESTIMATED), int(Flag.COMPLETE)


def test_what_only_the_spool_knew_is_in_the_books(parts: Parts) -> None:
    """Settled ones as they are, open ones as estimated, complete ones exactly."""
    dead = Died(parts)
    dead.spooled(record("open", cost=5), record("settled"), record("complete"), record("open", cost=9, output=40))
    dead.spooled(settled("settled", cost=100), record("complete", cost=70, flags=COMPLETE))
    dead.dies()
    assert recovery.adopt(parts.backend, parts.root, AT) == 2
    assert rows(parts) == {
        "open": (State.RECONCILED, 9, "Crashed", ESTIMATED),
        "settled": (State.SETTLED, 100, "", 0),
        "complete": (State.RECONCILED, 70, "", COMPLETE),
    }
    assert not dead.spool.folder.exists()


def test_doing_it_again_changes_nothing(parts: Parts) -> None:
    """A crash during recovery is recovered from."""
    dead = Died(parts)
    dead.applied(record("a", cost=3), settled("b"))
    dead.spooled(record("c", cost=4))
    dead.dies()
    (orphan,) = orphans(parts.root)
    for _ in range(2):
        recovery.replay(parts.backend, orphan, AT)
    orphan.close(done=False)
    for _ in range(2):
        recovery.adopt(parts.backend, parts.root, AT)
    assert {name: row[:2] for name, row in rows(parts).items()} == {"a": (1, 3), "b": (2, 100), "c": (1, 4)}


def test_what_the_database_had_taken_is_not_read_again(parts: Parts) -> None:
    """A row may have been deleted since, because it was old."""
    dead = Died(parts)
    dead.applied(settled("old"))
    with parts.backend.transaction() as db:
        for table in ("requests", "hours", "days"):
            db.run(f"DELETE FROM {table}")  # noqa: S608  # ours
    dead.spooled(settled("new"))
    dead.dies()
    recovery.adopt(parts.backend, parts.root, AT)
    assert list(rows(parts)) == ["new"]


def test_what_is_no_longer_kept_does_not_come_back(parts: Parts) -> None:
    """A machine that was away for months can't tell what was counted of its requests, and removed since."""
    dead = Died(parts)
    dead.spooled(settled("old", at=AT - 9 * DAY), settled("new"))
    dead.dies()
    within(parts.backend, lambda db: remove(db, AT - DAY))
    recovery.adopt(parts.backend, parts.root, AT)
    assert list(rows(parts)) == ["new"]


def test_leases_end_with_their_process(parts: Parts) -> None:
    """Of a request that was sent: spent as shown.  Of one that was not: given back."""
    dead = Died(parts)
    dead.reserved("sent", 300)
    dead.reserved("unsent", 400)
    dead.applied(record("sent", cost=120))
    dead.dies()
    assert windows(parts) == [(0, 700)]
    recovery.adopt(parts.backend, parts.root, AT)
    assert windows(parts) == [(120, 0)]
    assert looking(parts.backend, lambda db: db.rows("SELECT * FROM leases")) == []


def test_the_living_are_left_alone(parts: Parts) -> None:
    """However long they say nothing, as long as this machine sees that they live."""
    alive = Died(parts)
    alive.applied(record("running"))
    recovery.adopt(parts.backend, parts.root, AT)
    recovery.bury_silent(parts.backend, parts.root, AT + 10 * recovery.SILENT)
    assert rows(parts)["running"][0] == State.OPEN
    alive.dies()


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
def test_who_falls_silent_elsewhere_is_taken_for_dead(parts: Parts, place: Place, tmp_path: Path) -> None:
    """A machine that is gone for good, with its disk; and if it comes back, its own account counts."""
    far = open_parts(place.settings(folder=tmp_path / "far"), AT)
    gone = Died(far)
    gone.applied(record("a", cost=50))
    gone.spooled(settled("a", cost=80))
    recovery.bury_silent(parts.backend, parts.root, AT + recovery.SILENT - 1)
    assert rows(parts)["a"][0] == State.OPEN
    recovery.bury_silent(parts.backend, parts.root, AT + recovery.SILENT + 1)
    assert rows(parts)["a"][:2] == (State.RECONCILED, 50)
    gone.dies()
    recovery.adopt(far.backend, far.root, AT + 2 * recovery.SILENT)
    assert rows(parts)["a"][:2] == (State.SETTLED, 80)
    far.spool.close()
    far.backend.close()


def test_many_are_settled_in_parts(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is left out between two."""
    monkeypatch.setattr(recovery, "PART", 7)
    dead = Died(parts)
    dead.applied(*[record(f"a{number}", cost=1) for number in range(20)])
    dead.spooled(*[record(f"b{number}", cost=1) for number in range(20)])
    dead.dies()
    assert recovery.adopt(parts.backend, parts.root, AT) == 40
    assert {row[0] for row in rows(parts).values()} == {State.RECONCILED}
    assert looking(parts.backend, lambda db: db.rows("SELECT CAST(SUM(requests) AS BIGINT) FROM days")) == [(40,)]


def test_an_entry_that_makes_no_sense_does_not_stop_the_others(parts: Parts) -> None:
    """It is told, and passed over."""
    dead = Died(parts)
    dead.spooled(settled("a"))
    dead.spool.append(b"\xc1 no message")
    dead.spooled(settled("b"))
    dead.dies()
    recovery.adopt(parts.backend, parts.root, AT)
    assert sorted(rows(parts)) == ["a", "b"]


def test_a_folder_without_a_lock_is_nobodys(parts: Parts) -> None:
    """Half made, half removed, or somebody else's."""
    (parts.root / "strange").mkdir()
    (parts.root / ".half").mkdir()
    (parts.root / "file").write_bytes(b"")
    assert recovery.adopt(parts.backend, parts.root, AT) == 0
    assert sorted(os.listdir(parts.root)) == sorted([".half", "file", "strange", parts.spool.instance])
