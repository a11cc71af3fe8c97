"""Migration: an older database comes along with its rows, or stays as it was."""

from pathlib import Path

import pytest

from pipeline.store import migration, schema
from pipeline.store.database import Backend, looking, within
from pipeline.store.migration import migrate
from pipeline.store.opening import reached
from pipeline.store.schema import HEAD, Unmigrated, prepare
from pipeline.store.sqlite import Sqlite
from tests.pipeline.store.conftest import Place

STEP = '''
"""A step that is not ours."""
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0003", "0002"

def upgrade():
    with op.batch_alter_table("facts") as table:
        table.add_column(sa.Column("more", sa.Text, nullable=False, server_default="none"))
    {then}
'''


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    """A folder with our own steps and one more."""
    folder = tmp_path / "steps"
    folder.mkdir()
    for file in migration.STEPS.glob("v*.py"):
        (folder / file.name).write_text(file.read_text())
    (folder / "v0003_more.py").write_text(STEP.format(then="pass"))
    return folder


def opened(place: Place) -> tuple[Backend, str]:
    backend, url = reached(place.settings(), place.folder / "pipeline.db")
    prepare(backend, url)
    within(backend, lambda db: db.run("INSERT INTO facts (name, value) VALUES ('a', '1')"))
    return backend, url


def test_rows_come_along(place: Place, steps: Path) -> None:
    """With what the step adds."""
    backend, url = opened(place)
    migrate(url, to="0003", steps=steps)
    assert backend.revision() == "0003"
    assert looking(backend, lambda db: db.rows("SELECT name, value, more FROM facts")) == [("a", "1", "none")]
    backend.close()


def test_a_step_that_fails_leaves_everything_as_it_was(place: Place, steps: Path) -> None:
    """What changes tables is undone as well."""
    backend, url = opened(place)
    (steps / "v0003_more.py").write_text(STEP.format(then="raise RuntimeError('half way')"))
    with pytest.raises(RuntimeError, match="half way"):
        migrate(url, to="0003", steps=steps)
    assert backend.revision() == "0002"
    assert looking(backend, lambda db: db.rows("SELECT * FROM facts")) == [("a", "1")]
    backend.close()


def test_going_there_twice_is_going_there_once(place: Place, steps: Path) -> None:
    """Replicas start together."""
    backend, url = opened(place)
    for _ in range(2):
        migrate(url, to="0003", steps=steps)
    assert backend.revision() == "0003"
    backend.close()


def test_a_database_of_a_later_version_is_refused(place: Place) -> None:
    """In one sentence, and untouched."""
    backend, url = opened(place)
    within(backend, lambda db: db.run("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Unmigrated, match="9999"):
        prepare(backend, url)
    assert backend.revision() == "9999"
    backend.close()


def test_an_embedded_database_is_copied_first(tmp_path: Path, steps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside it, whole, and never over an earlier copy."""
    file = tmp_path / "pipeline.db"
    backend = Sqlite(file)
    prepare(backend, f"sqlite:///{file}")
    within(backend, lambda db: db.run("INSERT INTO facts VALUES ('a', '1')"))
    (tmp_path / "pipeline.db.before-0003").write_bytes(b"an earlier one")
    monkeypatch.setattr(schema, "HEAD", "0003")
    monkeypatch.setattr(migration.migrate, "__kwdefaults__", {"steps": steps})
    prepare(backend, f"sqlite:///{file}")
    assert backend.revision() == "0003"
    assert (tmp_path / "pipeline.db.before-0003").read_bytes() == b"an earlier one"
    copy = Sqlite(tmp_path / "pipeline.db.before-0003-2")
    assert (copy.revision(), looking(copy, lambda db: db.rows("SELECT * FROM facts"))) == (HEAD, [("a", "1")])
    copy.close()
    backend.close()
