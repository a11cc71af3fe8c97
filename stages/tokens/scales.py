"""Scales: what models make of a weight, by name.

    tokens = (words + thoughts + tools + pages · 500) · factor  +  turns · 4 + … + pictures + pages · a picture's

Factors hold until something better is known: ``calibration`` learns them from what upstreams report.  Those of Claude
come from one text counted by both (1.15 before 4.7, and 1.3 times that since; ``capabilities``); the frame around turns
and tools is the vendors' own documentation's, where there is any.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase

import attrs

from stages.capabilities import capability
from stages.tokens.looks import Flat, Look, Patches, Tiles
from stages.tokens.units import Kind
from stages.tokens.weight import Picture, Weight

PAGE_WORDS = 500  # tokens of the text on a page
USUALLY = Flat(1000)  # a picture's tokens, where nothing is known


@attrs.frozen(kw_only=True)
class Scale:
    """What one family makes of a weight.  Tokens everywhere."""

    factor: float = 1.1  # for one of o200k_base
    spread: float = 0.15  # how far off the factor may be, as a part of it
    turn: int = 4  # around a turn
    prompt: int = 3  # around the whole
    tools: int = 0  # what the API says of tools, if there are any
    declared: bool = False  # tools are shown as declarations; else as JSON
    look: Look = USUALLY
    page: int = 1000  # a page as a picture


@attrs.define
class Sum:
    """All that a prompt holds."""

    words: int = 0
    written: int = 0
    declared: int = 0
    pages: int = 0
    pictures: list[Picture] = attrs.field(factory=list)
    turns: int = 0
    tools: int = 0

    def spoken(self, scale: Scale) -> int:
        """What the factor applies to."""
        return self.words + (self.declared if scale.declared else self.written) + self.pages * PAGE_WORDS

    def fixed(self, scale: Scale) -> int:
        """What it does not apply to."""
        frame = self.turns * scale.turn + scale.prompt + (scale.tools if self.tools else 0)
        return frame + self.pages * scale.page + sum(scale.look(picture) for picture in self.pictures)


def added(weighed: Iterable[tuple[Kind, Weight]]) -> Sum:
    """The sum of the units of one prompt, in their order.

    Thoughts count while the turn they led to goes on: from the last turn of the user's own.
    """
    total, thoughts, system = Sum(), 0, 0
    for kind, weight in weighed:
        total.words += weight.words
        total.written += weight.written
        total.declared += weight.declared
        total.pages += weight.pages
        total.pictures += weight.pictures
        thoughts = weight.thoughts if weight.asks else thoughts + weight.thoughts
        total.turns += kind == "turn"
        total.tools += kind == "tool"
        system |= kind == "text"
    total.words += thoughts
    total.turns += system
    return total


def scale_of(model: str) -> Scale:
    """The scale of *model*."""
    name = model.lower().rpartition("/")[2]
    if "claude" in name:
        known = capability(model)
        growth = known.growth if known is not None else 1.0 if fnmatchcase(name, "*claude-[123i]*") else 1.3
        return _CLAUDE if growth > 1 else _CLAUDE_4
    return next((scale for pattern, scale in _TABLE if fnmatchcase(name, pattern)), Scale())


_CLAUDE_4 = Scale(
    factor=1.15, spread=0.1, tools=346, look=Patches(28, 1568, edge=1568), page=1530
)  # a page: a scan's 1600 tokens, less the prompt around it
_CLAUDE = attrs.evolve(_CLAUDE_4, factor=1.5, tools=450, look=Patches(28, 4784, edge=2576))

_OPENAI = Scale(factor=1.0, spread=0.03, tools=14, declared=True, look=Tiles(85, 170), page=765)
_NO_LIMIT = 1_000_000


def _patches(times: float, most: int = 1536, high: int = 0) -> Scale:
    return attrs.evolve(_OPENAI, look=Patches(32, most, times=times, high=high, exact=True))


# The first pattern that matches a name counts.
_TABLE: tuple[tuple[str, Scale], ...] = (
    ("gpt-4o-mini*", attrs.evolve(_OPENAI, look=Tiles(2833, 5667))),
    ("gpt-*-mini*", _patches(1.62)),
    ("gpt-*-nano*", _patches(2.46)),
    ("o4-mini*", _patches(1.72)),
    ("gpt-[6-9]*", _patches(1.2, _NO_LIMIT, 2500)),
    ("gpt-5.[4-9]*", _patches(1.2, 10_000, 2500)),
    ("gpt-5*", attrs.evolve(_OPENAI, look=Tiles(70, 140))),
    ("o[13]*", attrs.evolve(_OPENAI, look=Tiles(75, 150))),
    ("gpt-*", _OPENAI),
    ("chatgpt-*", _OPENAI),
    ("codex*", _OPENAI),
    ("gemini*", Scale(factor=1.05, look=Flat(1090), page=560)),
)
