"""Explain: the line as it will run, drawn.

    up      client ─▶ auth ─▶ model_map ─▶ thinking_suffix ─▶ limits ─▶ meter ─▶ forward
    down    client ◀─ reencode ◀═ channel ═◀ [ limits ◀ meter ◀ forward ]

Read from the stages' code (``shape``), since nothing has run yet; how joints are made is ``line``'s rule, told here.
"""

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, get_args, get_origin, get_type_hints

from pipeline.declared import declared
from pipeline.loading import Built
from pipeline.shape import Shape, body, shape

Row = tuple[str, ...]

DOWN = {"nothing": "–", "fused": "fused", "waits": "waits", "unknown": "fused?"}


def explain(built: Built) -> str:
    """What runs on the way up and down, what is fused, where the channels are, who declares what; several lines."""
    return "\n".join([*_up(built), "", *_down(built), "", *_stages(built), "", *_declared(built)])


def _up(built: Built) -> Iterable[str]:
    source = built.order.source.name
    yield "up      " + " ─▶ ".join(["client", *(name for name, _ in built.line.stages), source])
    for plan in built.plans:
        where = "".join(map(str, plan.place)) if plan.place else f"{plan.config.serve}, beside the gateway"
        steps = [*(name for name, _ in plan.stages), f"{plan.dialect.NAME}: {where}"]
        yield f"        {source} at {plan.name}: " + " ─▶ ".join(steps)


def _down(built: Built) -> Iterable[str]:
    """The segments of the reply, each one task; a channel stands between two."""
    parts = segments(built.order.source.name, [(name, shape(stage)) for name, stage in built.line.stages])
    tasks = [f"[ {' ◀ '.join(reversed(part))} ]" for part in reversed(parts)]
    sink = built.order.sink.name
    yield "down    " + f"client ◀─ {sink} ◀═ channel ═◀ " + " ◀═ channel ═◀ ".join(tasks)
    yield "        [ … ] is fused: one task, one call for a batch of events"
    yield f"        a stream: {count(len(tasks) + 1, 'task')}, {count(len(tasks), 'channel')}"
    if len(tasks) == 1:
        yield "        a reply that is not streamed: 1 task, no channel"
    else:
        yield f"        a reply that is not streamed: {count(len(tasks), 'task')}, {count(len(tasks) - 1, 'channel')}"
    for plan in built.plans:
        reading = [name for name, stage in plan.stages if shape(stage).down != "nothing"]
        if reading:
            yield f"        {built.order.source.name} at {plan.name}: " + " ◀ ".join(["commit", *reading, "decoder"])


def segments(source: str, stages: Sequence[tuple[str, Shape]]) -> list[list[str]]:
    """What runs in one task, from the upstream to the client: a transform that waits begins a new one."""
    parts = [[source]]
    for name, each in reversed(stages):
        if each.down == "waits":
            parts.append([f"{name} (waits)"])
        elif each.down != "nothing":
            parts[-1].append(name if each.down == "fused" else f"{name}?")
    return parts


def _stages(built: Built) -> Iterable[str]:
    """A row for each stage; those of attempts by upstream, where upstreams differ."""
    rows: list[Row] = [("stage", "up", "down", "after", "")]
    rows += [row(name, stage) for name, stage in built.line.stages]
    attempts = [row(name, stage) for plan in built.plans for name, stage in plan.stages]
    rows += dict.fromkeys(attempts)  # of what upstreams have in common, one
    rows.append((built.order.source.name, "the source", "", "", about(built.line.source)))
    rows.append((built.order.sink.name, "", "the sink", "", about(built.line.sink)))
    yield from aligned(rows)
    if any(row[2] == DOWN["unknown"] for row in rows):
        yield "fused?: its code does not tell; an async transform gets a task and channels of its own"


def _declared(built: Built) -> Iterable[str]:
    """What stages declare, a row for each that does."""
    rows: list[Row] = [("stage", "reads", "changes", "needs")]
    named = [*built.line.stages, *(pair for plan in built.plans for pair in plan.stages)]
    for name, stage in dict([*named, (built.order.source.name, built.line.source)]).items():
        said = declared(stage)
        words = [", ".join(sorted(each)) or "–" for each in (said.reads, said.changes, said.needs)]
        if any(word != "–" for word in words):
            rows.append((name, *words))
    yield from aligned(rows)


def row(name: str, stage: Callable[..., Any]) -> Row:
    """What *stage* does, in five words."""
    shaped = shape(stage)
    up = "awaited" if shaped.waits_up else "may wait" if may_wait(stage) else "called"
    return name, up, DOWN[shaped.down], "tail" if shaped.tail else "–", about(stage)


def may_wait(stage: Callable[..., Any]) -> bool:
    """Whether *stage*, which is no coroutine, says that at times it gives back one: ``-> Awaitable[None] | None``."""
    try:
        given = get_type_hints(body(stage)).get("return")
    except (NameError, TypeError):  # names that only a type checker knows
        return False
    return any(get_origin(each) in (Awaitable, Coroutine) for each in (given, *get_args(given)))


def about(stage: Callable[..., Any]) -> str:
    """The first line of the docstring of *stage*."""
    plain = inspect.isroutine(stage) or inspect.isclass(stage)
    text = inspect.getdoc(stage if plain else type(stage)) or inspect.getdoc(body(stage)) or ""
    return text.partition("\n")[0]


def aligned(rows: Sequence[Row]) -> list[str]:
    """*rows* with their columns below each other."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def count(number: int, noun: str) -> str:
    """``1 task``, ``2,000 tasks``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
