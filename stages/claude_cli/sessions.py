"""Sessions: which conversation the CLI remembers, so that the next turn need not tell it all again.

    caller · its own name for the session · first message ──uuid5──▶ key ──▶ (id, number of messages, digests)

    the prompt begins with those messages and that reply ──▶ --resume=id, and only what is new is said
    anything else: edited, unknown, too old, taken ────────▶ a new session, told everything

Clients send all of a conversation with every turn, so forgetting costs time and nothing else; remembering wrongly
would mix conversations.  So a session is **taken** out of the book by whoever goes on with it, and put back, with what
is new, once the CLI has ended as it should: two at a time, a reply that was cut off, another process of this gateway,
each find nothing and start anew.  The book is a file of SQLite, which keeps that promise across processes and restarts.
No words are in it: digests and counts.
"""

import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import attrs
import msgspec

from stages.dialects.claude_cli.talk import digest

Fields = dict[str, Any]

SPACE = uuid.UUID("3f0c4d0e-6d0f-5c5e-9a53-8d3c1f6f7a11")  # ours alone, so that ids are nobody else's
_TABLE = """
CREATE TABLE IF NOT EXISTS sessions (
    key TEXT PRIMARY KEY, id TEXT NOT NULL, count INTEGER NOT NULL, asked TEXT NOT NULL, said TEXT NOT NULL,
    used REAL NOT NULL
) STRICT
"""


@attrs.frozen
class Session:
    """A conversation of the CLI's: *count* messages, their digest, and the digest of the reply to them."""

    id: str
    count: int = 0
    asked: str = ""
    said: str = ""

    def fits(self, messages: list[Fields]) -> bool:
        """Whether *messages* go on where this ended: the same ones, the same reply, and something after it."""
        if not 0 < self.count < len(messages) - 1 or messages[self.count]["role"] != "assistant":
            return False
        return self.asked == digest_of(messages[: self.count]) and self.said == digest(messages[self.count])


@attrs.define(eq=False)
class Book:
    """The sessions there are, in *file*; those not used for *seconds* are forgotten.  Its methods wait for the disk."""

    file: Path
    seconds: float

    def take(self, key: str, messages: list[Fields]) -> Session | None:
        """The session of *key*, if *messages* go on with it.  Whatever there was is gone from the book."""
        with self._opened() as book:
            book.execute("DELETE FROM sessions WHERE used < ?", (time.time() - self.seconds,))
            row = book.execute("DELETE FROM sessions WHERE key = ? RETURNING id, count, asked, said", (key,)).fetchone()
        session = Session(*row) if row else None
        return session if session is not None and session.fits(messages) else None

    def put(self, key: str, session: Session) -> None:
        """Remember *session* under *key*."""
        row = (key, session.id, session.count, session.asked, session.said, time.time())
        with self._opened() as book:
            book.execute("INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?)", row)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes hold if the block is left well; one a time is enough for a program a turn."""
        with closing(sqlite3.connect(self.file, timeout=5)) as book, book:
            book.execute(_TABLE)
            yield book


def key_of(caller: str, session: str, messages: list[Fields]) -> str:
    """Where *caller*'s *session* stands: apart from other callers', and from another conversation of the same name."""
    return str(uuid.uuid5(SPACE, f"{caller}\n{session}\n{digest_of(messages[:1])}"))


def new(key: str) -> Session:
    """A session under *key* that the CLI does not know yet: it takes an id only once, hence the time."""
    return Session(str(uuid.uuid5(SPACE, f"{key}\n{time.time_ns()}")))


def digest_of(messages: list[Fields]) -> str:
    """What stands for *messages*: an assistant's by its words, any other to the byte."""
    total = sha256()
    for message in messages:
        said = digest(message).encode() if message["role"] == "assistant" else msgspec.json.encode(message)
        total.update(said + b"\n")
    return total.hexdigest()
