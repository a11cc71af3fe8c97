"""Credential: one thing that an upstream may be shown, opened; and how it is sealed for the store.

CredentialRow ──vault──▶ Credential: kind, name, secret …          held in memory only, its secret never printed
"""

from typing import Literal

import attrs
import msgspec

from pipeline.credentials.sealing import Vault
from pipeline.secret import Secret
from pipeline.store.credentials import CredentialRow, about
from pipeline.store.credentials import NoCredential as NoCredential

Kind = Literal["key", "oauth"]

SHOWN = 4  # characters of a key's end that people may see …
HIDDEN = 12  # … if so many stay hidden


class Refused(ValueError):
    """What was asked can't be done; the text is one sentence for people and holds no secret."""


class Held(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is sealed: an API key or an access token, and what renews it; or why nothing does any more."""

    secret: str
    refresh: str = ""
    ended: str = ""


@attrs.frozen(kw_only=True)
class Credential:
    """What an upstream may be shown.  Moments in ms; 0: never, or not known."""

    id: str
    upstream: str
    kind: Kind = "key"
    name: str = ""
    secret: Secret
    refresh: Secret | None = None
    shown: str = ""  # how the key ends, for people
    enabled: bool = True
    expires: int = 0
    created: int = 0
    used: int = 0
    configured: bool = False  # it stands in the configuration, where alone it can be changed
    ended: str = ""  # why an authorization holds no longer; it is never shown again then
    version: int = 0
    row: CredentialRow | None = attrs.field(default=None, repr=False, eq=False)  # where it is kept

    @property
    def mark(self) -> tuple[str, int]:
        """What tells it from others, and from itself as it was before it changed."""
        return self.id, self.version

    @property
    def usable(self) -> bool:
        """Whether it may be shown at all."""
        return self.enabled and not self.ended


def configured(upstream: str, number: int, key: Secret) -> Credential:
    """The *number*-th key that the configuration has for *upstream*."""
    name = f"config-{number}"
    return Credential(id=name, upstream=upstream, name=name, secret=key, shown=ending(key), configured=True)


def opened(row: CredentialRow, vault: Vault) -> Credential:
    """The credential in *row*.  Raises Unopened."""
    held = msgspec.json.decode(vault.open(row.sealed, about(row)), type=Held)
    kind: Kind = "oauth" if row.kind == "oauth" else "key"
    return Credential(
        id=row.id,
        upstream=row.upstream,
        kind=kind,
        name=row.name,
        secret=Secret(held.secret),
        refresh=Secret(held.refresh) if held.refresh else None,
        shown=ending(Secret(held.secret)) if kind == "key" else "",
        enabled=row.enabled,
        expires=row.expires,
        created=row.created,
        used=row.used,
        ended=held.ended,
        version=row.version,
        row=row,
    )


def sealed(row: CredentialRow, held: Held, vault: Vault) -> CredentialRow:
    """*row* with *held* in it."""
    return attrs.evolve(row, sealed=vault.seal(msgspec.json.encode(held), about(row)))


def ending(key: Secret) -> str:
    """``…abcd``; nothing of one that is short."""
    text = key.reveal()
    return f"…{text[-SHOWN:]}" if len(text) >= SHOWN + HIDDEN else ""
