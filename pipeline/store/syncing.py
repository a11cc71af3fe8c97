"""Syncing: entries of the spool onto the disk, many at a time, while the model thinks.

    begun ────────▶ unsynced ─────────────────────┬─ all of them are waited for: now
    until(number) ─▶ waits until it is on the disk ┼─ someone has waited 5 ms: now
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
JOIN = 0.005  # seconds that the first who waits gives others
AGAIN = 0.25  # seconds until the next try after a failure

log = structlog.get_logger("pipeline")


class Syncing:
    """Syncs a spool.  ``run`` is its task."""

    def __init__(self, spool: Spool, *, patience: float) -> None:
        self._spool, self._patience = spool, patience
        self._unsynced = self._waiting = 0  # entries since the last sync began, and who waits for one of them
        self._some, self._first, self._all, self._done = trio.Event(), trio.Event(), trio.Event(), trio.Event()
        self._broken = False
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
        with trio.move_on_after(self._patience):
            while number > self._spool.synced:
                await self._done.wait()
            return
        raise StoreUnavailable("the books can't be written; try again")

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
            await self._sync()

    async def _sync(self) -> None:
        try:
            await trio.to_thread.run_sync(self._spool.sync, limiter=self._thread)
        except OSError as error:
            await self._renew(error)
            return
        if self._broken:
            self._broken = False
            log.info("the spool can be written again")
        done, self._done = self._done, trio.Event()
        done.set()

    async def _renew(self, error: OSError) -> None:
        """Write the spool anew; it is synced at the next turn."""
        if not self._broken:
            self._broken = True
            log.error("the spool can't be synced", folder=str(self._spool.folder), why=str(error))
        self._some.set()
        try:
            self._spool.renew()
        except OSError as again:
            log.debug("nor written anew", why=str(again))
            await trio.sleep(AGAIN)
