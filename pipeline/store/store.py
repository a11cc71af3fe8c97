"""The store, as the rest of the program sees it.

    begin(record) ─▶ … note(record) … ─▶ settle(record)          what a request uses; never waits for the database
             └─▶ synced(number)                                  awaited before the first event is passed on
    reserve(…) ─▶ Granted | Refused ─▶ settle, or release        limits; from memory (``advances``), or after a commit
    keys.find(secret)                                            who asks; from memory
    read(work), write(work)                                      anything else, in a thread

A record that was begun is in the books, whatever happens then: settled by its own process, or closed by whoever finds
that this process has died.  ``open_store`` owns all tasks, files and connections.
"""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
import trio

from pipeline.errors import StoreUnavailable
from pipeline.store import recovery, requests
from pipeline.store.book import DAY
from pipeline.store.database import Backend, Database, Outage, Rejected, looking, within
from pipeline.store.facts import version
from pipeline.store.keys import Snapshot, snapshot
from pipeline.store.opening import Parts, open_parts
from pipeline.store.record import Claim, Granted, Lease, Record, Refused, encode
from pipeline.store.settings import Settings
from pipeline.store.syncing import Syncing
from pipeline.store.transact import Reserve
from pipeline.store.writer import Writer, in_our_words

LOOK = 0.5  # seconds between looks for keys that another process changed
LOOK_AFAR = 2.0  # the same, where the database is not on this machine
BEAT = 10.0  # seconds between heartbeats
READERS = 4  # threads that read
SWEEP = 24 * 3600.0  # seconds between removals of what is old
PAUSE = 0.5  # seconds between parts of one, in which others may write
OTHERS = 2.0  # seconds for which a request waits for what others hold ahead (``advances.LIFE``, and a transaction)
AGAIN = 0.1  # seconds between two looks at it
DRAIN = 5.0  # seconds that what waits may take at the end

T = TypeVar("T")
log = structlog.get_logger("pipeline")


class Store:
    """Keys, limits and books.  Made by ``open_store``."""

    def __init__(self, parts: Parts, settings: Settings, clock: Callable[[], float]) -> None:
        self.settings, self.keys, self.vault, self.instance = settings, parts.keys, parts.vault, parts.spool.instance
        self._parts, self._spool, self._clock = parts, parts.spool, clock
        self._syncing = Syncing(parts.spool, patience=settings.patience)
        self.writer = Writer(parts.backend, self, instance=self.instance, patience=settings.patience, clock=clock)
        self._readers = trio.CapacityLimiter(READERS)
        self._renewing = trio.Lock()
        self._leases: set[str] = set()  # what requests that run hold, and may hold

    @property
    def shared(self) -> bool:
        """Whether other machines may use it, too."""
        return self._parts.shared

    @property
    def well(self) -> bool:
        """Whether the database took what it was given last."""
        return self.writer.outage is None

    @property
    def spooled(self) -> int:
        """Entries of the spool that the database does not have yet."""
        return self._spool.waiting

    # -- what a request uses ------------------------------------------------------------------------------------------

    def begin(self, record: Record) -> int:
        """Put down that *record*'s request is about to be sent; gives a number for ``synced``.

        Raises StoreUnavailable: then the request must not be sent, because nobody would know.
        """
        if self._syncing.lost or not (self._spool.room and self.writer.room):
            raise StoreUnavailable("too much waits to be written down; try again")
        record.instance = self.instance
        number = self._append(record)
        if number == 0:
            raise StoreUnavailable("the books can't be written; try again")
        self._syncing.begun()
        self.writer.know(record, number)
        return number

    async def synced(self, number: int) -> None:
        """Returns once what ``begin`` wrote is on the disk.  Raises StoreUnavailable if that takes too long."""
        await self._syncing.until(number)

    def note(self, record: Record) -> None:
        """Put down what is known of *record* by now; what is settled for, should this process die."""
        record.instance = self.instance
        self.writer.know(record, self._append(record))

    def settle(self, record: Record, *, spooled: bool = True) -> None:
        """Put down the last version of *record*.  Its lease, if it has one, ends with it.

        *spooled*: whether it must outlive a crash by itself, since nothing that counts was noted before.
        """
        record.instance = self.instance
        self._leases.discard(record.id)
        self.writer.close(record, self._append(record) if spooled else 0)

    def _append(self, record: Record) -> int:
        """Write *record* to the spool; 0, after saying so, if that can't be done."""
        try:
            return self._spool.append(encode(record))
        except OSError as error:
            log.error("the spool can't be written", folder=str(self._spool.folder), why=str(error))
        return 0

    # -- limits -------------------------------------------------------------------------------------------------------

    async def reserve(self, id: str, key: str, claims: Sequence[Claim]) -> Granted | Refused:  # noqa: A002  # the request's
        """Hold all *claims* of *key* for the request *id*, or none.  Raises StoreUnavailable."""
        again = id in self._leases
        granted = None if again else self.writer.advances.grant(id, key, claims, self.now())
        self._leases.add(id)
        return granted or await self._ask(id, key, claims, again=again)

    async def _ask(self, id: str, key: str, claims: Sequence[Claim], *, again: bool) -> Granted | Refused:  # noqa: A002  # the request's
        """What the database says; once more, for a moment, where others may need less than they hold ahead."""
        until = trio.current_time() + OTHERS
        while True:
            lease = Lease(id=id, instance=self.instance, at=self.now(), key=key)
            answer = await self.writer.reserve(Reserve(lease, claims, again=again))
            if isinstance(answer, Granted):
                return answer
            if not answer.ahead or trio.current_time() >= until:
                self._leases.discard(id)
                return answer
            await trio.sleep(AGAIN)

    def release(self, id: str) -> None:  # noqa: A002  # the request's
        """Give back what the request *id* holds: it was never sent.  Nothing happens if it holds nothing."""
        self._leases.discard(id)
        self.writer.release(id)

    # -- anything else ------------------------------------------------------------------------------------------------

    async def read(self, work: Callable[[Database], T]) -> T:
        """What *work* finds, looking at one state of things.  Raises StoreUnavailable, and what *work* raises."""
        found: T = await trio.to_thread.run_sync(
            in_our_words, looking, (self._parts.backend, work), limiter=self._readers
        )
        return found

    async def write(self, work: Callable[[Database], T]) -> T:
        """What *work* gives, done wholly or not at all.  Raises StoreUnavailable, and what *work* raises.

        Keys and prices that it changed hold for this process when it returns.
        """
        done: T = await self.writer.alone(within, self._parts.backend, work)
        with suppress(StoreUnavailable):  # it is done; this process sees it a little later then
            await self.renew()
        return done

    async def renew(self) -> None:
        """Take over what changed of keys and prices.  Raises StoreUnavailable."""
        async with self._renewing:  # what was read first must not be taken over last
            self.keys.renew(await self.read(self._changed))

    def _changed(self, db: Database) -> Snapshot | None:
        return None if version(db) == self.keys.snapshot.version else snapshot(db)

    def now(self) -> int:
        """The moment, in ms since 1970, by the clock that windows go by."""
        return round(self._clock() * 1000)

    # -- what the writer tells ----------------------------------------------------------------------------------------

    def applied(self, number: int) -> None:
        """The spool may forget what the database has."""
        self._spool.applied(number)

    def aside(self, record: Record, why: str) -> None:
        """The database does not take *record*: it is kept in a file for people to look at, or else in the log."""
        log.error("a record can't be stored, and is set aside", id=record.id, why=why)
        payload = encode(record)
        try:
            with (self._parts.root / "aside.bin").open("ab") as file:
                file.write(len(payload).to_bytes(4, "big") + payload)
        except OSError as error:
            log.error("a record can't be set aside", id=record.id, why=error.strerror, lost=payload.hex())

    # -- tasks --------------------------------------------------------------------------------------------------------

    async def sync(self) -> None:
        """Task: entries onto the disk."""
        await self._syncing.run()

    async def look(self) -> None:
        """Task: what other processes change of keys and prices."""
        while True:
            await trio.sleep(LOOK_AFAR if self._parts.shared else LOOK)
            with suppress(StoreUnavailable):
                await self.renew()

    async def beat(self) -> None:
        """Task: tell that this process lives, and bury those that do not."""
        while True:
            await trio.sleep(BEAT)
            living = self.writer.advances.ids.union(self._leases)
            try:
                await self.writer.alone(self._look_round, self._parts.backend, self._parts.root, living, self.now())
            except (StoreUnavailable, Rejected):
                pass
            except OSError as error:  # no descriptor is free, or the disk fails: the next turn looks again
                log.warning("what dead processes left can't be looked at", why=error.strerror)

    def _look_round(self, backend: Backend, root: Path, living: frozenset[str], now: int) -> None:
        with backend.transaction() as db:
            db.run("UPDATE instances SET seen = ? WHERE id = ?", (now, self.instance))
        recovery.expire(backend, self.instance, living, now)
        recovery.adopt(backend, root, now)
        recovery.bury_silent(backend, root, now)

    async def sweep(self) -> None:
        """Task: remove requests that are older than they are to be kept."""
        while self.settings.keep:
            removed = requests.PART
            while removed == requests.PART:
                await trio.sleep(PAUSE)
                removed = await self._removed(self.now() - self.settings.keep * DAY)
            await trio.sleep(SWEEP)

    async def _removed(self, before: int) -> int:
        """How many requests of before that moment were removed, in one part; none, if that can't be done now."""
        with suppress(StoreUnavailable, Rejected):
            work = partial(requests.remove, before=before)
            return await self.writer.alone(within, self._parts.backend, work)
        return 0

    async def close(self) -> None:
        """Write what waits, and let go of everything."""
        await self.writer.drain(DRAIN)
        await trio.to_thread.run_sync(self._closed)

    def _closed(self) -> None:
        if self.writer.outage is None:
            with suppress(Outage, Rejected):
                recovery.bury(self._parts.backend, self.instance, self.now())
        self._spool.close()
        self._parts.backend.close()


@asynccontextmanager
async def open_store(settings: Settings, *, clock: Callable[[], float] = time.time) -> AsyncIterator[Store]:
    """The store that *settings* describe, open inside.  Raises StoreFailed.

    What waits at the end is written before it closes, also when everything is cancelled.
    """
    parts = await trio.to_thread.run_sync(open_parts, settings, round(clock() * 1000))
    store = Store(parts, settings, clock)
    try:
        async with trio.open_nursery() as nursery:
            for task in (store.sync, store.writer.run, store.look, store.beat, store.sweep):
                nursery.start_soon(task)
            yield store
            nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 2 * DRAIN):
            await store.close()
