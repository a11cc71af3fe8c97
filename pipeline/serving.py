"""Serving: a Config → a gateway that listens, until it has drained.

    build ─▶ open store, upstreams, stages ─▶ listen ═ Gateway.handle ═ … ─▶ drain ─▶ close

All that runs lives in this call: when it returns, or is cancelled, nothing is left of it.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import attrs
import structlog
import trio

from pipeline.admin import front
from pipeline.config import Config, Server
from pipeline.cors import Cors
from pipeline.door import locked
from pipeline.errors import StoreUnavailable
from pipeline.heartbeat import Heart
from pipeline.loading import Built, build
from pipeline.observe.observer import Observer
from pipeline.observe.opening import observing, shown
from pipeline.opening import Generation, open_generations
from pipeline.pages import gather
from pipeline.problems import ConfigError
from pipeline.reloading import Reloading
from pipeline.server import Gateway
from pipeline.sockets import Listener, listening
from pipeline.store.opening import StoreFailed
from pipeline.store.store import Store, open_store
from pipeline.thrift import keep, thrift, trimming
from pipeline.upstream import Upstream
from transports import listen
from transports.drain import Drain
from transports.limits import Limits

log = structlog.get_logger("pipeline")


@attrs.frozen(eq=False, kw_only=True)
class Running:
    """A gateway that listens."""

    store: Store
    urls: list[str]  # one for each listener: "http://127.0.0.1:4096"
    drain: Drain  # begin() it, and serve returns when all that runs has ended
    invitation: str = ""  # what the first account of the admin is made with, while there is none
    gateway: Gateway
    _reloading: Reloading

    @property
    def built(self) -> Built:
        """What is in force."""
        return self._reloading.present.built

    @property
    def upstreams(self) -> list[Upstream]:
        """Who answers."""
        return self._reloading.present.upstreams

    async def reload(self, config: Config) -> list[str]:
        """Put *config* in the place of the one in force, for requests to come; those that run don't notice.

        Gives the settings that wait for a restart, since they can't change while it listens: ``["server.port"]``.
        Raises ConfigError with all that is wrong; then nothing has changed.
        """
        return await self._reloading.take(config)


async def serve(
    config: Config,
    *,
    listeners: Sequence[Listener] = (),
    task_status: trio.TaskStatus[Running] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve as *config* says until drained.  Reports a Running when it listens.  Raises ConfigError before that.

    *listeners*: accept from these, which become ours, and not where *config* says.
    """
    built, drain = build(locked(config)), Drain()
    listeners = listeners or await listening(config)
    async with (
        store_of(config) as store,
        open_generations(store) as generations,
        observing(config) as observer,
        trio.open_nursery() as nursery,
    ):
        present = await generations.turn(built)
        gateway = gateway_of(present, store, observer, drain)
        shown(gateway, config)
        nursery.start_soon(gateway.heart.run, name="heart")
        keep()
        nursery.start_soon(thrift, gateway.live, trimming(), gather, name="thrift")
        tls = None if built.tls is None else listen.Tls(built.tls)
        urls = list(dict.fromkeys(url_of(listener, tls=tls is not None) for listener in listeners))
        reloading = Reloading(gateway=gateway, generations=generations, present=present, tls=tls)
        task_status.started(await presented(reloading, store, urls))
        await listen.serve(
            gateway.handle,
            listeners=listeners,
            limits=limits_of(config.server),
            drain=drain,
            on_crash=crashed,
            tls=tls,
            names=config.server.names,
        )
        nursery.cancel_scope.cancel()


def limits_of(server: Server) -> Limits:
    """What one client, and all of them, may take of the listener."""
    return Limits(
        body=server.max_body,
        connections=server.max_connections,
        connections_per_client=server.max_connections_per_client,
    )


def gateway_of(generation: Generation, store: Store, observer: Observer, drain: Drain) -> Gateway:
    """What answers with *generation*, until another takes its place."""
    built, server = generation.built, generation.built.config.server
    return Gateway(
        line=built.line,
        upstreams=generation.upstreams,
        store=store,
        dialects=built.dialects,
        heart=Heart(server.ping),
        drain=drain,
        observer=observer,
        cors=Cors(server.cors),
        uses=generation.uses,
    )


async def presented(reloading: Reloading, store: Store, urls: list[str]) -> Running:
    """The gateway as those who started it see it; its admin is open, if it is to have one."""
    gateway, built, invited = reloading.gateway, reloading.present.built, ""
    if built.config.admin.enabled:
        admin = reloading.front = await front.opened(gateway, built, store, urls)
        gateway.admin = admin.handle
        with suppress(StoreUnavailable):
            invited = admin.desk.invitation if await admin.desk.welcoming() else ""
    return Running(
        store=store, urls=urls, drain=gateway.drain, invitation=invited, gateway=gateway, reloading=reloading
    )


@asynccontextmanager
async def store_of(config: Config) -> AsyncIterator[Store]:
    """The store, open inside: the first to be opened and the last to close."""
    try:
        manager = open_store(config.store)
        store = await manager.__aenter__()
    except StoreFailed as error:
        raise ConfigError([f"{config.layers.label(('store',))}: {error}"]) from error
    async with AsyncExitStack() as exits:
        exits.push_async_exit(manager)
        yield store


def url_of(listener: Listener, *, tls: bool) -> str:
    """The address of *listener*, as a client on this machine uses it."""
    host, port = listener.socket.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # translated, not bound
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def crashed(raised: BaseException) -> None:
    """What left a connection's handler: a bug of ours, and the end of that connection only."""
    log.error("a connection crashed", exc_info=raised)
