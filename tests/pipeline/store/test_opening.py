"""Opening: a new place is made ready, an old one is found as it was, and what is wrong is said in one sentence."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pipeline.secret import Secret
from pipeline.store import keys, opening, sqlite
from pipeline.store.database import within
from pipeline.store.keys import Key
from pipeline.store.opening import Places, StoreFailed, open_parts
from pipeline.store.settings import Settings
from tests.pipeline.store.conftest import Place
from tests.pipeline.store.records import AT


def opened(settings: Settings) -> tuple[str, bytes]:
    """Open and close; gives the identity and the pepper."""
    parts = open_parts(settings, AT)
    parts.spool.close()
    parts.backend.close()
    return parts.root.name, parts.keys.pepper


def test_a_store_is_the_same_when_it_is_opened_again(place: Place) -> None:
    """By its identity, which its spools go by: they must never be written into another one."""
    assert opened(place.settings()) == opened(place.settings())


def test_without_settings_it_is_in_the_users_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One file, its spools and its secrets beside it."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    opened(Settings())
    home = tmp_path / "pipeline"
    assert sorted(os.listdir(home)) == ["pipeline.db", "pipeline.pepper", "pipeline.secret", "pipeline.spool"]
    assert (home / "pipeline.pepper").stat().st_mode & 0o777 == 0o600


def test_places_go_by_the_file_or_the_folder(tmp_path: Path) -> None:
    """A server has no place of its own here."""
    assert Places.of(Settings(file=tmp_path / "a.db")).spools == tmp_path / "a.spool"
    assert Places.of(Settings(file=tmp_path / "a.db", folder=tmp_path / "b")).pepper == tmp_path / "b.pepper"
    assert Places.of(Settings(url=Secret("postgresql://x"), folder=tmp_path / "b")).spools == tmp_path / "b"


def test_a_pepper_is_made_once(tmp_path: Path) -> None:
    """And is no other at the second start."""
    settings = Settings(file=tmp_path / "a.db")
    assert opened(settings) == opened(settings)
    assert len(opened(settings)[1]) > 40


def test_another_pepper_is_refused_once_there_are_keys(place: Place) -> None:
    """None of them would hold, and nobody would know why."""
    parts = open_parts(place.settings(), AT)
    within(parts.backend, lambda db: keys.create(db, parts.keys.pepper, Key(id="", name="ada"), AT))
    parts.spool.close()
    parts.backend.close()
    other = place.settings()
    with pytest.raises(StoreFailed, match="pepper: the keys in this store were made with another one"):
        open_parts(Settings(file=other.file, url=other.url, folder=other.folder, pepper=Secret("other")), AT)
    assert opened(place.settings())


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://x", "url: expected postgresql://"),
        ("postgresql://pipeline:hunter2@127.0.0.1:1/x?connect_timeout=1", "refused"),
    ],
)
def test_a_database_that_can_not_be_reached(url: str, sentence: str, tmp_path: Path) -> None:
    """It does not start, and says why, without the password."""
    with pytest.raises(StoreFailed, match=sentence) as caught:
        open_parts(Settings(url=Secret(url), folder=tmp_path / "a"), AT)
    assert "hunter2" not in str(caught.value)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """Is left as it is."""
    (tmp_path / "a.db").write_text("this is a letter to somebody, and long enough to be looked at")
    with pytest.raises(StoreFailed, match="not a database"):
        open_parts(Settings(file=tmp_path / "a.db"), AT)


def test_a_folder_that_can_not_be_made(tmp_path: Path) -> None:
    """Is named."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFailed, match=r"file.*: (File exists|Not a directory)"):
        open_parts(Settings(file=tmp_path / "file" / "a.db"), AT)
    with pytest.raises(StoreFailed, match=r"file.*: (File exists|Not a directory)"):
        open_parts(Settings(file=tmp_path / "a.db", folder=tmp_path / "file" / "b"), AT)


def test_a_store_of_a_later_version_is_refused(tmp_path: Path) -> None:
    """It is not ours to write."""
    opened(Settings(file=tmp_path / "a.db"))
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreFailed, match="9999"):
        open_parts(Settings(file=tmp_path / "a.db"), AT)


@contextmanager
def locked(file: Path) -> Iterator[sqlite3.Connection]:
    """Another process's hold on the whole of *file*."""
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield other


def test_a_file_that_others_are_at_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For longer than a statement waits: processes that start together get in each other's way."""
    monkeypatch.setattr(sqlite, "PATIENCE", 0.01)
    settings = Settings(file=tmp_path / "a.db")
    with locked(tmp_path / "a.db") as other:
        release = threading.Timer(0.2, other.rollback)
        release.start()
        assert opened(settings)[1]
        release.join()


def test_a_file_that_others_keep_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is said."""
    monkeypatch.setattr(sqlite, "PATIENCE", 0.01)
    monkeypatch.setattr(opening, "TURN", 0.1)
    with locked(tmp_path / "a.db"), pytest.raises(StoreFailed, match="locked"):
        opened(Settings(file=tmp_path / "a.db"))
