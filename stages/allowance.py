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

A limit is for models whose name at the upstream its glob fits, all of them together.  What is the same for all requests
of a key and model stands in its ``Rules``, made once.  Nothing here waits or counts.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Annotated, Any, Literal

import attrs

from pipeline.store.record import KINDS, Claim
from pipeline.store.windows import fits
from pipeline.structure import Check

Kind = Literal["usd_5h", "usd_week", "usd_total", "requests_minute", "tokens_minute", "streams"]
WhenSpent = Literal["finish", "cut"]
MONEY = frozenset(kind for kind, what in KINDS.items() if what.unit == "cost")
MODELS = 256  # whose rules are remembered of one allowance

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


@attrs.frozen(eq=False)
class Rules:
    """The *limits* that a request for some model comes under, in columns: what its claims have in common with others'.

    *money*: there is one in money.  *counted*: what a request may use has to be told.
    """

    limits: Sequence[Limit]
    money: bool = attrs.field(init=False)
    counted: bool = attrs.field(init=False)
    _columns: tuple[Any, ...] = attrs.field(init=False)  # kinds, limits, units, the most of each claim, models

    @money.default
    def _in_money(self) -> bool:
        return any(limit.kind in MONEY for limit in self.limits)

    @counted.default
    def _by_use(self) -> bool:
        return any(limit.unit in {"cost", "tokens"} for limit in self.limits)

    @_columns.default
    def _in_columns(self) -> tuple[Any, ...]:
        rows = [(each.kind, each.limit, each.unit, each.limit or 1, each.models) for each in self.limits]
        return tuple(zip(*rows, strict=True))

    def claims(self, cost: int, tokens: int, ends: Callable[[str], int | None] | None = None) -> list[Claim]:
        """What a request asks of its windows that may use *cost* and *tokens*; *ends*: when those of a kind end.

        One that nothing was used of lets a request pass even if it might use more than all of it: else a limit that is
        smaller than what one request may cost would stop every one, and nothing would ever be learned.
        """
        kinds, limits, units, most, models = self._columns
        amounts = {"cost": max(1, cost), "tokens": max(1, tokens), "requests": 1, "streams": 1}
        asked = map(min, map(amounts.__getitem__, units), most)
        return list(map(Claim, kinds, limits, asked, models, repeat(None) if ends is None else map(ends, kinds)))


@attrs.frozen(eq=False)
class Allowance:
    """What one key may use.

    *allow_extra_usage*: also while an upstream says that what its plan includes is used up.  *when_spent*: what happens
    to a stream that runs when the money ends: it may finish, or is cut.
    """

    limits: tuple[Limit, ...] = ()
    allow_extra_usage: bool = False
    when_spent: WhenSpent = "finish"
    cuts: bool = attrs.field(init=False)  # a stream may be cut
    _rules: dict[str, Rules] = attrs.field(init=False, factory=dict)  # by model

    @cuts.default
    def _money_ends(self) -> bool:
        return self.when_spent == "cut" and any(limit.kind in MONEY for limit in self.limits)

    def rules(self, model: str) -> Rules:
        """Those for *model*, as its upstream calls it."""
        rules = self._rules.get(model)
        if rules is None:
            if len(self._rules) >= MODELS:
                self._rules.clear()
            rules = self._rules[model] = Rules([limit for limit in self.limits if fits(model, limit.models)])
        return rules


def merged(common: Iterable[Limit], own: Iterable[Limit] = ()) -> tuple[Limit, ...]:
    """The limits of a key that has *own* ones: those, and of the *common* ones what they say nothing of.

    Of two for the same the later holds.
    """
    held = {(limit.kind, limit.models): limit for limit in (*common, *own)}
    return tuple(sorted(held.values(), key=lambda limit: (_ORDER[limit.kind], limit.models)))
