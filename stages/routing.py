"""Routing: rules, and which of them holds for a request.

    [[model_map.rules]]
    match       = "claude-*"                      # the name, a glob                        ┐
    keys        = ["team-*"]                      # names of keys that ask, globs           │
    headers     = { x-claude-code-agent-id = "*" }   # fields of the request, globs          │ all that is said
    thinking    = true                            # whether thinking is asked for, however  │ must hold
    images      = false                           # whether there are pictures in it        │
    over_tokens = 60_000                          # more than these, by our own estimate    │
    up_to_bytes = 2_000_000                       # at most these, of JSON                  ┘
    model       = "gpt-6-sol"                     # what it then becomes
    upstreams   = ["openai", "backup"]            # who may answer, best first
    choice      = "ordered"                       # how one of them is chosen; weighted, least_loaded
    drop        = ["top_k"]                       # of what is sent there …
    set         = { "reasoning.effort" = "low" }  # … in the upstream's own words

The first rule that holds is the only one that counts.  The rules whose glob fits a name are found once and remembered,
so that a request looks at few of them, however many there are; and only what these ask about is looked up, the cheap
before the dear: the name of a key before the words of a conversation.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import translate
from functools import cached_property
from typing import Any, Protocol

import attrs

from pipeline.globs import wild
from stages.chain import Choice

REMEMBERED = 1024  # names whose rules are known; then it begins anew
LONGEST = 200  # characters of a name that is remembered: anyone may make one up

Fits = Callable[[str], Any]


def fitting(globs: Sequence[str]) -> tuple[Fits, ...]:
    """What tells whether a text fits one of *globs*; upper and lower case differ."""
    return tuple(re.compile(translate(glob)).match for glob in globs)


class Facts(Protocol):
    """What rules ask about a request."""

    @property
    def key(self) -> str:
        """The name of the key that asks."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Its fields, by name in lower case."""

    @property
    def thinking(self) -> bool:
        """Whether it asks for thinking."""

    @property
    def size(self) -> int:
        """Its bytes."""

    @property
    def images(self) -> bool:
        """Whether pictures are in it."""

    @property
    def tokens(self) -> int:
        """Its tokens, estimated."""


@attrs.frozen
class Rule:
    """Names that match the glob *match*, in requests of which all that is said holds, become *model* (or stay)."""

    match: str = "*"
    model: str | None = None
    upstreams: tuple[str, ...] = ()  # (): whoever has the model
    choice: Choice | None = None
    keys: tuple[str, ...] = ()  # (): any
    headers: dict[str, str] = attrs.field(factory=dict)
    thinking: bool | None = None
    images: bool | None = None
    over_tokens: int | None = None
    up_to_tokens: int | None = None
    over_bytes: int | None = None
    up_to_bytes: int | None = None
    drop: tuple[str, ...] = ()
    set: dict[str, Any] = attrs.field(factory=dict)

    @property
    def exact(self) -> bool:
        """Whether *match* is one name."""
        return not wild(self.match)

    @cached_property
    def _holds(self) -> tuple[Callable[[Facts], Any], ...]:
        """What must hold, the cheap first."""
        said: list[Callable[[Facts], Any]] = []
        if globs := fitting(self.keys):
            said.append(lambda facts: any(fits(facts.key) for fits in globs))
        for name, glob in self.headers.items():
            said.append(_field(name.lower(), *fitting([glob])))
        if self.thinking is not None:
            said.append(lambda facts: facts.thinking is self.thinking)
        if self.over_bytes is not None or self.up_to_bytes is not None:
            said.append(lambda facts: within(facts.size, self.over_bytes, self.up_to_bytes))
        if self.images is not None:
            said.append(lambda facts: facts.images is self.images)
        if self.over_tokens is not None or self.up_to_tokens is not None:
            said.append(lambda facts: within(facts.tokens, self.over_tokens, self.up_to_tokens))
        return tuple(said)

    def holds(self, facts: Facts) -> bool:
        """Whether all that is said holds, but for the name."""
        return all(each(facts) for each in self._holds)


def within(number: int, over: int | None, up_to: int | None) -> bool:
    """Whether *number* is more than *over*, and at most *up_to*."""
    return (-1 if over is None else over) < number <= (math.inf if up_to is None else up_to)


def _field(name: str, fits: Fits) -> Callable[[Facts], bool]:
    return lambda facts: (value := facts.headers.get(name)) is not None and bool(fits(value))


@attrs.frozen
class Entry:
    """A rule in its place; *label* is what people call it: ``rules[2]``, ``small``, ``aliases.fast``."""

    label: str
    rule: Rule


@attrs.frozen(eq=False)
class Rules:
    """Entries, the first of which that holds counts."""

    entries: tuple[Entry, ...]
    _globs: tuple[Fits, ...] = attrs.field(
        init=False, default=attrs.Factory(lambda self: fitting([entry.rule.match for entry in self.entries]), True)
    )
    _known: dict[str, tuple[Entry, ...]] = attrs.field(init=False, factory=dict)

    def find(self, name: str, facts: Facts) -> Entry | None:
        """The entry for *name*, or None."""
        return next((entry for entry in self.fitting(name) if entry.rule.holds(facts)), None)

    def fitting(self, name: str) -> tuple[Entry, ...]:
        """The entries whose glob fits *name*; a name is its own glob, brackets and all."""
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            pairs = zip(self._globs, self.entries, strict=True)
            known = tuple(entry for fits, entry in pairs if fits(name) or entry.rule.match == name)
            if len(name) <= LONGEST:
                self._known[name] = known
        return known
