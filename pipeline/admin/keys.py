"""Keys: who may ask, what they may use, and how much.

    create ─▶ the key, its secret (once), what to paste into clients
    change · rotate · reset · remove         hold within a second here, within five for other gateways

Limits and what belongs to them are settings of the stage ``limits`` for this key; here they have names of their own.
Settings of other stages are its options (``options``).
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import attrs
import msgspec
from msgspec import UNSET, Meta, UnsetType

from pipeline.admin.desk import Ask
from pipeline.admin.options import LIMITS, check
from pipeline.admin.refusal import absent, misfit
from pipeline.admin.route import Route, delete, get, patch, post
from pipeline.admin.text import Count, Glob, Moment, Name, Word, normal
from pipeline.globs import in_full
from pipeline.naming import load
from pipeline.store import keys as stored
from pipeline.store import requests, sql, transact
from pipeline.store.database import Database
from pipeline.store.windows import Window, opened

YEAR = 366 * 24 * 3600

Kind = Literal["usd_5h", "usd_week", "usd_total", "requests_minute", "tokens_minute", "streams"]
Ending = Literal["finish", "cut"]


class Limit(msgspec.Struct, forbid_unknown_fields=True):
    """The most of one kind, for the models that a glob fits; money in micro-dollars."""

    kind: Kind
    limit: Count
    models: Glob = "*"


class NewKey(msgspec.Struct, forbid_unknown_fields=True):
    """A key that is to be made.  *options*: settings of stages for this key, by the stage's name."""

    name: Name
    models: list[Glob] = msgspec.field(default_factory=lambda: ["*"])
    limits: list[Limit] = []  # msgspec copies it for each
    options: dict[Word, dict[str, Any]] = {}
    expires: Moment = 0
    enabled: bool = True
    allow_extra_usage: bool = False
    when_spent: Ending = "finish"


class KeyChanges(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be different; what is left out stays."""

    name: Name | UnsetType = UNSET
    models: list[Glob] | UnsetType = UNSET
    limits: list[Limit] | UnsetType = UNSET
    options: dict[Word, dict[str, Any]] | UnsetType = UNSET
    expires: Moment | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    allow_extra_usage: bool | UnsetType = UNSET
    when_spent: Ending | UnsetType = UNSET


class Rotation(msgspec.Struct, forbid_unknown_fields=True):
    """*overlap*: seconds for which the old secret still works."""

    overlap: Annotated[int, Meta(ge=0, le=YEAR)] = 0


class Reset(msgspec.Struct, forbid_unknown_fields=True):
    """Which windows begin anew; all, if nothing is said.  *models*: those of the limit with this glob."""

    kinds: list[Kind] | UnsetType = UNSET
    models: Glob | UnsetType = UNSET


class KeyWindow(msgspec.Struct):
    """How a limit stands: *spent* and *held* of it, since *began*, until *ends* (0: for ever)."""

    kind: str
    models: str
    limit: int
    spent: int
    held: int
    began: int
    ends: int


class Key(msgspec.Struct):
    """Who may ask.  *shown*: how its secrets begin.  *used*: last; 0: never."""

    id: str
    name: str
    enabled: bool
    expires: int
    models: list[str]
    limits: list[Limit]
    allow_extra_usage: bool
    when_spent: Ending
    options: dict[str, Any]
    created: int
    used: int
    shown: list[str]
    windows: list[KeyWindow]


class Keys(msgspec.Struct):
    """All keys."""

    keys: list[Key]


class OneKey(msgspec.Struct):
    """One key."""

    key: Key


class Paste(msgspec.Struct):
    """What to paste into a client so that it asks here."""

    client: str
    text: str


class Secret(msgspec.Struct):
    """A key with its secret: the only time it is seen."""

    key: Key
    secret: str
    paste: list[Paste]


class Amount(msgspec.Struct):
    """So much of a limit."""

    kind: str
    models: str
    amount: int


class Hold(msgspec.Struct):
    """What one running request holds of the key's limits; one whose id begins with ``ahead/`` is a process's.

    It is for all requests of a second of a busy key, also for those that are yet to come.
    """

    id: str
    at: int
    amounts: list[Amount]


class Holds(msgspec.Struct):
    """What is held."""

    holds: list[Hold]


# -- calls ------------------------------------------------------------------------------------------------------------


async def listed(ask: Ask) -> Keys:
    """All keys, in the order they were made."""
    return Keys(await ask.read(lambda db: viewed(db, stored.listed(db, ask.now), ask.now)))


async def show(ask: Ask, id: str) -> OneKey:  # noqa: A002  # as the path has it
    """One key."""
    return OneKey(await ask.read(lambda db: one(db, id, ask.now)))


async def create(ask: Ask, body: NewKey) -> Secret:
    """Make a key.  Its secret is in this answer, and nowhere else."""
    check(ask.desk.built, body.options, body.limits)
    pepper, now = ask.desk.store.keys.pepper, ask.now
    key = fresh(body, now)

    def made(db: Database) -> tuple[Key, str]:
        new, secret = stored.create(db, pepper, key, now)
        return one(db, new.id, now), secret

    view, secret = await ask.change("key.create", lambda done: done[0].id, made, detail(key))
    return Secret(view, secret, pasted(ask, view, secret))


async def change(ask: Ask, id: str, body: KeyChanges) -> OneKey:  # noqa: A002  # as the path has it
    """Change a key."""
    check(ask.desk.built, body.options or {}, body.limits or [])

    def made(db: Database) -> Key:
        stored.change(db, changed(found(db, id), body, ask.now))
        return one(db, id, ask.now)

    return OneKey(await ask.change("key.change", id, made, msgspec.to_builtins(body)))


async def remove(ask: Ask, id: str) -> None:  # noqa: A002  # as the path has it
    """Remove a key; what it has used stays in the books."""
    await ask.change("key.remove", id, lambda db: stored.remove(db, found(db, id).id))


async def rotate(ask: Ask, id: str, body: Rotation) -> Secret:  # noqa: A002  # as the path has it
    """Give a key a new secret; the old one works for a while."""
    pepper, now = ask.desk.store.keys.pepper, ask.now

    def made(db: Database) -> tuple[Key, str]:
        secret = stored.rotate(db, pepper, found(db, id).id, now, body.overlap * 1000)
        return one(db, id, now), secret

    view, secret = await ask.change("key.rotate", id, made, {"overlap": body.overlap})
    return Secret(view, secret, pasted(ask, view, secret))


async def reset(ask: Ask, id: str, body: Reset) -> OneKey:  # noqa: A002  # as the path has it
    """Begin windows of a key anew; its history is kept."""

    def made(db: Database) -> Key:
        begin_anew(db, found(db, id), body, ask.now)
        return one(db, id, ask.now)

    return OneKey(await ask.change("key.reset", id, made, msgspec.to_builtins(body)))


async def holds(ask: Ask, id: str) -> Holds:  # noqa: A002  # as the path has it
    """What running requests hold of a key's limits."""
    leases = await ask.read(lambda db: requests.holds(db, found(db, id).id))
    return Holds(
        [Hold(each.id, each.at, [Amount(kind, models, n) for models, kind, n in each.holds]) for each in leases]
    )


ROUTES: tuple[Route, ...] = (
    get("/keys", listed),
    post("/keys", create, status=201),
    get("/keys/{id}", show, refuses=(404,)),
    patch("/keys/{id}", change, refuses=(404,)),
    delete("/keys/{id}", remove, refuses=(404,)),
    post("/keys/{id}/rotate", rotate, refuses=(404,)),
    post("/keys/{id}/reset", reset, refuses=(404,)),
    get("/keys/{id}/holds", holds, refuses=(404,)),
)


# -- as they are stored -----------------------------------------------------------------------------------------------


def found(db: Database, id: str, now: int = 0) -> stored.Key:  # noqa: A002  # the key's
    """The key called *id*, with the secrets that it has at *now*.  Raises Refused (404)."""
    for key in stored.listed(db, now):
        if key.id == id:
            return key
    raise absent("key")


def fresh(body: NewKey, now: int) -> stored.Key:
    """The key that *body* describes.  Raises Refused (409)."""
    limits = {"limits": limited(body.limits)}
    limits |= {"allow_extra_usage": body.allow_extra_usage, "when_spent": body.when_spent}  # type: ignore[dict-item]  # JSON
    return stored.Key(
        id="",
        name=normal(body.name),
        enabled=body.enabled,
        expires=still_to_come(body.expires, now),
        models=tuple(body.models),
        options=optional(body.options) | {LIMITS: limits},
    )


def changed(key: stored.Key, body: KeyChanges, now: int) -> stored.Key:
    """*key* as *body* wants it.  Raises Refused (409)."""
    limits = dict(key.options.get(LIMITS, {}))
    if body.limits is not UNSET:
        limits["limits"] = limited(body.limits)
    for name in ("allow_extra_usage", "when_spent"):
        if (value := getattr(body, name)) is not UNSET:
            limits[name] = value
    others = {name: settings for name, settings in key.options.items() if name != LIMITS}
    options = others if body.options is UNSET else optional(body.options)
    return attrs.evolve(
        key,
        name=key.name if body.name is UNSET else normal(body.name),
        models=key.models if body.models is UNSET else tuple(body.models),
        expires=key.expires if body.expires is UNSET else still_to_come(body.expires, now, before=key.expires),
        enabled=key.enabled if body.enabled is UNSET else body.enabled,
        options=options | ({LIMITS: limits} if limits else {}),
    )


def still_to_come(expires: int, now: int, before: int = 0) -> int:
    """*expires*, which is never, lies ahead, or is what it was *before*.  Raises Refused (409)."""
    if expires <= now and expires not in (0, before):
        raise misfit("expires", "this moment is past; a key that is to end now is disabled")
    return expires


def limited(limits: list[Limit]) -> list[dict[str, Any]]:
    """*limits* as the stage reads them.  Raises Refused (409) for two of a kind."""
    names = [(each.kind, each.models) for each in limits]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise misfit(f"limits[{number}]", f"there is a limit of {name[0]} for {name[1]} before")
    return [msgspec.to_builtins(each) for each in limits]


def optional(options: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """*options* but for those that have names of their own.  Raises Refused (409)."""
    if LIMITS in options:
        raise misfit(f"options.{LIMITS}", "say limits, allow_extra_usage and when_spent beside options, not in them")
    return dict(options)


def begin_anew(db: Database, key: stored.Key, body: Reset, now: int) -> None:
    """Begin those windows of *key* anew that *body* names.

    A total that was never asked would begin with all that was spent before: it is made here, so that it does not.
    """

    def meant(kind: str, models: str) -> bool:
        return (body.kinds is UNSET or kind in body.kinds) and (body.models is UNSET or models == body.models)

    limits = [each for each in limits_of(key) if meant(each.kind, each.models)]
    sql.put_windows(db, [opened(key.id, each.models, each.kind, now) for each in limits], how=sql.NEW_WINDOW)
    windows = [window.name for window in sql.windows(db, [key.id]) if meant(window.kind, window.models)]
    if windows:
        transact.reset(db, windows, now)


def limits_of(key: stored.Key) -> list[Limit]:
    """The limits of *key*."""
    return [msgspec.convert(each, Limit) for each in key.options.get(LIMITS, {}).get("limits", ())]


# -- as they are told -------------------------------------------------------------------------------------------------


def one(db: Database, id: str, now: int) -> Key:  # noqa: A002  # the key's
    """The key called *id*.  Raises Refused (404)."""
    return viewed(db, [found(db, id, now)], now)[0]


def viewed(db: Database, keys: list[stored.Key], now: int) -> list[Key]:
    """*keys*, and how their limits stand."""
    windows = {window.name: window for window in sql.windows(db, [key.id for key in keys])} if keys else {}
    return [view(key, windows.get, now) for key in keys]


def view(key: stored.Key, window: Callable[[tuple[str, str, str]], Window | None], now: int) -> Key:
    """*key* as it is told; *window* finds what it has spent."""
    settings, limits = key.options.get(LIMITS, {}), limits_of(key)
    return Key(
        id=key.id,
        name=key.name,
        enabled=key.enabled,
        expires=key.expires,
        models=list(key.models),
        limits=limits,
        allow_extra_usage=settings.get("allow_extra_usage", False),
        when_spent=settings.get("when_spent", "finish"),
        options={name: value for name, value in key.options.items() if name != LIMITS},
        created=key.created,
        used=key.used,
        shown=list(key.shown),
        windows=[standing(limit, window((key.id, limit.models, limit.kind)), now) for limit in limits],
    )


def standing(limit: Limit, window: Window | None, now: int) -> KeyWindow:
    """How *limit* stands; a window that has ended counts no more."""
    if window is None:
        return KeyWindow(limit.kind, limit.models, limit.limit, 0, 0, 0, 0)
    over = window.ends != 0 and now >= window.ends
    return KeyWindow(
        limit.kind,
        limit.models,
        limit.limit,
        0 if over else window.spent,
        window.held,
        0 if over else window.began,
        0 if over else window.ends,
    )


def detail(key: stored.Key) -> dict[str, Any]:
    """What the audit says of a new *key*."""
    return {"name": key.name, "models": list(key.models), "options": key.options, "expires": key.expires}


def pasted(ask: Ask, key: Key, secret: str) -> list[Paste]:
    """What to paste into each client."""
    model = next(in_full(key.models), ask.desk.config.example_model)
    pairs = load("stages.clients:pasted")(ask.url, key=secret, model=model)
    return [Paste(client, text) for client, text in pairs]
