"""Models: the names that callers may ask for, as an operator listed them.

    id ──▶ target, as upstreams know it · upstreams that may answer, best first · enabled

Listed while the gateway runs; ``Snapshot`` carries them to the stage that maps names.  A model that is listed and not
enabled is refused as if nobody had it.  All of it blocks, within a transaction.
"""

from collections.abc import Sequence

import attrs
import msgspec

from pipeline.store.database import Database
from pipeline.store.facts import changed
from pipeline.store.record import clean

VERSION = "models"


class NoModel(LookupError):
    """There is no such model in the store."""


class ModelExists(ValueError):
    """A model of this name is in the store."""


@attrs.frozen
class ModelRow:
    """One name."""

    id: str
    target: str = ""  # "": the same
    upstreams: tuple[str, ...] = ()  # (): whoever has it
    enabled: bool = True
    position: int = 0
    created: int = 0  # ms


def listed(db: Database) -> tuple[ModelRow, ...]:
    """All of them, in their order."""
    rows = db.rows("SELECT id, target, upstreams, enabled, position, created FROM models ORDER BY position, id")
    return tuple(
        ModelRow(row[0], row[1], msgspec.json.decode(row[2], type=tuple[str, ...]), bool(row[3]), row[4], row[5])
        for row in rows
    )


def add(db: Database, model: ModelRow, now: int) -> ModelRow:
    """Put *model* behind the others.  Raises ModelExists."""
    there = listed(db)
    if any(each.id == model.id for each in there):
        raise ModelExists(model.id)
    position = max((each.position for each in there), default=0) + 1
    model = attrs.evolve(model, id=clean(model.id), target=clean(model.target), position=position, created=now)
    db.run(
        "INSERT INTO models (id, target, upstreams, position, enabled, created) VALUES (?, ?, ?, ?, ?, ?)",
        (model.id, model.target, _names(model), model.position, int(model.enabled), model.created),
    )
    changed(db, VERSION)
    return model


def change(db: Database, model: ModelRow) -> None:
    """Store what *model* says now of its target, its upstreams, and whether it is enabled.  Raises NoModel."""
    _known(db, model.id)
    db.run(
        "UPDATE models SET target = ?, upstreams = ?, enabled = ? WHERE id = ?",
        (clean(model.target), _names(model), int(model.enabled), model.id),
    )
    changed(db, VERSION)


def remove(db: Database, model: str) -> None:
    """Forget *model*.  Raises NoModel."""
    _known(db, model)
    db.run("DELETE FROM models WHERE id = ?", (model,))
    changed(db, VERSION)


def order(db: Database, ids: Sequence[str]) -> None:
    """Put the models *ids* first, in that order; the others follow as they were.  Raises NoModel."""
    there = [model.id for model in listed(db)]
    for model in ids:
        if model not in there:
            raise NoModel(model)
    wanted = [*dict.fromkeys(ids), *(model for model in there if model not in ids)]
    db.many("UPDATE models SET position = ? WHERE id = ?", [(at, model) for at, model in enumerate(wanted, 1)])
    changed(db, VERSION)


def _names(model: ModelRow) -> str:
    return msgspec.json.encode(model.upstreams).decode()


def _known(db: Database, model: str) -> None:
    if not db.rows("SELECT 1 FROM models WHERE id = ?", (model,)):
        raise NoModel(model)
