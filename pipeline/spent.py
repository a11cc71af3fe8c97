"""Spent: what each stage takes on the way up, over all exchanges.

    every exchange, when it is over ──seconds by stage──▶ kept ──TOGETHER, or someone looks──▶ counted
                                                                      times · seconds · how many took how long

A request runs eight stages or more, so that a search and three sums for each were a hundredth of all its work.  To
keep a dictionary costs nothing; and of many values together, sorted, it is the steps that are searched for.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import attrs

STEPS = (5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 5e-2)  # seconds
TOGETHER = 64  # exchanges that are counted together; more would take so long that others notice


@attrs.define
class Taken:
    """How often a stage ran, for how long altogether (seconds), and how often up to each of STEPS, and for longer."""

    times: int = 0
    seconds: float = 0.0
    steps: list[int] = attrs.field(factory=lambda: [0] * (len(STEPS) + 1))

    def add(self, values: Sequence[float]) -> None:
        """It ran as often, and took *values*, the least first."""
        self.times += len(values)
        self.seconds += sum(values)
        upto = [0, *(bisect_right(values, step) for step in STEPS), len(values)]
        self.steps = [was + end - begin for was, (begin, end) in zip(self.steps, pairwise(upto), strict=True)]


@attrs.define(eq=False)
class Spent:
    """What all stages have taken."""

    _kept: list[Mapping[str, float]] = attrs.field(factory=list)
    _stages: defaultdict[str, Taken] = attrs.field(factory=lambda: defaultdict(Taken))

    def add(self, seconds: Mapping[str, float]) -> None:
        """An exchange is over whose stages took *seconds*, by name."""
        self._kept.append(seconds)
        if len(self._kept) >= TOGETHER:
            self._count()

    @property
    def stages(self) -> Mapping[str, Taken]:
        """All of it by now, by the stage's name."""
        self._count()
        return self._stages

    def _count(self) -> None:
        kept, self._kept = self._kept, []
        lines: defaultdict[tuple[str, ...], list[Iterable[float]]] = defaultdict(list)
        for seconds in kept:  # most have run the same stages: turned over, they are a column for each
            lines[tuple(seconds)].append(seconds.values())
        for names, rows in lines.items():
            for name, column in zip(names, zip(*rows, strict=True), strict=True):
                self._stages[name].add(sorted(column))
