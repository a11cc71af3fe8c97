"""The writer: one task that takes what waits and has it written, a batch at a time, in one thread at a time.

    put ──▶ ═ bounded channel ═▶ batch ──thread: one transaction──▶ answers, and the spool may forget

A batch is all that waits when its turn comes.  Versions of records are in no hurry, and gather for a moment; a
reservation, which a request waits for, ends the gathering.  What comes along with it is committed, but not synced more
often than versions gather: the spool forgets entries only after a commit that is on the disk.

When the database can't be reached the batch stays, grows no further than its bound, and is tried again; requests that
wait are told so after a while, streams don't notice.
"""

import math
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import attrs
import structlog
import trio

from pipeline.errors import StoreUnavailable
from pipeline.store.database import Backend, Outage, Rejected
from pipeline.store.record import Granted, Record, Refused
from pipeline.store.transact import Batch, Reserve, transact

MOST = 20_000  # things that may wait in the channel
TOGETHER = 1_000  # versions in one transaction
GATHER = 0.5  # seconds in which versions gather, and between two commits that are synced
APART = 0.010  # seconds between two transactions while reservations come close together: so they share one
AGAIN = (0.1, 0.2, 0.5, 1.0)  # seconds until the next try, while there is an outage; the last one holds on

T = TypeVar("T")
log = structlog.get_logger("pipeline")


class Taken(Protocol):
    """What hears how far the database has come, and what it would not take."""

    def applied(self, number: int) -> None:
        """All entries up to *number* are in the database."""

    def aside(self, record: Record, why: str) -> None:
        """*record* can't be written."""


@attrs.define(eq=False)
class Version:
    """A record as it is known now, and the number of its entry in the spool (0: it has none)."""

    record: Record
    number: int

    @property
    def id(self) -> str:
        """The request's."""
        return self.record.id


@attrs.frozen
class Release:
    """The request *id* was never sent."""

    id: str


@attrs.define(eq=False)
class Asked:
    """A reservation that somebody waits for."""

    reserve: Reserve
    done: trio.Event = attrs.field(factory=trio.Event)


Waiting = Version | Release | Asked


class Writer:
    """Feeds a database.  ``run`` is its task; ``drain`` writes what is left when that has ended."""

    def __init__(
        self,
        backend: Backend,
        taken: Taken,
        *,
        instance: str,
        patience: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.outage: str | None = None  # why the database can't be written, while that is so
        self._backend, self._taken, self._patience, self._clock = backend, taken, patience, clock
        self._send, self._receive = trio.open_memory_channel[Waiting](MOST)
        self._batch = Batch(instance)
        self._beyond: dict[tuple[type, str], Version | Release] = {}  # what came while the channel was full
        self._asked: list[Asked] = []  # those whose reserves are in the batch
        self._some, self._urgent = trio.Event(), trio.Event()
        self._thread = trio.CapacityLimiter(1)
        self._instance, self._failures = instance, 0
        self._last = -math.inf  # when the last transaction ended
        self._crowded = False  # several waited for it: one alone is answered at once, instead of the gap's end
        self._firm = -math.inf  # when the last one that is on the disk did
        self._loose = 0  # number of the last of the spool's entries that is committed, and perhaps not on the disk

    # -- giving it something ------------------------------------------------------------------------------------------

    @property
    def room(self) -> bool:
        """Whether a request may begin."""
        return not self._beyond

    @property
    def waiting(self) -> int:
        """How much the database does not have yet."""
        return self._receive.statistics().current_buffer_used + len(self._batch.versions) + len(self._beyond)

    def put(self, item: Version | Release) -> None:
        """Have *item* written, soon.  Beyond the channel's room there is only what requests that run have to say."""
        try:
            if self._beyond:
                raise trio.WouldBlock
            self._send.send_nowait(item)
        except trio.WouldBlock:
            self._beyond[type(item), item.id] = item
        self._some.set()

    async def reserve(self, reserve: Reserve) -> Granted | Refused:
        """The answer to *reserve*, once it is committed.  Raises StoreUnavailable if it takes too long."""
        asked = Asked(reserve)
        with trio.move_on_after(self._patience):
            try:
                await self._send.send(asked)
                self._some.set()
                self._urgent.set()
                await asked.done.wait()
            finally:
                reserve.abandoned = not asked.done.is_set()  # should it be granted after all, it is given back at once
        if reserve.answer is None or reserve.abandoned:
            raise StoreUnavailable("the store does not answer; try again")
        return reserve.answer

    async def alone(self, work: Callable[..., T], *args: Any) -> T:
        """What *work* gives: in a thread, while nobody else writes.  Raises StoreUnavailable, and what *work* does."""
        with trio.move_on_after(self._patience):  # until it has begun; from then on it is waited for
            return await trio.to_thread.run_sync(in_our_words, work, args, limiter=self._thread)
        raise StoreUnavailable("the store is busy; try again")

    # -- writing ------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """The task: runs until cancelled."""
        while True:
            if not self._batch and not self._waiting:
                self._some = trio.Event()
                with trio.move_on_after(GATHER if self._loose else math.inf):
                    await self._some.wait()
            if self._failures:
                await trio.sleep(AGAIN[min(self._failures, len(AGAIN)) - 1])
            elif not self._urgent.is_set():
                with trio.move_on_after(GATHER):
                    await self._urgent.wait()
            if self._crowded and (rest := self._last + APART - trio.current_time()) > 0:
                await trio.sleep(rest)
            await self._write()
            self._last = trio.current_time()

    async def drain(self, seconds: float) -> None:
        """Write all that waits, for *seconds* at most; for when ``run`` has ended."""
        until = trio.current_time() + seconds
        while self._batch or self._waiting or self._loose:
            self._firm = -math.inf
            await self._write()
            if self._failures and trio.current_time() > until:
                return
            if self._failures:
                await trio.sleep(AGAIN[0])

    async def _write(self) -> None:
        """Take what waits into the batch, and try to write it."""
        self._take()
        batch, due = self._batch, trio.current_time() >= self._firm + GATHER
        if not batch and not (due and self._loose):
            return
        if due:
            batch.number = max(batch.number, self._loose)  # written, so that there is something to sync
        durable = due and (bool(batch.versions) or batch.number > 0)
        with trio.CancelScope(shield=True):  # what was begun is finished: its answers must not get lost
            failed = await trio.to_thread.run_sync(self._commit, batch, durable, limiter=self._thread)
        if failed is None:
            self._written(batch, durable=durable)
        else:
            self._failed(failed)

    @property
    def _waiting(self) -> bool:
        return bool(self._beyond) or self._receive.statistics().current_buffer_used > 0

    def _take(self) -> None:
        """Put what waits into the batch, in the order it came."""
        self._urgent = trio.Event()
        for _ in range(self._receive.statistics().current_buffer_used):
            if len(self._batch.versions) >= TOGETHER:
                return
            self._add(self._receive.receive_nowait())
        while self._beyond and len(self._batch.versions) < TOGETHER:
            self._add(self._beyond.pop(next(iter(self._beyond))))

    def _add(self, item: Waiting) -> None:
        match item:
            case Version(record, number):
                self._batch.versions[record.id] = record
                self._batch.number = max(self._batch.number, number)
            case Release(name):
                self._batch.releases.append(name)
            case Asked():
                self._batch.reserves.append(item.reserve)
                self._asked.append(item)

    def _commit(self, batch: Batch, durable: bool) -> str | None:
        """In the thread: write *batch*; gives why not, if the database can't be reached."""
        now = round(self._clock() * 1000)
        try:
            with self._backend.transaction(durable=durable) as db:
                transact(db, batch, now)
        except Outage as error:
            return str(error)
        except Rejected as error:
            log.error("a batch can't be stored as a whole", why=str(error))
            return self._one_by_one(batch, durable, now)
        return None

    def _one_by_one(self, batch: Batch, durable: bool, now: int) -> str | None:
        """Something in *batch* can't be written: write the rest, and set it aside."""
        parts = [Batch(self._instance, {name: record}) for name, record in batch.versions.items()]
        parts.append(Batch(self._instance, number=batch.number, releases=batch.releases, reserves=batch.reserves))
        for part in parts:
            try:
                with self._backend.transaction(durable=durable) as db:
                    transact(db, part, now)
            except Outage as error:
                return str(error)
            except Rejected as error:
                for record in part.versions.values():
                    self._taken.aside(record, str(error))
                for reserve in part.reserves:
                    log.error("a reservation can't be stored", id=reserve.lease.id, why=str(error))
                    reserve.answer = None
        return None

    def _written(self, batch: Batch, *, durable: bool) -> None:
        if self.outage is not None:
            log.info("the store is back", tries=self._failures)
        self.outage, self._failures = None, 0
        asked, self._asked, self._batch = self._asked, [], Batch(self._instance)
        self._crowded = len(asked) > 1
        self._loose = max(self._loose, batch.number)
        if durable:
            self._taken.applied(self._loose)
            self._firm, self._loose = trio.current_time(), 0
        for each in asked:
            if each.reserve.abandoned:
                self._batch.releases.append(each.reserve.lease.id)
            each.done.set()

    def _failed(self, why: str) -> None:
        self._failures += 1
        if self.outage is None:
            log.error("the store can't be written: records wait in the spool", why=why)
        self.outage = why
        self._batch.reserves = [reserve for reserve in self._batch.reserves if not reserve.abandoned]
        self._asked = [asked for asked in self._asked if not asked.reserve.abandoned]


def in_our_words(work: Callable[..., T], args: tuple[Any, ...] = ()) -> T:
    """What *work* gives.  Raises StoreUnavailable where it raises Outage."""
    try:
        return work(*args)
    except Outage as error:
        raise StoreUnavailable("the store does not answer; try again") from error
