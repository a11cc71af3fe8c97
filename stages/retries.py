"""Retries: what is asked once more, after how long, and how often all told.

    error ──advice──▶ Retry-After, x-should-retry       what the upstream wants
          ──transient─▶ the same upstream may do better in a moment
          ──elsewhere─▶ another upstream may do better now
    Budget: of the last ten seconds' requests a fifth may be asked twice, and a handful in any case

What makes an outage worse is everybody asking again.  So what is asked of an upstream that just failed is drawn from a
budget; going over to one that is well is not, since that helps.  Pure: moments and dice are passed in.
"""

import math
import random
from collections import deque
from email.utils import parsedate_to_datetime

import attrs

from pipeline.errors import (
    BudgetSpent,
    Forbidden,
    GatewayError,
    NotFound,
    PaymentRequired,
    RateLimited,
    Unauthenticated,
    Unsupported,
    UpstreamRefused,
    UpstreamTimeout,
    meant,
)
from pipeline.upstream import Upstream
from transports.messages import Headers, find

SPAN = 10.0  # seconds that are recent
FLOOR = 5  # retries in a span that are always allowed: a fifth of few requests is none
FIRST = 0.25  # seconds before the first retry; twice as long before each further one
BELIEVED = 3600.0  # the longest Retry-After that is believed


# -- what the upstream wants ------------------------------------------------------------------------------------------


@attrs.frozen
class Advice:
    """What an upstream says of trying again: in how many *seconds*, and whether at all; None: nothing."""

    seconds: float | None = None
    again: bool | None = None


def advice(error: GatewayError, now: float) -> Advice:
    """What *error* says of trying again; *now*: seconds since 1970, for a date."""
    fields = [*error.fields, *error.headers] if isinstance(error, UpstreamRefused) else error.headers
    again = {"true": True, "false": False}.get((find(fields, b"x-should-retry") or "").strip().lower())
    seconds = told(fields, now)
    if seconds is None:
        seconds = getattr(meant(error), "retry_after", None)  # said in the body
    return Advice(None if seconds is None else min(max(seconds, 0.0), BELIEVED), again)


def told(fields: Headers, now: float) -> float | None:
    """The seconds in *fields*: ``retry-after-ms``, or ``retry-after`` in seconds or as a date (RFC 9110 §10.2.3)."""
    for name, unit in ((b"retry-after-ms", 1000.0), (b"retry-after", 1.0)):
        value = (find(fields, name) or "").strip()
        try:
            seconds = float(value) / unit
        except ValueError:
            seconds = _until(value, now) if unit == 1.0 and value else math.nan
        if math.isfinite(seconds):
            return seconds
    return None


def _until(date: str, now: float) -> float:
    try:
        return parsedate_to_datetime(date).timestamp() - now
    except (ValueError, OverflowError):
        return math.nan


# -- who may do better ------------------------------------------------------------------------------------------------


def transient(error: GatewayError, said: Advice) -> bool:
    """Whether the same upstream may do better in a moment.  One that took all its time is not given as much again.

    A limit of the caller's key is not an upstream's: it is told at once.
    """
    if said.again is not None:
        return said.again
    if isinstance(meant(error), RateLimited):
        return error.retryable and said.seconds is not None
    return error.retryable and not isinstance(error, UpstreamTimeout)


def elsewhere(upstream: Upstream, error: GatewayError) -> bool:
    """Whether another upstream may do better than *upstream* did.  A request that is wrong is so everywhere.

    A key of ours that one refuses, or a model it does not have, is none of the caller's business; a key of the caller's
    own is: who is refused with it is not let in elsewhere on ours.
    """
    if error.retryable or isinstance(error, Unsupported):
        return True
    ours = isinstance(error, UpstreamRefused) and not upstream.client_key
    return ours and isinstance(meant(error), Unauthenticated | Forbidden | PaymentRequired | BudgetSpent | NotFound)


def worth_telling(before: GatewayError | None, error: GatewayError) -> GatewayError:
    """Of two failures the one the caller can do something about: that a key of ours is bad is not."""
    return before if before is not None and before.retryable and not error.retryable else error


# -- how often --------------------------------------------------------------------------------------------------------


def pause(times: int, said: Advice, longest: float, dice: random.Random) -> float | None:
    """Seconds to wait before the retry number *times* (from 0); None: longer than may be waited."""
    grown = FIRST * 2.0 ** min(times, 30) * dice.uniform(0.5, 1)
    if said.seconds is None:
        return min(grown, longest)
    return None if said.seconds > longest else max(said.seconds, grown)


@attrs.define(eq=False)
class Budget:
    """How much may be asked twice: *part* of recent requests, and FLOOR in any case."""

    part: float = 0.2
    _seconds: deque[list[float]] = attrs.field(factory=deque)  # moment, requests, retries; SPAN of them at most
    _newest: list[float] = attrs.field(factory=lambda: [-math.inf, 0, 0])
    _asked: float = 0.0
    _again: float = 0.0

    def asked(self, now: float) -> None:
        """A request came."""
        self._second(now)[1] += 1
        self._asked += 1

    def spend(self, now: float) -> bool:
        """Whether one more may be asked again; it is then counted."""
        second = self._second(now)
        if self._again + 1 > max(FLOOR if self.part else 0, self.part * self._asked):
            return False
        second[2] += 1
        self._again += 1
        return True

    def _second(self, now: float) -> list[float]:
        """The second that *now* is in; with each new one, what is no longer recent is forgotten."""
        moment = now // 1
        if self._newest[0] == moment:
            return self._newest
        while self._seconds and self._seconds[0][0] <= moment - SPAN:
            _, asked, again = self._seconds.popleft()
            self._asked -= asked
            self._again -= again
        self._newest = [moment, 0, 0]
        self._seconds.append(self._newest)
        return self._newest
