"""Shadows: rules that can never hold, and what stands before them.

    rules = [{ match = "gpt-*", model = "a" }, { match = "gpt-5*", thinking = true, model = "b" }]
                                                          └── never reached: rules[0] takes all that it would

A rule is in the shadow of an earlier one if whatever it holds for, that one holds for too: its glob covers the later
one's, and so does each of its conditions; two that differ in this alone, that the one wants thinking (or pictures) and
the other none, are as one that does not ask.  What is not certain is not said: of two globs with sets, or a first
one with question marks, the one covers the other only if they are the same.  Looked at once, at start, each next to
those only whose globs begin as it does: ten thousand names are looked up, not held against each other.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from operator import itemgetter

import attrs

from pipeline.globs import wild
from stages.routing import Entry, Rule

Named = tuple[str, Rule]


def shadows(entries: Sequence[Entry]) -> Iterator[str]:
    """A sentence for each of *entries* that an earlier one keeps from ever being reached."""
    before = Before()
    for entry in entries:
        near = before.near(entry.rule.match)
        taker = next((name for name, rule in near if takes(rule, entry.rule)), None)
        if taker is not None:
            yield f"{said(entry)} is never reached: {taker} before it takes all that it would"
        else:
            before.put(*joined(near, entry), (said(entry), entry.rule))


class Before:
    """The rules so far, by what their globs begin with, up to the first that is wild: what a glob covers begins so."""

    def __init__(self) -> None:
        self._rules: dict[str, list[tuple[int, Named]]] = {}
        self._count = 0

    def put(self, *rules: Named) -> None:
        """Put *rules* behind those that are there."""
        for name, rule in rules:
            self._rules.setdefault(_WILD.split(rule.match, 1)[0], []).append((self._count, (name, rule)))
            self._count += 1

    def near(self, match: str) -> list[Named]:
        """Those that may cover the glob *match*, in their order."""
        starts = (match[:end] for end in range(len(match) + 1))
        found = [each for start in starts for each in self._rules.get(start, ())]
        return [named for _, named in sorted(found, key=itemgetter(0))]


_WILD = re.compile(r"[*?[]")


def impossible(entry: Entry) -> Iterator[str]:
    """What keeps *entry* from ever holding, by itself."""
    rule = entry.rule
    for thing in ("tokens", "bytes"):
        over, up_to = getattr(rule, f"over_{thing}"), getattr(rule, f"up_to_{thing}")
        if up_to is not None and up_to <= (-1 if over is None else over):
            wanted = f"up to {up_to}" if over is None else f"over {over} and up to {up_to}"
            yield f"{said(entry)} can never hold: no request has {wanted} {thing}"
    for name in rule.headers:
        if not name or name != name.strip() or ":" in name:
            yield f"{said(entry)} can never hold: {name!r} is no name of a header field"
    if not rule.match:
        yield f"{said(entry)} can never hold: no model has an empty name"


def said(entry: Entry) -> str:
    """*entry*, for people: ``rules[2] ("gpt-*")``."""
    return f'{entry.label} ("{entry.rule.match}")'


def joined(before: Sequence[Named], entry: Entry) -> Iterator[Named]:
    """Each of *before* that is as *entry*, but for wanting what that does not want: the two of them as one."""
    for name, rule in before:
        for asks, unasking in _ASKS:
            if {asks(rule), asks(entry.rule)} == {True, False}:
                one, other = unasking(rule), unasking(entry.rule)
                if takes(one, other) and takes(other, one):
                    yield f"{name} with {said(entry)}", one


_ASKS: tuple[tuple[Callable[[Rule], bool | None], Callable[[Rule], Rule]], ...] = (
    (lambda rule: rule.thinking, lambda rule: attrs.evolve(rule, thinking=None)),
    (lambda rule: rule.images, lambda rule: attrs.evolve(rule, images=None)),
)


# -- what takes what --------------------------------------------------------------------------------------------------


def takes(first: Rule, second: Rule) -> bool:
    """Whether *first* holds for all that *second* holds for."""
    return (
        covers(first.match, second.match)
        and (not first.keys or (bool(second.keys) and all(_any(first.keys, glob) for glob in second.keys)))
        and all(_header(name.lower(), glob, second) for name, glob in first.headers.items())
        and first.thinking in (None, second.thinking)
        and first.images in (None, second.images)
        and _wider((first.over_tokens, first.up_to_tokens), (second.over_tokens, second.up_to_tokens))
        and _wider((first.over_bytes, first.up_to_bytes), (second.over_bytes, second.up_to_bytes))
    )


def covers(glob: str, other: str) -> bool:
    """Whether all that fits *other* certainly fits *glob*."""
    if glob == other:
        return True
    exact = not wild(other)
    stars = not frozenset("?[") & frozenset(glob) and "[" not in other  # then a star stands for what is wild there
    return (exact or stars) and fnmatchcase(other, glob)


def _any(globs: Sequence[str], other: str) -> bool:
    return any(covers(glob, other) for glob in globs)


def _header(name: str, glob: str, rule: Rule) -> bool:
    return any(name == other.lower() and covers(glob, value) for other, value in rule.headers.items())


def _wider(first: tuple[int | None, int | None], second: tuple[int | None, int | None]) -> bool:
    """Whether the span *first*, over and up to, holds the span *second*."""
    (over, up_to), (other_over, other_up_to) = first, second
    return (over is None or (other_over is not None and other_over >= over)) and (
        up_to is None or (other_up_to is not None and other_up_to <= up_to)
    )
