"""Prices that an operator set while the gateway ran: JSON documents, which the stage that bills understands.

A price is never changed: a new one with a later beginning takes its place, so that what was billed stays explained.
All of it blocks, within a transaction.
"""

import secrets

import attrs

from pipeline.store.database import Database
from pipeline.store.facts import changed

VERSION = "prices"


class NoPrice(LookupError):
    """There is no such price in the store."""


@attrs.frozen
class PriceRow:
    """A price that an operator set: a JSON *document* that the stage which bills understands."""

    id: str
    since: int  # ms
    document: str
    source: str


def listed(db: Database) -> tuple[PriceRow, ...]:
    """All of them, in the order they were set."""
    rows = db.rows("SELECT id, since, document, source FROM prices ORDER BY created, id")
    return tuple(PriceRow(*row) for row in rows)


def add(db: Database, price: PriceRow, now: int) -> PriceRow:
    """Set *price*, under a new id."""
    price = attrs.evolve(price, id=f"price_{secrets.token_hex(8)}")
    db.run(
        "INSERT INTO prices (id, since, document, source, created) VALUES (?, ?, ?, ?, ?)",
        (price.id, price.since, price.document, price.source, now),
    )
    changed(db, VERSION)
    return price


def remove(db: Database, price: str) -> None:
    """Forget *price*.  Raises NoPrice."""
    if not db.rows("SELECT 1 FROM prices WHERE id = ?", (price,)):
        raise NoPrice(price)
    db.run("DELETE FROM prices WHERE id = ?", (price,))
    changed(db, VERSION)
