"""Keys: who may ask, and with what secret.

    sk-proxy-…  ──HMAC-SHA256 with the pepper──▶  digest ──▶ secret ──▶ key: name, models, options, enabled, expires

A secret is shown once, when it is made; what is stored can't be turned back.  A key may have two: ``rotate`` gives it a
new one and lets the old one work for a while.  Requests are judged by a snapshot in memory, which this process changes
as it changes keys, and renews as soon as it sees that another process did; without the database it is believed for a
while, and no longer: then nobody can tell whether a key still holds.

The functions block, within a transaction; ``Keyring`` does not.
"""

import hmac
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs
import msgspec

from pipeline.store import credentials, models, prices
from pipeline.store.credentials import CredentialRow
from pipeline.store.database import Database
from pipeline.store.facts import changed, switched_off, version
from pipeline.store.models import ModelRow
from pipeline.store.prices import PriceRow
from pipeline.store.record import clean

PREFIX = "sk-proxy-"
SHOWN = len(PREFIX) + 4  # characters of a secret that people may see
VERSION = "keys"  # the fact that grows with each change


class NoKey(LookupError):
    """There is no such key."""


@attrs.frozen
class Key:
    """Who may ask.  Moments in ms; 0: never."""

    id: str
    name: str
    enabled: bool = True
    expires: int = 0
    models: tuple[str, ...] = ("*",)  # globs
    options: dict[str, Any] = attrs.field(factory=dict)  # settings of stages, by stage
    created: int = 0
    used: int = 0
    shown: tuple[str, ...] = ()  # how its secrets begin


def digest(pepper: bytes, secret: str) -> str:
    """What stands for *secret*; nobody without the pepper can test a guess."""
    return hmac.digest(pepper, secret.encode("utf-8", "surrogatepass"), "sha256").hex()


# -- changing ---------------------------------------------------------------------------------------------------------


def create(db: Database, pepper: bytes, key: Key, now: int) -> tuple[Key, str]:
    """Store *key* under a new id, with a new secret; gives both."""
    key = attrs.evolve(key, id=f"key_{secrets.token_hex(8)}", name=clean(key.name), created=now, used=0)
    db.run(
        "INSERT INTO keys (id, name, enabled, expires, models, options, created, used) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (key.id, *_stored(key), key.created, key.used),
    )
    return key, add_secret(db, pepper, key.id, now)


def change(db: Database, key: Key) -> None:
    """Store what *key* says now of its name, models, options, expiry, and whether it is enabled.  Raises NoKey."""
    _known(db, key.id)
    db.run("UPDATE keys SET name = ?, enabled = ?, expires = ?, models = ?, options = ? WHERE id = ?",
           (*_stored(key), key.id))  # fmt: skip
    changed(db, VERSION)


def rotate(db: Database, pepper: bytes, key: str, now: int, overlap: int) -> str:
    """A new secret for *key*; those it has end after *overlap* ms, or at once.  Raises NoKey."""
    _known(db, key)
    end = now + overlap
    db.run("UPDATE secrets SET expires = ? WHERE key = ? AND (expires = 0 OR expires > ?)", (end, key, end))
    db.run("DELETE FROM secrets WHERE key = ? AND expires <= ?", (key, now))  # each has an end by now
    return add_secret(db, pepper, key, now)


def remove(db: Database, key: str) -> None:
    """Forget *key* and its limits; what it has used stays in the books.  Raises NoKey."""
    _known(db, key)
    for table, column in (("secrets", "key"), ("windows", "key"), ("keys", "id")):
        db.run(f"DELETE FROM {table} WHERE {column} = ?", (key,))  # noqa: S608  # names of ours
    changed(db, VERSION)


def add_secret(db: Database, pepper: bytes, key: str, now: int) -> str:
    """A new secret for *key*: the only time it is seen."""
    secret = PREFIX + secrets.token_urlsafe(32)
    db.run(
        "INSERT INTO secrets (digest, key, shown, created, expires) VALUES (?, ?, ?, ?, ?)",
        (digest(pepper, secret), key, secret[:SHOWN], now, 0),
    )
    changed(db, VERSION)
    return secret


def _stored(key: Key) -> tuple[str, int, int, str, str]:
    models, options = (msgspec.json.encode(value).decode() for value in (key.models, key.options))
    return clean(key.name), int(key.enabled), key.expires, models, options


def _known(db: Database, key: str) -> None:
    if not db.rows("SELECT 1 FROM keys WHERE id = ?", (key,)):
        raise NoKey(key)


# -- looking ----------------------------------------------------------------------------------------------------------


def listed(db: Database, now: int = 0) -> list[Key]:
    """All keys, in the order they were made; of their secrets those that have not ended by *now*."""
    shown: dict[str, list[str]] = {}
    working = "SELECT key, shown FROM secrets WHERE expires = 0 OR expires > ? ORDER BY created"
    for key, text in db.rows(working, (now,)):
        shown.setdefault(key, []).append(text)
    rows = db.rows("SELECT id, name, enabled, expires, models, options, created, used FROM keys ORDER BY created, id")
    return [
        Key(
            id=row[0],
            name=row[1],
            enabled=bool(row[2]),
            expires=row[3],
            models=tuple(msgspec.json.decode(row[4], type=list[str])),
            options=msgspec.json.decode(row[5], type=dict[str, Any]),
            created=row[6],
            used=row[7],
            shown=tuple(shown.get(row[0], ())),
        )
        for row in rows
    ]


@attrs.frozen
class Snapshot:
    """All that requests are judged by, as it was at *version*."""

    version: str = ""
    secrets: Mapping[str, tuple[Key, int]] = attrs.field(factory=dict)  # by digest: its key, and when it expires
    prices: tuple[PriceRow, ...] = ()  # in the order they were set
    models: tuple[ModelRow, ...] = ()  # in the order they are listed
    off: frozenset[str] = frozenset()  # stages that are switched off
    credentials: tuple[CredentialRow, ...] = ()  # sealed

    def __len__(self) -> int:
        return len(self.secrets)


def snapshot(db: Database) -> Snapshot:
    """What is to be kept in memory."""
    keys = {key.id: key for key in listed(db)}
    found: Iterable[Any] = db.rows("SELECT digest, key, expires FROM secrets")
    known = {digest: (keys[key], expires) for digest, key, expires in found if key in keys}
    return Snapshot(version(db), known, prices.listed(db), models.listed(db), switched_off(db), credentials.listed(db))


class Keyring:
    """The keys as this process knows them."""

    def __init__(
        self, pepper: bytes, *, clock: Callable[[], float] = time.time, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self.snapshot = Snapshot()
        self.pepper = pepper
        self._clock, self._ticks = clock, ticks
        self._confirmed = ticks()

    def __bool__(self) -> bool:
        """Whether there is any key."""
        return len(self.snapshot) > 0

    def renew(self, snapshot: Snapshot | None) -> None:
        """Take *snapshot*; None: the one that is there still holds."""
        self.snapshot = self.snapshot if snapshot is None else snapshot
        self._confirmed = self._ticks()

    def fresh(self, seconds: float) -> bool:
        """Whether the database confirmed the keys within *seconds*."""
        return self._ticks() - self._confirmed < seconds

    def find(self, secret: str) -> Key | None:
        """The key that *secret* belongs to, if it may be used now.

        One lookup, by digest: all that its timing could tell is of digests, which nobody can steer to a key's.
        """
        found = self.snapshot.secrets.get(digest(self.pepper, secret))
        if found is None:
            return None
        key, expires = found
        now = self._clock() * 1000
        if not key.enabled or (expires and now >= expires) or (key.expires and now >= key.expires):
            return None
        return key
