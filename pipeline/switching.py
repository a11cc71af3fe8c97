"""Switching: the line without the stages that are switched off while it runs.

    as built ──off: {thinking_suffix, cache_breakpoints}──▶ the same line and upstreams, without them

What a request can't do without stays: who asks, what they may use and what it cost, the upstream's dialect, both ends.
An exchange keeps what it began with.
"""

import attrs

from pipeline.line import Line
from pipeline.stage import Stage
from pipeline.upstream import Upstream

KEPT = frozenset({"auth", "limits", "meter", "translate", "forward", "reencode"})


def switchable(name: str) -> bool:
    """Whether the stage called *name* may be switched off."""
    return name not in KEPT


@attrs.frozen(eq=False)
class Switched:
    """A line and its upstreams, without the stages *off*."""

    line: Line
    upstreams: list[Upstream]
    off: frozenset[str] = frozenset()


def switched(line: Line, upstreams: list[Upstream], off: frozenset[str]) -> Switched:
    """What is left of *line* and *upstreams* without the stages *off*."""

    def left(stages: tuple[tuple[str, Stage], ...]) -> tuple[tuple[str, Stage], ...]:
        return tuple((name, stage) for name, stage in stages if name not in off or not switchable(name))

    if not off:
        return Switched(line, upstreams)
    fewer = [attrs.evolve(upstream, stages=left(upstream.stages)) for upstream in upstreams]
    return Switched(attrs.evolve(line, stages=left(line.stages)), fewer, off)
