"""Opening: settings → a database at the right revision, its secrets, and what the last run left open settled.

    [store] ──▶ backend ──▶ tables ──▶ id, pepper, vault ──▶ orphans adopted ──▶ Parts

All of it blocks, and runs in one thread at start.  What can't be opened is told as StoreFailed, in one sentence.
"""

import importlib
import secrets
import time
from contextlib import ExitStack
from pathlib import Path

import attrs
import platformdirs

from pipeline.credentials.sealing import Unopened, Vault
from pipeline.secret import Secret, made_once
from pipeline.store import credentials, recovery, sql
from pipeline.store.credentials import about
from pipeline.store.database import Backend, Busy, Database, Outage, Rejected, within
from pipeline.store.keys import Keyring, digest, snapshot
from pipeline.store.schema import Unmigrated, prepare
from pipeline.store.settings import NO_SERVER, SCHEMES, Settings
from pipeline.store.spool import Spool
from pipeline.store.sqlite import Sqlite

TURN = 10.0  # seconds that others may keep an embedded database from being opened
AGAIN = 0.05  # seconds until the next try


class StoreFailed(Exception):
    """The store can't be opened; the text is the sentence."""


@attrs.frozen(eq=False)
class Parts:
    """A store but for its tasks."""

    backend: Backend
    spool: Spool
    root: Path  # of the spools of all processes
    keys: Keyring
    vault: Vault
    shared: bool  # other machines use it, too


@attrs.frozen
class Places:
    """Where things are kept."""

    file: Path
    spools: Path
    pepper: Path
    secret: Path

    @classmethod
    def of(cls, settings: Settings) -> "Places":
        """As *settings* say, or in the user's data directory."""
        home = Path(platformdirs.user_data_dir("pipeline", appauthor=False))
        file = settings.file or home / "pipeline.db"
        beside = home / "pipeline" if settings.url else file.with_suffix("")
        folder, named = settings.folder, settings.folder or beside
        return cls(
            file, folder or beside.with_suffix(".spool"), named.with_suffix(".pepper"), named.with_suffix(".secret")
        )


def open_parts(settings: Settings, now: int | None = None) -> Parts:
    """Open what *settings* describe; blocks.  Raises StoreFailed.

    Where other processes are at the same file, some of which may be just starting, it waits for its turn.
    """
    until = time.monotonic() + TURN
    while True:
        try:
            return once(settings, now)
        except Busy as error:
            if time.monotonic() > until:
                raise StoreFailed(str(error)) from error
        time.sleep(AGAIN)


def once(settings: Settings, now: int | None) -> Parts:
    """The same, but raises Busy instead of waiting."""
    places = Places.of(settings)
    try:
        with ExitStack() as unless_opened:
            backend, url = reached(settings, places.file)
            unless_opened.callback(backend.close)
            parts = assembled(settings, places, backend, url, round(time.time() * 1000) if now is None else now)
            unless_opened.pop_all()
        return parts
    except Busy:
        raise
    except (Outage, Rejected, Unmigrated) as error:
        raise StoreFailed(str(error)) from error
    except OSError as error:
        raise StoreFailed(f"{error.filename or places.spools}: {error.strerror}") from error


def reached(settings: Settings, file: Path) -> tuple[Backend, str]:
    """The database, and how SQLAlchemy calls it."""
    if settings.url is None:
        return Sqlite(file), f"sqlite:///{file}"
    url = settings.url.reveal()
    if not url.startswith(SCHEMES):
        raise StoreFailed(f"url: {NO_SERVER}")
    try:
        postgres = importlib.import_module("pipeline.store.postgres")
    except ModuleNotFoundError as error:
        raise StoreFailed(f"url: PostgreSQL needs the extra postgres ({error.name} is not installed)") from error
    backend: Backend = postgres.Postgres(url)
    return backend, f"postgresql+psycopg://{url.partition('://')[2]}"


def assembled(settings: Settings, places: Places, backend: Backend, url: str, now: int) -> Parts:
    """What belongs to *backend*, which is there."""
    prepare(backend, url)
    pepper = kept(settings.pepper, places.pepper)
    vault = Vault(kept(settings.secret_key, places.secret), [key.reveal().encode() for key in settings.old_secret_keys])
    identity = within(backend, lambda db: introduced(db, pepper))
    within(backend, lambda db: sealed_anew(db, vault))
    root = places.spools / identity
    keys = Keyring(pepper)
    with ExitStack() as unless_assembled:
        spool = Spool(root, settings.spool)
        unless_assembled.callback(spool.close)
        within(backend, lambda db: sql.PUT_INSTANCE.into(db, [(spool.instance, now, 0)]))
        recovery.adopt(backend, root, now)
        with backend.reading() as db:
            keys.renew(snapshot(db))
        unless_assembled.pop_all()
    return Parts(backend, spool, root, keys, vault, shared=settings.url is not None)


def introduced(db: Database, pepper: bytes) -> str:
    """The identity of the store, made at first; and its pepper must be the one its keys were made with."""
    facts: dict[str, str] = dict(db.rows("SELECT name, value FROM facts"))
    mark = digest(pepper, "pepper")[:16]
    if facts.get("pepper", mark) != mark and db.rows("SELECT 1 FROM keys LIMIT 1"):
        raise StoreFailed("pepper: the keys in this store were made with another one; without it none of them holds")
    identity = facts.get("id") or secrets.token_hex(6)
    for name, value in (("id", identity), ("pepper", mark)):
        if facts.get(name) != value:
            sql.PUT_FACT.into(db, [(name, value)])
    return identity


def sealed_anew(db: Database, vault: Vault) -> None:
    """Bring what an old key sealed under the present one.  Without the key of a credential there is nothing to show."""
    for row in credentials.listed(db):
        if vault.current(row.sealed):
            continue
        try:
            plain = vault.open(row.sealed, about(row))
        except Unopened:
            text = "credentials in this store were sealed with another one; put that into old_secret_keys"
            raise StoreFailed(f"secret_key: {text}") from None
        credentials.reseal(db, row, vault.seal(plain, about(row)))


def kept(configured: Secret | None, file: Path) -> bytes:
    """The *configured* secret, or that in *file*, which is made at first."""
    return made_once(file) if configured is None else configured.reveal().encode()
