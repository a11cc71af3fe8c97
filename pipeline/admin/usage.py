"""Usage: what was used, in sums and request by request, and what of it is kept.

Sums are read from tables of sums; single requests by pages of an index; an export in batches, each a transaction of its
own, written as it is read.
"""

from functools import partial
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pipeline.admin.desk import Ask
from pipeline.admin.recent import Capture, capture, held
from pipeline.admin.refusal import absent
from pipeline.admin.route import Download, Route, Send, delete, get
from pipeline.loading import Built
from pipeline.store import export, requests, usage
from pipeline.store.book import DAY
from pipeline.store.usage import Filter, Span

By = Literal["none", "key", "model", "upstream", "session", "agent"]
Period = Literal["1h", "today", "24h", "7d", "30d"]
Format = Literal["csv", "jsonl"]
Limit = Annotated[int, Meta(ge=1, le=200)]
At = Annotated[int, Meta(ge=0, le=1 << 52)]
Word = Annotated[str, Meta(max_length=200)]
MOST_BUCKETS = 1_000  # of a span that is told
PART = 5_000  # requests that one transaction removes
T = TypeVar("T")


class Totals(msgspec.Struct, kw_only=True):
    """Sums over requests.  Tokens in disjoint classes; micro-dollars; times in microseconds."""

    requests: int
    errors: int
    estimated: int
    unpriced: int
    input: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    output: int
    reasoning: int
    cost: int
    cache_hit_rate: float | None
    mean_took: int | None
    mean_first: int | None


class Bucket(Totals, kw_only=True):
    """The sums of the time that begins *at*."""

    at: int


class Group(Totals, kw_only=True):
    """The sums of one key, model, upstream, session or agent."""

    id: str
    name: str


class Usage(msgspec.Struct, rename={"begin": "from", "end": "to"}):
    """What was used; *bucket*: ms."""

    bucket: int
    begin: int
    end: int
    totals: Totals
    buckets: list[Bucket]
    rows: list[Group]


class Asked(msgspec.Struct, kw_only=True, rename={"begin": "from", "end": "to"}):
    """Which time, by what, and of what.  *from* and *to* win over *period*."""

    period: Period = "24h"
    begin: At | UnsetType = UNSET
    end: At | UnsetType = UNSET
    by: By = "none"
    key: Word | UnsetType = UNSET
    model: Word | UnsetType = UNSET
    upstream: Word | UnsetType = UNSET


class Agent(Totals, kw_only=True):
    """What one agent of a session did with one model."""

    agent: str
    parent: str
    model: str


class Work(Totals, kw_only=True):
    """A session of one key."""

    session: str
    key: str
    key_name: str
    began: int
    last: int
    agents: list[Agent]


class Sessions(msgspec.Struct):
    """A page of sessions; *next*: what to ask for the next one."""

    sessions: list[Work]
    next: str | None


class SessionPage(msgspec.Struct):
    """Which page of sessions."""

    before: Word | UnsetType = UNSET
    limit: Limit = 50
    key: Word | UnsetType = UNSET


class Request(msgspec.Struct, kw_only=True):
    """One request.  *cost*: none where no price is known; *first*: none where no event came."""

    id: str
    at: int
    key: str
    key_name: str
    dialect: str
    operation: str
    streamed: bool
    asked: str
    model: str
    upstream: str
    status: int
    stop: str
    error: str
    input: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    output: int
    reasoning: int
    cost: int | None
    estimated: bool
    suspect: bool
    reconciled: bool
    took: int
    first: int | None
    session: str
    agent: str
    changes_count: int
    lost_count: int


class Whole(Request, kw_only=True):
    """One request with its attempts, what was changed for its upstream, and what stages took (microseconds).

    *credential*: the name of what the upstream was shown.  *recent*: memory has more of it (``/recent/{id}``).
    """

    attempts: list[dict[str, Any]]
    changes: list[dict[str, Any]]
    stages: dict[str, float]
    credential: str
    price: str
    extra: dict[str, Any]
    recent: bool
    capture: Capture


class Requests(msgspec.Struct):
    """A page of requests, the newest first; *next*: what to ask for the next one."""

    requests: list[Request]
    next: str | None


class RequestPage(msgspec.Struct):
    """Which requests.  *errors*: only those that did not end well."""

    before: Word | UnsetType = UNSET
    limit: Limit = 50
    key: Word | UnsetType = UNSET
    model: Word | UnsetType = UNSET
    upstream: Word | UnsetType = UNSET
    session: Word | UnsetType = UNSET
    errors: bool = False


class Exported(msgspec.Struct, rename={"begin": "from", "end": "to"}):
    """Which requests, and as what."""

    begin: At = 0
    end: At | UnsetType = UNSET
    format: Format = "csv"


class Old(msgspec.Struct):
    """Up to when."""

    before: At


class Removed(msgspec.Struct):
    """How many requests were removed."""

    removed: int


# -- sums -------------------------------------------------------------------------------------------------------------


async def show(ask: Ask, query: Asked) -> Usage:
    """What was used: altogether, over time, and by whom or what."""
    only = filtered(query)
    span = spanned(query, ask.now)
    used = await ask.read(lambda db: usage.usage(db, span, query.by, only))
    names = configured(ask.desk.built) if query.by == "key" else {}
    return Usage(
        span.bucket,
        span.begin,
        span.end,
        totals(used.totals),
        [Bucket(at=at, **each.told()) for at, each in used.buckets],
        [Group(id=row.id, name=names.get(row.id, row.name), **row.totals.told()) for row in used.rows],
    )


def configured(built: Built) -> dict[str, str]:
    """What people call the keys of the configuration, by id: the store does not know those."""
    named: dict[str, str] = getattr(dict(built.line.stages).get("auth"), "named", {})
    return named


def spanned(query: Asked, now: int) -> Span:
    """The time that *query* means, in a bounded number of buckets."""
    if query.begin is UNSET and query.end is UNSET:
        return Span.last(query.period, now)
    end = now if query.end is UNSET else query.end
    begin = max(0, end - DAY) if query.begin is UNSET else min(query.begin, end)
    long = (end - begin) // (MOST_BUCKETS * DAY)
    return Span.between(begin, end, (long + 1) * DAY if long else None)


def filtered(query: Asked | RequestPage | SessionPage) -> Filter:
    """What *query* asks for, and no other."""
    names = ("key", "model", "upstream", "session", "errors")
    said = {name: getattr(query, name, UNSET) for name in names}
    return Filter(**{name: value for name, value in said.items() if value is not UNSET})


def totals(sums: usage.Totals) -> Totals:
    """*sums* as they are told."""
    return Totals(**sums.told())


async def sessions(ask: Ask, query: SessionPage) -> Sessions:
    """Sessions, those first that did something last, with their agents."""
    key, before = filtered(query).key, query.before or None
    (found, following), names = await ask.read(
        lambda db: (paged(lambda: usage.sessions(db, before, query.limit, key)), usage.key_names(db))
    )
    names = configured(ask.desk.built) | names
    return Sessions([session(each, names) for each in found], following)


def session(found: usage.Session, names: dict[str, str]) -> Work:
    """*found* as it is told."""
    agents = [
        Agent(agent=each.agent, parent=each.parent, model=each.model, **each.totals.told()) for each in found.agents
    ]
    return Work(
        session=found.session,
        key=found.key,
        key_name=names.get(found.key, found.key),
        began=found.began,
        last=found.last,
        agents=agents,
        **found.totals.told(),
    )


# -- requests ---------------------------------------------------------------------------------------------------------


async def listed(ask: Ask, query: RequestPage) -> Requests:
    """Requests that have ended, the newest first."""
    only, before = filtered(query), query.before or None
    (found, following), names = await ask.read(
        lambda db: (paged(lambda: requests.page(db, only, before, query.limit)), usage.key_names(db))
    )
    return Requests([msgspec.convert(requests.told(each, names), Request) for each in found], following)


async def one(ask: Ask, id: str) -> Whole:  # noqa: A002  # as the path has it
    """One request, with all that is known of it."""
    record, names = await ask.read(lambda db: (requests.one(db, id), usage.key_names(db)))
    if record is None:
        raise absent("request")
    more = {"recent": await held(ask, id) is not None, "capture": await capture(ask, id)}
    return msgspec.convert({**requests.told_whole(record, names), **more}, Whole)


def paged(page: Any) -> Any:
    """What *page* gives.  Raises Refused (404) for a cursor that is none."""
    try:
        return page()
    except ValueError:
        raise absent("page") from None


async def exported(ask: Ask, query: Exported) -> Download:
    """Requests as a file, the oldest first."""
    end = max(query.begin, ask.now if query.end is UNSET else query.end)
    media = {"csv": "text/csv", "jsonl": "application/jsonl"}[query.format]
    await ask.note("usage.export", query.format, {"from": query.begin, "to": end})
    span = Span.between(query.begin, end)
    return Download(media, f"requests.{query.format}", partial(batches, ask, span, query.format))


async def batches(ask: Ask, span: Span, kind: Format, send: Send) -> None:
    """Write the requests of *span*, as they are read."""
    names = await ask.read(usage.key_names)
    if head := export.head(kind):
        await send(head)
    position: tuple[int, str] | None = (0, "")
    while position is not None:
        found, position = await ask.read(partial(requests.batch, span=span, after=position))
        if found:
            await send(export.lines(kind, found, names))


async def remove(ask: Ask, query: Old) -> Removed:
    """Remove requests that are older; their sums stay."""
    removed, last = 0, PART
    while last >= PART:
        last = await ask.desk.store.write(lambda db: requests.remove(db, query.before, PART))
        removed += last
    await ask.note("usage.remove", "", {"before": query.before, "removed": removed})
    return Removed(removed)


ROUTES: tuple[Route, ...] = (
    get("/usage", show),
    delete("/usage", remove, status=200),
    get("/sessions", sessions, refuses=(404,)),
    get("/requests", listed, refuses=(404,)),
    get("/requests/{id}", one, refuses=(404,)),
    get("/export", exported, media=("text/csv", "application/jsonl")),
)
