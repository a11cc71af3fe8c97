"""Models that callers may ask for, from a terminal.

python -m pipeline models add fast --target small-5 --upstream work
python -m pipeline models list | change | move | remove
"""

from pathlib import Path
from typing import Any

import click

from pipeline.admin import models as api
from pipeline.admin.refusal import absent
from pipeline.commands.books import CONFIG, JSON, Books, meant, now, show
from pipeline.flags import Flags
from pipeline.store import models as stored
from pipeline.store.database import Database
from pipeline.store.models import ModelRow


@click.group()
def models() -> None:
    """Models that callers may ask for, in the order in which they are listed."""


@models.command("list")
@CONFIG
@JSON
@click.pass_obj
def listed(before: Flags, /, config: Path | None, in_json: bool) -> None:
    """All models of the list."""
    tell(Books(before, config).look(stored.listed), in_json=in_json)


@models.command()
@click.argument("name")
@click.option("--target", default="", help="As upstreams know it; default: the same.")
@click.option("--upstream", "upstreams", multiple=True, help="Who may answer, best first; default: who has it.")
@click.option("--enable/--disable", "enabled", default=True, help="Whether it may be asked for.")
@CONFIG
@JSON
@click.pass_obj
def add(before: Flags, /, name: str, config: Path | None, in_json: bool, **said: Any) -> None:
    """Put a model behind the others."""
    body, books = meant({"id": name, **said}, api.NewModel), Books(before, config)
    known(books, said["upstreams"])

    def made(db: Database, pepper: bytes) -> tuple[ModelRow, ...]:
        api.added(db, body, now())
        return stored.listed(db)

    tell(books.change("model.create", name, made, said), in_json=in_json)


@models.command()
@click.argument("name")
@click.option("--target", help="As upstreams know it.")
@click.option("--upstream", "upstreams", multiple=True, help="Who may answer, best first.")
@click.option("--enable/--disable", "enabled", default=None, help="Whether it may be asked for.")
@CONFIG
@JSON
@click.pass_obj
def change(before: Flags, /, name: str, config: Path | None, in_json: bool, **said: Any) -> None:
    """Change a model of the list; what is not said stays."""
    changes = {field: value for field, value in said.items() if value not in (None, ())}
    body, books = meant(changes, api.ModelChanges), Books(before, config)
    known(books, said["upstreams"])

    def made(db: Database, pepper: bytes) -> tuple[ModelRow, ...]:
        api.changed(db, name, body)
        return stored.listed(db)

    tell(books.change("model.change", name, made, changes), in_json=in_json)


@models.command()
@click.argument("name")
@click.argument("position", type=click.IntRange(1))
@CONFIG
@JSON
@click.pass_obj
def move(before: Flags, /, name: str, position: int, config: Path | None, in_json: bool) -> None:
    """Put a model at another place in the list; the first is 1."""

    def made(db: Database, pepper: bytes) -> tuple[ModelRow, ...]:
        api.found(db, name)
        others = [row.id for row in stored.listed(db) if row.id != name]
        stored.order(db, [*others[: position - 1], name, *others[position - 1 :]])
        return stored.listed(db)

    tell(Books(before, config).change("model.order", name, made, {"position": position}), in_json=in_json)


@models.command()
@click.argument("name")
@CONFIG
@JSON
@click.pass_obj
def remove(before: Flags, /, name: str, config: Path | None, in_json: bool) -> None:
    """Take a model from the list."""

    def made(db: Database, pepper: bytes) -> tuple[ModelRow, ...]:
        try:
            stored.remove(db, name)
        except stored.NoModel:
            raise absent("model in the list") from None
        return stored.listed(db)

    tell(Books(before, config).change("model.remove", name, made), in_json=in_json)


def known(books: Books, upstreams: tuple[str, ...]) -> None:
    """Refuse a name that is no upstream's."""
    for name in upstreams:
        if name not in books.config.upstreams:
            raise click.BadParameter(f"there is no upstream {name}", param_hint="--upstream")


def tell(rows: tuple[ModelRow, ...], *, in_json: bool) -> None:
    """Print the list."""
    shown = [("", "model", "target", "upstreams", "")]
    for number, row in enumerate(rows, 1):
        named = " ".join(row.upstreams) or "whoever has it"
        shown.append((str(number), row.id, row.target or "–", named, "on" if row.enabled else "off"))
    show({"models": [api.view(row) for row in rows]}, shown, in_json=in_json)
