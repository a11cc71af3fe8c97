"""The statements that every request needs, written once for both databases; and rows to objects and back."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import chain

import msgspec

from pipeline.store.book import MEASURES, Changes, Session, Sums
from pipeline.store.database import Database, Row, marks
from pipeline.store.record import AHEAD, FIELDS, Lease, Record, State
from pipeline.store.windows import Name, Window

SIZES = (64, 32, 16, 8, 4, 2, 1)  # rows that one statement puts
_HOLDS = msgspec.msgpack.Encoder()
_HELD = msgspec.msgpack.Decoder(list[tuple[str, str, int]])


class Insert:
    """A statement that puts rows into a table, several at once; rows of one call differ in their key."""

    def __init__(self, table: str, names: Sequence[str], key: Sequence[str], conflict: str) -> None:
        self._begin = f"INSERT INTO {table} ({', '.join(names)}) VALUES "  # noqa: S608  # names of ours
        self._row = f"({', '.join('?' * len(names))})"
        self._end = f" ON CONFLICT ({', '.join(key)}) {conflict}"

    @cache  # noqa: B019  # there are a dozen of these, for ever
    def text(self, rows: int) -> str:
        """The statement for that many rows."""
        return self._begin + ", ".join([self._row] * rows) + self._end

    def into(self, db: Database, rows: Sequence[Sequence[object]]) -> None:
        """Put *rows*; few statements, of few different texts."""
        done = 0
        for size in SIZES:
            while len(rows) - done >= size:
                db.run(self.text(size), list(chain.from_iterable(rows[done : done + size])))
                done += size


def _replaced(names: Iterable[str]) -> str:
    return "DO UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in names)


def _added(table: str) -> str:
    return "DO UPDATE SET " + ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in MEASURES)


_WITHIN = ("key", "model", "upstream")
_SESSION = ("session", "agent", "key", "model")
_WINDOW = ("key", "models", "kind", "began", "ends", "spent", "held")
_LASTING = frozenset(Record.__struct_fields__[: FIELDS.index("upstream")]) - {"state"}  # the same in all versions

PUT_REQUEST = Insert("requests", FIELDS, ("id",), _replaced(name for name in FIELDS if name not in _LASTING))
ADD_HOUR = Insert("hours", ("hour", *_WITHIN, *MEASURES), ("hour", *_WITHIN), _added("hours"))
ADD_DAY = Insert("days", ("day", *_WITHIN, *MEASURES), ("day", *_WITHIN), _added("days"))
ADD_SESSION = Insert(
    "sessions",
    (*_SESSION, "parent", "began", "last", *MEASURES),
    _SESSION,
    _added("sessions")
    + ", began = CASE WHEN excluded.began < sessions.began THEN excluded.began ELSE sessions.began END"
    + ", last = CASE WHEN excluded.last > sessions.last THEN excluded.last ELSE sessions.last END",
)
PUT_WINDOW = Insert("windows", _WINDOW, _WINDOW[:3], _replaced(_WINDOW[3:]))
NEW_WINDOW = Insert("windows", _WINDOW, _WINDOW[:3], "DO NOTHING")
PUT_LEASE = Insert("leases", ("id", "instance", "at", "key", "holds"), ("id",), "DO NOTHING")
PUT_INSTANCE = Insert("instances", ("id", "seen", "applied"), ("id",), _replaced(("seen", "applied")))
PUT_FACT = Insert("facts", ("name", "value"), ("name",), _replaced(("value",)))
USED = "UPDATE keys SET used = ? WHERE id = ? AND used < ?"

_COLUMNS = ", ".join(FIELDS)


# -- records ----------------------------------------------------------------------------------------------------------


def records(db: Database, where: str, values: Sequence[object], *, lock: bool = False) -> list[Record]:
    """The records that fit the condition *where*."""
    found = db.rows(f"SELECT {_COLUMNS} FROM requests WHERE {where}{db.lock if lock else ''}", values)  # noqa: S608  # names and conditions of ours
    return [Record(*row) for row in found]


def stored(db: Database, ids: Sequence[str]) -> dict[str, Record]:
    """Those of the records *ids* that are there, locked in one order; whole if they may be counted anew.

    Where the writer is alone open ones need no lock, and are left out: a version takes their place as if there were
    none.
    """
    inside, values = marks(ids)
    of = "" if db.lock else f" AND state > {State.OPEN:d}"
    found = db.rows(f"SELECT id, state FROM requests WHERE id IN ({inside}){of} ORDER BY id{db.lock}", values)  # noqa: S608  # marks
    there = {row[0]: Record(id=row[0], state=row[1]) for row in found}
    again = [record.id for record in there.values() if record.state == State.RECONCILED]
    if again:
        inside, values = marks(again)
        there |= {record.id: record for record in records(db, f"id IN ({inside})", values)}
    return there


def put(db: Database, changes: Changes) -> None:
    """Write *changes*: rows first, then sums, each table in the order of its key."""
    PUT_REQUEST.into(db, [msgspec.structs.astuple(changes.rows[name]) for name in sorted(changes.rows)])
    ADD_HOUR.into(db, _sorted(changes.hours))
    ADD_DAY.into(db, _sorted(changes.days))
    ADD_SESSION.into(db, [(*name, *_session(changes.sessions[name])) for name in sorted(changes.sessions)])
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


def put_windows(db: Database, changed: Iterable[Window], *, how: Insert = PUT_WINDOW) -> None:
    """Write *changed*."""
    how.into(db, [(w.key, w.models, w.kind, w.began, w.ends, w.spent, w.held) for w in changed])


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


def advances(db: Database, key: str, instance: str) -> list[Lease]:
    """What processes other than *instance* hold of *key* ahead of its requests."""
    sql = "SELECT id, instance, at, key, holds FROM leases WHERE key = ? AND instance <> ? AND SUBSTR(id, 1, ?) = ?"
    return [lease(row) for row in db.rows(sql, (key, instance, len(AHEAD), AHEAD))]


def lease(row: Row) -> Lease:
    """A row of the table leases."""
    return Lease(id=row[0], instance=row[1], at=row[2], key=row[3], holds=_HELD.decode(row[4]))


def put_leases(db: Database, granted: Sequence[Lease]) -> None:
    """Write leases that were granted."""
    PUT_LEASE.into(db, [(each.id, each.instance, each.at, each.key, _HOLDS.encode(each.holds)) for each in granted])


def drop_leases(db: Database, ids: Iterable[str]) -> None:
    """Forget leases that have ended."""
    names = sorted(ids)
    if names:
        inside, values = marks(names)
        db.run(f"DELETE FROM leases WHERE id IN ({inside})", values)  # noqa: S608  # marks
