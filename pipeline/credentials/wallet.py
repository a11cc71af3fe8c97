"""Wallet: all that one upstream may be shown, and which of it a request shows.

    [upstreams.X] key, keys ─┐
    the store: keys, oauth  ─┴▶ usable ──rotation, by conversation──▶ one of them ──oauth: renewed if need be──▶ shown
                                                         ▲
            401: rests, or is renewed · 429: rests ──────┘  judge(credential, error)

What the store has is seen as it was at the last look (``store.keys.snapshot``), so a change counts within a second,
or five where the database is elsewhere.  A wallet without a store holds what the configuration has, and no more.
"""

import secrets
import time
from collections.abc import Callable, Collection, Iterable

import attrs
import structlog

from pipeline.credentials.consent import Consent
from pipeline.credentials.credential import (
    Credential,
    Held,
    NoCredential,
    Refused,
    configured,
    opened,
    sealed,
)
from pipeline.credentials.rotation import Rotation
from pipeline.credentials.sealing import Unopened
from pipeline.errors import GatewayError, Unauthenticated, meant
from pipeline.secret import Secret
from pipeline.store import credentials as rows
from pipeline.store.credentials import CredentialRow
from pipeline.store.record import clean
from pipeline.store.store import Store

log = structlog.get_logger("pipeline")

Mark = tuple[str, int]


@attrs.define(eq=False)
class Wallet:
    """The credentials of one upstream."""

    upstream: str
    configured: tuple[Credential, ...] = ()
    store: Store | None = None
    consent: Consent | None = None  # where the configuration has a client for OAuth
    rotation: Rotation = attrs.field(factory=Rotation)
    clock: Callable[[], float] = time.time
    used: dict[str, int] = attrs.field(factory=dict)  # ms; the store's until it is written down
    _rows: tuple[CredentialRow, ...] = ()
    _stored: list[Credential] = attrs.field(factory=list)

    @classmethod
    def of(cls, upstream: str, keys: Iterable[Secret | None] = (), store: Store | None = None) -> "Wallet":
        """A wallet with *keys* of the configuration."""
        known = [key for key in dict.fromkeys(keys) if key is not None]
        return cls(upstream, tuple(configured(upstream, number, key) for number, key in enumerate(known, 1)), store)

    # -- looking ------------------------------------------------------------------------------------------------------

    def listed(self) -> list[Credential]:
        """All of them: the configuration's, then the store's."""
        if self.store is None:
            return list(self.configured)
        found = self.store.keys.snapshot.credentials
        if found is not self._rows:
            self._rows, self._stored = found, list(self._opened(found, self.store))
        return [*self.configured, *self._stored]

    def _opened(self, found: Iterable[CredentialRow], store: Store) -> Iterable[Credential]:
        for row in found:
            if row.upstream == self.upstream:
                try:
                    yield opened(row, store.vault)
                except Unopened as error:
                    log.error("a credential can't be opened", upstream=self.upstream, id=row.id, why=str(error))

    def resting(self, credential: Credential) -> int:
        """When *credential* has rested, in ms since 1970; 0: it does not rest."""
        seconds = self.rotation.resting(credential)
        return round((self.clock() + seconds) * 1000) if seconds else 0

    def rests(self) -> float:
        """Seconds until one of them may be shown again; 0: one may be shown now, or there is none."""
        return min((self.rotation.resting(each) for each in self._usable()), default=0.0)

    # -- showing ------------------------------------------------------------------------------------------------------

    async def pick(self, conversation: Callable[[], bytes], tried: Collection[Mark] = ()) -> Credential | None:
        """What a request of *conversation* shows, other than *tried* if there is any; None: there is nothing to show.

        Waits while a token is renewed.  Raises GatewayError if that fails.
        """
        ended: set[Mark] = set()
        usable = self._usable()
        while usable:
            among = ([each for each in usable if each.mark not in tried] if tried else None) or usable
            chosen = self.rotation.choose(among, conversation()) if len(among) > 1 else among[0]
            held: Credential | None = chosen
            if chosen.kind == "oauth" and self.consent is not None:
                held = await self.consent.fresh(chosen)
            if held is not None:
                self.used[held.id] = round(self.clock() * 1000)
                return held
            ended.add(chosen.mark)
            usable = [each for each in self._usable() if each.mark not in ended]
        return None

    async def judge(self, shown: Credential, error: GatewayError, tried: Collection[Mark]) -> bool:
        """Take note that *shown* was answered with *error*; whether asking once more, with another, may help.

        A token that was refused is renewed first, once.  *tried*: all that this request has shown, *shown* included.
        """
        renews = shown.kind == "oauth" and self.consent is not None and isinstance(meant(error), Unauthenticated)
        if renews and sum(name == shown.id for name, _ in tried) == 1:
            assert self.consent is not None  # noqa: S101  # looked at above
            try:
                if await self.consent.renew(shown) is not None:
                    return True
            except GatewayError as failed:
                log.info("a refused token can't be renewed", upstream=self.upstream, why=str(failed))
        self.rotation.judge(shown, error)
        if not self.rotation.resting(shown):
            return False
        return any(each.mark not in tried and not self.rotation.resting(each) for each in self._usable())

    def _usable(self) -> list[Credential]:
        """Those that may be shown; an authorization only while the configuration has a client that can renew it."""
        return [each for each in self.listed() if each.usable and (each.kind == "key" or self.consent is not None)]

    # -- changing -----------------------------------------------------------------------------------------------------

    async def add(self, name: str, key: str) -> Credential:
        """Keep *key* in the store.  Raises Refused, StoreUnavailable."""
        key = key.strip()
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise Refused("a key is one word of visible ASCII characters")
        if any(each.secret.reveal() == key for each in self.listed()):
            raise Refused("this upstream has this key already")
        store, now = self._kept(), round(self.clock() * 1000)
        row = CredentialRow(
            f"cred_{secrets.token_hex(8)}", self.upstream, "key", clean(name).strip() or "key", b"", created=now
        )
        row = sealed(row, Held(secret=key), store.vault)
        await store.write(lambda db: rows.put(db, row))
        return opened(row, store.vault)

    async def change(self, id: str, *, name: str | None = None, enabled: bool | None = None) -> Credential:  # noqa: A002  # the credential's
        """Rename it, switch it on or off.  Raises NoCredential, Refused, StoreUnavailable."""
        found, store = self._changeable(id), self._kept()
        called = found.name if name is None else clean(name).strip() or found.name
        on = found.enabled if enabled is None else enabled
        await store.write(lambda db: rows.change(db, id, self.upstream, name=called, enabled=on))
        return next((each for each in self.listed() if each.id == id), attrs.evolve(found, name=called, enabled=on))

    async def remove(self, id: str) -> None:  # noqa: A002  # the credential's
        """Forget it.  Raises NoCredential, Refused, StoreUnavailable."""
        self._changeable(id)
        await self._kept().write(lambda db: rows.remove(db, id, self.upstream))

    def _changeable(self, id: str) -> Credential:  # noqa: A002  # the credential's
        found = next((each for each in self.listed() if each.id == id), None)
        if found is None:
            raise NoCredential(id)
        if found.configured:
            raise Refused("this key stands in the configuration, where alone it can be changed")
        return found

    def _kept(self) -> Store:
        if self.store is None:
            raise Refused("there is no store to keep it in")
        return self.store

    def used_last(self, credential: Credential) -> int:
        """When *credential* was shown last, in ms; 0: never, as far as anybody has put down."""
        return max(credential.used, self.used.get(credential.id, 0))

    async def write_used(self) -> None:
        """Write down when credentials of the store were used last.  Raises StoreUnavailable: then the next time."""
        ours = {each.id for each in self.configured}  # there is no row for them: they are remembered here
        used = {name: at for name, at in self.used.items() if name not in ours}
        if not used or self.store is None:
            return
        await self.store.write(lambda db: rows.used(db, used))
        for name, at in used.items():
            if self.used.get(name) == at:  # neither shown again meanwhile, nor written by another turn
                del self.used[name]
