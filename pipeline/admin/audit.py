"""The audit: who changed what.  One row for each change, in the transaction of the change; never a secret.

The functions block; ``Entry`` is what the API tells.
"""

import getpass
import secrets
from typing import Any

import msgspec

from pipeline.store.database import Database
from pipeline.store.record import clean


class Entry(msgspec.Struct):
    """One change.  *detail*: what it was changed to."""

    id: str
    at: int
    who: str
    what: str
    target: str
    detail: dict[str, Any]


def note(db: Database, now: int, who: str, what: str, target: str, detail: dict[str, Any]) -> None:
    """Put down that *who* did *what* to *target*."""
    db.run(
        "INSERT INTO audit (id, at, who, what, target, detail) VALUES (?, ?, ?, ?, ?, ?)",
        (
            f"{now:012x}{secrets.token_hex(4)}",
            now,
            clean(who),
            what,
            clean(target),
            msgspec.json.encode(detail).decode(),
        ),
    )


def page(db: Database, before: str, limit: int) -> tuple[list[Entry], str | None]:
    """The last *limit* entries before the one called *before* ("": the newest), and what to ask next."""
    where, values = ("WHERE id < ?", [before]) if before else ("", [])
    rows = db.rows(
        f"SELECT id, at, who, what, target, detail FROM audit {where} ORDER BY id DESC LIMIT ?",  # noqa: S608  # words of ours
        (*values, limit + 1),
    )
    entries = [entry(*row) for row in rows[:limit]]
    return entries, entries[-1].id if len(rows) > limit else None


def entry(id: str, at: int, who: str, what: str, target: str, detail: str) -> Entry:  # noqa: A002  # the entry's
    """A row of the table."""
    return Entry(id, at, who, what, target, msgspec.json.decode(detail, type=dict[str, Any]))


def operator() -> str:
    """Who runs a command: by the name the system has for them."""
    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError):
        return "cli"
