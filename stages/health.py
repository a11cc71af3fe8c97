"""Health: how upstreams are; who fails rests, and is tried out before it is relied on again.

    well ──failures in a row, or too many of the last ones──▶ resting ──time──▶ probed by one request ──▶ well
      └──────────── it says when to come back ───────────────▶   ▲                      │
                                                                 └── longer each time ──┘

What is kept stands with the upstream (``Upstream.condition``), in memory, shared by all exchanges, for the operator's
overview as well.  A try counts as well when its answer is let through, not when that ends: a probe that streams for
minutes keeps nobody waiting.  What is wrong with a request, or with the credential it showed, says nothing of the
upstream.  Pure: the moment is passed in, trio's clock.
"""

import random
from typing import Annotated

import attrs

from pipeline.bounds import Number, Seconds
from pipeline.errors import BudgetSpent, GatewayError, PaymentRequired, RateLimited, Unauthenticated, meant
from pipeline.structure import Check
from pipeline.upstream import Condition, Upstream

ENOUGH = 10  # tries from which a rate can be told
JITTER = 0.2  # the part by which a rest is longer or shorter, so that not all gateways come back at one moment


def _a_part(value: float) -> None:
    if not 0 < value <= 1:
        raise ValueError(f"expected a part of 1, got {value:g}")


@attrs.frozen
class Rest:
    """When an upstream rests, and for how long (seconds)."""

    failures: Number = 5  # in a row
    rate: Annotated[float, Check(_a_part)] = 0.5  # the part of the last twenty tries that failed
    seconds: Seconds = 5.0  # the first time; twice as long each further time
    longest: Seconds = 300.0  # also where it asks for more


@attrs.frozen(eq=False)
class Health:
    """Judges upstreams."""

    rest: Rest = Rest()
    dice: random.Random = attrs.field(factory=random.Random, repr=False)

    def may_ask(self, upstream: Upstream, now: float) -> bool:
        """Whether a request may go to *upstream*, if there are others."""
        condition = upstream.condition
        if condition.rests and (now < condition.until or condition.probes):
            return False
        return not upstream.wallet.rests()

    def to_go(self, upstream: Upstream, now: float) -> float:
        """Seconds until *upstream* has rested; 0: it does not rest."""
        condition = upstream.condition
        return max(condition.until - now if condition.rests else 0.0, upstream.wallet.rests(), 0.0)

    def visit(self, upstream: Upstream) -> "Visit":
        """A try at *upstream* begins; to be ended with ``leave``."""
        upstream.condition.running += 1
        probe = upstream.condition.rests > 0
        upstream.condition.probes += probe
        return Visit(upstream, self, probe)

    def fail(self, upstream: Upstream, now: float, told: float | None, *, probe: bool) -> None:
        """A try at *upstream*, a *probe* or not, has failed; *told*: in how many seconds it says it will be back."""
        condition = upstream.condition
        condition.row += 1
        condition.recent.append(False)
        if condition.rests and not probe:
            return  # it was on its way when the rest began, and says nothing new
        if probe or told is not None or self._ails(condition):
            condition.rests += 1
            condition.until = now + self._seconds(condition.rests, told)

    def _ails(self, condition: Condition) -> bool:
        """Whether too much failed."""
        recent = condition.recent
        often = len(recent) >= ENOUGH and recent.count(False) >= self.rest.rate * len(recent)
        return often or condition.row >= self.rest.failures

    def _seconds(self, times: int, told: float | None) -> float:
        """For how long to rest, the time *times*; never less than it was *told*, but for the longest."""
        grown = self.rest.seconds * 2.0 ** min(times - 1, 30)
        shaken = min(grown, self.rest.longest) * self.dice.uniform(1 - JITTER, 1 + JITTER)
        return min(max(shaken, (told or 0.0) * self.dice.uniform(1, 1 + JITTER)), self.rest.longest)


@attrs.define(eq=False)
class Visit:
    """One try at *upstream*; *sent* once it has heard of it."""

    upstream: Upstream
    _health: Health
    _probe: bool
    sent: bool = False

    def well(self) -> None:
        """It answers."""
        condition = self.upstream.condition
        if condition.rests and not self._probe:
            return  # it began before the rest
        if condition.rests:
            condition.recent.clear()
            condition.rests = 0
        condition.row = 0
        condition.recent.append(True)

    def leave(self, error: GatewayError | None, now: float, told: float | None = None) -> None:
        """The try is over; *error*: how, if it failed.  *told*: in how many seconds it says it will be back."""
        condition = self.upstream.condition
        condition.running -= 1
        condition.probes -= self._probe
        if error is not None and self.sent and ails(self.upstream, error):
            self._health.fail(self.upstream, now, told, probe=self._probe)


def ails(upstream: Upstream, error: GatewayError) -> bool:
    """Whether *error* tells that *upstream* is not well, and not the request, or the credential that was shown."""
    what = meant(error)
    if isinstance(what, RateLimited | BudgetSpent | PaymentRequired | Unauthenticated):
        return not (upstream.client_key or upstream.wallet.listed())
    return what.retryable
