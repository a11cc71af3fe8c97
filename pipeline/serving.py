"""Serving: a Config → a gateway that listens, until it has drained.

    build ─▶ open store, upstreams, stages ─▶ listen ═ Gateway.handle ═ … ─▶ drain ─▶ close

All that runs lives in this call: when it returns, or is cancelled, nothing is left of it.
"""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import attrs
import structlog
import trio

from pipeline.admin import front, statement
from pipeline.config import Config
from pipeline.cors import Cors
from pipeline.door import locked
from pipeline.errors import StoreUnavailable
from pipeline.heartbeat import Heart
from pipeline.loading import Built, build
from pipeline.opening import opened
from pipeline.problems import ConfigError
from pipeline.server import Gateway
from pipeline.store.opening import StoreFailed
from pipeline.store.store import Store, open_store
from pipeline.upstream import Upstream
from transports import listen
from transports.drain import Drain
from transports.limits import Limits

log = structlog.get_logger("pipeline")


@attrs.frozen(eq=False, kw_only=True)
class Running:
    """A gateway that listens."""

    built: Built
    store: Store
    upstreams: list[Upstream]
    urls: list[str]  # one for each listener: "http://127.0.0.1:4096"
    drain: Drain  # begin() it, and serve returns when all that runs has ended
    invitation: str = ""  # what the first account of the admin is made with, while there is none


async def serve(config: Config, *, task_status: trio.TaskStatus[Running] = trio.TASK_STATUS_IGNORED) -> None:
    """Serve as *config* says until drained.  Reports a Running when it listens.  Raises ConfigError before that."""
    built, drain, heart = build(locked(config)), Drain(), Heart(config.server.ping)
    listeners = await listening(config)
    async with store_of(config) as store, opened(built, store) as upstreams, trio.open_nursery() as nursery:
        nursery.start_soon(heart.run, name="heart")
        gateway = Gateway(
            line=built.line,
            upstreams=upstreams,
            store=store,
            dialects=built.dialects,
            heart=heart,
            drain=drain,
            bodies=config.log.bodies,
            cors=Cors(config.server.cors),
            statement=statement.answer,
        )
        urls = [url_of(listener, tls=built.tls is not None) for listener in listeners]
        invitation = await admitted(gateway, built, store, urls)
        running = Running(built=built, store=store, upstreams=upstreams, urls=urls, drain=drain, invitation=invitation)
        task_status.started(running)
        await listen.serve(
            gateway.handle,
            listeners=listeners,
            limits=Limits(body=config.server.max_body),
            drain=drain,
            on_crash=crashed,
            tls=built.tls,
            names=config.server.names,
        )
        nursery.cancel_scope.cancel()


async def admitted(gateway: Gateway, built: Built, store: Store, urls: list[str]) -> str:
    """Open the admin of *gateway*, if it is to have one; gives the invitation, while nobody has an account."""
    if not built.config.admin.enabled:
        return ""
    admin = await front.opened(gateway, built, store, urls)
    gateway.admin = admin.handle
    with suppress(StoreUnavailable):
        return admin.desk.invitation if await admin.desk.welcoming() else ""
    return ""


async def listening(config: Config) -> list[trio.SocketListener]:
    """The listeners; the first thing that is opened, since another gateway may have the port."""
    server = config.server
    try:
        return await listen.open_listeners([listen.Address(server.host, server.port)])
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
        place = config.layers.label(("server", "port"))
        raise ConfigError([f"{place}: can't listen on {server.host}, port {server.port}: {why}"]) from error


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


def url_of(listener: trio.SocketListener, *, tls: bool) -> str:
    """The address of *listener*, as a client on this machine uses it."""
    host, port = listener.socket.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # translated, not bound
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def crashed(raised: BaseException) -> None:
    """What left a connection's handler: a bug of ours, and the end of that connection only."""
    log.error("a connection crashed", exc_info=raised)
