"""Recovery: what a process that died has left open, settled for what was shown; what one that lives has lost.

    its folder, unlocked ──▶ the spool's entries that the database has not ──▶ the rows it left open ──▶ gone
    its heartbeat, long ago (on another machine) ─────────────────────────────▶ the rows it left open ──▶ gone

Nothing here depends on being finished: every step may be done again.  A record that is closed here is marked; should
its process live after all, and settle it, the true account takes the place of this one.  Everything here blocks.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec
import structlog

from pipeline.store import sql
from pipeline.store.book import reconciled
from pipeline.store.database import Backend, Database
from pipeline.store.record import Record, State, decode
from pipeline.store.requests import kept_since
from pipeline.store.spool import Entry, Orphan, orphans
from pipeline.store.transact import Batch, enter, give_back, transact

SILENT = 60_000  # ms without a heartbeat after which a process is taken for dead
PART = 500  # records in one transaction
LOST = 60_000  # ms after which a lease ends that nobody knows of

log = structlog.get_logger("pipeline")


def adopt(backend: Backend, root: Path, now: int) -> int:
    """Settle what dead processes of this machine left; gives how many requests were open.  Raises Outage."""
    closed = 0
    for orphan in orphans(root):
        done = False
        try:
            replay(backend, orphan, now)
            closed += bury(backend, orphan.instance, now)
            done = True
        finally:
            orphan.close(done=done)
    return closed


def replay(backend: Backend, orphan: Orphan, now: int) -> None:
    """Write what the database has not taken from the spool of *orphan*."""
    with backend.reading() as db:
        row = db.rows("SELECT applied FROM instances WHERE id = ?", (orphan.instance,))
        kept = kept_since(db)
    waiting = latest(orphan.entries(), row[0][0] if row else 0)
    names = [
        name for name, record in waiting.items() if record.at >= kept
    ]  # older ones may have been counted, and gone
    for begin in range(0, len(names), PART):
        part = {name: waiting[name] for name in names[begin : begin + PART]}
        with backend.transaction() as db:
            transact(db, Batch(orphan.instance, part), now)


def latest(entries: Iterable[Entry], applied: int) -> dict[str, Record]:
    """The last version of each record in the *entries* behind number *applied*."""
    records = {}
    for number, payload in entries:
        if number > applied:
            try:
                record = decode(payload)
            except msgspec.DecodeError as error:
                log.error("an entry of the spool can't be read", number=number, why=str(error))
                continue
            records[record.id] = record
    return records


def bury(backend: Backend, instance: str, now: int) -> int:
    """Close all that *instance* left open, and forget it; gives how many requests that were."""
    closed = 0
    while True:
        with backend.transaction() as db:
            still_open = left_open(db, instance)
            if still_open:
                enter(db, {record.id: reconciled(record) for record in still_open}, now)
            else:
                give_back(db, sql.leases_of(db, instance))
                db.run("DELETE FROM instances WHERE id = ?", (instance,))
        closed += len(still_open)
        if not still_open:
            break
    if closed:
        log.warning("requests that a crash left open were settled as estimated", instance=instance, requests=closed)
    return closed


def expire(backend: Backend, instance: str, living: frozenset[str], now: int) -> int:
    """End the leases of *instance*, which lives, that none of its *living* requests has; gives how many those were.

    A stream may run for hours, so that age alone says nothing.
    """
    with backend.transaction() as db:
        held = sql.leases_of(db, instance)
        lost = [lease for lease in held if lease.at < now - LOST and lease.id not in living]
        give_back(db, lost)
    if lost:
        log.warning("what nobody knows to be held was given back", requests=len(lost))
    return len(lost)


def left_open(db: Database, instance: str) -> list[Record]:
    """Some of the records that *instance* has open."""
    where = f"state = {State.OPEN:d} AND instance = ? ORDER BY id LIMIT {PART}"
    return sql.records(db, where, (instance,), lock=True)


def bury_silent(backend: Backend, root: Path, now: int) -> int:
    """Close what processes left open whose heartbeat stopped, except those that live on this machine."""
    here = {folder.name for folder in root.iterdir()} if root.is_dir() else set()
    with backend.reading() as db:
        silent = [row[0] for row in db.rows("SELECT id FROM instances WHERE seen < ?", (now - SILENT,))]
    return sum(bury(backend, instance, now) for instance in silent if instance not in here)
