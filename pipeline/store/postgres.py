"""PostgreSQL, for several gateways at once: psycopg 3 and its pool, used from threads.

A transaction runs in pipeline mode: statements that give no rows are sent without waiting for the one before.  A
connection that breaks is the pool's to replace; whoever used it hears Outage, and may try the same again, since all
that is written here is written under a name.  Locks are taken in one order everywhere; a deadlock is an Outage, too.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from pipeline.store.database import Outage, Rejected, Row

logging.getLogger("psycopg").addHandler(logging.NullHandler())  # each try to connect; what it means the writer tells

CONNECTIONS = 5  # one writes, the others read
PATIENCE = 5.0  # seconds to wait for a connection, and for a lock
RECONNECT = 2.0  # seconds; then who needs one next tries anew: the pool's own tries come ever more seldom

# How a connection finds out that the other end is gone, in seconds and milliseconds.
_ALIVE = {"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "tcp_user_timeout": 10_000}


class Transaction:
    """A connection with a transaction open."""

    still = "LOCK TABLE days IN SHARE MODE"

    def __init__(self, connection: psycopg.Connection[Row], *, lock: str = "") -> None:
        self.lock = lock
        self._connection = connection

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        return self._connection.execute(translated(sql), values).fetchall()

    def run(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Execute one statement."""
        self._connection.execute(translated(sql), values)

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Execute one statement for each of *rows*."""
        with self._connection.cursor() as cursor:
            cursor.executemany(translated(sql), rows)


class Postgres:
    """A database on a server (a ``Backend``)."""

    def __init__(self, url: str) -> None:
        """Reach the server at *url*.  Raises Outage."""
        self.url = url
        with in_our_words():
            psycopg.connect(url, connect_timeout=_ALIVE["connect_timeout"]).close()  # says why, if it can't be reached
        self._pool = ConnectionPool(
            url,
            min_size=1,
            max_size=CONNECTIONS,
            timeout=PATIENCE,
            reconnect_timeout=RECONNECT,
            kwargs=dict(_ALIVE),
            open=False,
            name="store",
        )
        with in_our_words(), ExitStack() as unless_open:
            unless_open.callback(self._pool.close)
            self._pool.open(wait=True, timeout=2 * PATIENCE)
            unless_open.pop_all()

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Transaction]:
        """Commit what is done inside, or nothing; a commit is always durable."""
        with in_our_words(), self._pool.connection() as connection, connection.pipeline(), connection.transaction():
            connection.execute(_TIMEOUT)
            yield Transaction(connection, lock=" FOR UPDATE")

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Look, at one state of things."""
        with in_our_words(), self._pool.connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield Transaction(connection)

    def revision(self) -> str | None:
        """What the tables are at, or None where there are none."""
        with self.reading() as db:
            if db.rows("SELECT to_regclass('alembic_version')")[0][0] is None:
                return None
            return str(db.rows("SELECT version_num FROM alembic_version")[0][0])

    def create(self) -> bool:
        """Only a migration makes them: it keeps replicas apart that start together."""
        return False

    def close(self) -> None:
        """Let go of all connections."""
        self._pool.close()


_TIMEOUT = f"SET LOCAL lock_timeout = {round(PATIENCE * 1000)}"


@cache
def translated(sql: str) -> str:
    """*sql* with psycopg's marks for values."""
    return sql.replace("%", "%%").replace("?", "%s")


@contextmanager
def in_our_words() -> Iterator[None]:
    """Say Outage or Rejected for what the driver raises."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, PoolClosed) as error:
        raise Outage(str(error).strip()) from error
    except psycopg.errors.ReadOnlySqlTransaction as error:  # a standby, after a failover
        raise Outage(str(error).strip()) from error
    except (psycopg.Error, UnicodeError) as error:
        raise Rejected(str(error).strip()) from error
