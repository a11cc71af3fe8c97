"""Clients that leave at any moment: no task, socket or upstream request is left, and no slot is ever stuck."""

import gc
import random
from pathlib import Path

import pytest
import trio

from tests.e2e.house import House, Wire, house
from tests.e2e.test_flow import MARKS, PATHS, body

SCRIPTS = [
    "[[say a]] [[wait 5]]",
    "[[late 0.01]] [[tokens 200]]",
    "[[rate 200]] [[tokens 50]]",
    "[[wait 5]]",
    "[[say a]]",
]


def tasks() -> int:
    """How many tasks live in this run of trio."""
    root = trio.lowlevel.current_root_task()
    assert root is not None
    waiting, count = [root], 0
    while waiting:
        task = waiting.pop()
        count += 1
        waiting += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    return count


async def leave(h: House, dice: random.Random) -> None:
    """Ask for something and be gone after a moment."""
    dialect, stream = dice.choice(list(PATHS)), dice.random() < 0.8
    async with Wire(h.port) as wire:
        await wire.post(PATHS[dialect], body(dice.choice(SCRIPTS), dialect, stream=stream), **MARKS[dialect])
        with trio.move_on_after(dice.random() * 0.03):
            await wire.stream.receive_some(65536)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", list(PATHS))
async def test_hundreds_of_clients_that_leave_at_random_leave_nothing_behind(tmp_path: Path, dialect: str) -> None:
    """Every request the model saw is over within a second; tasks and pool are as before; the next request is served."""
    dice = random.Random(11)
    async with house(tmp_path, dialect) as h:
        await leave(h, dice)
        await trio.sleep(0.3)
        before = tasks()
        for _ in range(10):
            async with trio.open_nursery() as nursery:
                for _ in range(30):
                    nursery.start_soon(leave, h, dice)
        with trio.fail_after(1):
            for seen in list(h.model.seen):
                await seen.over.wait()
        with trio.fail_after(2):
            while tasks() > before:  # noqa: ASYNC110  # what is left of the connections winds itself up
                await trio.sleep(0.01)
        assert h.running.upstreams[0].pool.busy == 0
        async with Wire(h.port) as wire:
            await wire.post(PATHS["anthropic"], body("[[say still here]]"), **MARKS["anthropic"])
            await wire.until(b"message_stop")
    gc.collect()
