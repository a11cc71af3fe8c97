"""The overview: what goes on now, what was used today, and how everybody is."""

import time
from typing import Literal

import msgspec
import trio

from pipeline import __version__
from pipeline.admin.desk import Ask
from pipeline.admin.route import Route, get
from pipeline.admin.upstreams import Health, health
from pipeline.admin.usage import Totals, totals
from pipeline.exchange import Exchange
from pipeline.live import OUTPUT, WORK
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


async def show(ask: Ask) -> Overview:
    """What goes on now, what was used today, and how everybody is."""
    gateway, store, now = ask.desk.gateway, ask.desk.store, ask.now
    today, hour = await ask.read(
        lambda db: (usage.totals(db, Span.last("today", now)), usage.totals(db, Span.last("1h", now)))
    )
    keys = {key.id: key for key, _ in store.keys.snapshot.secrets.values()}.values()
    exchanges = list(gateway.live.exchanges.values())
    return Overview(
        version=__version__,
        uptime=round(trio.current_time() - gateway.began, 1),
        live=[running(exchange) for exchange in exchanges[-MOST:]],
        running=len(exchanges),
        today=totals(today),
        hour=totals(hour),
        upstreams=[health(ask, upstream) for upstream in gateway.upstreams],
        keys=KeyCount(len(keys), sum(key.enabled for key in keys)),
        store=StoreHealth("postgresql" if store.shared else "sqlite", store.writer.waiting, store.well),
    )


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
