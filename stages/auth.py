"""Auth: who is asking.

A caller shows a key as ``x-api-key`` or ``Authorization: Bearer`` (SDKs differ, and change); both count on every route.
With no key configured, callers on loopback need none, and callers from elsewhere are refused, unless every upstream
takes the caller's own key: then that key says who it is, to books and limits by its keyed hash, and is kept nowhere.
Where only some take it, a caller on loopback is told apart by it too; one from elsewhere shows two: a key of ours,
which goes to no upstream, and in the other field its own.  An upstream that runs under the operator's own login lets
nobody in without a key (``pipeline.door`` makes one).

Keys stand in the configuration, or were made while the gateway ran and are in the store; once there is one, in either
place, everybody needs one.  With ``required`` everybody does before that, too.

    [auth]
    required = true
    keys = [{ name = "ada", key = { env = "ADA_KEY" }, models = ["claude-*"] }]
"""

import hmac
import secrets
from functools import lru_cache, partial
from hashlib import sha256
from ipaddress import ip_address
from typing import Annotated, Any

import attrs

from pipeline.errors import StoreUnavailable, Unauthenticated
from pipeline.exchange import Caller, Exchange
from pipeline.secret import Secret
from pipeline.store.keys import PREFIX
from pipeline.store.store import Store
from pipeline.structure import Check
from pipeline.upstream import Upstream
from stages.notes import ADMITTED
from transports.messages import Request

BEARER = "bearer "


@attrs.frozen
class KeyHolder:
    """One key: who holds it, the secret itself, globs of the models it may use, and settings of stages for it."""

    name: str
    key: Secret
    models: tuple[str, ...] = ("*",)
    options: dict[str, Any] = attrs.field(factory=dict)  # by stage: { limits = { limits = [ … ] } }


def _apart(keys: tuple[KeyHolder, ...]) -> None:
    seen: dict[str, str] = {}
    for holder in keys:
        if (other := seen.setdefault(holder.key.reveal(), holder.name)) != holder.name:
            raise ValueError(f"{other} and {holder.name} have the same key: nobody could tell who asks")


@attrs.frozen
class Auth:
    """Let in who shows a known key, and note who it is."""

    keys: Annotated[tuple[KeyHolder, ...], Check(_apart)] = ()
    required: bool = False  # nobody is let in without a key, even while there is none
    _callers: dict[bytes, Caller] = attrs.field(init=False, repr=False)
    _pepper: bytes = attrs.field(init=False, repr=False, eq=False, factory=partial(secrets.token_bytes, 32))

    operations = frozenset({"reply", "count_tokens", "models", "model", "usage", "relay"})
    changes = frozenset({"caller"})

    @_callers.default
    def _known(self) -> dict[bytes, Caller]:
        known = {digest(holder.key.reveal()): holder for holder in self.keys}
        return {
            shown: Caller(holder.name, shown.hex()[:12], holder.models, holder.options)
            for shown, holder in known.items()
        }

    @property
    def named(self) -> dict[str, str]:
        """What people call the keys of the configuration, by what the books call them."""
        return {caller.id: caller.name for caller in self._callers.values()}

    def __call__(self, exchange: Exchange) -> None:
        """Set the exchange's caller, or raise Unauthenticated; StoreUnavailable where nobody can tell."""
        keyless = not (self.required or self.keys or (exchange.store is not None and exchange.store.keys))
        open_here = keyless and on_loopback(exchange.request.local) and not guarded(exchange.upstreams)
        shown_keys = credentials(exchange.request)
        if keyless and shown_keys and passes_keys(exchange.upstreams, some=open_here):
            exchange.caller = self._stranger(exchange.store, shown_keys[0])  # who is refused upstream, is refused
            return
        if open_here:
            exchange.caller = Caller("local", "local")
            return
        for shown in shown_keys:
            caller = self._find(digest(shown)) or stored(exchange.store, shown)
            if caller is not None:
                exchange.caller = caller
                exchange.note(ADMITTED, shown)
                return
        raise Unauthenticated

    def _stranger(self, store: Store | None, key: str) -> Caller:
        """A caller known only by the *key* it brings for the upstream: the books name it by a keyed hash, which nobody
        can test a guess with.  Without a store, the hash is another after each start."""
        pepper = self._pepper if store is None else store.keys.pepper
        name = hmac.digest(pepper, b"caller\0" + key.encode("utf-8", "surrogateescape"), "sha256").hex()[:12]
        return Caller(f"key-{name}", name)

    def _find(self, shown: bytes) -> Caller | None:
        """Look up by digest: what the table's timing could tell is of a digest nobody can steer to a key."""
        caller = self._callers.get(shown)
        if caller is not None and hmac.compare_digest(shown[:6].hex(), caller.id):
            return caller
        return None


def stored(store: Store | None, shown: str) -> Caller | None:
    """The caller whose key is in *store*."""
    if store is None or not shown.startswith(PREFIX):
        return None
    if not store.keys.fresh(store.settings.stale):
        raise StoreUnavailable("keys can't be looked up; try again")
    key = store.keys.find(shown)
    return None if key is None else Caller(key.name, key.id, key.models, key.options)


def guarded(upstreams: list[Upstream]) -> bool:
    """Whether one of *upstreams* runs under the operator's own login: then not everyone on this machine may ask."""
    return any(upstream.program for upstream in upstreams)


def passes_keys(upstreams: list[Upstream], *, some: bool) -> bool:
    """Whether all *upstreams*, or with *some* any of them, are sent the caller's own key."""
    taking = [upstream.client_key for upstream in upstreams]
    return any(taking) if some else bool(taking) and all(taking)


def credentials(request: Request) -> list[str]:
    """The keys *request* shows, the field that vendors let win first."""
    shown = [request.header(b"x-api-key") or ""]
    bearer = request.header(b"authorization") or ""
    if bearer[: len(BEARER)].lower() == BEARER:
        shown.append(bearer[len(BEARER) :].strip())
    return [key for key in shown if key]


def digest(key: str) -> bytes:
    """What stands for *key* in memory."""
    return sha256(key.encode("utf-8", "surrogateescape")).digest()


@lru_cache(maxsize=256)
def on_loopback(local: str) -> bool:
    """Whether a connection that arrived on the address *local* arrived on loopback."""
    try:
        return ip_address(local.partition("%")[0]).is_loopback
    except ValueError:
        return False


stage = Auth
