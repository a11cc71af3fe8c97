"""What an operator sets while the gateway runs, and who may; and indexes for what they look at."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Names of text columns, names of number columns, primary key.
TABLES: dict[str, tuple[str, str, str]] = {
    "models": ("id target upstreams", "position enabled created", "id"),
    "credentials": ("id upstream kind name", "expires enabled version created used", "id"),
    "flows": ("state upstream", "expires", "state"),
    "admins": ("name password", "created changed", "name"),
    "logins": ("digest admin address agent", "created seen expires", "digest"),
    "audit": ("id who what target detail", "at", "id"),
}
SEALED = frozenset({"credentials", "flows"})
INDEXES = {
    "credentials_upstream": ("credentials", ["upstream"]),
    "requests_model": ("requests", ["model", "at"]),
    "requests_upstream": ("requests", ["upstream", "at"]),
    "requests_session": ("requests", ["session", "at"]),
    "sessions_key": ("sessions", ["key", "last"]),
}


def upgrade() -> None:
    """Make them."""
    for name, (texts, numbers, key) in TABLES.items():
        columns: list[sa.Column[str] | sa.Column[int] | sa.Column[bytes]] = [
            *(sa.Column(column, sa.Text, nullable=False) for column in texts.split()),
            *(sa.Column(column, sa.BigInteger, nullable=False) for column in numbers.split()),
        ]
        if name in SEALED:
            columns.append(sa.Column("sealed", sa.LargeBinary, nullable=False))
        op.create_table(name, *columns, sa.PrimaryKeyConstraint(*key.split()))
    for name, (table, indexed) in INDEXES.items():
        op.create_index(name, table, indexed)
    failed = sa.text("error <> ''")
    op.create_index("requests_error", "requests", ["at"], sqlite_where=failed, postgresql_where=failed)


def downgrade() -> None:
    """Remove them."""
    op.drop_index("requests_error", "requests")
    for name, (table, _) in INDEXES.items():
        op.drop_index(name, table)
    for name in reversed(TABLES):
        op.drop_table(name)
