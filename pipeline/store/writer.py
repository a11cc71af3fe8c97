"""The writer: one task that takes what waits and has it written, a batch at a time, in one thread at a time.

    reserve, release ──▶ ═ bounded queue ═▶ ┐
    close ──▶ last versions, by request ───▶ batch ──thread: one transaction──▶ answers, and the spool may forget
    know ──▶ of what still runs, when due ─▶ ┘ └─ advances: of a busy key's windows, so that most requests need not ask

A batch is all that waits when its turn comes.  Versions of records are in no hurry, and gather for a moment; a
reservation, which a request waits for, ends the gathering.  What comes along with it is committed, but not synced more
often than versions gather: the spool forgets entries only after a commit that is on the disk.  What is known of a
request that still runs does not come along: it changes no sum and no window, and most of it will have been replaced by
the last version when its moment comes.

When the database can't be reached the batch stays, grows no further than its bound, and is tried again; requests that
wait are told so after a while, streams don't notice.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Protocol, TypeVar

import attrs
import structlog
import trio

from pipeline.errors import StoreUnavailable
from pipeline.store.advances import Advances
from pipeline.store.database import Backend, Outage, Rejected
from pipeline.store.record import Claim, Granted, Record, Refused
from pipeline.store.transact import Batch, Reserve, transact

MOST = 20_000  # things that may wait
TOGETHER = 1_000  # versions in one transaction
GATHER = 0.5  # seconds in which versions gather, and between two commits that are synced
APART = 2.0  # times as long as the last transaction took passes until the next, while reservations come close together:
# they share one, the more of them the busier the machine is
MOST_APART = 0.010  # seconds that may be at most
AGAIN = (0.1, 0.2, 0.5, 1.0)  # seconds until the next try, while there is an outage; the last one holds on

T = TypeVar("T")
log = structlog.get_logger("pipeline")


class Taken(Protocol):
    """What hears how far the database has come, and what it would not take."""

    def applied(self, number: int) -> None:
        """All entries up to *number* are in the database."""

    def aside(self, record: Record, why: str) -> None:
        """*record* can't be written."""


@attrs.frozen
class Release:
    """The request *id* was never sent."""

    id: str


@attrs.define(eq=False)
class Asked:
    """A reservation that somebody waits for, *until* then."""

    reserve: Reserve
    until: float
    done: trio.Event = attrs.field(factory=trio.Event)


Waiting = Release | Asked


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
        self.advances = Advances(instance)
        self._backend, self._taken, self._patience, self._clock = backend, taken, patience, clock
        self._queue: deque[Waiting] = deque()  # no channel: nobody waits to take from it, and next to nobody to put
        self._full = trio.lowlevel.ParkingLot()  # reservations for which there is no room
        self._batch = Batch(instance)
        self._open: dict[str, Record] = {}  # the last versions of requests that run
        self._closed: dict[str, Record] = {}  # those of requests that have ended, in that order
        self._asked: list[Asked] = []  # those whose reserves are in the batch
        self._patient: deque[Asked] = deque()  # those that wait, and some that do no more; who came first goes first
        self._some: trio.Event | None = None  # what the task waits for that has nothing to do
        self._urgent = trio.Event()
        self._thread = trio.CapacityLimiter(1)
        self._instance, self._failures = instance, 0
        self._next = -math.inf  # when the next transaction may begin, if it is crowded
        self._crowded = False  # several waited for it: one alone is answered at once, instead of the gap's end
        self._firm = -math.inf  # when the last one that is on the disk did
        self._newest = 0  # number of the last of the spool's entries that was put
        self._applied = 0  # that of the last of which all before it are on the database's disk

    # -- giving it something ------------------------------------------------------------------------------------------

    @property
    def room(self) -> bool:
        """Whether a request may begin: those that run may say what they have to, whatever waits."""
        return len(self._closed) + len(self._queue) < MOST

    @property
    def waiting(self) -> int:
        """How much the database does not have yet."""
        gathered = len(self._batch.versions) + len(self._open)
        return len(self._queue) + gathered + len(self._closed)

    def know(self, record: Record, number: int) -> None:
        """Have *record*, of a request that runs, written when versions are due; *number*: of its entry in the spool."""
        self._newest = max(self._newest, number)
        self._open[record.id] = record
        if self._some is not None:
            self._some.set()

    def close(self, record: Record, number: int) -> None:
        """Have *record*, of a request that has ended, written soon; *number* as in ``know``, 0: it has no entry."""
        self._newest = max(self._newest, number)
        self._open.pop(record.id, None)
        self._closed[record.id] = record
        if self._some is not None:
            self._some.set()

    def release(self, id: str) -> None:  # noqa: A002  # the request's
        """Have what the request *id* holds given back."""
        self._put(Release(id))

    def _put(self, item: Waiting) -> None:
        self._queue.append(item)
        if self._some is not None:
            self._some.set()

    async def reserve(self, reserve: Reserve) -> Granted | Refused:
        """The answer to *reserve*, once it is committed.  Raises StoreUnavailable if it takes too long."""
        asked = Asked(reserve, trio.current_time() + self._patience)
        self._patient.append(asked)
        try:
            await self._ask(asked)
            await asked.done.wait()
        finally:
            reserve.abandoned |= not asked.done.is_set()  # should it be granted after all, it is given back at once
        if reserve.answer is None or reserve.abandoned:
            raise StoreUnavailable("the store does not answer; try again")
        return reserve.answer

    async def _ask(self, asked: Asked) -> None:
        """Put *asked* into the queue; at once where there is room, and without a turn of the loop."""
        while not self.room:
            with trio.move_on_at(asked.until) as scope:
                await self._full.park()
            if scope.cancelled_caught:
                return
        self._put(asked)
        self._urgent.set()

    async def alone(self, work: Callable[..., T], *args: Any) -> T:
        """What *work* gives: in a thread, while nobody else writes.  Raises StoreUnavailable, and what *work* does."""
        with trio.move_on_after(self._patience):  # until it has begun; from then on it is waited for
            return await trio.to_thread.run_sync(in_our_words, work, args, limiter=self._thread)
        raise StoreUnavailable("the store is busy; try again")

    # -- writing ------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """The task: runs until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tire)
            await self._feed()

    async def _tire(self) -> None:
        """Task: send those away that have waited too long.  One timer for all, none for each."""
        while True:
            now = trio.current_time()
            for late in [asked for asked in self._patient if asked.until <= now and not asked.done.is_set()]:
                late.reserve.abandoned = True
                late.done.set()
            self._forget()
            await trio.sleep_until(self._patient[0].until if self._patient else now + self._patience)

    def _forget(self) -> None:
        while self._patient and self._patient[0].done.is_set():
            self._patient.popleft()

    async def _feed(self) -> None:
        while True:
            if not self._batch and not self._waiting and not self._open:
                self._some = trio.Event()
                with trio.move_on_after(GATHER if self._newest > self._applied or self.advances else math.inf):
                    await self._some.wait()
                self._some = None
            if self._failures:
                await trio.sleep(AGAIN[min(self._failures, len(AGAIN)) - 1])
            elif not self._urgent.is_set():
                with trio.move_on_after(GATHER):
                    await self._urgent.wait()
            if self._crowded and self._next > trio.current_time():
                await trio.sleep_until(self._next)
            began = trio.current_time()
            await self._write()
            ended = trio.current_time()
            self._next = ended + min(APART * (ended - began), MOST_APART)

    async def drain(self, seconds: float) -> None:
        """Write all that waits, for *seconds* at most; for when ``run`` has ended."""
        until = trio.current_time() + seconds
        while self._batch or self._waiting or self._open or self.advances or self._newest > self._applied:
            self._firm = -math.inf
            await self._write(last=True)
            if self._failures and trio.current_time() > until:
                return
            if self._failures:
                await trio.sleep(AGAIN[0])

    async def _write(self, *, last: bool = False) -> None:
        """Take what waits into the batch, and try to write it; *last*: nothing more is granted after it."""
        self._take()
        self._plan(last=last)
        batch, due = self._batch, trio.current_time() >= self._firm + GATHER or self._much
        if due:
            self._complete()
        if not batch and not batch.number:
            return
        durable = due and (bool(batch.versions) or batch.number > 0)
        with trio.CancelScope(shield=True):  # what was begun is finished: its answers must not get lost
            failed = await trio.to_thread.run_sync(self._commit, batch, durable, limiter=self._thread)
        if failed is None:
            self._written(batch, durable=durable)
        else:
            self._failed(failed)

    @property
    def _waiting(self) -> bool:
        return bool(self._closed) or bool(self._queue)

    @property
    def _much(self) -> bool:
        return len(self._batch.versions) + len(self._open) >= TOGETHER

    def _take(self) -> None:
        """Put what waits into the batch: what has ended first, so that it is charged before anybody asks."""
        self._urgent, now = trio.Event(), self._now()
        self._full.unpark_all()  # they run when this is done, and look again
        ended = self._ended()
        self._batch.versions |= ended
        self.advances.settle(ended, now)
        while self._queue and not self._much:
            self._add(self._queue.popleft(), now)
        if self._queue:  # it waits for the next batch, which must not wait for more
            self._urgent.set()

    def _ended(self) -> dict[str, Record]:
        """The last versions that the batch has room for, those that came first; they wait no longer."""
        ended, room = self._closed, max(0, TOGETHER - len(self._batch.versions) - len(self._open))
        if len(ended) <= room:
            self._closed = {}
            return ended
        return {name: self._closed.pop(name) for name in list(islice(ended, room))}

    def _add(self, item: Waiting, now: int) -> None:
        match item:
            case Release(name):
                if not self.advances.release(name):
                    self._batch.releases.append(name)
            case Asked(reserve) if not self._advanced(reserve, now):
                self.advances.release(reserve.lease.id)  # should it ask again
                self._batch.reserves.append(reserve)
                self._asked.append(item)
            case Asked(done=done):
                done.set()

    def _advanced(self, reserve: Reserve, now: int) -> bool:
        """Whether *reserve* is granted out of an advance that came while it waited."""
        if reserve.again or reserve.abandoned:
            return False
        reserve.answer = self.advances.grant(reserve.lease.id, reserve.lease.key, reserve.claims, now)
        return reserve.answer is not None

    def _plan(self, *, last: bool) -> None:
        """Put into the batch what becomes of the advances of its keys, and of those that have lived."""
        asked: dict[str, list[Sequence[Claim]]] = {}
        for reserve in self._batch.reserves:
            asked.setdefault(reserve.lease.key, []).append(reserve.claims)
        broken, wanted = self.advances.plan(asked, self._now(), last=last)
        self._batch.broken += broken
        for key, each in wanted.items():
            self._batch.advances.setdefault(key, Reserve(*each))

    def _now(self) -> int:
        """The moment, in ms, by the clock that windows go by."""
        return round(self._clock() * 1000)

    def _complete(self) -> None:
        """Put what is known of requests that run into the batch, too.

        If nothing waits beside it, it is all there is: once it is on the disk the spool may forget what came before.
        Else it may not: the last version of a record may wait that has no entry of its own.
        """
        self._batch.versions |= self._open
        self._open = {}
        self._batch.number = self._newest if self._newest > self._applied and not self._waiting else 0

    def _commit(self, batch: Batch, durable: bool) -> str | None:
        """In the thread: write *batch*; gives why not, if the database can't be reached."""
        now = self._now()
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
        parts = [Batch(self._instance, broken=batch.broken)]
        parts += [Batch(self._instance, {name: record}) for name, record in batch.versions.items()]
        parts.append(attrs.evolve(batch, versions={}, broken=[]))
        for part in parts:
            try:
                with self._backend.transaction(durable=durable) as db:
                    transact(db, part, now)
            except Outage as error:
                return str(error)
            except Rejected as error:
                for record in part.versions.values():
                    self._taken.aside(record, str(error))
                for reserve in (*part.reserves, *part.advances.values()):
                    log.error("a reservation can't be stored", id=reserve.lease.id, why=str(error))
                    reserve.answer = None
        return None

    def _written(self, batch: Batch, *, durable: bool) -> None:
        if self.outage is not None:
            log.info("the store is back", tries=self._failures)
        self.outage, self._failures = None, 0
        asked, self._asked, self._batch = self._asked, [], Batch(self._instance)
        self._crowded = len(asked) > 1
        if durable:
            self._firm = trio.current_time()
        if durable and batch.number:
            self._applied = batch.number
            self._taken.applied(batch.number)
        for taken in batch.advances.values():
            if isinstance(taken.answer, Granted):
                self.advances.took(taken.lease, taken.answer)
        for each in asked:
            if each.reserve.abandoned:
                self._batch.releases.append(each.reserve.lease.id)
            each.done.set()
        self._forget()

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
