"""Records for tests."""

from typing import Any

from pipeline.store.record import Record

AT = 1_800_000_000_000  # ms


def record(name: str = "r1", **fields: Any) -> Record:
    """An open record of key k1."""
    return Record(**{"id": name, "at": AT, "key": "k1", "caller": "ada", "upstream": "up", "model": "m"} | fields)


def settled(name: str = "r1", *, cost: int = 100, **fields: Any) -> Record:
    """The same, settled."""
    return record(name, **{"state": 2, "cost": cost, "input": 10, "output": 5, "took": 7, "first": 3} | fields)
