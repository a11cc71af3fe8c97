"""Usage: what the holder of a key may know of it: what it may use, how its windows stand, what was used.

    GET /v1/usage ─▶ {"key": {name, models, expires}, "windows": [{kind, models, limit, spent, held, began, ends}],
                      "totals": {"24h": {…}, "7d": {…}, "30d": {…}}, "by_model": [{id, name, …}]}

Answered by ``limits``, in the caller's way of showing a key.  Moments in ms since 1970 (0: never), money in
micro-dollars, durations in microseconds.  What other keys do is nobody's business here.
"""

from functools import partial
from typing import Any

import attrs
import msgspec

from pipeline.errors import NotFound
from pipeline.exchange import Caller, Exchange, Out
from pipeline.store import sql, usage
from pipeline.store.database import Database
from pipeline.store.windows import opened
from stages.allowance import Allowance
from stages.answers import in_json

PERIODS = ("24h", "7d", "30d")


async def answer(exchange: Exchange, out: Out, *, caller: Caller, allowance: Allowance) -> None:
    """A source: tells *caller* what there is to know.  Raises StoreUnavailable."""
    if exchange.store is None:
        raise NotFound("this gateway keeps no books")
    told = await exchange.store.read(partial(look, caller=caller, allowance=allowance, now=exchange.store.now()))
    found = in_json(msgspec.json.encode(told))
    found.head.headers.append((b"cache-control", b"no-store"))
    await out.send([found])


def look(db: Database, *, caller: Caller, allowance: Allowance, now: int) -> dict[str, Any]:
    """What the store has of *caller*.  Blocks."""
    expires = db.rows("SELECT expires FROM keys WHERE id = ?", (caller.id,))
    only = usage.Filter(key=caller.id)
    month = usage.usage(db, usage.Span.last("30d", now), by="model", only=only)
    return {
        "key": {"name": caller.name, "models": list(caller.models), "expires": expires[0][0] if expires else 0},
        "windows": windows(db, caller.id, allowance, now),
        "totals": {name: usage.totals(db, usage.Span.last(name, now), only).told() for name in PERIODS},
        "by_model": [{"id": group.id, "name": group.name, **group.totals.told()} for group in month.rows],
    }


def windows(db: Database, key: str, allowance: Allowance, now: int) -> list[dict[str, Any]]:
    """The windows of *key*'s limits as they stand *now*; one that nothing was used of begins when something is."""
    stored = {(window.models, window.kind): window for window in sql.windows(db, [key])}
    told = []
    for limit in allowance.limits:
        window = stored.get((limit.models, limit.kind)) or opened(key, limit.models, limit.kind, now)
        window.roll(now)
        told.append({"limit": limit.limit} | attrs.asdict(window, filter=attrs.filters.exclude("key")))
    return told
