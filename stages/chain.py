"""Chain: whom one exchange asks, in which order, and what comes after a failure.

    ordered        as the rule has them                      the next one where the first fails or rests
    weighted       by conversation, shares as the weights    the next by the same draw
    least_loaded   by conversation, while that one has room   else the one with the fewest replies under way
    bound          the one that holds the state (``affinity``), and nobody else

    fails ─┬─ another may do better ─▶ the next that does not rest: at once
           ├─ it is the only one, and may do better in a moment ─▶ itself, after a pause
           └─ else, or the budget is spent ─▶ the error is told

Resting is advice, not a wall: where all rest, the one with the least to go is asked, once, and the upstream itself says
what it has to say.  Pure: moments are passed in.
"""

import math
import random
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import attrs

from pipeline.errors import GatewayError
from pipeline.upstream import Upstream
from stages.affinity import ranked
from stages.health import Health
from stages.retries import Advice, Budget, elsewhere, pause, transient

Choice = Literal["ordered", "weighted", "least_loaded"]
CHOICES: frozenset[str] = frozenset(get_args(Choice))
ROOM = 1.25  # of its share of the replies under way, what an upstream takes before conversations go elsewhere


@attrs.define
class Step:
    """The next try: *upstream*, after *wait* seconds; *why*, where it is not the first."""

    upstream: Upstream
    wait: float = 0.0
    why: str = ""


@attrs.define(eq=False, kw_only=True)
class Chain:
    """What one exchange does about failures."""

    health: Health
    budget: Budget
    retries: int  # of the only upstream there is
    longest: float  # seconds that are waited before one of them
    dice: random.Random
    _left: list[Upstream]
    _alone: bool = attrs.field(init=False)
    _again: int = 0

    def __attrs_post_init__(self) -> None:
        self._alone = len(self._left) == 1

    def first(self, now: float) -> Step | None:
        """Whom to ask first; None: there is nobody."""
        self.budget.asked(now)
        if self._alone:
            return Step(self._left.pop())
        upstream = self._awake(now) or min(self._left, key=lambda each: self.health.to_go(each, now), default=None)
        if upstream is None:
            return None
        self._left.remove(upstream)
        return Step(upstream)

    def after(self, upstream: Upstream, error: GatewayError, said: Advice, now: float) -> Step | None:
        """Whom to ask after *upstream* failed with *error*, of which it *said* more; None: nobody."""
        if self._alone:
            return self._once_more(upstream, error, said, now)
        following = self._awake(now) if elsewhere(upstream, error) else None
        if following is None or (following.condition.row and not self.budget.spend(now)):
            return None
        self._left.remove(following)
        return Step(following, why=f"{upstream.name}: {kind(error)}")

    def _once_more(self, upstream: Upstream, error: GatewayError, said: Advice, now: float) -> Step | None:
        """The only one, again; a program of this machine has asked again by itself."""
        if upstream.program:
            return None
        wait = pause(self._again, said, self.longest, self.dice)
        if self._again >= self.retries or wait is None or not transient(error, said) or not self.budget.spend(now):
            return None
        self._again += 1
        return Step(upstream, wait, f"again, {kind(error)}")

    def _awake(self, now: float) -> Upstream | None:
        """The first of those left that does not rest."""
        return next((upstream for upstream in self._left if self.health.may_ask(upstream, now)), None)


def kind(error: GatewayError) -> str:
    """What *error* is, without what an upstream said of it."""
    code = getattr(error, "code", None)
    return f"{type(error).__name__} {code}" if code else type(error).__name__


def arranged(
    upstreams: Sequence[Upstream], choice: str, weights: Mapping[str, float], key: bytes, *, keeps: bool
) -> list[Upstream]:
    """*upstreams* in the order in which *choice* asks them for what *key* stands for.

    *keeps*: a conversation keeps to its upstream; else *key* is as good as any.
    """
    if choice == "ordered" or len(upstreams) < 2:
        return list(upstreams)
    drawn = ranked(upstreams, key, weights)
    if choice == "weighted":
        return drawn
    return roomy(drawn, weights) if keeps else sorted(drawn, key=lambda upstream: load(upstream, weights))


def roomy(drawn: Sequence[Upstream], weights: Mapping[str, float]) -> list[Upstream]:
    """*drawn*: the first that has room, then by load (consistent hashing with bounded loads)."""
    running = sum(upstream.condition.running for upstream in drawn)
    total = sum(weights.get(upstream.name, 1.0) for upstream in drawn) or 1.0
    room = {u.name: math.ceil(ROOM * (running + 1) * weights.get(u.name, 1.0) / total) for u in drawn}
    preferred = next((upstream for upstream in drawn if upstream.condition.running < room[upstream.name]), drawn[0])
    others = sorted((upstream for upstream in drawn if upstream is not preferred), key=lambda u: load(u, weights))
    return [preferred, *others]


def load(upstream: Upstream, weights: Mapping[str, float]) -> float:
    """How much *upstream* has to do, for its weight."""
    weight = weights.get(upstream.name, 1.0)
    return upstream.condition.running / weight if weight else math.inf
