"""What is configured, and where each value came from; and who changed what while the gateway ran."""

from collections.abc import Iterator
from typing import Annotated, Any

import attrs
import msgspec
from msgspec import Meta

from pipeline.admin import audit
from pipeline.admin.audit import Entry
from pipeline.admin.desk import Ask
from pipeline.admin.masked import masked, pairs
from pipeline.admin.route import Route, get
from pipeline.layers import spell
from pipeline.problems import Path

SECTIONS = ("server", "log", "metrics", "capture", "traces", "store", "admin")


class Setting(msgspec.Struct):
    """One setting; secrets are covered.  *origin*: where it stands."""

    path: str
    value: Any
    origin: str


class Settings(msgspec.Struct):
    """All of them; *problems*: what is wrong with a later one, which is not in force because of that."""

    settings: list[Setting]
    problems: list[str]


class Page(msgspec.Struct):
    """Which page."""

    before: Annotated[str, Meta(max_length=200)] = ""
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class Audit(msgspec.Struct):
    """A page of the audit, the newest first; *next*: what to ask for the next one."""

    entries: list[Entry]
    next: str | None


async def show(ask: Ask) -> Settings:
    """What is configured, with defaults, and where each value stands."""
    layers = ask.desk.config.layers
    found = [Setting(spell(path), value, layers.origin(path)) for path, value in settings(ask)]
    return Settings(found, ask.desk.gateway.loaded.problems)


def settings(ask: Ask) -> Iterator[tuple[Path, Any]]:
    """Path and covered value of every setting."""
    config, built = ask.desk.config, ask.desk.built
    tables: list[tuple[Path, Any]] = [((name,), getattr(config, name)) for name in SECTIONS]
    tables += [(("upstreams", name), upstream) for name, upstream in config.upstreams.items()]
    stages: dict[str, Any] = dict(built.line.stages)
    stages |= {name: stage for plan in built.plans for name, stage in plan.stages}
    stages |= {built.order.source.name: built.line.source, built.order.sink.name: built.line.sink}
    tables += [((name,), stage) for name, stage in stages.items() if attrs.has(type(stage))]
    for path, table in tables:
        covered = masked(table)
        for name, _ in pairs(table):
            yield (*path, name), covered[name]


async def changes(ask: Ask, query: Page) -> Audit:
    """Who changed what, the newest first."""
    entries, following = await ask.read(lambda db: audit.page(db, query.before, query.limit))
    return Audit(entries, following)


ROUTES: tuple[Route, ...] = (get("/settings", show), get("/audit", changes))
