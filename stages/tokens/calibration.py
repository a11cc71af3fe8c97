"""Calibration: a model's factor, learned from what its upstream reports.

    the upstream's tokens ─ fixed
    ─────────────────────────────  = one observation ─▶ moving mean, and how far observations lie from it
       our words

Exponentially weighted, so that it follows a change of tokenizer behind a name; the table's factor counts as a quarter
of an observation.  What would say little (short prompts, mostly pictures) or nothing sensible (a factor beyond all that
exists) is left out.  In memory, bounded, forgotten at the end.
"""

from collections import OrderedDict
from math import sqrt

import attrs

from stages.tokens.scales import Scale, Sum

LEAST = 300  # words from which on an observation says something
FRAME = 0.5  # the part of a prompt that may be something else than words
LOW, HIGH = 0.4, 4.0  # factors that any tokenizer might have
TABLE = 0.25  # what the table's factor weighs, in observations
SLOWEST = 0.1  # what a new observation weighs at least, however many there were
MODELS = 512  # that are remembered

Name = tuple[str, str]  # upstream, model


@attrs.define
class Calibration:
    """A factor, and how far off it may be."""

    factor: float
    variance: float
    seen: int = 0

    @property
    def error(self) -> float:
        """Half the width of a bar that holds 19 of 20 prompts, as a part of the factor."""
        return min(2 * sqrt(self.variance) / self.factor, 1.0)

    def observe(self, factor: float) -> None:
        """Take one observation in."""
        self.seen += 1
        weight = max(1 / (self.seen + TABLE), SLOWEST)
        step = factor - self.factor
        self.factor += weight * step
        self.variance = (1 - weight) * (self.variance + weight * step * step)


@attrs.define
class Calibrations:
    """Those of all models that were seen."""

    _known: OrderedDict[Name, Calibration] = attrs.field(factory=OrderedDict)

    def of(self, name: Name, scale: Scale) -> Calibration:
        """The calibration of *name*; the table's, where nothing was observed."""
        known = self._known.get(name)
        return known or Calibration(scale.factor, (scale.factor * scale.spread / 2) ** 2)

    def learn(self, name: Name, scale: Scale, held: Sum, reported: int) -> None:
        """Take in that a prompt which held *held* had *reported* tokens."""
        spoken, fixed = held.spoken(scale), held.fixed(scale)
        if spoken < LEAST or fixed > reported * FRAME:
            return
        factor = (reported - fixed) / spoken
        if not LOW <= factor <= HIGH:
            return
        calibration = self._known[name] = self.of(name, scale)
        self._known.move_to_end(name)
        calibration.observe(factor)
        while len(self._known) > MODELS:
            self._known.popitem(last=False)
