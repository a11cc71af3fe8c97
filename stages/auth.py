"""Auth: who is asking.

A caller shows a key as ``x-api-key`` or ``Authorization: Bearer`` (SDKs differ, and change); both count on every route.
With no key configured, callers on loopback need none, and callers from elsewhere are refused, unless every upstream
takes the caller's own key: then that key says who it is.  An upstream that runs under the operator's own login lets
nobody in without a key (``pipeline.door`` makes one).

Keys stand in the configuration, or were made while the gateway ran and are in the store; once there is one, in either
place, everybody needs one.  With ``required`` everybody does before that, too.

    [auth]
    required = true
    keys = [{ name = "ada", key = { env = "ADA_KEY" }, models = ["claude-*"] }]
"""

import hmac
from hashlib import sha256
from ipaddress import ip_address
from typing import Any

import attrs

from pipeline.errors import StoreUnavailable, Unauthenticated
from pipeline.exchange import Caller, Exchange
from pipeline.secret import Secret
from pipeline.store.keys import PREFIX
from pipeline.store.store import Store
from pipeline.upstream import Upstream
from transports.messages import Request

BEARER = "bearer "


@attrs.frozen
class KeyHolder:
    """One key: who holds it, the secret itself, globs of the models it may use, and settings of stages for it."""

    name: str
    key: Secret
    models: tuple[str, ...] = ("*",)
    options: dict[str, Any] = attrs.field(factory=dict)  # by stage: { limits = { limits = [ … ] } }


@attrs.frozen
class Auth:
    """Let in who shows a known key, and note who it is."""

    keys: tuple[KeyHolder, ...] = ()
    required: bool = False  # nobody is let in without a key, even while there is none
    _callers: dict[bytes, Caller] = attrs.field(init=False, repr=False)

    operations = frozenset({"reply", "count_tokens", "models", "model", "usage", "relay"})

    @_callers.default
    def _known(self) -> dict[bytes, Caller]:
        known = {digest(holder.key.reveal()): holder for holder in self.keys}
        return {
            shown: Caller(holder.name, shown.hex()[:12], holder.models, holder.options)
            for shown, holder in known.items()
        }

    def __call__(self, exchange: Exchange) -> None:
        """Set the exchange's caller, or raise Unauthenticated; StoreUnavailable where nobody can tell."""
        keyless = not (self.required or self.keys or (exchange.store is not None and exchange.store.keys))
        if keyless and on_loopback(exchange.request) and not guarded(exchange.upstreams):
            exchange.caller = Caller("local", "local")
            return
        shown_keys = credentials(exchange.request)
        if keyless and shown_keys and pass_keys(exchange.upstreams):
            exchange.caller = stranger(shown_keys[0])  # its own key goes upstream: who is refused there, is refused
            return
        for shown in shown_keys:
            caller = self._find(digest(shown)) or stored(exchange.store, shown)
            if caller is not None:
                exchange.caller = caller
                return
        raise Unauthenticated

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


def pass_keys(upstreams: list[Upstream]) -> bool:
    """Whether all *upstreams* are sent the caller's own key."""
    return bool(upstreams) and all(upstream.client_key for upstream in upstreams)


def stranger(key: str) -> Caller:
    """A caller known only by the key it brings for the upstream: the books name it by a digest."""
    name = digest(key).hex()[:12]
    return Caller(f"key-{name}", name)


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


def on_loopback(request: Request) -> bool:
    """Whether the connection arrived on a loopback address."""
    try:
        return ip_address(request.local.partition("%")[0]).is_loopback
    except ValueError:
        return False


stage = Auth
