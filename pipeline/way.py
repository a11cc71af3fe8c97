"""The way to an upstream: its connections, what it is shown, the server that is started for it.

    Way ──open_way──▶ Reached: pool · wallet · url · what it told of its limits

What concerns the way alone stands here: an upstream whose other settings change keeps it, and with it warm connections,
credentials that rest, and what is known of its quotas, of its models and of how it has been.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import attrs
import trio

from pipeline import config as configured
from pipeline.credentials.wallet import Wallet
from pipeline.credentials.wallets import open_wallets
from pipeline.secret import Secret
from pipeline.store.store import Store
from pipeline.upstream import Condition, Listed, Opener, Quotas
from transports.pool import Pool, open_pool
from transports.upstream_connect import Connector

Serve = Callable[..., Awaitable[None]]  # a trio task that reports its base URL when it listens

# Settings of an upstream that say what is sent and who may ask, not where it goes and as whom.
BESIDE = ("models", "stages", "headers", "query", "preface", "client_identity", "connect", "first_byte", "first_token",
          "idle", "provider")  # fmt: skip


@attrs.frozen(eq=False, kw_only=True)
class Way:
    """How an upstream called *name* is reached."""

    name: str
    config: configured.Upstream
    connector: Connector
    opener: Opener | None = None  # in place of the connector, for what is reached otherwise
    serve: Serve | None = None  # what starts its server, where it has one of ours
    authorities: bytes = attrs.field(default=b"", repr=False)  # what its file of them holds: it changes under its name

    @property
    def keys(self) -> list[Secret | None]:
        """What the configuration has to show there."""
        return [self.config.key, *(self.config.keys or ())]

    def same(self, other: "Way") -> bool:
        """Whether *other* leads to the same place in the same manner."""
        return (
            self.name == other.name
            and attrs.evolve(self.config, **{name: getattr(other.config, name) for name in BESIDE}) == other.config
            and self.connector.environ == other.connector.environ
            and self.authorities == other.authorities
        )


@attrs.frozen(eq=False)
class Reached:
    """An upstream that can be asked."""

    pool: Pool
    wallet: Wallet
    url: str = ""  # of the server that was started for it
    windows: Quotas = attrs.field(factory=Quotas)  # what it told last of its limits
    condition: Condition = attrs.field(factory=Condition)  # how it has been of late
    listed: Listed = attrs.field(factory=Listed)  # what it told last of its models


@asynccontextmanager
async def open_way(way: Way, store: Store | None) -> AsyncIterator[Reached]:
    """*way*, open inside.  Owns the tasks of its pool and its wallet, and the server that is started for it."""
    async with trio.open_nursery() as beside:
        url: str = await beside.start(way.serve) if way.serve is not None else ""
        async with AsyncExitStack() as exits:
            if way.opener is not None:
                await exits.enter_async_context(way.opener)
            pool = await exits.enter_async_context(open_pool(way.opener or way.connector))
            wallets = await exits.enter_async_context(open_wallets(store))  # closed first: it uses the pool
            yield Reached(pool, wallets.wallet(way.name, way.keys, way.config.oauth, pool), url)
        beside.cancel_scope.cancel()
