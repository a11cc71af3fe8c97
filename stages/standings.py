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
from collections.abc import Container, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import compress
from operator import attrgetter, itemgetter, methodcaller, not_

from pipeline.errors import BudgetSpent, GatewayError, RateLimited
from pipeline.store.record import KINDS, Standing
from pipeline.upstream import Quota
from transports.messages import Head, Headers

THRESHOLDS = (0.95, 0.75)  # of what is used, from which on clients warn
SOON = 2.0  # seconds after which something that is held may have come back

_UNIFIED = b"anthropic-ratelimit-unified-"
_STATUS, _RESET, _CLAIM = (_UNIFIED + word for word in (b"status", b"reset", b"representative-claim"))
_KIND = attrgetter("kind")
_WINDOWS = {"usd_5h": (b"5h", b"five_hour"), "usd_week": (b"7d", b"seven_day")}
_FIELDS = {
    kind: [_UNIFIED + name + word for word in (b"-status", b"-utilization", b"-reset", b"-surpassed-threshold")]
    for kind, (name, _) in _WINDOWS.items()
}
_RATES = {"requests_minute": b"requests", "tokens_minute": b"tokens"}
_TOLD = {  # limit, remaining and reset of each rate, for each family
    family: {kind: [name % thing for name in names] for kind, thing in _RATES.items()}
    for family, names in {
        "anthropic": [b"anthropic-ratelimit-%s-" + word for word in (b"limit", b"remaining", b"reset")],
        "openai": [b"x-ratelimit-" + word + b"-%s" for word in (b"limit", b"remaining", b"reset")],
    }.items()
}
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


def unified(standings: Sequence[Standing], now: int) -> Headers:
    """The windows of money, as Claude Code reads them; of several of a kind the fullest."""
    fullest: dict[str, tuple[float, Standing]] = {}
    for each in among(standings, _WINDOWS):
        used, kind = part(each), each.kind
        if kind not in fullest or used > fullest[kind][0]:
            fullest[kind] = used, each
    windows: Headers = []
    worst, most = [], -1.0
    for kind, (used, each) in fullest.items():
        status, utilization, reset, threshold = _FIELDS[kind]
        state = b"allowed_warning" if used >= THRESHOLDS[-1] else b"allowed"
        begins = b"%d" % math.ceil(max(each.ends, now) / 1000)
        windows += (status, state), (utilization, b"%.4g" % used), (reset, begins)
        if used >= THRESHOLDS[-1]:
            windows.append((threshold, b"%g" % next(passed for passed in THRESHOLDS if used >= passed)))
        if used > most:
            worst, most = [(_STATUS, state), (_RESET, begins), (_CLAIM, _WINDOWS[kind][1])], used
    return worst + windows


def rates(standings: Sequence[Standing], now: int) -> Headers:
    """Requests and tokens a minute, as the Messages API tells them; resets in RFC 3339."""
    told: Headers = []
    for kind, (left, each) in narrowest(standings).items():
        limit, remaining, reset = _TOLD["anthropic"][kind]
        told += (limit, b"%d" % each.limit), (remaining, b"%d" % left), (reset, _date(max(each.ends, now) // 1000))
    return told


def openai(standings: Sequence[Standing], now: int) -> Headers:
    """The same as OpenAI tells them; resets as spans."""
    told: Headers = []
    for kind, (left, each) in narrowest(standings).items():
        limit, remaining, reset = _TOLD["openai"][kind]
        told += (limit, b"%d" % each.limit), (remaining, b"%d" % left), (reset, span(each.ends - now).encode())
    return told


def narrowest(standings: Sequence[Standing]) -> dict[str, tuple[int, Standing]]:
    """Of each rate the window with the least left, and how much that is."""
    found: dict[str, tuple[int, Standing]] = {}
    for each in among(standings, _RATES):
        left, kind = free(each), each.kind
        if kind not in found or left < found[kind][0]:
            found[kind] = left, each
    return found


def among(standings: Sequence[Standing], kinds: Container[str]) -> Iterable[Standing]:
    """Those of *kinds*."""
    return compress(standings, map(kinds.__contains__, map(_KIND, standings)))


@lru_cache(maxsize=64)
def _date(seconds: int) -> bytes:
    """That moment; it is the same for all requests of a window."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()


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
