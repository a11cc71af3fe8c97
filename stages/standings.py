"""Standings: how a key's windows stand, told in the words of each family of clients.

    Granted ─▶ fields of the reply      anthropic-ratelimit-unified-5h-utilization: 0.76 …   Claude Code warns by them
                                        x-ratelimit-remaining-requests: 12 …                 OpenAI's SDKs show them
    Refused ─▶ an error                 billing_error, insufficient_quota      money: trying again is no use
                                        rate_limit_error, rate_limit_exceeded  requests, tokens, streams: it soon is

A window of money is told as Claude Code knows them, by its utilisation and the moment (seconds since 1970) at which it
begins anew; from 75 % on the status is ``allowed_warning``, with the threshold that was passed.  Money that is only
*held*, by replies that run, comes back when they end: then trying again is some use, and that is what is said.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import compress
from operator import itemgetter, methodcaller, not_

from pipeline.errors import BudgetSpent, GatewayError, RateLimited
from pipeline.store.record import KINDS, Standing
from pipeline.upstream import Quota
from transports.messages import Head, Headers

THRESHOLDS = (0.95, 0.75)  # of what is used, from which on clients warn
SOON = 2.0  # seconds after which something that is held may have come back

_UNIFIED = b"anthropic-ratelimit-unified-"
_WINDOWS = {"usd_5h": (b"5h", b"five_hour"), "usd_week": (b"7d", b"seven_day")}
_FIELDS = {
    kind: [_UNIFIED + name + word for word in (b"-status", b"-utilization", b"-reset", b"-surpassed-threshold")]
    for kind, (name, _) in _WINDOWS.items()
}
_RATES = {"requests_minute": b"requests", "tokens_minute": b"tokens"}
_THEIRS = methodcaller(
    "startswith", (b"anthropic-ratelimit-", b"anthropic-priority-", b"anthropic-fast-", b"x-ratelimit-")
)
_CALLED = {
    "usd_5h": "in five hours",
    "usd_week": "a week",
    "usd_total": "in all",
    "requests_minute": "requests a minute",
    "tokens_minute": "tokens a minute",
    "streams": "replies at one time",
}


# -- while there is room ----------------------------------------------------------------------------------------------


def fields(dialect: str, standings: Sequence[Standing], now: int) -> Headers:
    """The fields of a reply to a client of *dialect*; *now* in ms."""
    if dialect == "anthropic":
        return [*unified(standings, now), *rates(standings, now)]
    return openai(standings, now)


def unified(standings: Iterable[Standing], now: int) -> Headers:
    """The windows of money, as Claude Code reads them; of several of a kind the fullest."""
    fullest: dict[str, tuple[float, Standing]] = {}
    for each in standings:
        if each.kind in _WINDOWS:
            used = part(each)
            if each.kind not in fullest or used > fullest[each.kind][0]:
                fullest[each.kind] = used, each
    if not fullest:
        return []
    told: Headers = []
    for kind, (used, each) in fullest.items():
        status, utilization, reset, threshold = _FIELDS[kind]
        told += [(status, _status(used)), (utilization, b"%.4g" % used), (reset, _seconds(each, now))]
        if passed := _passed(used):
            told.append((threshold, b"%g" % passed))
    used, worst = max(fullest.values(), key=itemgetter(0))
    return [
        (_UNIFIED + b"status", _status(used)),
        (_UNIFIED + b"reset", _seconds(worst, now)),
        (_UNIFIED + b"representative-claim", _WINDOWS[worst.kind][1]),
        *told,
    ]


def rates(standings: Iterable[Standing], now: int) -> Headers:
    """Requests and tokens a minute, as the Messages API tells them; resets in RFC 3339."""
    told: Headers = []
    for kind, each in narrowest(standings).items():
        name = b"anthropic-ratelimit-" + _RATES[kind] + b"-"
        reset = datetime.fromtimestamp(max(each.ends, now) // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        told += [(name + word, value) for word, value in _left(each)] + [(name + b"reset", reset.encode())]
    return told


def openai(standings: Iterable[Standing], now: int) -> Headers:
    """The same as OpenAI tells them; resets as spans."""
    told: Headers = []
    for kind, each in narrowest(standings).items():
        thing = _RATES[kind]
        told += [(b"x-ratelimit-" + word + b"-" + thing, value) for word, value in _left(each)]
        told.append((b"x-ratelimit-reset-" + thing, span(each.ends - now).encode()))
    return told


def narrowest(standings: Iterable[Standing]) -> dict[str, Standing]:
    """Of each rate the window with the least left."""
    found: dict[str, Standing] = {}
    for each in standings:
        if each.kind in _RATES and (each.kind not in found or free(each) < free(found[each.kind])):
            found[each.kind] = each
    return found


def without_theirs(head: Head) -> Head:
    """*head* of an upstream's reply without what it tells of its own limits: ours are told in their place."""
    theirs = map(_THEIRS, map(itemgetter(0), head.headers))
    return Head(head.status, list(compress(head.headers, map(not_, theirs))))


def part(standing: Standing) -> float:
    """The part of a window that is spent; what is held may come back, and is not counted."""
    return min(standing.spent / standing.limit, 1.0) if standing.limit else 1.0


def free(standing: Standing) -> int:
    """What is neither spent nor held."""
    return max(0, standing.limit - standing.spent - standing.held)


def span(milliseconds: int) -> str:
    """A span of time as OpenAI writes it: ``6m0s``, ``1s``, ``20ms``."""
    if milliseconds < 1000:
        return f"{max(milliseconds, 0)}ms"
    minutes, seconds = divmod(math.ceil(milliseconds / 1000), 60)
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def _passed(used: float) -> float:
    return next((threshold for threshold in THRESHOLDS if used >= threshold), 0.0) if used >= THRESHOLDS[-1] else 0.0


def _status(used: float) -> bytes:
    return b"allowed_warning" if used >= THRESHOLDS[-1] else b"allowed"


def _seconds(standing: Standing, now: int) -> bytes:
    return b"%d" % math.ceil(max(standing.ends, now) / 1000)


def _left(standing: Standing) -> list[tuple[bytes, bytes]]:
    return [(b"limit", b"%d" % standing.limit), (b"remaining", b"%d" % free(standing))]


# -- when there is none -----------------------------------------------------------------------------------------------


def refusal(standing: Standing, amount: int, dialect: str, now: int) -> GatewayError:
    """What a caller is told whose request, which may use *amount*, has no room in the window of *standing*."""
    text = f"{_said(standing)} {_called(standing)}"
    if KINDS[standing.kind].unit != "cost":
        wait = max(standing.ends - now, 0) / 1000 if standing.ends else SOON
        wait = max(1, math.ceil(wait))
        error: RateLimited | BudgetSpent = RateLimited(
            f"{text} is the limit of this key. Please try again in {wait}s.", retry_after=wait
        )
        error.headers += rates([standing], now) if dialect == "anthropic" else openai([standing], now)
    elif standing.spent < standing.limit and standing.spent + amount <= standing.limit:
        held = f"{dollars(standing.held)} of it is held by replies that run"
        error = RateLimited(f"{text} is the limit of this key, and {held}.", retry_after=SOON)
    else:
        spent = f"{dollars(standing.spent)} is spent"
        if standing.spent < standing.limit:
            spent += f", and this request may cost {dollars(amount)}"
        begins = f" It begins anew at {when(standing.ends)}." if standing.ends else ""
        wait = math.ceil((standing.ends - now) / 1000)
        error = BudgetSpent(
            f"{text} is the limit of this key; {spent}.{begins}", retry_after=wait if standing.ends else None
        )
    error.retryable = False  # another upstream has no other windows
    return error


def used_up(upstream: str, quota: Quota, now: int) -> BudgetSpent:
    """What a caller is told who may not use more than what the plan of *upstream* includes."""
    text = (
        f"The {quota.name} window of {upstream} is used up, and this key may not go beyond what its plan includes. "
        f"It begins anew at {when(quota.resets)}."
    )
    return BudgetSpent(text, retry_after=math.ceil((quota.resets - now) / 1000))


def dollars(micros: int) -> str:
    """An amount for people: cents, and more digits only where there are none."""
    return f"${micros / 1e6:.2f}" if micros >= 10_000 or micros == 0 else f"${micros / 1e6:.6f}".rstrip("0")


def when(moment: int) -> str:
    """A moment (ms) for people, UTC: not everyone who reads it is where the gateway is."""
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _said(standing: Standing) -> str:
    return dollars(standing.limit) if KINDS[standing.kind].unit == "cost" else f"{standing.limit:,}"


def _called(standing: Standing) -> str:
    models = "" if standing.models == "*" else f" for {standing.models}"
    return _CALLED[standing.kind] + models
