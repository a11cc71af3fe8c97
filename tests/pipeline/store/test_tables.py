"""The tables: what is described, what is rendered and what migrations make is the same."""

from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from pipeline.store.database import looking
from pipeline.store.migration import migrate
from pipeline.store.schema import HEAD
from pipeline.store.sqlite import Sqlite
from pipeline.store.tables import metadata, rendered
from tests.pipeline.store.conftest import Place

RENDER = "from pipeline.store.tables import rendered; print(rendered({!r}), end='')"  # its output is schema.sql


def test_what_is_rendered_is_what_is_described() -> None:
    """A new embedded database is made of it, so that nothing large must be imported."""
    stands = (files("pipeline.store") / "schema.sql").read_text(encoding="utf-8")
    assert stands == rendered(HEAD), RENDER.format(HEAD)


def described(url: str) -> object:
    """What a database at *url* has, column by column, index by index."""
    engine = sa.create_engine(url)
    look = sa.inspect(engine)
    tables = {
        name: (
            sorted((column["name"], str(column["type"]), column["nullable"]) for column in look.get_columns(name)),
            sorted(look.get_pk_constraint(name)["constrained_columns"]),
            sorted((str(index["name"]), tuple(index["column_names"])) for index in look.get_indexes(name)),
        )
        for name in look.get_table_names()
    }
    engine.dispose()
    return tables


def test_migrations_lead_to_what_is_rendered(tmp_path: Path) -> None:
    """To the last index."""
    with closing(Sqlite(tmp_path / "new.db")) as new:
        new.create()
        assert new.revision() == HEAD
    migrate(f"sqlite:///{tmp_path}/old.db", to=HEAD)
    assert described(f"sqlite:///{tmp_path}/old.db") == described(f"sqlite:///{tmp_path}/new.db")
    with closing(Sqlite(tmp_path / "old.db")) as old:
        assert old.revision() == HEAD


def test_migrations_lead_to_what_is_described(place: Place) -> None:
    """Alembic finds nothing to do, on either database."""
    if place.url is None:
        url = f"sqlite:///{place.folder}/pipeline.db"
    else:
        url = place.url.replace("postgresql:", "postgresql+psycopg:")
    migrate(url, to=HEAD)
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_no_word_of_sql_is_a_name() -> None:
    """Names are written as they are, on both databases."""
    reserved = {"user", "order", "group", "table", "window", "when", "limit", "offset", "end", "select", "from", "to"}
    names = {column.name for table in metadata.tables.values() for column in table.columns} | set(metadata.tables)
    assert not names & reserved


@pytest.mark.parametrize("table", ["hours", "days", "sessions", "windows"])
def test_what_is_counted_up_is_kept_by_its_key(table: str, tmp_path: Path) -> None:
    """Without a row number beside it: one tree instead of two."""
    with closing(Sqlite(tmp_path / "new.db")) as database:
        database.create()
        ((made,),) = looking(database, lambda db: db.rows("SELECT sql FROM sqlite_master WHERE name = ?", (table,)))
    assert made.endswith("WITHOUT ROWID")
