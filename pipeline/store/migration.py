"""Migration: an older database → the tables as they are now, with Alembic, from within the program.

    revision known, and not ours ──▶ [embedded: a copy beside it] ──▶ the steps between, in one transaction
    revision not known           ──▶ Unmigrated: the database is of a later version of the program

Replicas that start together take turns.  This file is reached by name, and only when there is something to do:
SQLAlchemy and Alembic take longer to import than the program takes to start.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.pool import NullPool

from pipeline.store.schema import Unmigrated

STEPS = Path(str(files("pipeline.store.migrations")))
TURN = 0x70697065  # the advisory lock under which replicas migrate


def migrate(url: str, *, to: str, steps: Path = STEPS) -> None:
    """Bring the database at *url* to revision *to*.  Raises Unmigrated; what was done is undone then."""
    engine = create_engine(url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        whole_transactions(engine)
    script = ScriptDirectory(str(steps), version_locations=[str(steps)])
    try:
        with engine.connect() as connection, connection.begin(), taking_turns(connection):
            steps_up(connection, script, to)
    except CommandError as error:
        raise Unmigrated(str(error)) from error
    finally:
        engine.dispose()


def steps_up(connection: Connection, script: ScriptDirectory, to: str) -> None:
    """Go the steps that are missing, in the transaction of *connection*."""

    def missing(revision: Any, context: Any) -> Any:
        return script._upgrade_revs(to, revision)  # what alembic.command.upgrade itself calls

    with EnvironmentContext(Config(), script, fn=missing) as environment:
        environment.configure(connection=connection, transactional_ddl=True, render_as_batch=True)
        environment.run_migrations()


def whole_transactions(engine: Engine) -> None:
    """Let a transaction cover what changes tables as well: by itself the driver begins it only at the first row."""

    @event.listens_for(engine, "connect")
    def _plain(connection: Any, _: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN EXCLUSIVE")


@contextmanager
def taking_turns(connection: Connection) -> Iterator[None]:
    """Wait for a replica that migrates already; it leaves nothing to do."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": TURN})
    yield
