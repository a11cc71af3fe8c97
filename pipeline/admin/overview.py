"""The overview: what goes on now, what was used today, and how everybody is.

What workers have in memory is asked of all of them (``pipeline.peers``); the rest is in the store they share.
"""

import time
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import trio

from pipeline import __version__
from pipeline.admin.desk import Ask
from pipeline.admin.route import Route, get
from pipeline.admin.upstreams import Health, health
from pipeline.admin.usage import Totals, totals
from pipeline.exchange import Exchange
from pipeline.live import OUTPUT, WORK
from pipeline.server import Gateway
from pipeline.store import usage
from pipeline.store.usage import Span

MOST = 500  # running requests that are shown


class Running(msgspec.Struct):
    """A request that runs.  *began*: ms; *output_tokens*: about, so far."""

    id: str
    key: str
    key_name: str
    model: str
    upstream: str
    dialect: str
    session: str
    began: int
    seconds: float
    output_tokens: int


class KeyCount(msgspec.Struct):
    """How many keys there are."""

    total: int
    enabled: int


class StoreHealth(msgspec.Struct):
    """How the store is; *waiting*: records that it does not have yet."""

    kind: Literal["sqlite", "postgresql"]
    waiting: int
    ok: bool


class Configuration(msgspec.Struct):
    """How the configuration stands: the one in force is of that moment (ms); *problems*: why the last one is not."""

    at: int
    problems: list[str]
    after_a_restart: list[str]


class Mine(msgspec.Struct):
    """What one worker has in memory."""

    live: list[Running]
    running: int
    waiting: int
    ok: bool
    upstreams: list[Health]


class Overview(msgspec.Struct):
    """All at a glance; *uptime*: seconds."""

    version: str
    uptime: float
    live: list[Running]
    running: int
    today: Totals
    hour: Totals
    upstreams: list[Health]
    keys: KeyCount
    store: StoreHealth
    configuration: Configuration


async def show(ask: Ask) -> Overview:
    """What goes on now, what was used today, and how everybody is."""
    gateway, store, now = ask.desk.gateway, ask.desk.store, ask.now
    today, hour = await ask.read(
        lambda db: (usage.totals(db, Span.last("today", now)), usage.totals(db, Span.last("1h", now)))
    )
    keys = {key.id: key for key, _ in store.keys.snapshot.secrets.values()}.values()
    all_ = [mine(gateway), *(msgspec.convert(told, Mine) for told in await gateway.peers.ask("overview"))]
    live = sorted((one for each in all_ for one in each.live), key=lambda one: one.began)
    return Overview(
        version=__version__,
        uptime=round(trio.current_time() - gateway.began, 1),
        live=live[-MOST:],
        running=sum(each.running for each in all_),
        today=totals(today),
        hour=totals(hour),
        upstreams=[latest(several) for several in zip(*(each.upstreams for each in all_), strict=False)],
        keys=KeyCount(len(keys), sum(key.enabled for key in keys)),
        store=StoreHealth(
            "postgresql" if store.shared else "sqlite",
            sum(each.waiting for each in all_),
            all(each.ok for each in all_),
        ),
        configuration=Configuration(gateway.loaded.at, gateway.loaded.problems, gateway.loaded.waiting),
    )


def mine(gateway: Gateway) -> Mine:
    """What this process has in memory."""
    exchanges, store = list(gateway.live.exchanges.values()), gateway.store
    return Mine(
        live=[running(exchange) for exchange in exchanges[-MOST:]],
        running=len(exchanges),
        waiting=store.writer.waiting if store is not None else 0,
        ok=store is None or store.well,
        upstreams=[health(gateway.live, upstream) for upstream in gateway.upstreams],
    )


def tell(gateway: Gateway) -> Any:
    """The same, for another worker."""
    return msgspec.to_builtins(mine(gateway))


def latest(several: Sequence[Health]) -> Health:
    """Of what workers know of one upstream, what was learned last."""
    return max(several, key=lambda each: each.last_at or 0)


def running(exchange: Exchange) -> Running:
    """*exchange*, which is not over."""
    caller, attempt, count = exchange.caller, exchange.committed, exchange.noted(OUTPUT)
    return Running(
        id=exchange.id,
        key=caller.id if caller else "",
        key_name=caller.name if caller else "",
        model=attempt.model if attempt and attempt.model else exchange.asked,
        upstream=attempt.upstream if attempt else "",
        dialect=exchange.dialect.NAME,
        session=exchange.noted(WORK) or "",
        began=round(exchange.arrived * 1000),
        seconds=round(time.time() - exchange.arrived, 3),
        output_tokens=count() if count else 0,
    )


ROUTES: tuple[Route, ...] = (get("/overview", show),)
