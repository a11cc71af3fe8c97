"""What a database must offer, and the two ways in which it can say no.

    with backend.transaction() as db:  rows · run · many        one at a time, in a thread
    with backend.reading() as db:      rows                     several at a time, in threads

SQL is written once: with ``?`` for values, in what SQLite and PostgreSQL have in common.  Everything here blocks.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Row = tuple[Any, ...]


class Outage(Exception):
    """The database can't be reached, is locked, or has no room: the same may work later."""


class Busy(Outage):
    """Other processes are at it; soon they are not."""


class Rejected(Exception):
    """The database does not take this, now or later."""


class Database(Protocol):
    """One open transaction."""

    lock: str  # what a SELECT ends with when its rows are going to be changed
    still: str  # a statement that keeps others from writing sums until the transaction ends; "" where nobody can

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""

    def run(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Execute one statement."""

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Execute one statement for each of *rows*."""


class Backend(Protocol):
    """A database that is there; raises Outage and Rejected, and nothing of its driver's."""

    def transaction(self, *, durable: bool = True) -> AbstractContextManager[Database]:
        """Commit what is done inside, or nothing; *durable*: on the disk when the block is left."""

    def reading(self) -> AbstractContextManager[Database]:
        """Look, without changing anything."""

    def revision(self) -> str | None:
        """What the tables are at, or None where there are none."""

    def create(self) -> bool:
        """Make the tables at once, where that is possible without a migration."""

    def close(self) -> None:
        """Let go of all connections."""


def marks(values: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """``?, ?, …`` for *values*, padded, so that few texts of statements differ; and the values that fit it."""
    size = 1
    while size < len(values):
        size *= 4
    return ", ".join("?" * size), [*values, *[values[-1]] * (size - len(values))]


def within(backend: Backend, work: Callable[[Database], T]) -> T:
    """What *work* gives, done in one transaction."""
    with backend.transaction() as db:
        return work(db)


def looking(backend: Backend, work: Callable[[Database], T]) -> T:
    """What *work* gives, which only looks."""
    with backend.reading() as db:
        return work(db)
