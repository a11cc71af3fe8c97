"""Opening: what was built → what can be asked; and from one configuration to the next while requests run.

    built ──▶ ways to upstreams ──▶ stages with a lifetime ──▶ Generation: what requests use from now on
    built anew ──▶ the same, but what is equal stays the same object, open as it is
        the one before: its requests go on with what they began with; after the last it closes what nobody else needs

A stage with a lifetime is an async context manager: it is entered once and left once, by a task of its own
(``holders``); what it must do then although everything is cancelled, it shields itself.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import attrs
import structlog
import trio

from pipeline.holders import Holders, open_holders
from pipeline.loading import Built
from pipeline.store.store import Store
from pipeline.upstream import Upstream
from pipeline.way import open_way
from transports.drain import Drain

LASTS = 3600.0  # seconds that requests may go on with a configuration that another has taken the place of

log = structlog.get_logger("pipeline")


@attrs.frozen(eq=False)
class Generation:
    """A configuration, open, and the requests that began with it."""

    built: Built
    upstreams: list[Upstream]
    uses: Drain = attrs.field(factory=Drain)
    held: list[object] = attrs.field(factory=list)  # in the order it was opened


class Generations:
    """Opens one configuration after the other.  Made by ``open_generations``, which owns *tasks*."""

    def __init__(self, store: Store | None, holders: Holders, tasks: trio.Nursery) -> None:
        self._store, self._holders, self._tasks = store, holders, tasks

    async def turn(self, built: Built) -> Generation:
        """Open what *built* needs beside what is open: requests of before don't notice, ``retire`` ends them.

        Raises whatever opening raises (ConfigError); then all is as it was.
        """
        generation = Generation(built, [])
        async with AsyncExitStack() as unless_all:
            unless_all.push_async_callback(self._let_go, generation)
            for plan in built.plans:
                reached = await self._hold(generation, plan.way, open_way(plan.way, self._store))
                generation.upstreams.append(plan.upstream(reached))
            for stage in built.lifetimes:
                await self._hold(generation, stage, stage)
            unless_all.pop_all()
        return generation

    async def _hold(self, generation: Generation, thing: object, manager: AbstractAsyncContextManager[Any]) -> Any:
        given = await self._holders.hold(thing, manager)
        generation.held.append(thing)
        return given

    async def _let_go(self, generation: Generation) -> None:
        while generation.held:
            await self._holders.drop(generation.held.pop())

    def retire(self, generation: Generation) -> None:
        """Nobody begins with *generation* any more; what nobody else needs of it closes after its last request."""
        generation.uses.begin(LASTS)
        self._tasks.start_soon(self._retired, generation)

    async def _retired(self, generation: Generation) -> None:
        """Task: the end of *generation*."""
        await generation.uses.over.wait()
        await self._let_go(generation)
        log.debug("an earlier configuration has closed")


@asynccontextmanager
async def open_generations(store: Store | None = None) -> AsyncIterator[Generations]:
    """What opens configurations, inside; on leaving, all that is open closes, the last first.

    *store*: where upstreams' credentials are kept besides the configuration; it outlives this.
    """
    async with open_holders() as holders, trio.open_nursery() as tasks:
        yield Generations(store, holders, tasks)
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def opened(built: Built, store: Store | None = None) -> AsyncIterator[list[Upstream]]:
    """The upstreams of *built*, in their order, and its stages entered, until the block is left."""
    async with open_generations(store) as generations:
        yield (await generations.turn(built)).upstreams
