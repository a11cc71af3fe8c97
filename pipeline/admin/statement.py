"""The statement: what the holder of a key is told of it, without being an admin.

GET /v1/usage, with a key ─▶ auth ─▶ its models, its limits and how they stand, what it used
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from pipeline.admin.keys import KeyWindow, viewed
from pipeline.admin.usage import Group, Totals, totals
from pipeline.errors import Unauthenticated
from pipeline.events import Answer
from pipeline.exchange import Caller, Exchange, Out
from pipeline.store import keys as stored
from pipeline.store import usage
from pipeline.store.database import Database
from pipeline.store.usage import Filter, Span
from transports.messages import Head

PERIODS = ("24h", "7d", "30d")


class Holder(msgspec.Struct):
    """The key that asks; *expires*: ms, 0 never."""

    name: str
    models: list[str]
    expires: int


class Statement(msgspec.Struct):
    """What a key may use, and what it used; *by_model*: of 30 days."""

    key: Holder
    windows: list[KeyWindow]
    totals: dict[Annotated[str, Meta(description="24h, 7d, 30d")], Totals]
    by_model: list[Group]


async def answer(exchange: Exchange, out: Out) -> None:
    """The source: tells the caller.  Raises Unauthenticated where nobody said who that is, StoreUnavailable."""
    caller, store, now = exchange.caller, exchange.store, round(exchange.arrived * 1000)
    if caller is None or store is None:
        raise Unauthenticated
    told = await store.read(lambda db: stated(db, caller, now))
    fields = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await out.send([Answer(Head(200, fields), msgspec.json.encode(told))])


def stated(db: Database, caller: Caller, now: int) -> Statement:
    """The statement of *caller*, whose key may stand in the configuration instead of the store."""
    own = viewed(db, [key for key in stored.listed(db) if key.id == caller.id], now)
    only = Filter(key=caller.id)
    used = usage.grouped(db, Span.last("30d", now), "model", only)
    return Statement(
        Holder(caller.name, list(caller.models), own[0].expires if own else 0),
        own[0].windows if own else [],
        {period: totals(usage.totals(db, Span.last(period, now), only)) for period in PERIODS},
        [Group(id=row.id, name=row.name, **row.totals.told()) for row in used],
    )
