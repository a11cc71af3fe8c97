"""Opening: what was built → what can be asked.  And closing it again, in the opposite order.

    servers beside the gateway ──▶ openers, a pool for each upstream ──▶ stages with a lifetime ──▶ … ──▶ all closed

A stage with a lifetime is an async context manager: it is entered once, at start, and left at shutdown; what it must do
then although everything is cancelled, it shields itself.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import trio

from pipeline.loading import Built
from pipeline.upstream import Upstream
from transports.pool import open_pool


@asynccontextmanager
async def opened(built: Built) -> AsyncIterator[list[Upstream]]:
    """The upstreams of *built*, in their order, and its stages entered; owns a nursery for servers of ours."""
    async with trio.open_nursery() as beside:
        async with AsyncExitStack() as exits:
            upstreams = []
            for plan in built.plans:
                if plan.opener is not None:
                    await exits.enter_async_context(plan.opener)
                pool = await exits.enter_async_context(open_pool(plan.opener or plan.connector))
                url = ""
                if plan.serve is not None:
                    url = await beside.start(plan.serve)
                upstreams.append(plan.upstream(pool, url))
            for stage in built.lifetimes:
                await exits.enter_async_context(stage)
            yield upstreams
        beside.cancel_scope.cancel()
