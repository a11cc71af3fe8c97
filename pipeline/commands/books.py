"""Books: how a command gets at the store, beside a gateway that runs or without one.

    work(db) ─▶ done wholly or not at all, and put down in the audit ─▶ shown, as a table or as JSON

What a gateway is to notice, it notices within seconds.  Exit code 1: there is no such thing, or it can't be done.
"""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
import msgspec
import trio

from pipeline.admin import audit
from pipeline.admin.api import invalid
from pipeline.admin.refusal import Refused
from pipeline.config import Config
from pipeline.errors import StoreUnavailable
from pipeline.explain import aligned
from pipeline.flags import Flags, configuration, leaves, told
from pipeline.serving import store_of
from pipeline.store.database import Database
from pipeline.store.store import Store

T = TypeVar("T")

JSON = click.option("--json", "in_json", is_flag=True, help="Print JSON.")
CONFIG = click.option("-c", "--config", type=click.Path(path_type=Path), help="TOML file, or .env file, to read.")


def now() -> int:
    """The moment, in ms."""
    return round(time.time() * 1000)


class Books:
    """The store of a configuration, for one command."""

    def __init__(self, before: Flags, config: Path | None) -> None:
        with told():
            self.config: Config = configuration(before | ({"config": config} if config is not None else {}))

    def look(self, work: Callable[[Database], T]) -> T:
        """What *work* finds."""
        found: T = self._run(lambda store: store.read(work))
        return found

    def change(
        self,
        what: str,
        target: str | Callable[[T], str],
        work: Callable[[Database, bytes], T],
        detail: dict[str, Any] | None = None,
    ) -> T:
        """What *work* gives, with its line in the audit.  It gets the pepper of keys, too."""
        who, at = audit.operator(), now()

        def both(pepper: bytes, db: Database) -> T:
            done = work(db, pepper)
            audit.note(db, at, who, what, target if isinstance(target, str) else target(done), detail or {})
            return done

        done: T = self._run(lambda store: store.write(lambda db: both(store.keys.pepper, db)))
        return done

    def _run(self, work: Callable[[Store], Any]) -> Any:
        async def within() -> Any:
            async with store_of(self.config) as store:
                return await work(store)

        try:
            with told():
                return trio.run(within)
        except* Refused as refused:
            fail(*(str(error) for error in leaves(refused)))
        except* StoreUnavailable as outage:
            fail(*(str(error) for error in leaves(outage)))


def fail(*lines: str) -> NoReturn:
    """Say why it was not done, and exit."""
    for line in lines:
        click.echo(line, err=True)
    sys.exit(1)


def meant(said: Any, kind: Any) -> Any:
    """*said* as a *kind* of the API's; what does not fit is a wrong use of the command, told as the API tells it."""
    try:
        return msgspec.convert(said, kind)
    except msgspec.ValidationError as error:
        raise click.UsageError(str(invalid(error))) from None


# -- what is shown ----------------------------------------------------------------------------------------------------


def show(told: Any, rows: Sequence[Sequence[str]], *, in_json: bool) -> None:
    """Print *told* as JSON, or *rows*, the first of which are headings, as a table."""
    if in_json:
        click.echo(msgspec.json.format(msgspec.json.encode(told), indent=2))
    else:
        click.echo("\n".join(aligned([tuple(row) for row in rows])))


def moment(at: int) -> str:
    """*at*, in ms, as people write it; a dash for never."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at / 1000)) if at else "–"
