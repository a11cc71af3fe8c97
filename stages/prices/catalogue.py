"""The catalogue: which price a model has, at an upstream, at a moment.

    find("us.anthropic.claude-opus-4-5-20251101-v1:0", "bedrock", at) ──▶ the row of claude-opus-4-5

An operator's own prices come first, and may be globs: of a model, of an upstream.  Built-in ones are found by the
model's whole name, however it is spelled: dated, with a provider before it or a variant behind it; a name that only
begins like a known one is another model.  Of several rows the one with the latest beginning that is past holds.
"""

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

import attrs

from stages.prices.cost import Price

MOST = 2_000  # names that are remembered

_BEFORE = (re.compile(r"^.*/"), re.compile(r"^(?:[a-z-]+\.)?anthropic\."))
_BEHIND = (
    re.compile(r"\[[^\]]*\]$"),  # [1m]
    re.compile(r"-v\d+(?::\d+)?$"),  # of a cloud
    re.compile(r":[\w.-]+$"),  # a variant
    re.compile(r"[-@]\d{8}$"),
    re.compile(r"-\d{4}-\d{2}-\d{2}$"),
    re.compile(r"[-@](?:latest|default)$"),
)


@attrs.define(eq=False)
class Catalogue:
    """Prices by name."""

    built_in: tuple[Price, ...]
    own: tuple[Price, ...] = ()
    _named: dict[str, list[Price]] = attrs.field(init=False, factory=dict, repr=False)
    _found: dict[tuple[str, str], list[Price]] = attrs.field(init=False, factory=dict, repr=False)

    def __attrs_post_init__(self) -> None:
        for price in self.built_in:
            for name in price.models:
                self._named.setdefault(name.lower(), []).append(price)

    def find(self, model: str, upstream: str, at: int) -> Price | None:
        """The price of *model* at *upstream*, at the moment *at* (ms); None if none is known."""
        rows = self._found.get((model, upstream))
        if rows is None:
            if len(self._found) >= MOST:
                self._found.clear()  # names are the caller's to invent
            rows = self._found[model, upstream] = latest_first(self._rows(model, upstream))
        for row in rows:
            if row.since <= at:
                return row
        return rows[-1] if rows else None

    def _rows(self, model: str, upstream: str) -> list[Price]:
        """All rows for *model*, whatever their beginning."""
        spelled = list(dict.fromkeys(spellings(model)))
        for name in spelled:
            own = [
                price
                for price in self.own
                if fnmatchcase(upstream, price.upstream) and any(fnmatchcase(name, glob) for glob in price.models)
            ]
            if own:
                return own
        return next((self._named[name] for name in spelled if name in self._named), [])


def latest_first(rows: Sequence[Price]) -> list[Price]:
    """*rows* by their beginning; of two that begin together, the one that was added last comes first."""
    ordered = list(rows)
    ordered.reverse()
    ordered.sort(key=lambda price: price.since, reverse=True)
    return ordered


def spellings(model: str) -> Iterator[str]:
    """*model* as it is, and with less and less around its name."""
    yield model
    name = model.lower()
    yield name
    for before in _BEFORE:
        name = before.sub("", name)
        yield name
    stripped = True
    while stripped:
        stripped = False
        for behind in _BEHIND:
            shorter = behind.sub("", name)
            if shorter and shorter != name:
                name, stripped = shorter, True
                yield name
    if name.startswith("claude-"):
        yield name.replace(".", "-")
