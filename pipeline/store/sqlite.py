"""The embedded database: SQLite in a file, write-ahead log, one writer and a few readers.

``synchronous`` is FULL for whatever has to outlive a failing machine: a commit is on the disk when it returns.  It is
NORMAL for reservations alone: their commits outlive a kill -9, and what they are for is in the spool, which is synced
while the model thinks.  Several processes may use one file; they wait for each other a moment, and then say Outage.
"""

import os
import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

from pipeline.store.database import Busy, Outage, Rejected, Row

PATIENCE = 1.0  # seconds that a statement waits for another process
STATEMENTS = 256  # prepared ones that a connection keeps

# What is worth trying again: busy, locked, no memory, read-only, I/O, full, can't open, locking protocol.
_LATER = {5, 6, 7, 8, 10, 13, 14, 15}
_BUSY = {5, 6, 15}


class Transaction:
    """A connection with a transaction open."""

    lock = ""  # the writer is alone
    still = ""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        return self.connection.execute(sql, values).fetchall()

    def run(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Execute one statement."""
        self.connection.execute(sql, values)

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Execute one statement for each of *rows*."""
        self.connection.executemany(sql, rows)


class Sqlite:
    """A database file (a ``Backend``)."""

    def __init__(self, file: Path) -> None:
        """Open *file*, making it if need be, for its owner only.  Raises Outage."""
        self.file = file
        with in_our_words():
            try:
                file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
            except OSError as error:
                raise Outage(f"{error.filename or file}: {error.strerror}") from error
            with ExitStack() as unless_open:
                self._writer = Transaction(self._connect())
                unless_open.callback(self._writer.connection.close)
                self._writer.connection.execute("PRAGMA journal_mode = WAL")
                unless_open.pop_all()
            self._durable = False
        self._idle: deque[Transaction] = deque()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.file,
            timeout=PATIENCE,
            isolation_level=None,  # transactions begin where we say so
            check_same_thread=False,  # threads use it one after the other
            cached_statements=STATEMENTS,
        )
        with ExitStack() as unless_set:
            unless_set.callback(connection.close)
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA temp_store = MEMORY")  # what a statement may have to undo needs no file then
            unless_set.pop_all()
        return connection

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Transaction]:
        """Commit what is done inside, or nothing."""
        connection = self._writer.connection
        with in_our_words():
            if durable != self._durable:
                connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._durable = durable
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                connection.execute("COMMIT")
            except BaseException:  # whatever it was, cancelled or wrong: nothing of it stays
                with suppress(sqlite3.Error):  # it may have rolled back by itself
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Look, on a connection of one's own, at one state of things."""
        with in_our_words():
            reader = self._reader()
            try:
                reader.connection.execute("BEGIN")
                yield reader
            finally:
                with suppress(sqlite3.Error):
                    reader.connection.execute("ROLLBACK")
                self._idle.append(reader)

    def _reader(self) -> Transaction:
        with suppress(IndexError):
            return self._idle.pop()
        connection = self._connect()
        connection.execute("PRAGMA query_only = 1")
        return Transaction(connection)

    def revision(self) -> str | None:
        """What the tables are at, or None where there are none."""
        with self.reading() as db:
            if not db.rows("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"):
                return None
            return str(db.rows("SELECT version_num FROM alembic_version")[0][0])

    def create(self) -> bool:
        """Make the tables of a new file, as they are rendered; another process may have been quicker."""
        script = (files("pipeline.store") / "schema.sql").read_text(encoding="utf-8")
        with self.transaction() as db:
            if not db.rows("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"):
                for statement in script.split(";\n"):
                    db.run(statement)
        return True

    def backup(self, to: Path) -> None:
        """Copy the whole database, as it is now, to the file *to*."""
        with in_our_words():
            copy = sqlite3.connect(to)
            try:
                self._writer.connection.backup(copy)
            finally:
                copy.close()

    def close(self) -> None:
        """Let go of all connections; the last one writes the log back into the file."""
        while self._idle:
            self._idle.pop().connection.close()
        self._writer.connection.close()


@contextmanager
def in_our_words() -> Iterator[None]:
    """Say Outage or Rejected for what the driver raises."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and code & 0xFF in _BUSY:
            raise Busy(str(error)) from error
        if code is not None and code & 0xFF in _LATER:
            raise Outage(str(error)) from error
        raise Rejected(str(error)) from error
    except (OverflowError, UnicodeError) as error:  # a value that SQLite can't hold
        raise Rejected(str(error)) from error
