"""Requests: the rows themselves.  Pages of them, one of them, all of them in batches, and the end of old ones.

    page(only, before)    newest first, by cursor                        ≤ a few hundred rows, whatever there are
    batch(span, after)    oldest first, by cursor: an export is as many of them as it takes
    remove(before)        what is older goes; its sums stay

Every page is reached through one index: that of the first condition in the order session, key, errors, model, upstream.
Where there are several conditions, the sums of days tell on which days anything fits all of them, and only those days
are looked at.  What is still open is not shown: its figures are not known yet.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from pipeline.store import sql
from pipeline.store.book import DAY
from pipeline.store.database import Database
from pipeline.store.record import CLASSES, FIELDS, Flag, Lease, Record, State
from pipeline.store.usage import ALL, FAR, Filter, Span

Position = tuple[int, str]  # at and id of a row
PART = 5_000  # rows that one transaction removes
KEPT = "kept_since"  # the fact that tells from when on requests are there, in ms

_CLOSED = f"state > {State.OPEN:d}"
_INDEXED = ("session", "key", "errors", "model", "upstream")  # the first of them that is asked for leads
_COLUMNS = ", ".join(FIELDS)


# -- pages ------------------------------------------------------------------------------------------------------------


def page(
    db: Database, only: Filter = ALL, before: str | None = None, limit: int = 50
) -> tuple[list[Record], str | None]:
    """Requests that have ended and that *only* fits, the newest first; and the cursor of the next page, or None.

    *before* is a cursor that was given out.  Raises ValueError if it is not.
    """
    position = (1 << 62, "") if before is None else read(before)
    found: list[Record] = []
    for begin, end in _stretches(db, only, position[0]):
        found += _between(db, only, begin, end, position, limit + 1 - len(found))
        if len(found) > limit:
            break
    more = len(found) > limit
    del found[limit:]
    return found, cursor(found[-1]) if more else None


def _stretches(db: Database, only: Filter, until: int) -> Iterator[tuple[int, int]]:
    """Where to look, the newest first: at once everything that one index leads to, else days with something to see."""
    said = [name for name in ("key", "model", "upstream") if getattr(only, name) is not None]
    if only.session is not None or len(said) + only.errors < 2:
        yield 0, 1 << 62
        return
    fits = " AND ".join(f"{name} = ?" for name in said)
    some = "SUM(errors)" if only.errors else "SUM(requests)"
    values = [until // DAY, kept_since(db) // DAY, *(getattr(only, name) for name in said)]
    days = db.rows(
        f"SELECT day FROM days WHERE day <= ? AND day >= ? AND {fits} GROUP BY day HAVING {some} > 0 ORDER BY day DESC",  # noqa: S608  # words of ours
        values,
    )
    yield from ((day * DAY, (day + 1) * DAY) for (day,) in days)


def _between(db: Database, only: Filter, begin: int, end: int, before: Position, most: int) -> list[Record]:
    """Those from *begin* until before *end* and before a position, the newest first."""
    asked = [name for name in _INDEXED if getattr(only, name)]
    where, values = [_CLOSED], list[int | str]()
    for name in asked:
        if name == "errors":
            where.append("error <> ''")
        else:
            where.append(f"{name} = ?" if name == asked[0] else f"{name} || '' = ?")  # an index must not tempt
            values.append(getattr(only, name))
    if begin:
        where.append("at >= ?")
        values.append(begin)
    where.append("(at, id) < (?, ?)")
    values += min(before, (end, ""))
    return sql.records(db, f"{' AND '.join(where)} ORDER BY at DESC, id DESC LIMIT {most}", values)


def cursor(record: Record) -> str:
    """The position of *record*, as text."""
    return f"{record.at}.{record.id}"


def read(cursor: str) -> Position:
    """The position that *cursor* tells.  Raises ValueError."""
    at, dot, name = cursor.partition(".")
    if not (dot and at.isdecimal() and len(at) < 19):
        raise ValueError(FAR)
    return int(at), name


def one(db: Database, id: str) -> Record | None:  # noqa: A002  # the request's
    """The request *id*, however far it is, with all that is known of it."""
    return next(iter(sql.records(db, "id = ?", (id,))), None)


def asides(db: Database, id: str) -> list[Record]:  # noqa: A002  # the request's
    """What the gateway asked on its own account for the request *id*."""
    return sql.records(db, "id > ? AND id < ? ORDER BY id", (f"{id}/", f"{id}0"))  # "0" follows "/"


def holds(db: Database, key: str) -> list[Lease]:
    """What open requests of *key* hold of its limits, the oldest first."""
    rows = db.rows("SELECT id, instance, at, key, holds FROM leases WHERE key = ? ORDER BY at, id", (key,))
    return [sql.lease(row) for row in rows]


# -- all of them ------------------------------------------------------------------------------------------------------


def batch(
    db: Database, span: Span, only: Filter = ALL, after: Position = (0, ""), size: int = 2_000, *, lock: bool = False
) -> tuple[list[Record], Position | None]:
    """Requests of *span* that have ended and that *only* fits, the oldest first, *size* of them at most; and where the
    next batch begins, or None.

    An export makes each batch a transaction of its own, so that it holds up nobody.  *lock*: they are going to be
    changed.
    """
    fits = {name: value for name in _INDEXED if name != "errors" and (value := getattr(only, name)) is not None}
    where = [_CLOSED, *(f"{name} || '' = ?" for name in fits), *(["error <> ''"] if only.errors else [])]
    start = max(after, (span.begin, ""))
    where.append(f"(at, id) > (?, ?) AND at < ? ORDER BY at, id LIMIT {int(size)}")
    found = sql.records(db, " AND ".join(where), [*fits.values(), *start, span.end], lock=lock)
    return found, (found[-1].at, found[-1].id) if len(found) == size else None


# -- the end of old ones ----------------------------------------------------------------------------------------------


def remove(db: Database, before: int, most: int = PART) -> int:
    """Remove requests that ended and are older than the day of *before* (ms), *most* of them; gives how many.

    Whole days go, so that what is left can be held against its sums, which stay.  Call it again until it gives less
    than *most*: one transaction stays short.
    """
    edge = before // DAY * DAY
    oldest = db.rows(f"SELECT id FROM requests WHERE at < ? AND {_CLOSED} ORDER BY at LIMIT {int(most)}", (edge,))  # noqa: S608  # words of ours
    if edge > kept_since(db):
        sql.PUT_FACT.into(db, [(KEPT, str(edge))])
    db.many("DELETE FROM requests WHERE id = ?", oldest)
    return len(oldest)


def extent(db: Database) -> tuple[int, int]:
    """When the oldest and the newest request came, in ms; 0 and 0 where there is none."""
    first, last = db.rows("SELECT MIN(at), MAX(at) FROM requests")[0]
    return first or 0, last or 0


def kept_since(db: Database) -> int:
    """From when on all requests are there, in ms."""
    rows = db.rows("SELECT value FROM facts WHERE name = ?", (KEPT,))
    return int(rows[0][0]) if rows else 0


# -- as others see them -----------------------------------------------------------------------------------------------


def told(record: Record, names: dict[str, str]) -> dict[str, Any]:
    """*record* in a list, as JSON tells it; *names* of keys, by id."""
    changes = decoded(record.changes, [])
    taken = {name: getattr(record, name) for name in _TOLD}
    return taken | {
        "key_name": names.get(record.key) or record.caller,
        "streamed": bool(record.streamed),
        "cost": None if record.flags & Flag.UNPRICED else record.cost,
        "estimated": bool(record.flags & Flag.ESTIMATED),
        "suspect": bool(record.flags & Flag.SUSPECT),
        "reconciled": record.state == State.RECONCILED,
        "first": None if record.first < 0 else record.first,
        "changes_count": len(changes),
        "lost_count": sum(1 for change in changes if change.get("lossy")),
    }


def told_whole(record: Record, names: dict[str, str]) -> dict[str, Any]:
    """*record* by itself, with its attempts, its changes, what it showed, and what stages took, in microseconds."""
    extra = decoded(record.extra, {})
    return told(record, names) | {
        "attempts": decoded(record.attempts, []),
        "changes": decoded(record.changes, []),
        "stages": extra.pop("stages", {}),
        "credential": extra.pop("credential", ""),
        "price": record.price,
        "extra": extra,
    }


def decoded(text: str, otherwise: Any) -> Any:
    """The JSON *text*; *otherwise* where there is none."""
    return msgspec.json.decode(text) if text else otherwise


_TOLD: Sequence[str] = (
    "id",
    "at",
    "key",
    "dialect",
    "operation",
    "asked",
    "model",
    "upstream",
    "status",
    "stop",
    "error",
    *CLASSES,
    "took",
    "session",
    "agent",
    "parent",
)
