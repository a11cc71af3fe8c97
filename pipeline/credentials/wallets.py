"""Wallets: those of all upstreams, and the tasks they have in common.

async with open_wallets(store) as wallets:      inside the store and the pools, which renewals use
    wallets.wallet(name, keys, oauth, pool)
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

import attrs
import trio

from pipeline.credentials.consent import Consent
from pipeline.credentials.settings import OAuth
from pipeline.credentials.wallet import Wallet
from pipeline.errors import StoreUnavailable
from pipeline.secret import Secret
from pipeline.store.store import Store
from transports.pool import Pool

WRITTEN = 30.0  # seconds between notes of when credentials were used


@attrs.define(eq=False)
class Wallets:
    """The wallets of all upstreams.  Made by ``open_wallets``, which owns *tasks*."""

    store: Store | None
    tasks: trio.Nursery
    _made: list[Wallet] = attrs.field(factory=list)

    def wallet(self, upstream: str, keys: Iterable[Secret | None], oauth: OAuth | None, pool: Pool) -> Wallet:
        """The wallet of *upstream*, whose configuration has *keys* and a client for *oauth*, if any."""
        made = Wallet.of(upstream, keys, self.store)
        if oauth is not None and self.store is not None:
            made.consent = Consent(
                upstream=upstream, settings=oauth, store=self.store, pool=pool, tasks=self.tasks, look=made.listed
            )
        self._made.append(made)
        return made

    async def note_use(self) -> None:
        """Task: write down, now and then, when credentials were used."""
        while True:
            await trio.sleep(WRITTEN)
            for wallet in self._made:
                with suppress(StoreUnavailable):
                    await wallet.write_used()


@asynccontextmanager
async def open_wallets(store: Store | None) -> AsyncIterator[Wallets]:
    """Wallets whose stored part is in *store*.  On leaving, a renewal that has begun is let finish."""
    async with trio.open_nursery() as tasks:
        wallets = Wallets(store, tasks)
        tasks.start_soon(wallets.note_use)
        yield wallets
        tasks.cancel_scope.cancel()
