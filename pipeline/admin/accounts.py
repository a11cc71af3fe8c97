"""Accounts: who may look after the gateway, and where they are logged in.

    admins  name, argon2 of the password
    logins  digest of the cookie ─▶ whose, since when, until when, from where

A login is a row here: it can be ended from anywhere, and counts for all gateways on one store.  All of it blocks,
within a transaction.
"""

from collections.abc import Sequence

import attrs

from pipeline.store.database import Database, Row
from pipeline.store.record import clean

LASTS = 24 * 3600 * 1000  # ms that a login lasts
SEEN = 60_000  # ms between two notes of its use
MOST = 100  # logins of one account; the oldest ends
ID = 16  # characters of a digest that name a login


class Taken(Exception):
    """There is an account already."""


class NoAccount(LookupError):
    """There is no such account."""


@attrs.frozen
class Login:
    """One login.  Moments in ms."""

    digest: str
    admin: str
    address: str
    agent: str
    created: int
    seen: int
    expires: int

    @property
    def id(self) -> str:
        """What it is called in the API."""
        return self.digest[:ID]


# -- accounts ---------------------------------------------------------------------------------------------------------


def named(db: Database) -> list[tuple[str, int, int]]:
    """Name, beginning and last change of every account."""
    return [(row[0], row[1], row[2]) for row in db.rows("SELECT name, created, changed FROM admins ORDER BY created")]


def password_of(db: Database, name: str) -> str | None:
    """What is stored of the password of *name*; None if there is no such account."""
    rows = db.rows("SELECT password FROM admins WHERE name = ?", (name,))
    return rows[0][0] if rows else None


def first(db: Database, name: str, password: str, now: int) -> None:
    """The first account.  Raises Taken."""
    if named(db):
        raise Taken
    put(db, name, password, now)


def put(db: Database, name: str, password: str, now: int) -> None:
    """Make the account *name*, or give it another password; its logins end."""
    db.run(
        "INSERT INTO admins (name, password, created, changed) VALUES (?, ?, ?, ?) ON CONFLICT (name) "
        "DO UPDATE SET password = excluded.password, changed = excluded.changed",
        (name, password, now, now),
    )
    db.run("DELETE FROM logins WHERE admin = ?", (name,))


def remove(db: Database, name: str) -> None:
    """Forget the account *name*, and end its logins.  Raises NoAccount."""
    if password_of(db, name) is None:
        raise NoAccount(name)
    db.run("DELETE FROM admins WHERE name = ?", (name,))
    db.run("DELETE FROM logins WHERE admin = ?", (name,))


# -- logins -----------------------------------------------------------------------------------------------------------

_COLUMNS = "digest, admin, address, agent, created, seen, expires"


def login(db: Database, login: Login) -> None:
    """Store *login*; what has expired is swept, and of too many of one account the oldest end."""
    db.run("DELETE FROM logins WHERE expires <= ?", (login.created,))
    old = logins(db, login.admin, login.created)
    _forget(db, [each.digest for each in old[MOST - 1 :]])
    db.run(
        f"INSERT INTO logins ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  # names of ours
        (
            login.digest,
            login.admin,
            clean(login.address),
            clean(login.agent),
            login.created,
            login.seen,
            login.expires,
        ),
    )


def find(db: Database, digest: str, now: int) -> Login | None:
    """The login that *digest* stands for, if it still lasts."""
    rows = db.rows(f"SELECT {_COLUMNS} FROM logins WHERE digest = ? AND expires > ?", (digest, now))  # noqa: S608  # names of ours
    return Login(*rows[0]) if rows else None


def logins(db: Database, admin: str | None, now: int) -> list[Login]:
    """The logins of *admin*, or of all, the newest first."""
    rows: Sequence[Row] = db.rows(
        f"SELECT {_COLUMNS} FROM logins WHERE expires > ? ORDER BY created DESC, digest",  # noqa: S608  # names of ours
        (now,),
    )
    return [each for each in (Login(*row) for row in rows) if admin is None or each.admin == admin]


def saw(db: Database, digest: str, now: int) -> None:
    """Note that the login *digest* was used."""
    db.run("UPDATE logins SET seen = ? WHERE digest = ?", (now, digest))


def logout(db: Database, digest: str) -> None:
    """End the login *digest*, if there is one."""
    _forget(db, [digest])


def end(db: Database, admin: str, id: str, now: int) -> bool:  # noqa: A002  # the login's
    """End the login called *id* of *admin*; whether there was one."""
    ended = [each.digest for each in logins(db, admin, now) if each.id == id]
    _forget(db, ended)
    return bool(ended)


def _forget(db: Database, digests: Sequence[str]) -> None:
    if digests:
        db.many("DELETE FROM logins WHERE digest = ?", [(digest,) for digest in digests])
