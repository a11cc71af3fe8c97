"""Opening: what was built → what can be asked.  And closing it again, in the opposite order.

    servers beside the gateway ──▶ openers, pools ──▶ wallets ──▶ stages with a lifetime ──▶ … ──▶ all closed

A stage with a lifetime is an async context manager: it is entered once, at start, and left at shutdown; what it must do
then although everything is cancelled, it shields itself.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import trio

from pipeline.credentials.wallets import open_wallets
from pipeline.loading import Built
from pipeline.store.store import Store
from pipeline.upstream import Upstream
from transports.pool import open_pool


@asynccontextmanager
async def opened(built: Built, store: Store | None = None) -> AsyncIterator[list[Upstream]]:
    """The upstreams of *built*, in their order, and its stages entered; owns a nursery for servers of ours.

    *store*: where upstreams' credentials are kept besides the configuration; it outlives this.
    """
    async with trio.open_nursery() as beside:
        async with AsyncExitStack() as exits:
            pools = []
            for plan in built.plans:
                if plan.opener is not None:
                    await exits.enter_async_context(plan.opener)
                pools.append(await exits.enter_async_context(open_pool(plan.opener or plan.connector)))
            wallets = await exits.enter_async_context(open_wallets(store))  # closed first: it uses the pools
            upstreams = []
            for plan, pool in zip(built.plans, pools, strict=True):
                url = ""
                if plan.serve is not None:
                    url = await beside.start(plan.serve)
                upstreams.append(plan.upstream(pool, url, wallets))
            for stage in built.lifetimes:
                await exits.enter_async_context(stage)
            yield upstreams
        beside.cancel_scope.cancel()
