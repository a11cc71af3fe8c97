"""Holders: what has a lifetime is entered, kept and left by a task of its own, and shared by all that need it.

    hold(thing) ──▶ task: async with … ── kept, as long as somebody needs it ── drop(thing) ──▶ left
         └─ open already: one more needs it

A nursery, and whatever has one, is left by the task that entered it, and those within it before it: nothing that was
entered one in the other could go alone.  In tasks of their own, things go when nobody needs them, in any order.  Being
cancelled reaches a thing only once it is let go, so that whoever closes decides on the order then as well.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import attrs
import trio


@attrs.define(eq=False)
class Held:
    """A thing that is open: what entering it gave, and how many need it."""

    thing: Any
    given: Any = None
    needed: int = 0
    enough: trio.Event = attrs.field(factory=trio.Event)  # nobody needs it any more
    left: trio.Event = attrs.field(factory=trio.Event)


class Holders:
    """The tasks that hold things.  Made by ``open_holders``, which owns *tasks*."""

    def __init__(self, tasks: trio.Nursery) -> None:
        self._tasks = tasks
        self._held: dict[int, Held] = {}  # by identity, in the order they were opened

    async def hold(self, thing: object, manager: AbstractAsyncContextManager[Any]) -> Any:
        """What entering *manager*, which opens *thing*, gives; entered only if *thing* is not open yet.

        Each ``hold`` needs a ``drop``.  Raises whatever entering raises.
        """
        held = self._held.get(id(thing))
        if held is None:
            held = await self._tasks.start(self._keep, thing, manager)
        held.needed += 1
        return held.given

    async def drop(self, thing: object) -> None:
        """Need *thing* no longer; if nobody does, it is left when this returns.  Waits as long as leaving takes."""
        held = self._held.get(id(thing))
        if held is None:
            return  # it crashed, and everything ends
        held.needed -= 1
        if held.needed <= 0:
            held.enough.set()
            with trio.CancelScope(shield=True):  # its own task is cancelled, if we are
                await held.left.wait()

    async def _keep(
        self, thing: object, manager: AbstractAsyncContextManager[Any], *, task_status: trio.TaskStatus[Held]
    ) -> None:
        """Task: one thing, from being entered to being left."""
        held = Held(thing)
        try:
            with trio.CancelScope() as scope:
                async with manager as held.given:
                    self._held[id(thing)] = held
                    task_status.started(held)
                    try:
                        # Who wanted it may have been cancelled before it was there, and then says nothing of it.
                        await trio.lowlevel.checkpoint_if_cancelled()
                        scope.shield = True
                        await held.enough.wait()
                    finally:
                        scope.shield = False
                        del self._held[id(thing)]
        finally:
            held.left.set()

    async def close(self) -> None:
        """Leave all that is still open, the last first."""
        for held in reversed(list(self._held.values())):
            held.needed = 0
            await self.drop(held.thing)


@asynccontextmanager
async def open_holders() -> AsyncIterator[Holders]:
    """Holders, inside; what is still held at the end is left then, the last first, also when all is cancelled."""
    async with trio.open_nursery() as tasks:
        holders = Holders(tasks)
        try:
            yield holders
        finally:
            await holders.close()
