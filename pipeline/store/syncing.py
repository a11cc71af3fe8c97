"""Syncing: entries of the spool onto the disk, many at a time, while the model thinks.

    begun ────────▶ unsynced ─────────────────────┬─ all of them are waited for: now
    until(number) ─▶ waits until it is on the disk ┼─ someone has waited 10 ms: now
                                                  └─ nobody waits: within 20 ms

A sync costs as much as a tenth of a request, so it is worth letting others join; a model that takes its time does not
notice, and one that answers at once waits no longer than it must.  A sync that fails is not tried again on the same
files: the spool is written anew (``Spool.renew``), and who waits too long hears StoreUnavailable.
"""

import structlog
import trio

from pipeline.errors import StoreUnavailable
from pipeline.store.spool import Spool

LAZY = 0.02  # seconds until entries are synced that nobody waits for
JOIN = 0.010  # seconds that the first who waits gives others
AGAIN = 0.25  # seconds until the next try after a failure

log = structlog.get_logger("pipeline")


class Syncing:
    """Syncs a spool.  ``run`` is its task."""

    def __init__(self, spool: Spool, *, patience: float) -> None:
        self.lost = False  # nothing could be synced for so long that nobody should wait
        self._spool, self._patience = spool, patience
        self._unsynced = self._waiting = 0  # entries since the last sync began, and who waits for one of them
        self._some, self._first, self._all, self._done = trio.Event(), trio.Event(), trio.Event(), trio.Event()
        self._failing: float | None = None  # since when
        self._thread = trio.CapacityLimiter(1)

    def begun(self) -> None:
        """An entry was appended that somebody is going to wait for."""
        self._unsynced += 1
        self._some.set()

    async def until(self, number: int) -> None:
        """Returns once entry *number* is on the disk.  Raises StoreUnavailable if that takes too long."""
        if number <= self._spool.synced:
            return
        self._waiting += 1
        self._first.set()
        if self._waiting >= self._unsynced:
            self._all.set()
        while number > self._spool.synced:
            if self.lost:
                raise StoreUnavailable("the books can't be written; try again")
            await self._done.wait()

    async def run(self) -> None:
        """The task: runs until cancelled."""
        while True:
            await self._some.wait()
            if not self._first.is_set():
                with trio.move_on_after(LAZY):
                    await self._first.wait()
            if not self._all.is_set():
                with trio.move_on_after(JOIN):
                    await self._all.wait()
            self._unsynced = self._waiting = 0
            self._some, self._first, self._all = trio.Event(), trio.Event(), trio.Event()
            why = await self._sync()
            if why is None:
                self._tell(failing=None)
            else:
                await self._failed(why)

    async def _sync(self) -> str | None:
        """Why what was appended is not on the disk now; None: it is."""
        with trio.move_on_after(self._patience):
            try:
                await trio.to_thread.run_sync(self._spool.sync, limiter=self._thread, abandon_on_cancel=True)
            except OSError as error:
                return str(error)
            return None
        return "the disk does not answer"

    async def _failed(self, why: str) -> None:
        """Write the spool anew, to be synced at the next turn; a disk that says nothing is only asked again."""
        if self._failing is None:
            log.error("the spool can't be synced", folder=str(self._spool.folder), why=why)
        self._tell(failing=trio.current_time() if self._failing is None else self._failing)
        self._some.set()
        if self._thread.borrowed_tokens == 0:
            try:
                self._spool.renew()
            except OSError as error:
                log.debug("nor can it be written anew", why=str(error))
        await trio.sleep(AGAIN)

    def _tell(self, *, failing: float | None) -> None:
        """Let everybody look at how things stand; *failing*: since when they do not stand well."""
        if self._failing is not None and failing is None:
            log.info("the spool can be synced again")
        self._failing = failing
        self.lost = failing is not None and trio.current_time() - failing >= self._patience
        done, self._done = self._done, trio.Event()
        done.set()
