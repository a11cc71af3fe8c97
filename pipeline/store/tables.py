"""The tables, as SQLAlchemy describes them: what the migrations lead to.

    requests ─ every request        hours, days, sessions ─ its sums        windows, leases ─ limits
    keys, secrets ─ who may ask     prices, models ─ what an operator set   instances ─ who is alive
    credentials, flows ─ what upstreams are shown, sealed                   facts ─ a few words about the store itself
    admins, logins ─ who may change all that                                audit ─ who did

Read by migrations and reports only: it takes a quarter of a second to import, and the program must start without it.
``schema.sql`` is the same, rendered for a new embedded database; a test keeps the two alike.  Numbers are whole:
micro-dollars, milliseconds since 1970, microseconds; see ``record``.
"""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from pipeline.store.book import MEASURES
from pipeline.store.record import FIELDS, NUMBERS

metadata = MetaData()


def text(name: str) -> "Column[str]":
    """A text that is always there."""
    return Column(name, Text, nullable=False)


def number(name: str) -> "Column[int]":
    """A whole number that is always there."""
    return Column(name, BigInteger, nullable=False)


def summed(
    name: str, *within: "Column[int] | Column[str]", more: tuple["Column[int] | Column[str]", ...] = ()
) -> Table:
    """A table of sums; *within* is its primary key."""
    sums = [number(measure) for measure in MEASURES]
    key = PrimaryKeyConstraint(*(column.name for column in within))
    return Table(name, metadata, *within, *more, *sums, key, sqlite_with_rowid=False)


requests = Table(
    "requests",
    metadata,
    *(number(name) if name in NUMBERS else text(name) for name in FIELDS),
    PrimaryKeyConstraint("id"),
)
Index("requests_at", requests.c.at)
for column in ("key", "model", "upstream", "session"):
    Index(f"requests_{column}", requests.c[column], requests.c.at)
Index("requests_error", requests.c.at, sqlite_where=requests.c.error != "", postgresql_where=requests.c.error != "")
Index(
    "requests_open",
    requests.c.instance,
    sqlite_where=requests.c.state == 0,
    postgresql_where=requests.c.state == 0,
)

hours = summed("hours", number("hour"), text("key"), text("model"), text("upstream"))
days = summed("days", number("day"), text("key"), text("model"), text("upstream"))
sessions = summed(
    "sessions",
    text("session"),
    text("agent"),
    text("key"),
    text("model"),
    more=(text("parent"), number("began"), number("last")),
)
Index("sessions_last", sessions.c.last)
Index("sessions_key", sessions.c.key, sessions.c.last)

windows = Table(
    "windows",
    metadata,
    text("key"),
    text("models"),
    text("kind"),
    number("began"),
    number("ends"),
    number("spent"),
    number("held"),
    PrimaryKeyConstraint("key", "models", "kind"),
    sqlite_with_rowid=False,
)

leases = Table(
    "leases",
    metadata,
    text("id"),
    text("instance"),
    number("at"),
    text("key"),
    Column("holds", LargeBinary, nullable=False),
    PrimaryKeyConstraint("id"),
)
Index("leases_instance", leases.c.instance)

keys = Table(
    "keys",
    metadata,
    text("id"),
    text("name"),
    number("enabled"),
    number("expires"),  # 0: never
    text("models"),  # JSON: globs
    text("options"),  # JSON: settings of stages, by stage
    number("created"),
    number("used"),  # last; 0: never
    PrimaryKeyConstraint("id"),
)

secrets = Table(
    "secrets",
    metadata,
    text("digest"),  # of the key, keyed with the pepper
    text("key"),
    text("shown"),  # how it begins: for people
    number("created"),
    number("expires"),  # 0: with its key
    PrimaryKeyConstraint("digest"),
)
Index("secrets_key", secrets.c.key)

prices = Table(
    "prices",
    metadata,
    text("id"),
    number("since"),
    text("document"),  # JSON
    text("source"),
    number("created"),
    PrimaryKeyConstraint("id"),
)

models = Table(
    "models",
    metadata,
    text("id"),  # as callers name it
    text("target"),  # as upstreams know it; "": the same
    text("upstreams"),  # JSON: names of those that may answer, best first; []: whoever has it
    number("position"),
    number("enabled"),
    number("created"),
    PrimaryKeyConstraint("id"),
)

credentials = Table(
    "credentials",
    metadata,
    text("id"),
    text("upstream"),
    text("kind"),  # key, oauth
    text("name"),
    Column("sealed", LargeBinary, nullable=False),
    number("expires"),  # 0: never, or not known
    number("enabled"),
    number("version"),  # grows with each change: who refreshes must have seen the last one
    number("created"),
    number("used"),
    PrimaryKeyConstraint("id"),
)
Index("credentials_upstream", credentials.c.upstream)

flows = Table(
    "flows",
    metadata,
    text("state"),  # digest of what comes back in the redirect
    text("upstream"),
    Column("sealed", LargeBinary, nullable=False),  # the verifier
    number("expires"),
    PrimaryKeyConstraint("state"),
)

admins = Table(
    "admins",
    metadata,
    text("name"),
    text("password"),  # argon2
    number("created"),
    number("changed"),
    PrimaryKeyConstraint("name"),
)

logins = Table(
    "logins",
    metadata,
    text("digest"),  # of the cookie
    text("admin"),
    text("address"),
    text("agent"),
    number("created"),
    number("seen"),
    number("expires"),
    PrimaryKeyConstraint("digest"),
)

audit = Table(
    "audit",
    metadata,
    text("id"),  # sorts by time
    number("at"),
    text("who"),
    text("what"),
    text("target"),
    text("detail"),  # JSON; no secret
    PrimaryKeyConstraint("id"),
)

instances = Table(
    "instances",
    metadata,
    text("id"),
    number("seen"),
    number("applied"),  # number of the last entry of its spool that is in these tables
    PrimaryKeyConstraint("id"),
)

facts = Table("facts", metadata, text("name"), text("value"), PrimaryKeyConstraint("name"))


def rendered(revision: str) -> str:
    """The statements that make the tables in a new embedded database, as *revision*."""
    dialect = sqlite.dialect()
    elements: list[CreateTable | CreateIndex] = []
    for table in metadata.sorted_tables:
        elements.append(CreateTable(table))
        elements += [CreateIndex(index) for index in sorted(table.indexes, key=lambda index: str(index.name))]
    made = [str(element.compile(dialect=dialect)).strip().replace(" \n", "\n") for element in elements]
    made += ["CREATE TABLE alembic_version (\n\tversion_num VARCHAR(32) NOT NULL PRIMARY KEY\n)"]
    made += [f"INSERT INTO alembic_version VALUES ('{revision}')"]  # noqa: S608  # a name of ours
    return "-- Rendered from tables.py, as its test tells.\n" + "".join(f"{statement};\n" for statement in made)
