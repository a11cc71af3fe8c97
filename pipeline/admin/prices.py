"""Prices: what models cost, whoever set it.

    set here ──▶ before those of a file of one's own, before those that come with us; who knows a model first counts
    rerate   ──▶ what requests of a time would cost by the prices that hold now; and, if wanted, do

What a document means is the business of the stage that bills (``stages.prices``), reached by name.
"""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pipeline.admin.desk import Ask
from pipeline.admin.refusal import absent, misfit
from pipeline.admin.route import Route, delete, get, post
from pipeline.admin.text import Glob, Moment, Word
from pipeline.naming import load
from pipeline.store import prices as stored
from pipeline.store import requests
from pipeline.store.prices import PriceRow
from pipeline.store.usage import Span

Rate = Annotated[int, Meta(ge=0, le=10**12, description="Micro-dollars per million tokens.")]
Times = Annotated[float, Meta(ge=0, le=1000)]


class Tier(msgspec.Struct, forbid_unknown_fields=True):
    """Rates for prompts of more than *above* tokens."""

    above: Annotated[int, Meta(ge=1, le=10**9)]
    input: Rate
    output: Rate
    cache_read: Rate
    cache_write_5m: Rate
    cache_write_1h: Rate


class NewPrice(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A price that is to hold from *since* on.  What is not said of the cache costs as much as input.

    *factors*: what a term of service multiplies the cost by: {"service_tier": {"batch": 0.5}}.
    """

    model: Glob
    upstream: Glob = "*"
    input: Rate
    output: Rate
    cache_read: Rate | UnsetType = UNSET
    cache_write_5m: Rate | UnsetType = UNSET
    cache_write_1h: Rate | UnsetType = UNSET
    tiers: list[Tier] = []  # msgspec copies it for each
    factors: dict[Word, dict[Word, Times]] | UnsetType = UNSET
    since: Moment | UnsetType = UNSET


class Price(msgspec.Struct, kw_only=True):
    """What the models that a glob fits cost.  *editable*: it was set here, and can be removed."""

    id: str = ""
    model: str
    upstream: str
    input: int
    output: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    tiers: list[Tier]
    factors: dict[str, dict[str, float]]
    since: int
    source: str
    editable: bool = False


class Prices(msgspec.Struct):
    """All prices there are, those that count first."""

    prices: list[Price]


class OnePrice(msgspec.Struct):
    """One of them."""

    price: Price


class Rerating(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, rename={"begin": "from", "end": "to"}):
    """Which requests are to be priced anew.  *apply*: not only to look."""

    begin: Moment
    end: Moment
    model: Glob | UnsetType = UNSET
    apply: bool = False


class Rerated(msgspec.Struct):
    """What the requests of one model cost before, and by the prices that hold now."""

    model: str
    requests: int
    before: int
    after: int


class AllRerated(msgspec.Struct):
    """The same of all of them."""

    requests: int
    before: int
    after: int
    rows: list[Rerated]


# -- calls ------------------------------------------------------------------------------------------------------------


async def listed(ask: Ask) -> Prices:
    """All prices there are, those that count first."""
    found = load("stages.prices.table:listed")(await ask.read(stored.listed), own_file(ask))
    return Prices([msgspec.convert(each, Price) for each in found])


async def create(ask: Ask, body: NewPrice) -> OnePrice:
    """Set a price.  What was billed before *since* stays as it is, until it is rerated."""
    distinct(body.tiers)
    said = msgspec.to_builtins(body)
    since = ask.now if body.since is UNSET else body.since
    document = load("stages.prices.table:document")(said)
    row = PriceRow("", since, document, f"set by {ask.user}")
    made = await ask.change("price.create", body.model, lambda db: stored.add(db, row, ask.now), said)
    return OnePrice(msgspec.convert(load("stages.prices.table:told")(made), Price))


def distinct(tiers: list[Tier]) -> None:
    """See that each of *tiers* begins somewhere else.  Raises Refused (409)."""
    if (number := load("stages.prices.reading:repeated")([tier.above for tier in tiers])) is not None:
        raise misfit(f"tiers[{number}].above", f"there is a tier above {tiers[number].above} before")


async def remove(ask: Ask, id: str) -> None:  # noqa: A002  # as the path has it
    """Remove a price that was set here."""
    try:
        await ask.change("price.remove", id, lambda db: stored.remove(db, id))
    except stored.NoPrice:
        raise absent("price that was set here") from None


async def rerate(ask: Ask, body: Rerating) -> AllRerated:
    """What requests of a time would cost by the prices that hold now; with *apply*, do cost."""
    rows, file, model = await ask.read(stored.listed), own_file(ask), (None if body.model is UNSET else body.model)
    oldest, newest = await ask.read(requests.extent)
    span = Span.between(max(body.begin, oldest), min(max(body.begin, body.end), newest + 1))
    how = load(f"stages.prices.rerating:{'apply' if body.apply else 'rerate'}")
    done, run = load("stages.prices.rerating:Rerated")(), ask.desk.store.write if body.apply else ask.read
    for day in load("stages.prices.rerating:days")(span):
        done += await run(partial(how, rows=rows, span=day, model=model, file=file))
    if body.apply:
        await ask.note("price.rerate", model or "*", {"from": body.begin, "to": body.end})
    return AllRerated(done.requests, done.before, done.after, [Rerated(*row) for row in done.rows])


ROUTES: tuple[Route, ...] = (
    get("/prices", listed),
    post("/prices", create, status=201),
    post("/prices/rerate", rerate),
    delete("/prices/{id}", remove, refuses=(404,)),
)


# -- what a model costs -----------------------------------------------------------------------------------------------


def own_file(ask: Ask) -> Path | None:
    """The operator's own file of prices, as the stage that bills has it."""
    stages = dict(ask.desk.built.line.stages)
    file: Path | None = getattr(stages.get("meter"), "prices", None)
    return file


async def catalogue(ask: Ask) -> Any:
    """All prices, to look one up in."""
    return load("stages.prices.table:catalogue")(await ask.read(stored.listed), own_file(ask))


def priced(ask: Ask, prices: Any, model: str, upstreams: list[str]) -> Price | None:
    """What *model* costs now, at the first of *upstreams* or at the first that has it."""
    named = upstreams or [each.name for each in ask.desk.gateway.upstreams if each.has(model)]
    found = load("stages.prices.table:priced")(prices, model, named[0] if named else "", ask.now)
    return None if found is None else msgspec.convert(found, Price)
