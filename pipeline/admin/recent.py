"""Recent: the last requests, as the gateway's memory has them; also those that reached no upstream."""

from typing import Annotated, Any

import msgspec
import trio
from msgspec import Meta

from pipeline.admin.desk import Ask
from pipeline.admin.refusal import absent
from pipeline.admin.route import Route, get
from pipeline.journal import whole


class Spent(msgspec.Struct):
    """Tokens, in disjoint classes."""

    input: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    output: int
    reasoning: int


class Seen(msgspec.Struct, kw_only=True):
    """A request that is over.  *at*: ms; *cost*: dollars; times in seconds, those of stages in microseconds.

    *rule*: what chose the model and who may answer.
    """

    id: str
    at: int
    caller: str | None
    key: str | None
    session: str | None
    route: str
    dialect: str
    operation: str
    streamed: bool
    asked: str | None
    rule: str | None = None
    upstream: str | None
    model: str | None
    attempts: int
    status: int | None
    error: str | None
    why: str | None
    changes: int
    tokens: Spent | None
    cost: float | None
    seconds: float
    first: float | None
    stages: dict[str, int]
    down: dict[str, int] | None = None


class Try(msgspec.Struct, kw_only=True):
    """One try at an upstream, made because of *why*; times in seconds since the request came."""

    upstream: str
    model: str
    status: int | None
    error: str | None
    why: str | None = None
    began: float
    first: float | None
    ended: float | None


class Effect(msgspec.Struct):
    """What a stage did.  *up*, *down*: microseconds; what is null was not looked at; *edits*: of the prompt."""

    stage: str
    up: int
    down: int | None
    events: int | None
    changed: int | None
    edits: list[dict[str, Any]]


class Capture(msgspec.Struct):
    """Whether requests are captured now, and whether this one was, so that ``replay`` can send it once more."""

    on: bool
    kept: bool


class SeenWhole(Seen, kw_only=True):
    """The same with each attempt, and with what each stage did."""

    tries: list[Try]
    effects: list[Effect] = []  # msgspec copies it for each
    capture: Capture


class Recently(msgspec.Struct):
    """The last requests, the newest first."""

    requests: list[Seen]


class Last(msgspec.Struct, forbid_unknown_fields=True):
    """How many."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 50


async def listed(ask: Ask, query: Last) -> Recently:
    """The last requests, the newest first; also those that reached no upstream."""
    ours = [msgspec.json.decode(entry) for entry in ask.desk.gateway.observer.recent.listed(query.limit)]
    found = [*ours, *await theirs(ask)]
    found.sort(key=lambda entry: entry["at"], reverse=True)
    return Recently([msgspec.convert(entry, Seen) for entry in found[: query.limit]])


async def one(ask: Ask, id: str) -> SeenWhole:  # noqa: A002  # as the path has it
    """One of them, with what each stage did."""
    if (entry := await held(ask, id)) is None:
        raise absent("request")
    return msgspec.convert({**whole(entry), "capture": await capture(ask, id)}, SeenWhole)


async def held(ask: Ask, id: str) -> dict[str, Any] | None:  # noqa: A002  # the request's
    """What memory still has of the request *id*; None: nothing."""
    if (entry := ask.desk.gateway.observer.recent.one(id)) is not None:
        found: dict[str, Any] = msgspec.json.decode(entry)
        return found
    return next((other for other in await theirs(ask) if other["id"] == id), None)


async def capture(ask: Ask, id: str) -> Capture:  # noqa: A002  # the request's
    """How it stands with a capture of the request *id*."""
    if (archive := ask.desk.gateway.observer.archive) is None:
        return Capture(on=False, kept=False)
    return Capture(archive.settings.enabled, await trio.to_thread.run_sync(archive.has, id))


async def theirs(ask: Ask) -> list[dict[str, Any]]:
    """The last requests of other workers."""
    return [entry for told in await ask.desk.gateway.peers.ask("recent") for entry in told]


ROUTES: tuple[Route, ...] = (get("/recent", listed), get("/recent/{id}", one, refuses=(404,)))
