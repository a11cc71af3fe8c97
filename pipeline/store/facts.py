"""Facts: what every process must notice, a word and its value each.

    changed(db, "keys") ─▶ the number under it grows ─▶ every process sees that, and reads anew

Read by ``keys.version``: whoever changes what a ``Snapshot`` holds says so here, in the same transaction.
"""

from pipeline.store import sql
from pipeline.store.database import Database

WATCHED = (
    "keys",
    "prices",
    "models",
    "stages",
    "credentials",
)  # the facts whose numbers a snapshot's version is made of
OFF = "off:"  # before the name of a stage that is switched off


def changed(db: Database, what: str) -> None:
    """Let every process see that something of *what* is not as it was."""
    db.run(
        "INSERT INTO facts (name, value) VALUES (?, '1') ON CONFLICT (name) "
        "DO UPDATE SET value = CAST(CAST(facts.value AS BIGINT) + 1 AS TEXT)",
        (what,),
    )


def version(db: Database) -> str:
    """What grows with each change of WATCHED."""
    facts: dict[str, str] = dict(db.rows("SELECT name, value FROM facts"))
    return "/".join(str(facts.get(name, 0)) for name in WATCHED)


# -- stages that are switched off -------------------------------------------------------------------------------------


def switched_off(db: Database) -> frozenset[str]:
    """The names of the stages that are switched off."""
    return frozenset(name[len(OFF) :] for (name,) in db.rows("SELECT name FROM facts") if name.startswith(OFF))


def switch(db: Database, stage: str, *, on: bool) -> None:
    """Switch the stage called *stage* on or off, for all processes."""
    if on:
        db.run("DELETE FROM facts WHERE name = ?", (OFF + stage,))
    else:
        sql.PUT_FACT.into(db, [(OFF + stage, "1")])
    changed(db, "stages")
