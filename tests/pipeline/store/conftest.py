"""Both databases: every test that asks for ``place`` runs on an embedded one and, where there is one, on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from pipeline.secret import Secret
from pipeline.store.opening import Parts, open_parts
from pipeline.store.settings import Settings
from tests.pipeline.store.records import AT
from tests.postgres import NEEDED, Cluster, cluster


@attrs.frozen
class Place:
    """Where a store is kept: *settings* for another opening of the same one."""

    kind: str
    folder: Path
    url: str | None

    def settings(self, *, patience: float = 5.0, stale: float = 30.0, folder: Path | None = None) -> Settings:
        """The settings of a store here; in *folder*, as on another machine, where the database is shared."""
        secret = Secret("a pepper for tests")
        at = folder or self.folder
        if self.url is None:
            return Settings(file=self.folder / "pipeline.db", pepper=secret, patience=patience, stale=stale)
        return Settings(url=Secret(self.url), folder=at / "spool", pepper=secret, patience=patience, stale=stale)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster | None]:
    """A server for all tests; None where it is not installed."""
    with cluster() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A new, empty place."""
    if request.param == "sqlite":
        return Place("sqlite", tmp_path, None)
    running: Cluster | None = request.getfixturevalue("postgres")
    if running is None:
        pytest.skip(NEEDED)
    return Place("postgres", tmp_path, running.database())


@pytest.fixture
def parts(place: Place) -> Iterator[Parts]:
    """A store without its tasks: its database, ready."""
    made = open_parts(place.settings(), AT)
    yield made
    made.spool.close()
    made.backend.close()
