"""Records for tests, and patience."""

from collections.abc import Callable
from typing import Any

import trio

from pipeline.store.record import Record

AT = 1_800_000_000_000  # ms


def record(name: str = "r1", **fields: Any) -> Record:
    """An open record of key k1."""
    said: dict[str, Any] = {"at": AT, "key": "k1", "caller": "ada", "upstream": "up", "model": "m"}
    return Record(name, **said | fields)


def settled(name: str = "r1", *, cost: int = 100, **fields: Any) -> Record:
    """The same, settled."""
    return record(name, **{"state": 2, "cost": cost, "input": 10, "output": 5, "took": 7, "first": 3} | fields)


async def until(holds: Callable[[], bool], seconds: float = 5) -> None:
    """Returns once *holds*, which other threads and tasks see to."""
    with trio.fail_after(seconds):
        while not holds():  # noqa: ASYNC110  # what is looked at tells nobody
            await trio.sleep(0.005)
