"""How long a look into the books takes, with ten million requests in them.

    python -m bench.books [--rows 10000000] [--postgres] [--folder F]

Requests of 120 days are made by the database itself: a hundred keys (a few ask most), ten models, three upstreams,
sessions of some fifty requests with agents, one request in fifty failed.  Tables, indexes and queries are the
program's own; only the loading is faster than life, and the indexes are made after it.  Every query runs on a
connection of its own kind, as the admin's do.  Told are the first run, the median and the slowest of the others, and
the median of the CPU time in this process, which does not depend on what else the machine does.

With ``--folder`` the embedded database is kept there, and used again.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click

from pipeline.secret import Secret
from pipeline.store import requests, usage
from pipeline.store.balance import ADDS, imbalance
from pipeline.store.book import DAY, HOUR, MEASURES
from pipeline.store.database import Backend, Database, looking, within
from pipeline.store.opening import open_parts
from pipeline.store.record import FIELDS, NUMBERS
from pipeline.store.settings import Settings
from pipeline.store.usage import Filter, Span
from tests.postgres import cluster

END = 1_800_000_000_000 // DAY * DAY + 9 * HOUR  # ms: a working morning
LENGTH = 120 * DAY
PART = 250_000  # rows in one transaction
RUNS = 9
GOAL = 150.0  # ms

Query = Callable[[Database], object]

# What a row holds, as SQL over n, its number, and dice of its own (a, b, c: some 16 bits each).
ROW = {
    "id": "'req_' || CAST(1000000000 + n AS TEXT)",
    "instance": "'bench'",
    "state": "2",
    "at": "began + n * step / 1000",
    "key": "'key_' || CAST(k AS TEXT)",
    "caller": "'caller ' || CAST(k AS TEXT)",
    "session": "'session-' || CAST(k AS TEXT) || '-' || CAST(n / 5000 AS TEXT)",
    "agent": "CASE WHEN c % 4 = 0 THEN 'agent-' || CAST(c % 3 AS TEXT) ELSE '' END",
    "dialect": "'anthropic'",
    "operation": "'reply'",
    "streamed": "1",
    "asked": "'model-' || CAST((k + b % 3) % 10 AS TEXT)",
    "upstream": "'upstream-' || CAST((k + b % 3) % 3 AS TEXT)",
    "model": "'model-' || CAST((k + b % 3) % 10 AS TEXT)",
    "status": "CASE WHEN c % 50 = 0 THEN 529 ELSE 200 END",
    "stop": "CASE WHEN c % 50 = 0 THEN '' ELSE 'end_turn' END",
    "error": "CASE WHEN c % 50 = 0 THEN 'Overloaded' ELSE '' END",
    "input": "b % 3000",
    "cache_read": "a * 2",
    "cache_write_5m": "b % 5000",
    "output": "c % 2000",
    "cost": "a + b",
    "price": "'a price list of the bench'",
    "took": "1000000 + a * 100",
    "first": "200000 + b * 10",
}


@click.command(help=__doc__.partition("\n")[0])
@click.option("--rows", default=10_000_000, show_default=True, help="Requests in the books.")
@click.option("--postgres", is_flag=True, help="On PostgreSQL, in a throw-away cluster.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Keep the embedded database here.")
def main(rows: int, folder: Path | None, *, postgres: bool) -> None:
    """Fill the books if need be, and look into them."""
    with tempfile.TemporaryDirectory() as scratch, place(folder or Path(scratch), postgres=postgres) as settings:
        parts = open_parts(settings)
        parts.spool.close()
        try:
            began = time.monotonic()
            if not looking(parts.backend, lambda db: db.rows("SELECT 1 FROM requests LIMIT 1")):
                fill(parts.backend, rows)
                print(f"{rows:,} requests made in {time.monotonic() - began:,.0f} s")
            measure(parts.backend)
        finally:
            parts.backend.close()


@contextmanager
def place(folder: Path, *, postgres: bool) -> Iterator[Settings]:
    """Where the books are."""
    secret = Secret("bench")
    if not postgres:
        yield Settings(file=folder / "books.db", pepper=secret)
        return
    with cluster() as running:
        if running is None:
            raise click.ClickException("PostgreSQL is not installed (Debian: postgresql)")
        yield Settings(url=Secret(running.database()), folder=folder / "spool", pepper=secret)


# -- filling ----------------------------------------------------------------------------------------------------------


def fill(backend: Backend, rows: int) -> None:
    """Make *rows* requests, then their sums, then the indexes."""
    made = within(backend, without_indexes)
    for begin in range(0, rows, PART):
        within(backend, partial(some, begin=begin, end=min(rows, begin + PART), step=LENGTH * 1000 // rows))
    for statement in [*sums(), *made, "ANALYZE"]:
        with backend.transaction() as db:
            db.run(statement)
    wrong = looking(backend, imbalance)
    if wrong:
        raise click.ClickException(f"the sums are not those of the rows: {wrong}")


def without_indexes(db: Database) -> list[str]:
    """Drop the indexes of the table of requests; gives the statements that make them anew."""
    listed = (
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'requests' AND indexname <> 'requests_pkey'"
        if db.lock
        else "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'requests' AND sql IS NOT NULL"
    )
    found = db.rows(listed)
    for name, _ in found:
        db.run(f"DROP INDEX {name}")
    return [statement for _, statement in found]


def some(db: Database, begin: int, end: int, step: int) -> None:
    """Make the requests from number *begin* until before *end*, *step* µs apart."""
    values = [ROW.get(name, "0" if name in NUMBERS else "''") for name in FIELDS]
    db.run(
        f"INSERT INTO requests ({', '.join(FIELDS)}) "  # noqa: S608  # words of ours
        f"WITH RECURSIVE numbers(n) AS (SELECT CAST({begin} AS BIGINT) UNION ALL SELECT n + 1 FROM numbers "
        f"WHERE n < {end - 1}), "
        "diced AS (SELECT n, (n * 40503 + 7) % 65521 AS a, (n * 30011 + 3) % 65519 AS b, (n * 20021 + n / 977) % 65497 "
        f"AS c FROM numbers), keyed AS (SELECT n, a, b, c, a * (b % 1000) / 1000 * 100 / 65521 AS k, "
        f"CAST({END - LENGTH} AS BIGINT) AS began, CAST({step} AS BIGINT) AS step FROM diced) "
        f"SELECT {', '.join(values)} FROM keyed"
    )


def sums() -> Iterator[str]:
    """The statements that add up requests into the tables of sums."""
    added = ", ".join(f"CAST(SUM({ADDS.get(name, name)}) AS BIGINT)" for name in MEASURES)
    names = ", ".join(MEASURES)
    for table, unit in (("hours", HOUR), ("days", DAY)):
        yield (
            f"INSERT INTO {table} ({table[:-1]}, key, model, upstream, {names}) "  # noqa: S608  # words of ours
            f"SELECT at / {unit}, key, model, upstream, {added} FROM requests GROUP BY 1, 2, 3, 4"
        )
    yield (
        f"INSERT INTO sessions (session, agent, key, model, parent, began, last, {names}) "  # noqa: S608  # words of ours
        f"SELECT session, agent, key, model, '', MIN(at), MAX(at), {added} FROM requests GROUP BY 1, 2, 3, 4 "
        "ORDER BY MIN(at)"  # as they are put down in life: what is new stands together
    )


# -- looking ----------------------------------------------------------------------------------------------------------


def queries(db: Database) -> Iterator[tuple[str, Query]]:
    """What the admin's pages ask, the easy and the hard."""
    for period in ("24h", "7d", "30d"):
        span = Span.last(period, END - 1)
        for by in usage.BY:
            yield f"usage of {period} by {by}", partial(usage.usage, span=span, by=by)
        yield (
            f"usage of {period} by model, of a key",
            partial(usage.usage, span=span, by="model", only=Filter(key="key_1")),
        )
    yield "usage of all 120 days by key", partial(usage.usage, span=Span.between(END - LENGTH, END), by="key")
    middle = usage.sessions(db, None, 50)[1]
    yield "sessions, first page", usage.sessions
    yield "sessions, next page", partial(usage.sessions, before=middle)
    yield "sessions of a key", partial(usage.sessions, key="key_90")
    (session,), _ = usage.sessions(db, None, 1)
    filters = {
        "": Filter(),
        " of a key": Filter(key="key_1"),
        " of a rare key": Filter(key="key_98"),
        " of a model": Filter(model="model-3"),
        " of an upstream": Filter(upstream="upstream-1"),
        " of a session": Filter(session=session.session),
        " that failed": Filter(errors=True),
        " of a key and a model": Filter(key="key_1", model="model-3"),
        " of a rare key that failed": Filter(key="key_98", errors=True),
        " of a model and an upstream": Filter(model="model-3", upstream="upstream-2"),
        " of a key and a model it never asked": Filter(key="key_1", model="model-9"),
    }
    for name, only in filters.items():
        yield f"requests{name}", partial(requests.page, only=only)
    far = f"{END - LENGTH // 2}.x"
    yield "requests, a page from the middle", partial(requests.page, before=far)
    yield "requests of a key, from the middle", partial(requests.page, only=Filter(key="key_50"), before=far)
    yield "one request", partial(requests.one, id="req_1004711000")
    yield "one request's asides", partial(requests.asides, id="req_1004711000")
    span = Span.between(END - 60 * DAY, END)
    yield "export, a batch of 2,000", partial(requests.batch, span=span)
    yield "what a key holds", partial(requests.holds, key="key_1")


def measure(backend: Backend) -> None:
    """Print what each query takes, in ms."""
    print(f"{'ms':46}{'first':>9}{'median':>9}{'most':>9}{'CPU':>9}")
    slow = 0
    for name, query in looking(backend, lambda db: list(queries(db))):
        runs = [timed(backend, query) for _ in range(1 + RUNS)]
        first, taken, cpu = runs[0][0], sorted(run[0] for run in runs[1:]), sorted(run[1] for run in runs[1:])
        over = taken[RUNS // 2] > GOAL
        slow += over
        figures = (first, taken[RUNS // 2], taken[-1], cpu[RUNS // 2])
        print(f"{name:46}{''.join(f'{figure:9.1f}' for figure in figures)}{'  over' if over else ''}")
    print(f"over {GOAL:.0f} ms: {slow}")


def timed(backend: Backend, query: Query) -> tuple[float, float]:
    """How long *query* takes, and how much CPU here, in ms."""
    began, cpu = time.perf_counter(), time.thread_time()
    looking(backend, query)
    return (time.perf_counter() - began) * 1000, (time.thread_time() - cpu) * 1000


if __name__ == "__main__":
    main()
