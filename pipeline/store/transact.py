"""One transaction: the versions that wait, then what is given back, then what is asked for.

    broken   ─▶ advances that end: leases of their parts              (``advances``)
    versions ─▶ rows and sums ─▶ windows charged, leases ended       what was spent counts before the next one asks
    releases ─▶ leases given back
    reserves ─▶ each granted or refused, in the order they came
    advances ─▶ each taken, if there is enough

Rows are read, the arithmetic is done (``book``, ``windows``), rows are written: a handful of statements, however many
requests there are, since at each the thread lets go of the interpreter, and waits to have it back.  Whatever happens
here happens wholly or not at all, and may be done again.  Sums are written before windows are read, so that a window
that begins elsewhere at this moment either counts a record or finds it in the sums.
"""

from collections.abc import Iterable, Sequence

import attrs

from pipeline.store import sql
from pipeline.store.advances import Broken
from pipeline.store.book import corrected, entered
from pipeline.store.database import Database
from pipeline.store.record import KINDS, Claim, Granted, Lease, Record, Refused
from pipeline.store.windows import Name, Window, Windows, fits, opened

Closed = Sequence[tuple[Record | None, Record]]  # what was stored, and what is final now


@attrs.define(eq=False)
class Reserve:
    """What a request asks for before it may be sent; *answer* is filled in."""

    lease: Lease
    claims: Sequence[Claim]
    answer: Granted | Refused | None = None
    abandoned: bool = False  # nobody waits for the answer any more
    again: bool = False  # its request may hold something by now, and asks for something else in its place


@attrs.define(eq=False)
class Batch:
    """What waits for the database."""

    instance: str = ""  # whose it is
    versions: dict[str, Record] = attrs.field(factory=dict)  # the last of each request
    number: int = 0  # of the last of the spool's entries in it
    releases: list[str] = attrs.field(factory=list)
    reserves: list[Reserve] = attrs.field(factory=list)
    broken: list[Broken] = attrs.field(factory=list)
    advances: dict[str, Reserve] = attrs.field(factory=dict)  # by key; what is wanted, and what was got

    def __bool__(self) -> bool:
        return bool(self.versions or self.releases or self.reserves or self.broken or self.advances)


def transact(db: Database, batch: Batch, now: int) -> None:
    """Do all of *batch*; *now* in ms."""
    closed = written(db, batch.versions) if batch.versions else []
    weigh(db, closed, batch, now)
    if batch.number:
        sql.PUT_INSTANCE.into(db, [(batch.instance, now, batch.number)])


# -- records ----------------------------------------------------------------------------------------------------------


def enter(db: Database, versions: dict[str, Record], now: int) -> None:
    """Write *versions*, with all that follows from them."""
    transact(db, Batch(versions=versions), now)


def written(db: Database, versions: dict[str, Record]) -> Closed:
    """Write *versions* and their sums; gives those that are final now, each with what was stored before."""
    changes = entered(sql.stored(db, sorted(versions)), versions.values())
    sql.put(db, changes)
    return changes.closed


def correct(db: Database, pairs: Sequence[tuple[Record, Record]]) -> None:
    """Write the second record of each pair in place of the first, which is locked, has ended, and was wrong.

    It keeps its id, its moment, its key, model and upstream.  Windows that it counted in count the difference, those
    that began after it do not.
    """
    if not pairs:
        return
    sql.put(db, corrected(pairs))
    windows = Windows(sql.windows(db, sorted({new.key for _, new in pairs})))
    for old, new in pairs:
        windows.correct(old, new)
    sql.put_windows(db, windows.changed)


# -- limits -----------------------------------------------------------------------------------------------------------


def weigh(db: Database, closed: Closed, batch: Batch, now: int) -> None:
    """Charge what is *closed* and end its leases, and the other leases that *batch* ends; then grant what it asks for.

    One that is asked twice, because an answer got lost, takes the place of its earlier lease: so all leases that any of
    these names has now are over.  Each window is read and written once.
    """
    reserves, advances = [each for each in batch.reserves if not each.abandoned], list(batch.advances.values())
    names = {new.id for _, new in closed}.union(
        batch.releases, [each.lease.id for each in (*reserves, *advances)], [each.id for each in batch.broken]
    )
    if not names:
        return
    held = sql.leases(db, sorted(names))
    keys = {new.key for _, new in closed}.union(each.lease.key for each in (*reserves, *advances))
    keys |= {each.key for each in held.values()}
    if not keys:
        return
    windows = Windows(sql.windows(db, sorted(keys)))
    sql.drop_leases(db, held)
    parts = broken_up(batch.broken, held, windows)
    for old, new in closed:
        windows.settle(old, new, held.pop(new.id, None), now)
    for name in batch.releases:
        if name in held:
            windows.release(held.pop(name))
    begin(db, reserves, windows, now)
    granted = [each.lease for each in reserves if answered(each, held, windows, now)]
    granted += [part for part in parts if part.id in held]
    granted += [each.lease for each in advances if taken(each, reserves, held, windows, now)]
    sql.put_windows(db, windows.changed)
    sql.put_leases(db, granted)
    wait_for_others(db, batch.instance, reserves)


def broken_up(broken: Iterable[Broken], held: dict[str, Lease], windows: Windows) -> list[Lease]:
    """End the advances *broken*; their parts, which are *held* from now on.  One that is not there was ended before."""
    parts: list[Lease] = []
    for each in broken:
        if each.id in held:
            windows.break_up(held.pop(each.id), each.back, each.parts)
            parts += each.parts
    held.update((part.id, part) for part in parts)
    return parts


def answered(each: Reserve, held: dict[str, Lease], windows: Windows, now: int) -> bool:
    """Answer a reservation; whether it is granted."""
    if each.lease.id in held:
        windows.release(held.pop(each.lease.id))
    each.lease.holds = []
    each.answer = windows.reserve(each.lease, each.claims, now)
    return isinstance(each.answer, Granted)


def taken(each: Reserve, reserves: Iterable[Reserve], held: dict[str, Lease], windows: Windows, now: int) -> bool:
    """Take an advance, unless there is too little for its key even now; whether it is taken."""
    if each.lease.id in held:
        windows.release(held.pop(each.lease.id))
    each.lease.holds, each.answer = [], None
    if not any(isinstance(other.answer, Refused) and other.lease.key == each.lease.key for other in reserves):
        each.answer = windows.advance(each.lease, each.claims, now)
    return each.answer is not None


def wait_for_others(db: Database, instance: str, reserves: Iterable[Reserve]) -> None:
    """Mark the refusals that are due to what processes other than *instance* hold ahead."""
    refused = [(each, each.answer.standing) for each in reserves if isinstance(each.answer, Refused)]
    others = {key: sql.advances(db, key, instance) for key in {each.lease.key for each, _ in refused}}
    for each, standing in refused:
        place = standing.models, standing.kind
        ahead = sum(n for lease in others[each.lease.key] for models, kind, n in lease.holds if (models, kind) == place)
        wanted = next(claim.amount for claim in each.claims if (claim.models, claim.kind) == place)
        if ahead and standing.spent + standing.held - ahead + wanted <= standing.limit:
            each.answer = Refused(standing, ahead=True)


def give_back(db: Database, held: Iterable[Lease]) -> None:
    """End the leases *held*, whose requests were never sent."""
    held = sorted(held, key=lambda lease: lease.id)
    if held:
        windows = Windows(sql.windows(db, sorted({lease.key for lease in held})))
        for lease in held:
            windows.release(lease)
        sql.put_windows(db, windows.changed)
        sql.drop_leases(db, [lease.id for lease in held])


def begin(db: Database, reserves: Iterable[Reserve], windows: Windows, now: int) -> None:
    """Begin the windows that nobody has begun; another process may do so at the same moment."""
    missing = {name for each in reserves for name in windows.missing(each.lease.key, each.claims)}
    if not missing:
        return
    made = [opened(*name, now, spent=spent_before(db, name)) for name in sorted(missing)]
    sql.put_windows(db, made, how=sql.NEW_WINDOW)
    if db.lock:
        made = [window for window in sql.windows(db, sorted({name[0] for name in missing})) if window.name in missing]
    for window in made:
        windows.add(window)


def spent_before(db: Database, name: Name) -> int:
    """What a window begins with: one that counts for ever counts what was spent before there was a limit."""
    if KINDS[name[2]].unit != "cost" or KINDS[name[2]].seconds is not None:
        return 0
    return sum(cost for model, cost in sql.spent(db, name) if fits(model, name[1]))


def reset(db: Database, names: Iterable[Name], now: int) -> None:
    """Begin the windows *names* anew; what was recorded stays."""
    wanted = set(names)
    fresh = []
    for window in sql.windows(db, sorted({name[0] for name in wanted})):
        if window.name in wanted:
            anew: Window = opened(*window.name, now)
            anew.held = window.held
            fresh.append(anew)
    sql.put_windows(db, fresh)
