"""Syncing: entries of the spool onto the disk, many at a time, while the model thinks.

    begun ────────▶ unsynced ─────────────────────┬─ it was one alone the last time: now
                                                  ├─ all of them are waited for: now
    until(number) ─▶ waits until it is on the disk ┼─ someone has waited 10 ms: now
                                                  └─ nobody waits: within 20 ms

    until, watch ── a turn ──▶ thread: sync ── over ──▶ whoever waited, and the next turn if all wait for it by now

A sync costs as much as a tenth of a request, so it is worth letting others join; a model that takes its time does not
notice, and one that answers at once waits no longer than it must.  Where none join there is nothing to wait for: the
sync of a request that is alone begins with it, and is over when a quick model answers.  The thread stays, and is told
of its turns: the loop neither fetches one nor has a task wait for it.  A sync that fails is not tried again on the same
files: the spool is written anew first (``Spool.renew``), and who waits too long hears StoreUnavailable.
"""

from contextlib import suppress
from queue import SimpleQueue

import structlog
import trio

from pipeline.errors import StoreUnavailable
from pipeline.store.spool import Spool

JOIN = 0.010  # seconds between looks: the first who waits gives others so many, what nobody waits for waits for two
AGAIN = 0.25  # seconds until the next try after a failure

log = structlog.get_logger("pipeline")


class Syncing:
    """Syncs a spool.  ``run`` is its task, and owns the thread."""

    def __init__(self, spool: Spool, *, patience: float) -> None:
        self.lost = False  # nothing could be synced for so long that nobody should wait
        self._spool, self._patience = spool, patience
        self._unsynced = self._waiting = 0  # entries since the last sync began, and who waits for one of them
        self._alone = True  # none joined the last entry that was synced: none are to be expected
        self._last = 0  # number of the last entry that somebody is going to wait for
        self._some, self._done = trio.Event(), trio.Event()
        self._since: float | None = None  # when the thread's turn began, while it has one
        self._why: str | None = None  # what was wrong with it, until the spool is written anew
        self._failing: float | None = None  # since when
        self._turns: SimpleQueue[bool] = SimpleQueue()
        self._thread = trio.CancelScope(shield=True)

    def begun(self) -> None:
        """An entry was appended that somebody is going to wait for."""
        self._unsynced += 1
        self._last = self._spool.appended
        if self._alone and self._since is None:
            self._turn()
        if not self._some.is_set():
            self._some.set()

    async def until(self, number: int) -> None:
        """Returns once entry *number* is on the disk.  Raises StoreUnavailable if that takes too long."""
        if number <= self._spool.synced:
            return
        self._waiting += 1
        if self._waiting >= self._unsynced and self._since is None:
            self._turn()
        while number > self._spool.synced:
            if self.lost:
                raise StoreUnavailable("the books can't be written; try again")
            await self._done.wait()

    def _turn(self) -> None:
        """Have the thread sync."""
        self._since = trio.current_time()
        self._alone = self._unsynced <= 1
        self._unsynced = self._waiting = 0
        self._turns.put(True)

    # -- the thread ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """The task: runs until cancelled; a sync that has begun has ``patience`` to end then."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._work)
            try:
                while True:
                    await self._some.wait()
                    await self._watch()
            finally:
                self._turns.put(False)
                self._thread.deadline = trio.current_time() + self._patience

    async def _work(self) -> None:
        with self._thread:
            token = trio.lowlevel.current_trio_token()
            await trio.to_thread.run_sync(self._syncs, token, limiter=trio.CapacityLimiter(1), abandon_on_cancel=True)

    def _syncs(self, token: trio.lowlevel.TrioToken) -> None:
        """In the thread: sync at each turn."""
        while self._turns.get():
            why = None
            try:
                self._spool.sync()
            except OSError as error:
                why = str(error)
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(self._over, why)

    def _over(self, why: str | None) -> None:
        """The thread's turn is over; *why* what was appended is not on the disk now.  No other begins then."""
        if why is not None:
            self._why = why
            return
        self._since = None
        if self._spool.synced >= self._last:  # also what came before the thread had its turn
            self._alone = self._alone and not self._unsynced
            self._unsynced = self._waiting = 0
        elif self._waiting >= self._unsynced:
            self._turn()
        self._tell(failing=None)

    # -- the task -----------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """While something is not on the disk: see to it that it comes there."""
        lonely = False  # nobody waited at the last look
        while self._unsynced or self._since is not None:
            await trio.sleep(JOIN)
            if self._since is not None:
                await self._attend(self._since)
            elif self._waiting or lonely:
                self._turn()
                lonely = False
            else:
                lonely = True
        self._some = trio.Event()

    async def _attend(self, since: float) -> None:
        """Look how the thread's turn goes that began at *since*."""
        if self._why is not None:
            await self._failed(self._why)
        elif trio.current_time() >= since + self._patience:
            await self._failed("the disk does not answer")

    async def _failed(self, why: str) -> None:
        """Write the spool anew, to be synced at the next turn; a disk that says nothing is only waited for."""
        if self._failing is None:
            log.error("the spool can't be synced", folder=str(self._spool.folder), why=why)
        self._tell(failing=trio.current_time() if self._failing is None else self._failing)
        renewed = self._why is not None and self._renewed()
        await trio.sleep(AGAIN)
        if renewed:
            self._why = None
            self._turn()

    def _renewed(self) -> bool:
        """Whether the spool was written anew."""
        try:
            self._spool.renew()
        except OSError as error:
            log.debug("nor can it be written anew", why=str(error))
            return False
        return True

    def _tell(self, *, failing: float | None) -> None:
        """Let everybody look at how things stand; *failing*: since when they do not stand well."""
        if self._failing is not None and failing is None:
            log.info("the spool can be synced again")
        self._failing = failing
        self.lost = failing is not None and trio.current_time() - failing >= self._patience
        done, self._done = self._done, trio.Event()
        done.set()
