"""Models: the names that callers may ask for, and what they cost.

the store's   listed here, in an order; asked before the configuration's
the configuration's   aliases and exact rules of the stage ``model_map``; they can be looked at
known   what upstreams offer
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import attrs
import msgspec
import trio
from msgspec import UNSET, UnsetType

from pipeline.admin.desk import Ask
from pipeline.admin.prices import Price, catalogue, priced
from pipeline.admin.refusal import Refused, absent, misfit
from pipeline.admin.route import Route, delete, get, patch, post, put
from pipeline.admin.text import Maybe, Word
from pipeline.dialect import Model as Offered
from pipeline.events import Answer, Batch
from pipeline.exchange import Out, unasked
from pipeline.prompt import Prompt
from pipeline.store import models as stored
from pipeline.store.database import Database
from pipeline.store.models import ModelRow

ORDER = "order"  # no model's name here: /models/order is their order
PATIENCE = 5.0  # seconds that upstreams may take to list what they have


class NewModel(msgspec.Struct, forbid_unknown_fields=True):
    """A name callers may ask for.  *target*: as upstreams know it; *upstreams*: who may answer, best first."""

    id: Word
    target: Maybe = ""
    upstreams: list[Word] = []  # msgspec copies it for each
    enabled: bool = True


class ModelChanges(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be different; what is left out stays."""

    target: Maybe | UnsetType = UNSET
    upstreams: list[Word] | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """The models in their order; those that are left out follow."""

    ids: list[Word]


class Model(msgspec.Struct):
    """A name callers may ask for; *price*: of its target, where one is known."""

    id: str
    target: str
    upstreams: list[str]
    enabled: bool
    position: int
    source: Literal["store", "config"]
    price: Price | None = None


class Models(msgspec.Struct):
    """All of them; *known*: what upstreams offer."""

    models: list[Model]
    known: list[str]


class OneModel(msgspec.Struct):
    """One of them."""

    model: Model


# -- calls ------------------------------------------------------------------------------------------------------------


async def listed(ask: Ask) -> Models:
    """All models, the store's first, and what upstreams offer beside."""
    rows = await ask.read(stored.listed)
    prices = await catalogue(ask)
    models = [*(view(row) for row in rows), *configured(ask, {row.id for row in rows})]
    for model in models:
        model.price = priced(ask, prices, model.target or model.id, model.upstreams)
    return Models(models, [model.id for model in await offered(ask)])


async def create(ask: Ask, body: NewModel) -> OneModel:
    """Put a model into the list, behind the others."""
    check(ask, body.upstreams)
    made = await ask.change("model.create", body.id, lambda db: added(db, body, ask.now), msgspec.to_builtins(body))
    return OneModel(view(made))


async def change(ask: Ask, id: str, body: ModelChanges) -> OneModel:  # noqa: A002  # as the path has it
    """Change a model of the list."""
    if body.upstreams is not UNSET:
        check(ask, body.upstreams)

    made = await ask.change("model.change", id, lambda db: changed(db, id, body), msgspec.to_builtins(body))
    return OneModel(view(made))


async def remove(ask: Ask, id: str) -> None:  # noqa: A002  # as the path has it
    """Take a model from the list."""
    await ask.change("model.remove", id, lambda db: stored.remove(db, found(db, id).id))


async def order(ask: Ask, body: Order) -> Models:
    """Put the models in another order."""
    try:
        await ask.change("model.order", "", lambda db: stored.order(db, body.ids), msgspec.to_builtins(body))
    except stored.NoModel as error:
        raise misfit("ids", f"there is no model {error} in the list") from None
    return await listed(ask)


ROUTES: tuple[Route, ...] = (
    get("/models", listed),
    post("/models", create, status=201, refuses=(409,)),
    put(f"/models/{ORDER}", order),
    patch("/models/{id}", change, refuses=(404,)),
    delete("/models/{id}", remove, refuses=(404,)),
)


# -- as they are stored -----------------------------------------------------------------------------------------------


def added(db: Database, body: NewModel, now: int) -> ModelRow:
    """The model that *body* describes, put behind the others.  Raises Refused (409)."""
    if body.id == ORDER:
        raise Refused(409, "reserved", f"{ORDER} has a meaning of its own in the API")
    try:
        return stored.add(db, ModelRow(body.id, body.target, tuple(body.upstreams), body.enabled), now)
    except stored.ModelExists:
        raise Refused(409, "exists", f"there is a model {body.id} in the list") from None


def changed(db: Database, id: str, body: ModelChanges) -> ModelRow:  # noqa: A002  # the model's
    """The model called *id*, with what *body* says of it.  Raises Refused (404)."""
    row = found(db, id)
    row = attrs.evolve(
        row,
        target=row.target if body.target is UNSET else body.target,
        upstreams=row.upstreams if body.upstreams is UNSET else tuple(body.upstreams),
        enabled=row.enabled if body.enabled is UNSET else body.enabled,
    )
    stored.change(db, row)
    return row


# -- what there is ----------------------------------------------------------------------------------------------------


def found(db: Database, id: str) -> ModelRow:  # noqa: A002  # the model's
    """The model called *id*.  Raises Refused (404)."""
    for row in stored.listed(db):
        if row.id == id:
            return row
    raise absent("model in the list")


def check(ask: Ask, upstreams: list[str]) -> None:
    """Raises Refused (409) for a name that is no upstream's."""
    for number, name in enumerate(upstreams):
        if ask.desk.upstream(name) is None:
            raise misfit(f"upstreams[{number}]", f"there is no upstream {name}")


def view(row: ModelRow) -> Model:
    """*row* as it is told."""
    return Model(row.id, row.target, list(row.upstreams), row.enabled, row.position, "store")


def configured(ask: Ask, hidden: set[str]) -> Iterator[Model]:
    """The models that the configuration names, but for those the store has under the same name."""
    stage = dict(ask.desk.built.line.stages).get("model_map")
    listing: Iterable[tuple[str, str, Sequence[str]]] = getattr(stage, "listed", tuple)()
    for position, (name, target, upstreams) in enumerate(listing, 1):
        if name not in hidden:
            yield Model(name, target, list(upstreams), True, position, "config")


async def offered(ask: Ask) -> list[Offered]:
    """What upstreams offer, as the line's source tells a caller; nothing, if it takes too long."""
    gateway = ask.desk.gateway
    dialect = next((each for each in gateway.dialects.values() if hasattr(each, "decode_models")), None)
    if dialect is None:
        return []
    prompt, upstreams = Prompt(dialect.NAME, b"{}"), list(gateway.upstreams)
    exchange = unasked(dialect, "models", prompt, method="GET", target="/v1/models?limit=1000", upstreams=upstreams)
    kept = Kept()
    with trio.move_on_after(PATIENCE):
        await gateway.line.source(exchange, kept)
    return [model for body in kept.bodies for model in dialect.decode_models(body)]


class Kept(Out):
    """Keeps the answers that a source sends."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def push(self, batch: Batch) -> None:
        """Keep what *batch* answers."""
        self.bodies += [event.body for event in batch if isinstance(event, Answer)]
