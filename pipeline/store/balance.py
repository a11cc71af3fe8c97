"""Balance: whether the sums are the sum of the rows.  For tests, and for whoever doubts."""

from pipeline.store.book import MEASURES
from pipeline.store.database import Database, Row
from pipeline.store.record import Flag, State

# What a row adds to each measure, as SQL; what is not here adds the column of that name.
_ADDS = {
    "requests": "1",
    "errors": "CASE WHEN error <> '' THEN 1 ELSE 0 END",
    "estimated": f"(flags & {Flag.ESTIMATED:d})",
    "unpriced": f"((flags & {Flag.UNPRICED:d}) / {Flag.UNPRICED:d})",
    "first": "CASE WHEN first > 0 THEN first ELSE 0 END",
    "firsts": "CASE WHEN first >= 0 THEN 1 ELSE 0 END",
}


def imbalance(db: Database) -> dict[str, tuple[Row, Row]]:
    """Of each table of sums that is wrong: what it has, and what the rows have, in the order of MEASURES."""
    rows = totals(db, "requests", [_ADDS.get(name, name) for name in MEASURES], f"state > {State.OPEN:d}")
    found = {table: totals(db, table, list(MEASURES), "1 = 1") for table in ("hours", "days")}
    return {table: (sums, rows) for table, sums in found.items() if sums != rows}


def totals(db: Database, table: str, measures: list[str], where: str) -> Row:
    """The sums of *measures* over *table*."""
    sums = ", ".join(f"CAST(COALESCE(SUM({measure}), 0) AS BIGINT)" for measure in measures)
    return db.rows(f"SELECT {sums} FROM {table} WHERE {where}")[0]  # noqa: S608  # words of ours
