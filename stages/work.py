"""Work: which conversation a request belongs to, and which of its agents asks.

    field of a coding agent  ─┐                      session ── the whole of it
    metadata.user_id          ┼─▶ Work(session,      agent   ── "" is the session's own; others were started by it
    metadata.session_id      ─┘        agent, parent) parent  ── who started this one; "": the session's own

Clients say it in fields of the head, or, where they have none of their own, in the prompt.  What nobody says is "".
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from pipeline.exchange import Exchange
from pipeline.store.record import clean

# Of each client the fields that tell session, agent and parent; the first that names a session counts.  An agent, or a
# parent, that bears the session's own name is the session's own.
FIELDS: tuple[tuple[bytes, bytes, bytes], ...] = (
    (b"x-claude-code-session-id", b"x-claude-code-agent-id", b"x-claude-code-parent-agent-id"),
    (b"session-id", b"thread-id", b"x-codex-parent-thread-id"),
    (b"session_id", b"thread_id", b""),  # the same program, when it was younger
    (b"x-session-id", b"", b""),
)
_SESSION = frozenset(fields[0] for fields in FIELDS)
_METADATA = frozenset({"metadata"})
_BEFORE = "_session_"  # user_<hash>_account_<id>_session_<id>: an older metadata.user_id
_NAME = msgspec.json.Decoder(dict[str, Any])


class Work(msgspec.Struct, frozen=True):
    """What a request belongs to."""

    session: str = ""
    agent: str = ""
    parent: str = ""


_NOTHING = Work()


def fields_of(exchange: Exchange) -> dict[bytes, bytes]:
    """The fields of *exchange*'s head by their names; of one given twice the first."""
    return dict(reversed(exchange.request.headers))


def work_of(exchange: Exchange, said: Mapping[bytes, bytes]) -> Work:
    """What *exchange* belongs to, as its client *said*; to be asked before the prompt is translated."""
    for fields in () if _SESSION.isdisjoint(said) else FIELDS:
        if said.get(fields[0]):
            session, agent, parent = (clean(said.get(field, b"").decode("latin-1")) for field in fields)
            return Work(session, "" if agent == session else agent, "" if parent == session else parent)
    asked = exchange.prompt.some(_METADATA) if exchange.operation == "reply" else None
    session = told(asked["metadata"]) if asked else ""
    return Work(clean(session)) if session else _NOTHING


def told(metadata: Any) -> str:
    """The session that a prompt's *metadata* names."""
    if not isinstance(metadata, dict):
        return ""
    user, session = metadata.get("user_id"), metadata.get("session_id")
    if isinstance(user, str) and user.startswith("{"):
        with suppress(msgspec.DecodeError):
            session = _NAME.decode(user).get("session_id", session)
    elif isinstance(user, str) and _BEFORE in user:
        session = user.rpartition(_BEFORE)[2]
    return session if isinstance(session, str) else ""
