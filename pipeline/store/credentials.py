"""Credentials, as they are kept: what upstreams are shown, sealed; and authorizations that were begun.

    credentials   one row each; its *version* grows with each change, and who replaces a token names the one it has seen
    flows         the state that was sent out with an authorization ─▶ what is needed when it comes back, once
                  "renewing:…" ─▶ which process asks for a new token at the moment: the others wait for its row

Nothing here can open what is sealed.  All of it blocks, within a transaction.
"""

from collections.abc import Mapping
from typing import Literal

import attrs
import msgspec

from pipeline.store import sql
from pipeline.store.database import Database
from pipeline.store.facts import changed

VERSION = "credentials"  # the fact that grows with each change
FLOWS = 50  # authorizations that may wait to come back, of one upstream

_COLUMNS = "id, upstream, kind, name, sealed, expires, enabled, version, created, used"
_PUT = sql.Insert("credentials", _COLUMNS.split(", "), ("id",), "DO NOTHING")
_PUT_FLOW = sql.Insert(
    "flows",
    ("state", "upstream", "sealed", "expires"),
    ("state",),
    "DO UPDATE SET sealed = excluded.sealed, expires = excluded.expires",
)


class NoCredential(LookupError):
    """There is no such credential."""


@attrs.frozen
class CredentialRow:
    """What an upstream is shown.  Moments in ms; 0: never, or not known."""

    id: str
    upstream: str
    kind: str  # key, oauth
    name: str
    sealed: bytes = attrs.field(repr=False)
    expires: int = 0
    enabled: bool = True
    version: int = 1
    created: int = 0
    used: int = 0


def about(row: CredentialRow) -> str:
    """What the seal of *row* is bound to: the row that it stands in."""
    return msgspec.json.encode(["credential", row.id, row.upstream, row.kind]).decode()


def listed(db: Database) -> tuple[CredentialRow, ...]:
    """All of them, in the order they were added."""
    return tuple(_row(*found) for found in db.rows(f"SELECT {_COLUMNS} FROM credentials ORDER BY created, id"))  # noqa: S608  # names of ours


def put(db: Database, row: CredentialRow) -> None:
    """Add *row*; of the kind oauth an upstream has one, and the one it had is forgotten."""
    if row.kind == "oauth":
        forget_connection(db, row.upstream)
    _PUT.into(db, [(*attrs.astuple(row)[:6], int(row.enabled), row.version, row.created, row.used)])
    changed(db, VERSION)


def change(db: Database, id: str, upstream: str, *, name: str, enabled: bool) -> None:  # noqa: A002  # the credential's
    """Rename it, switch it on or off.  Raises NoCredential."""
    _found(db, id, upstream)
    db.run("UPDATE credentials SET name = ?, enabled = ?, version = version + 1 WHERE id = ?", (name, int(enabled), id))
    changed(db, VERSION)


def remove(db: Database, id: str, upstream: str) -> None:  # noqa: A002  # the credential's
    """Forget it.  Raises NoCredential."""
    _found(db, id, upstream)
    db.run("DELETE FROM credentials WHERE id = ?", (id,))
    changed(db, VERSION)


def forget_connection(db: Database, upstream: str) -> None:
    """Forget the authorization of *upstream*, if there is one."""
    db.run("DELETE FROM credentials WHERE upstream = ? AND kind = 'oauth'", (upstream,))
    changed(db, VERSION)


def replace(db: Database, old: CredentialRow, *, sealed: bytes, expires: int) -> bool:
    """Put *sealed* in the place of what *old* holds; False, and nothing happens, if somebody else was quicker."""
    found = _found(db, old.id, old.upstream)
    if found.version != old.version:
        return False
    db.run(
        "UPDATE credentials SET sealed = ?, expires = ?, version = version + 1 WHERE id = ?", (sealed, expires, old.id)
    )
    db.run("DELETE FROM flows WHERE state = ?", (_renewing(old),))
    changed(db, VERSION)
    return True


def used(db: Database, moments: Mapping[str, int]) -> None:
    """Note when each was used last."""
    db.many(
        "UPDATE credentials SET used = ? WHERE id = ? AND used < ?",
        [(moment, id, moment) for id, moment in sorted(moments.items())],  # noqa: A001  # the credential's
    )


def reseal(db: Database, row: CredentialRow, sealed: bytes) -> None:
    """Write the same under another key: nothing that anybody must notice."""
    db.run("UPDATE credentials SET sealed = ? WHERE id = ? AND version = ?", (sealed, row.id, row.version))


def _found(db: Database, id: str, upstream: str) -> CredentialRow:  # noqa: A002  # the credential's
    """The row, which is going to be changed."""
    found = db.rows(f"SELECT {_COLUMNS} FROM credentials WHERE id = ?{db.lock}", (id,))  # noqa: S608  # names of ours
    if not found or found[0][1] != upstream:
        raise NoCredential(id)
    return _row(*found[0])


def _row(
    id: str,  # noqa: A002  # the credential's
    upstream: str,
    kind: str,
    name: str,
    sealed: bytes,
    expires: int,
    enabled: int,
    version: int,
    created: int,
    used: int,
) -> CredentialRow:
    return CredentialRow(id, upstream, kind, name, bytes(sealed), expires, bool(enabled), version, created, used)


# -- taking turns -----------------------------------------------------------------------------------------------------


def claim(db: Database, row: CredentialRow, now: int, until: int) -> Literal["mine", "theirs", "over"]:
    """Whose turn it is to renew *row* from now on: no other process's before *until*, if it is mine.

    "over": it is not as it was any more, so that there is nothing to renew.  Raises NoCredential.
    """
    if _found(db, row.id, row.upstream).version != row.version:
        return "over"
    turn = db.rows("SELECT expires FROM flows WHERE state = ?", (_renewing(row),))
    if turn and turn[0][0] > now:
        return "theirs"
    _PUT_FLOW.into(db, [(_renewing(row), row.upstream, b"", until)])
    return "mine"


def give_back(db: Database, row: CredentialRow) -> None:
    """End the turn, without anything to show for it."""
    db.run("DELETE FROM flows WHERE state = ?", (_renewing(row),))


def _renewing(row: CredentialRow) -> str:
    return f"renewing:{row.id}:{row.version}"


# -- authorizations ---------------------------------------------------------------------------------------------------


def begin(db: Database, state: str, upstream: str, sealed: bytes, now: int, expires: int) -> bool:
    """Keep *sealed* under *state*, a digest, until it *expires*; False if too many wait already."""
    db.run("DELETE FROM flows WHERE expires <= ?", (now,))
    if len(db.rows("SELECT 1 FROM flows WHERE upstream = ?", (upstream,))) >= FLOWS:
        return False
    _PUT_FLOW.into(db, [(state, upstream, sealed, expires)])
    return True


def take(db: Database, state: str, upstream: str, now: int) -> bytes | None:
    """What was kept under *state* for *upstream*, and is forgotten with this; None if there is nothing, or too late."""
    found = db.rows(f"SELECT upstream, sealed, expires FROM flows WHERE state = ?{db.lock}", (state,))  # noqa: S608  # a word of ours
    if not found or found[0][0] != upstream:
        return None
    db.run("DELETE FROM flows WHERE state = ?", (state,))
    return bytes(found[0][1]) if found[0][2] > now else None
