"""Usage: what was used, in sums.  Everything here reads tables of sums, whose size is not that of the requests.

    hours ─┐
    days  ─┴─▶ totals · buckets of a span · rows by key, model, upstream          where the filter fits
    sessions ─▶ rows by session, agent · pages of sessions, newest first, with their agents

Sums have no moment within their hour, so a span is made of whole buckets: its beginning goes down to the beginning of
one, its end up.  A session counts whole, in the span in which it last did something; for a part of it, its requests are
added up (``within_sessions``).  Functions take an open transaction and block; single requests are in ``requests``.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import attrs

from pipeline.store.book import DAY, HOUR, MEASURES
from pipeline.store.database import Database, Row, marks
from pipeline.store.record import Flag, State

T = TypeVar("T")

MOST_ROWS = 1_000  # of one grouping: those that cost most
MOST_SESSIONS = 20_000  # rows of sessions that a grouping looks at: the newest
FAR = "the cursor is none that was given out"

# Of each period the span and its bucket, in ms.
PERIODS: dict[str, tuple[int, int]] = {
    "1h": (HOUR, HOUR),
    "today": (DAY, HOUR),
    "24h": (DAY, HOUR),
    "7d": (7 * DAY, 6 * HOUR),
    "30d": (30 * DAY, DAY),
}
BY = ("none", "key", "model", "upstream", "session", "agent")
_SUMS = ", ".join(f"CAST(COALESCE(SUM({measure}), 0) AS BIGINT)" for measure in MEASURES)
_PLAIN = ", ".join(MEASURES)
_WITHIN = ("key", "model", "upstream")


@attrs.frozen
class Totals:
    """Sums over requests that have ended.  Counts of tokens in disjoint classes, micro-dollars, microseconds."""

    requests: int = 0
    errors: int = 0
    estimated: int = 0  # requests with tokens that were counted here
    unpriced: int = 0  # requests whose cost is unknown, and not in the sum
    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    cost: int = 0
    took: int = 0
    first: int = 0
    firsts: int = 0  # requests that have a first event

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(*(one + more for one, more in zip(attrs.astuple(self), attrs.astuple(other), strict=True)))

    def __sub__(self, other: "Totals") -> "Totals":
        return Totals(*(one - less for one, less in zip(attrs.astuple(self), attrs.astuple(other), strict=True)))

    @property
    def prompt(self) -> int:
        """Tokens that were asked, however they are charged."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h

    @property
    def tokens(self) -> int:
        """All of them, in and out."""
        return self.prompt + self.output + self.reasoning

    @property
    def cache_hit_rate(self) -> float | None:
        """What part of the prompts came from a cache; None where nothing was asked."""
        return self.cache_read / self.prompt if self.prompt else None

    @property
    def mean_took(self) -> int | None:
        """Microseconds a request took."""
        return self.took // self.requests if self.requests else None

    @property
    def mean_first(self) -> int | None:
        """Microseconds until the first event, where one came."""
        return self.first // self.firsts if self.firsts else None

    def told(self) -> dict[str, Any]:
        """As JSON tells it."""
        sums = dict(zip(MEASURES[:11], attrs.astuple(self)[:11], strict=True))
        return sums | {name: getattr(self, name) for name in ("cache_hit_rate", "mean_took", "mean_first")}


@attrs.frozen
class Span:
    """From *begin* until before *end*, in buckets of *bucket* ms, which both are multiples of."""

    begin: int
    end: int
    bucket: int

    @classmethod
    def last(cls, period: str, now: int) -> "Span":
        """One of PERIODS, up to *now*; its last bucket is the one that is being filled.  Raises KeyError."""
        length, bucket = PERIODS[period]
        end = (now // bucket + 1) * bucket
        return cls(now // DAY * DAY if period == "today" else end - length, end, bucket)

    @classmethod
    def between(cls, begin: int, end: int, bucket: int | None = None) -> "Span":
        """What holds all of *begin* … *end*; the bucket depends on its length, unless it is told."""
        if bucket is None:
            bucket = HOUR if end - begin <= 2 * DAY else 6 * HOUR if end - begin <= 8 * DAY else DAY
        return cls(begin // bucket * bucket, max(-(-end // bucket), begin // bucket + 1) * bucket, bucket)

    @property
    def moments(self) -> range:
        """The beginnings of its buckets."""
        return range(self.begin, self.end, self.bucket)


@attrs.frozen
class Filter:
    """What is looked at; None: whatever it is.  Sums know key, model and upstream."""

    key: str | None = None
    model: str | None = None
    upstream: str | None = None
    session: str | None = None
    errors: bool = False  # those that did not end well, and no others


ALL = Filter()


@attrs.frozen
class Group:
    """The sums of one key, model, upstream, session or agent; *name* is for people."""

    id: str
    name: str
    totals: Totals


@attrs.frozen
class Usage:
    """What was used in a span: altogether, in each bucket (empty ones, too), and by what was asked for."""

    span: Span
    totals: Totals
    buckets: list[tuple[int, Totals]]  # its beginning in ms
    rows: list[Group]  # what cost most comes first


# -- sums -------------------------------------------------------------------------------------------------------------


def usage(db: Database, span: Span, by: str = "none", only: Filter = ALL) -> Usage:
    """What was used in *span*, where *only* fits; *by* is one of BY.  Raises KeyError."""
    if by in _WITHIN:
        cells = _cells(db, span, by, only)
        found, groups = (
            folded((row[0] * span.bucket, row[2:]) for row in cells),
            folded((row[1], row[2:]) for row in cells),
        )
        rows = _ranked(db, by, groups.items())
    else:
        found, rows = dict(buckets(db, span, only)), grouped(db, span, by, only)
    filled = [(at, found.get(at, Totals())) for at in span.moments]
    return Usage(span, sum(found.values(), Totals()), filled, rows)


def _cells(db: Database, span: Span, by: str, only: Filter) -> list[Row]:
    """The sums of each bucket and *by*: one walk through the table for both."""
    table, unit, where, values = _within(span, only)
    bucket = f"{table[:-1]} / {span.bucket // unit}"
    return db.rows(f"SELECT {bucket}, {by}, {_SUMS} FROM {table} {where} GROUP BY 1, 2", values)  # noqa: S608  # words of ours


def folded(rows: Iterable[tuple[T, Sequence[int]]]) -> dict[T, Totals]:
    """The sums of *rows* by what stands before them."""
    sums: dict[T, Sequence[int]] = {}
    for name, more in rows:
        before = sums.get(name)
        sums[name] = more if before is None else [one + other for one, other in zip(before, more, strict=True)]
    return {name: Totals(*figures) for name, figures in sums.items()}


def buckets(db: Database, span: Span, only: Filter = ALL) -> list[tuple[int, Totals]]:
    """The sums of each bucket in which there is anything, in their order."""
    table, unit, where, values = _within(span, only)
    wide = span.bucket // unit
    rows = db.rows(f"SELECT {table[:-1]} / {wide}, {_SUMS} FROM {table} {where} GROUP BY 1 ORDER BY 1", values)  # noqa: S608  # words of ours
    return [(row[0] * span.bucket, Totals(*row[1:])) for row in rows]


def totals(db: Database, span: Span, only: Filter = ALL) -> Totals:
    """The sums of the whole of *span*."""
    table, _, where, values = _within(span, only)
    return Totals(*db.rows(f"SELECT {_SUMS} FROM {table} {where}", values)[0])  # noqa: S608  # words of ours


def grouped(db: Database, span: Span, by: str, only: Filter = ALL) -> list[Group]:
    """The sums by *by*, one of BY: those that cost most, MOST_ROWS at most.  Raises KeyError."""
    if by not in BY:
        raise KeyError(by)
    if by == "none":
        return []
    if by not in _WITHIN:
        rows = _by_session(db, span, by, only)
    else:
        table, _, where, values = _within(span, only)
        rows = db.rows(f"SELECT {by}, {_SUMS} FROM {table} {where} GROUP BY 1", values)  # noqa: S608  # words of ours
    return _ranked(db, by, ((row[0], Totals(*row[1:])) for row in rows))


def _ranked(db: Database, by: str, groups: Iterable[tuple[str, Totals]]) -> list[Group]:
    """*groups*, those first that cost most, with the names that people know."""
    ranked = sorted(groups, key=lambda group: (-group[1].cost, -group[1].requests, group[0]))
    names = key_names(db) if by == "key" else {}
    return [Group(name, names.get(name, name), sums) for name, sums in ranked[:MOST_ROWS]]


def _within(span: Span, only: Filter) -> tuple[str, int, str, list[int | str]]:
    """The table for *span*, its unit in ms, the condition, and its values."""
    whole = span.bucket % DAY == 0 and span.begin % DAY == 0 and span.end % DAY == 0
    table, unit = ("days", DAY) if whole else ("hours", HOUR)
    where, values = [f"{table[:-1]} >= ?", f"{table[:-1]} < ?"], [span.begin // unit, span.end // unit]
    return table, unit, *_fitting(where, values, only, _WITHIN)


def _fitting(
    where: list[str], values: Sequence[int | str], only: Filter, names: Sequence[str]
) -> tuple[str, list[int | str]]:
    """The conditions *where* and those of *only* on *names*; and the values of them all."""
    said = {name: value for name in names if (value := getattr(only, name.rpartition(".")[2])) is not None}
    return "WHERE " + " AND ".join([*where, *(f"{name} = ?" for name in said)]), [*values, *said.values()]


def _by_session(db: Database, span: Span, by: str, only: Filter) -> list[Row]:
    """The sums of sessions, or agents, that last did something in *span*: among the newest MOST_SESSIONS."""
    where, values = _fitting(["last >= ?", "last < ?"], [span.begin, span.end], only, ("key", "model", "session"))
    newest = f"SELECT * FROM sessions {where} ORDER BY last DESC LIMIT {MOST_SESSIONS}"  # noqa: S608  # words of ours
    return db.rows(
        f"SELECT {by}, {_SUMS} FROM ({newest}) AS newest GROUP BY 1 ORDER BY SUM(cost) DESC LIMIT {MOST_ROWS}",  # noqa: S608  # words of ours
        values,
    )


def within_sessions(db: Database, span: Span, by: str, only: Filter = ALL) -> list[Group]:
    """The sums by session or agent of what was used in *span* itself, so that they and the rest are its totals.

    A session that reaches beyond the span is added up from its requests in it, as far as they are still there.
    """
    inside = (["began >= ?", "last < ?"], [span.begin, span.end])
    where, values = _fitting(*inside, only, ("key", "model"))
    rows = db.rows(f"SELECT {by}, {_SUMS} FROM sessions {where} GROUP BY 1", values)  # noqa: S608  # words of ours
    across = ["s.last >= ?", "s.began < ?", "(s.began < ? OR s.last >= ?)", "r.at >= ?", "r.at < ?"]
    where, values = _fitting(across, [span.begin, span.end] * 3, only, ("s.key", "s.model"))
    rows += db.rows(
        f"SELECT s.{by}, {_ADDED} FROM sessions AS s CROSS JOIN requests AS r {where} AND {_THEIRS} GROUP BY 1",  # noqa: S608  # words of ours
        values,
    )
    return _ranked(db, by, folded((row[0], row[1:]) for row in rows).items())


# The requests of a row of sessions, which they are reached by: an index must not tempt to another way.
_THEIRS = (
    "r.session = s.session AND r.agent || '' = s.agent AND r.key || '' = s.key AND r.model || '' = s.model "
    f"AND r.state > {State.OPEN:d}"
)
_ONES = {  # of the measures of requests that are no column of theirs
    "requests": "1",
    "errors": "CASE WHEN r.error <> '' THEN 1 ELSE 0 END",
    "estimated": f"CASE WHEN (r.flags & {Flag.ESTIMATED:d}) <> 0 THEN 1 ELSE 0 END",
    "unpriced": f"CASE WHEN (r.flags & {Flag.UNPRICED:d}) <> 0 THEN 1 ELSE 0 END",
    "first": "CASE WHEN r.first > 0 THEN r.first ELSE 0 END",
    "firsts": "CASE WHEN r.first >= 0 THEN 1 ELSE 0 END",
}
_ADDED = ", ".join(f"CAST(COALESCE(SUM({_ONES.get(name, f'r.{name}')}), 0) AS BIGINT)" for name in MEASURES)


def known(db: Database, what: str, name: str) -> bool:
    """Whether anything was ever used of the key, model or upstream *name*; *what* says which of the three it is."""
    if what not in _WITHIN:
        raise KeyError(what)
    return bool(db.rows(f"SELECT 1 FROM days WHERE {what} = ? LIMIT 1", (name,)))  # noqa: S608  # words of ours


def key_names(db: Database) -> dict[str, str]:
    """What people call the keys that are in the store, by id."""
    return {row[0]: row[1] for row in db.rows("SELECT id, name FROM keys")}


# -- sessions ---------------------------------------------------------------------------------------------------------


@attrs.frozen
class Agent:
    """What one agent of a session did with one model; "" is the session's own agent, and *parent* started it."""

    agent: str
    parent: str
    model: str
    began: int  # ms
    last: int
    totals: Totals


@attrs.frozen
class Session:
    """A session of one key, and its agents in the order they began."""

    session: str
    key: str
    began: int  # ms
    last: int
    totals: Totals
    agents: list[Agent]


def sessions(
    db: Database, before: str | None = None, limit: int = 50, key: str | None = None
) -> tuple[list[Session], str | None]:
    """A page of sessions, those first that did something last; and the cursor of the next page, or None.

    *before* is a cursor that was given out.  Raises ValueError if it is not.
    """
    conditions, values = [_NEWEST], list[int | str]()
    if key is not None:
        conditions.append("one.key = ?")
        values.append(key)
    if before is not None:
        conditions.append("(one.last, one.session, one.key) < (?, ?, ?)")
        values += _read(before)
    newest = db.rows(
        f"SELECT last, session, key FROM sessions AS one WHERE {' AND '.join(conditions)} "  # noqa: S608  # words of ours
        f"ORDER BY last DESC, session DESC, key DESC LIMIT {int(limit) + 1}",
        values,
    )
    page = newest[:limit]
    found = _agents(db, {(row[1], row[2]) for row in page})
    shown = [_session(session, key, found[session, key]) for _, session, key in page]
    return shown, _cursor(page) if len(newest) > limit else None


def _agents(db: Database, names: set[tuple[str, str]]) -> dict[tuple[str, str], list[Agent]]:
    """The agents of sessions, by (session, key)."""
    found: dict[tuple[str, str], list[Agent]] = {name: [] for name in names}
    if names:
        inside, values = marks(sorted({session for session, _ in names}))
        columns = f"session, key, agent, parent, model, began, last, {_PLAIN}"
        rows = db.rows(f"SELECT {columns} FROM sessions WHERE session IN ({inside}) ORDER BY began, agent", values)  # noqa: S608  # marks
        for row in rows:
            if (row[0], row[1]) in names:
                agent, parent, model, began, last = row[2:7]
                found[row[0], row[1]].append(Agent(agent, parent, model, began, last, Totals(*row[7:])))
    return found


def _session(session: str, key: str, agents: list[Agent]) -> Session:
    began, last = min(agent.began for agent in agents), max(agent.last for agent in agents)
    return Session(session, key, began, last, sum((agent.totals for agent in agents), Totals()), agents)


# Of a session's rows, the one that was written last stands for all.
_NEWEST = (
    "NOT EXISTS (SELECT 1 FROM sessions AS other WHERE other.session = one.session AND other.key = one.key AND "
    "(other.last, other.agent, other.model) > (one.last, one.agent, one.model))"
)


def _cursor(page: list[Row]) -> str:
    last, session, key = page[-1]
    return f"{last}.{len(session)}.{session}{key}"


def _read(cursor: str) -> tuple[int, str, str]:
    """What ``_cursor`` wrote.  Raises ValueError."""
    last, _, rest = cursor.partition(".")
    length, _, names = rest.partition(".")
    if not (last.isdecimal() and length.isdecimal() and len(last) < 19 and int(length) <= len(names)):
        raise ValueError(FAR)
    return int(last), names[: int(length)], names[int(length) :]
