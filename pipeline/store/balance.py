"""Balance: whether the sums are the sum of the rows that are kept.  For tests, and for whoever doubts."""

from pipeline.store.book import DAY, HOUR, MEASURES
from pipeline.store.database import Database, Row
from pipeline.store.record import Flag, State
from pipeline.store.requests import kept_since

# What a row adds to each measure, as SQL; what is not here adds the column of that name.
ADDS = {
    "requests": "1",
    "errors": "CASE WHEN error <> '' THEN 1 ELSE 0 END",
    "estimated": f"(flags & {Flag.ESTIMATED:d})",
    "unpriced": f"((flags & {Flag.UNPRICED:d}) / {Flag.UNPRICED:d})",
    "first": "CASE WHEN first > 0 THEN first ELSE 0 END",
    "firsts": "CASE WHEN first >= 0 THEN 1 ELSE 0 END",
}


def imbalance(db: Database) -> dict[str, tuple[Row, Row]]:
    """Of each table of sums that is wrong: what it has, and what the rows have, in the order of MEASURES."""
    since = kept_since(db)
    closed = f"state > {State.OPEN:d} AND at >= {since:d}"
    rows = totals(db, "requests", [ADDS.get(name, name) for name in MEASURES], closed)
    found = {
        table: totals(db, table, list(MEASURES), f"{table[:-1]} >= {since // unit:d}")
        for table, unit in (("hours", HOUR), ("days", DAY))
    }
    return {table: (sums, rows) for table, sums in found.items() if sums != rows}


def totals(db: Database, table: str, measures: list[str], where: str) -> Row:
    """The sums of *measures* over *table*."""
    sums = ", ".join(f"CAST(COALESCE(SUM({measure}), 0) AS BIGINT)" for measure in measures)
    return db.rows(f"SELECT {sums} FROM {table} WHERE {where}")[0]  # noqa: S608  # words of ours
