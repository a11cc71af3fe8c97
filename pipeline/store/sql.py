"""The statements that every request needs, written once for both databases; and rows to objects and back."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from pipeline.store.book import MEASURES, Changes, Session, Sums
from pipeline.store.database import Database, Row, marks
from pipeline.store.record import FIELDS, Lease, Record
from pipeline.store.windows import Name, Window

_HOLDS = msgspec.msgpack.Encoder()
_HELD = msgspec.msgpack.Decoder(list[tuple[str, str, int]])


def _upsert(table: str, names: Sequence[str], key: Sequence[str], changed: str) -> str:
    values = ", ".join("?" * len(names))
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values}) ON CONFLICT ({', '.join(key)}) {changed}"  # noqa: S608  # names of ours


def _replaced(names: Iterable[str]) -> str:
    return "DO UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in names)


def _added(table: str) -> str:
    return "DO UPDATE SET " + ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in MEASURES)


_WITHIN = ("key", "model", "upstream")
_SESSION = ("session", "agent", "key", "model")
_WINDOW = ("key", "models", "kind", "began", "ends", "spent", "held")

PUT_REQUEST = _upsert("requests", FIELDS, ("id",), _replaced(FIELDS[1:]))
ADD_HOUR = _upsert("hours", ("hour", *_WITHIN, *MEASURES), ("hour", *_WITHIN), _added("hours"))
ADD_DAY = _upsert("days", ("day", *_WITHIN, *MEASURES), ("day", *_WITHIN), _added("days"))
ADD_SESSION = (
    _upsert("sessions", (*_SESSION, "parent", "began", "last", *MEASURES), _SESSION, _added("sessions"))
    + ", began = CASE WHEN excluded.began < sessions.began THEN excluded.began ELSE sessions.began END"
    + ", last = CASE WHEN excluded.last > sessions.last THEN excluded.last ELSE sessions.last END"
)
PUT_WINDOW = _upsert("windows", _WINDOW, _WINDOW[:3], _replaced(_WINDOW[3:]))
NEW_WINDOW = _upsert("windows", _WINDOW, _WINDOW[:3], "DO NOTHING")
PUT_LEASE = _upsert("leases", ("id", "instance", "at", "key", "holds"), ("id",), "DO NOTHING")
PUT_INSTANCE = _upsert("instances", ("id", "seen", "applied"), ("id",), _replaced(("seen", "applied")))
PUT_FACT = _upsert("facts", ("name", "value"), ("name",), _replaced(("value",)))
USED = "UPDATE keys SET used = ? WHERE id = ? AND used < ?"

_COLUMNS = ", ".join(FIELDS)


# -- records ----------------------------------------------------------------------------------------------------------


def records(db: Database, where: str, values: Sequence[object], *, lock: bool = False) -> list[Record]:
    """The records that fit the condition *where*."""
    found = db.rows(f"SELECT {_COLUMNS} FROM requests WHERE {where}{db.lock if lock else ''}", values)  # noqa: S608  # names and conditions of ours
    return [Record(**dict(zip(FIELDS, row, strict=True))) for row in found]


def stored(db: Database, ids: Sequence[str]) -> dict[str, Record]:
    """Those of the records *ids* that are there, locked in one order."""
    inside, values = marks(ids)
    return {record.id: record for record in records(db, f"id IN ({inside}) ORDER BY id", values, lock=True)}


def put(db: Database, changes: Changes) -> None:
    """Write *changes*: rows first, then sums, each table in the order of its key."""
    if changes.rows:
        db.many(PUT_REQUEST, [msgspec.structs.astuple(changes.rows[name]) for name in sorted(changes.rows)])
    for sql, sums in ((ADD_HOUR, changes.hours), (ADD_DAY, changes.days)):
        if sums:
            db.many(sql, _sorted(sums))
    if changes.sessions:
        db.many(ADD_SESSION, [(*name, *_session(changes.sessions[name])) for name in sorted(changes.sessions)])
    if changes.keys:
        db.many(USED, [(used, key, used) for key, used in sorted(changes.keys.items())])


def _sorted(sums: Mapping[tuple[int, str, str, str], Sums]) -> list[Row]:
    return [(*name, *sums[name]) for name in sorted(sums)]


def _session(session: Session) -> Row:
    return session.parent, session.began, session.last, *session.sums


# -- limits -----------------------------------------------------------------------------------------------------------


def windows(db: Database, keys: Sequence[str]) -> list[Window]:
    """All windows of *keys*, locked in one order."""
    inside, values = marks(keys)
    sql = f"SELECT {', '.join(_WINDOW)} FROM windows WHERE key IN ({inside}) ORDER BY key, models, kind{db.lock}"  # noqa: S608  # names of ours
    return [Window(*row) for row in db.rows(sql, values)]


def put_windows(db: Database, changed: Iterable[Window], *, sql: str = PUT_WINDOW) -> None:
    """Write *changed*."""
    rows = [(w.key, w.models, w.kind, w.began, w.ends, w.spent, w.held) for w in changed]
    if rows:
        db.many(sql, rows)


def spent(db: Database, name: Name) -> list[tuple[str, int]]:
    """What the key of a window has ever cost, by model; nobody adds to it until the transaction ends."""
    if db.still:
        db.run(db.still)
    return [
        (row[0], row[1])
        for row in db.rows("SELECT model, CAST(SUM(cost) AS BIGINT) FROM days WHERE key = ? GROUP BY model", name[:1])
    ]


def leases(db: Database, ids: Sequence[str]) -> dict[str, Lease]:
    """Those of the leases *ids* that are held, locked in one order."""
    inside, values = marks(ids)
    sql = f"SELECT id, instance, at, key, holds FROM leases WHERE id IN ({inside}) ORDER BY id{db.lock}"  # noqa: S608  # names of ours
    return {row[0]: lease(row) for row in db.rows(sql, values)}


def leases_of(db: Database, instance: str) -> list[Lease]:
    """All leases of the process *instance*, locked in one order."""
    sql = f"SELECT id, instance, at, key, holds FROM leases WHERE instance = ? ORDER BY id{db.lock}"  # noqa: S608  # a word of ours
    return [lease(row) for row in db.rows(sql, (instance,))]


def lease(row: Row) -> Lease:
    """A row of the table leases."""
    return Lease(id=row[0], instance=row[1], at=row[2], key=row[3], holds=_HELD.decode(row[4]))


def put_leases(db: Database, granted: Sequence[Lease]) -> None:
    """Write leases that were granted."""
    if granted:
        db.many(PUT_LEASE, [(each.id, each.instance, each.at, each.key, _HOLDS.encode(each.holds)) for each in granted])


def drop_leases(db: Database, ids: Iterable[str]) -> None:
    """Forget leases that have ended."""
    rows = [(name,) for name in sorted(ids)]
    if rows:
        db.many("DELETE FROM leases WHERE id = ?", rows)
