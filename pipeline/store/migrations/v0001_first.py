"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TOKENS = "input cache_read cache_write_5m cache_write_1h output reasoning cost took first"
SUMS = f"requests errors estimated unpriced {TOKENS} firsts"
WITHIN = "key model upstream"
ASKED = "caller session agent parent dialect operation asked"
ASKED_AT = "state at streamed status flags"

# Names of text columns, names of number columns, primary key.
TABLES: dict[str, tuple[str, str, str]] = {
    "requests": (f"id instance {WITHIN} {ASKED} stop error extra price attempts changes", f"{ASKED_AT} {TOKENS}", "id"),
    "hours": (WITHIN, f"hour {SUMS}", f"hour {WITHIN}"),
    "days": (WITHIN, f"day {SUMS}", f"day {WITHIN}"),
    "sessions": ("session agent key model parent", f"began last {SUMS}", "session agent key model"),
    "windows": ("key models kind", "began ends spent held", "key models kind"),
    "leases": ("id instance key", "at", "id"),
    "keys": ("id name models options", "enabled expires created used", "id"),
    "secrets": ("digest key shown", "created expires", "digest"),
    "prices": ("id document source", "since created", "id"),
    "instances": ("id", "seen applied", "id"),
    "facts": ("name value", "", "name"),
}
WITHOUT_ROWID = frozenset({"hours", "days", "sessions", "windows"})
INDEXES = {
    "requests_at": ("requests", ["at"]),
    "requests_key": ("requests", ["key", "at"]),
    "sessions_last": ("sessions", ["last"]),
    "leases_instance": ("leases", ["instance"]),
    "secrets_key": ("secrets", ["key"]),
}


def upgrade() -> None:
    """Make all tables."""
    for name, (texts, numbers, key) in TABLES.items():
        columns: list[sa.Column[str] | sa.Column[int] | sa.Column[bytes]] = [
            *(sa.Column(column, sa.Text, nullable=False) for column in texts.split()),
            *(sa.Column(column, sa.BigInteger, nullable=False) for column in numbers.split()),
        ]
        if name == "leases":
            columns.append(sa.Column("holds", sa.LargeBinary, nullable=False))
        primary = sa.PrimaryKeyConstraint(*key.split())
        op.create_table(name, *columns, primary, sqlite_with_rowid=name not in WITHOUT_ROWID)
    for name, (table, indexed) in INDEXES.items():
        op.create_index(name, table, indexed)
    still_open = sa.text("state = 0")
    op.create_index("requests_open", "requests", ["instance"], sqlite_where=still_open, postgresql_where=still_open)


def downgrade() -> None:
    """Remove them."""
    for name in reversed(TABLES):
        op.drop_table(name)
