"""The book: how versions of records change what is stored.  Arithmetic only.

    stored row ┐
    version    ┴─▶ the row to store ─▶ what that adds to the sums of its hour, its day and its session

A row is replaced by a version that is at least as final; a settled one never is.  Sums hold what is settled or
reconciled, and nothing that is open: when a reconciled row is settled after all, the difference is added.  So writing
a version twice, or a row that another process wrote, changes nothing, and the sums equal the sum of the rows.
"""

from collections.abc import Iterable, Mapping
from operator import add

import attrs
import msgspec

from pipeline.store.record import CLASSES, Flag, Record, State

HOUR = 3_600_000  # ms
DAY = 24 * HOUR
CRASHED = "Crashed"  # the error of a record whose process died before its reply had ended

MEASURES = (
    "requests",
    "errors",
    "estimated",
    "unpriced",
    *CLASSES,
    "cost",
    "took",
    "first",
    "firsts",
)
Sums = list[int]
Place = tuple[int, str, str, str]  # hour or day, key, model, upstream: what a figure is added to


@attrs.define
class Session:
    """What a session's agent did with one model, so far."""

    parent: str
    began: int
    last: int
    sums: Sums


@attrs.define
class Changes:
    """What a batch of versions changes; keys are the primary keys of the tables."""

    rows: dict[str, Record] = attrs.field(factory=dict)
    closed: list[tuple[Record | None, Record]] = attrs.field(factory=list)  # what was stored, and what is final now
    hours: dict[Place, Sums] = attrs.field(factory=dict)
    days: dict[Place, Sums] = attrs.field(factory=dict)
    sessions: dict[tuple[str, str, str, str], Session] = attrs.field(factory=dict)
    keys: dict[str, int] = attrs.field(factory=dict)  # when each was last used


def entered(stored: Mapping[str, Record], versions: Iterable[Record]) -> Changes:
    """What *versions*, one of each request, change in what is *stored* of them."""
    changes = Changes()
    for version in versions:
        old = stored.get(version.id)
        if old is not None and (old.state == State.SETTLED or version.state < old.state):
            continue
        changes.rows[version.id] = version
        if version.state != State.OPEN:
            changes.closed.append((old, version))
            _add(changes, old, version)
    changes.days = by_day(changes.hours)
    return changes


def corrected(pairs: Iterable[tuple[Record, Record]]) -> Changes:
    """What changes where rows that have ended, the first of each pair, become the second."""
    changes = Changes()
    for old, new in pairs:
        changes.rows[new.id] = new
        changes.closed.append((old, new))
        _count(changes, old, [-figure for figure in measures(old)])
        _count(changes, new, measures(new))
    changes.days = by_day(changes.hours)
    return changes


def by_day(hours: Mapping[Place, Sums]) -> dict[Place, Sums]:
    """The sums of *hours*, by day."""
    days: dict[Place, Sums] = {}
    for (hour, key, model, upstream), sums in hours.items():
        _sum(days, (hour * HOUR // DAY, key, model, upstream), sums)
    return days


def measures(record: Record) -> Sums:
    """What *record* adds to sums: one figure for each of MEASURES."""
    flags = record.flags
    return [
        1,
        1 if record.error else 0,
        1 if flags & _ESTIMATED else 0,
        1 if flags & _UNPRICED else 0,
        record.input,
        record.cache_read,
        record.cache_write_5m,
        record.cache_write_1h,
        record.output,
        record.reasoning,
        record.cost,
        record.took,
        max(0, record.first),
        1 if record.first >= 0 else 0,
    ]


_ESTIMATED, _UNPRICED = int(Flag.ESTIMATED), int(Flag.UNPRICED)


def _add(changes: Changes, old: Record | None, new: Record) -> None:
    if old is not None and old.state == State.RECONCILED:
        _count(changes, old, [-figure for figure in measures(old)])
    _count(changes, new, measures(new))
    if new.key:
        changes.keys[new.key] = max(changes.keys.get(new.key, 0), new.at)


def _count(changes: Changes, record: Record, added: Sums) -> None:
    """Add to the sums that *record* is counted in."""
    _sum(changes.hours, (record.at // HOUR, record.key, record.model, record.upstream), added)
    if record.session:
        name = record.session, record.agent, record.key, record.model
        session = changes.sessions.get(name)
        if session is None:
            changes.sessions[name] = Session(record.parent, record.at, record.at, added)
            return
        session.began, session.last = min(session.began, record.at), max(session.last, record.at)
        session.sums = list(map(add, session.sums, added))


def _sum(sums: dict[Place, Sums], place: Place, added: Sums) -> None:
    before = sums.get(place)
    sums[place] = added if before is None else list(map(add, before, added))


def reconciled(record: Record) -> Record:
    """*record*, which its process left open, as it has to be taken: for what the stream had shown."""
    if record.flags & Flag.COMPLETE:
        return msgspec.structs.replace(record, state=int(State.RECONCILED))
    flags = record.flags | Flag.ESTIMATED
    return msgspec.structs.replace(record, state=int(State.RECONCILED), flags=int(flags), error=CRASHED)
