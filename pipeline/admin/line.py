"""The line, as it runs: its stages in order, what each costs, and which can be switched off while it runs.

What a request can't do without stays on: who asks, what it may use and what it cost, the upstream's dialect, both ends.
A switch is remembered in the store, and holds for every gateway there within seconds; requests that run keep the line
they began with.
"""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from pipeline.admin.desk import Ask
from pipeline.admin.masked import masked
from pipeline.admin.refusal import Refused, absent
from pipeline.admin.route import Route, get, patch
from pipeline.arrange import Slot
from pipeline.declared import declared
from pipeline.explain import about, explain
from pipeline.shape import shape
from pipeline.store import facts
from pipeline.switching import switchable

Role = Literal["stage", "attempt", "source", "sink"]


class Stage(msgspec.Struct, kw_only=True):
    """A stage.  *use*: what it is; *waits*: has a task and channels of its own; *mean_us*: on the way up.

    *reads*, *changes*, *needs*: what it declares.
    """

    name: str
    use: str
    help: str
    role: Role
    position: int
    upstream: str | None = None  # of a stage that this upstream alone has
    waits: bool
    enabled: bool
    switchable: bool
    settings: dict[str, Any]
    reads: list[str]
    changes: list[str]
    needs: list[str]
    mean_us: float
    requests: int


class Line(msgspec.Struct):
    """All stages; *text*: how they are joined."""

    stages: list[Stage]
    text: str


class Switch(msgspec.Struct, forbid_unknown_fields=True):
    """Whether a stage takes part."""

    enabled: bool


async def show(ask: Ask) -> Line:
    """The stages of the line, in their order."""
    return Line(list(stages(ask)), explain(ask.desk.built))


async def switch(ask: Ask, name: str, body: Switch) -> Line:
    """Switch a stage on or off, for all requests to come."""
    if not any(stage.name == name for stage in stages(ask)):
        raise absent("stage")
    if not switchable(name):
        raise Refused(409, "not_switchable", f"a request can't do without {name}")
    what = "stage.on" if body.enabled else "stage.off"
    await ask.change(what, name, lambda db: facts.switch(db, name, on=body.enabled))
    return await show(ask)


ROUTES: tuple[Route, ...] = (get("/pipeline", show), patch("/pipeline/{name}", switch, refuses=(404, 409)))


def stages(ask: Ask) -> Iterator[Stage]:
    """The stages, in the order up; those of attempts once, and by upstream where upstreams differ."""
    built = ask.desk.built
    slots = {slot.name: slot for slot in built.order}
    position = 0
    for name, stage in built.line.stages:
        position += 1
        yield told(ask, slots[name], stage, position)
    common = {slot.name for slot in built.order.attempt}
    for plan in built.plans:
        for name, stage in plan.stages:
            if name in common and name in slots:
                common.discard(name)
                position += 1
                yield told(ask, slots[name], stage, position)
            elif name not in slots:
                position += 1
                slot = Slot(name, "attempt", plan_entry(plan.config.stages or (), name))
                yield told(ask, slot, stage, position, plan.name)
    yield told(ask, built.order.source, built.line.source, position + 1)
    yield told(ask, built.order.sink, built.line.sink, position + 2)


def plan_entry(entries: Any, name: str) -> Any:
    """The entry that gave an upstream its stage *name*."""
    return next(entry for entry in entries if name in (entry.name, entry.replace, entry.use.rpartition(":")[2]))


def told(ask: Ask, slot: Slot, stage: Any, position: int, upstream: str | None = None) -> Stage:
    """*stage* as it is told."""
    gateway = ask.desk.gateway
    taken, said = gateway.live.spent.stages.get(slot.name), declared(stage)
    return Stage(
        name=slot.name,
        use=slot.entry.use,
        help=about(stage),
        role=slot.role,
        position=position,
        upstream=upstream,
        waits=shape(stage).waits_up or shape(stage).down == "waits",
        enabled=slot.name not in gateway.running().off,
        switchable=switchable(slot.name) and slot.role in ("stage", "attempt"),
        settings=masked(stage),
        reads=sorted(said.reads),
        changes=sorted(said.changes),
        needs=sorted(said.needs),
        mean_us=round(taken.seconds / taken.times * 1e6, 1) if taken else 0.0,
        requests=taken.times if taken else 0,
    )
