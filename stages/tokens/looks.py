"""What a picture costs, by its size: two ways of cutting it up, and the ones that don't look.

    Patches   squares of so many pixels, a token each (or a factor more), after scaling down to an edge or a number
    Tiles     so many for the picture, so many for each square of 512 pixels of a scaled copy
    Flat      always the same

The rules are those of the vendors' vision guides; measured figures of October 2026 (256² to 12 megapixels) agree to the
token below the limits, and to 1 % above them.
"""

from math import ceil, floor, sqrt
from typing import Protocol

import attrs

from stages.tokens.weight import Picture

USUAL = (1024, 1024)  # of a picture that can't be looked at
LOW = 512  # pixels of the copy that detail "low" asks for


class Look(Protocol):
    """How a model looks at a picture."""

    def __call__(self, picture: Picture) -> int:
        """The tokens of *picture*."""


@attrs.frozen
class Flat:
    """Every picture costs the same."""

    tokens: int

    def __call__(self, picture: Picture) -> int:
        """The tokens of *picture*."""
        return self.tokens


@attrs.frozen
class Patches:
    """Squares of *side* pixels, each *times* tokens; *most* of them at most, *high* where that detail is asked for."""

    side: int
    most: int
    edge: int = 0  # pixels the longer edge is scaled down to; 0: no limit
    times: float = 1.0
    high: int = 0
    exact: bool = False  # a picture with too many is scaled to whole squares

    def __call__(self, picture: Picture) -> int:
        """The tokens of *picture*."""
        width, height = (picture.width, picture.height) if picture.width else USUAL
        edge = LOW if picture.detail == "low" and self.high else self.edge
        scale = min(1.0, edge / max(width, height)) if edge else 1.0
        most = self.high if picture.detail == "high" and self.high else self.most
        squares = ceil(width * scale / self.side) * ceil(height * scale / self.side)
        if squares > most:
            squares = self._scaled(width, height, most) if self.exact else most
        return ceil(squares * self.times - 1e-9)

    def _scaled(self, width: int, height: int, most: int) -> int:
        """The squares of a picture that is scaled down until one of its edges is whole squares."""
        shrink = sqrt(most * self.side**2 / (width * height))
        across, down = width * shrink / self.side, height * shrink / self.side
        shrink *= min(max(floor(across), 1) / across, max(floor(down), 1) / down)
        return min(ceil(width * shrink / self.side - 1e-9) * ceil(height * shrink / self.side - 1e-9), most)


@attrs.frozen
class Tiles:
    """*base* for the picture, and *tile* for each 512 pixels of a copy within 2048, its shorter edge at most 768."""

    base: int
    tile: int

    def __call__(self, picture: Picture) -> int:
        """The tokens of *picture*."""
        if picture.detail == "low":
            return self.base
        width, height = (picture.width, picture.height) if picture.width else USUAL
        scale = min(1.0, 2048 / max(width, height))
        scale *= min(1.0, 768 / (min(width, height) * scale))
        return self.base + self.tile * ceil(width * scale / 512 - 1e-9) * ceil(height * scale / 512 - 1e-9)
