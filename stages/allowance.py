"""Allowance: what a key may use, as it is configured.

    [limits]                                   what holds for every key
    limits = [
        { kind = "usd_5h", limit = 5_000_000 },                        # micro-dollars: $5 in five hours
        { kind = "usd_week", models = "claude-opus-*", limit = 20_000_000 },
        { kind = "requests_minute", limit = 60 },
        { kind = "streams", limit = 4 },       # replies that run at one time
    ]
             + a key's own (its options for ``limits``, of the same shape)
             = its allowance: of the same kind and models the key's own holds

A limit is for models whose name at the upstream its glob fits, all of them together.  Nothing here waits or counts.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

import attrs

from pipeline.store.record import KINDS
from pipeline.structure import Check

Kind = Literal["usd_5h", "usd_week", "usd_total", "requests_minute", "tokens_minute", "streams"]
WhenSpent = Literal["finish", "cut"]
MONEY = frozenset(kind for kind, what in KINDS.items() if what.unit == "cost")

_ORDER = {kind: place for place, kind in enumerate(KINDS)}  # money first: of several refusals the one that lasts


def _sensible(value: int) -> None:
    if not 0 <= value < 1 << 53:
        raise ValueError(f"expected 0 or more, got {value}")


@attrs.frozen
class Limit:
    """At most *limit* (micro-dollars, tokens, or a number) of *kind*, for *models* (a glob) together."""

    kind: Kind
    limit: Annotated[int, Check(_sensible)]
    models: str = "*"

    @property
    def unit(self) -> str:
        """What is counted: cost, requests, tokens, streams."""
        return KINDS[self.kind].unit


@attrs.frozen
class Allowance:
    """What one key may use.

    *allow_extra_usage*: also while an upstream says that what its plan includes is used up.  *when_spent*: what happens
    to a stream that runs when the money ends: it may finish, or is cut.
    """

    limits: tuple[Limit, ...] = ()
    allow_extra_usage: bool = False
    when_spent: WhenSpent = "finish"


def merged(common: Iterable[Limit], own: Iterable[Limit] = ()) -> tuple[Limit, ...]:
    """The limits of a key that has *own* ones: those, and of the *common* ones what they say nothing of.

    Of two for the same the later holds.
    """
    held = {(limit.kind, limit.models): limit for limit in (*common, *own)}
    return tuple(sorted(held.values(), key=lambda limit: (_ORDER[limit.kind], limit.models)))
