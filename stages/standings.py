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
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import compress
from operator import attrgetter, itemgetter, methodcaller, not_

from pipeline.errors import BudgetSpent, GatewayError, RateLimited
from pipeline.store.record import KINDS, Standing
from pipeline.upstream import Quota
from transports.messages import Head, Headers

Tightest = dict[str, Standing]  # by kind
Field = tuple[bytes, bytes]

THRESHOLDS = (0.95, 0.75)  # of what is used, from which on clients warn
SOON = 2.0  # seconds after which something that is held may have come back

_WARNED = THRESHOLDS[-1]
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
_NAME = itemgetter(0)  # of a field
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
_ONE = _CALLED | {
    "requests_minute": "request a minute",
    "tokens_minute": "token a minute",
    "streams": "reply at one time",
}


# -- while there is room ----------------------------------------------------------------------------------------------


def fields(dialect: str, standings: Sequence[Standing], now: int) -> Headers:
    """The fields of a reply to a client of *dialect*; *now* in ms."""
    told = tightest(standings)
    return unified(told, now) + rates(told, now) if dialect == "anthropic" else openai(told, now)


def tightest(standings: Sequence[Standing]) -> Tightest:
    """Of each kind the window that is told: of several the fullest, and of rates that with the least left."""
    found = dict(zip(map(_KIND, standings), standings, strict=True))
    if len(found) == len(standings):  # as nearly always: there is nothing to choose from
        return found
    return {kind: max([each for each in standings if each.kind == kind], key=_TIGHT.get(kind, part)) for kind in found}


def unified(told: Tightest, now: int) -> Headers:
    """The windows of money, as Claude Code reads them."""
    windows: Headers = []
    worst, most = windows, -1.0
    for kind in _WINDOWS:
        if kind in told:
            each = told[kind]
            used, begins = part(each), -(-max(each.ends, now) // 1000)
            of_all, status, utilization, rest = _window(kind, begins, 0.0 if used < _WARNED else passed(used))
            windows += status, (utilization, b"%.4g" % used), *rest
            if used > most:
                worst, most = of_all, used
    return worst + windows if windows else windows


def passed(used: float) -> float:
    """The highest threshold that *used* has passed; 0: none."""
    return next((threshold for threshold in THRESHOLDS if used >= threshold), 0.0)


@lru_cache(maxsize=256)
def _window(kind: str, begins: int, above: float) -> tuple[Headers, Field, bytes, Headers]:
    """What is the same for all requests of a window: told of all if it is the worst; and its own, around its use."""
    status, utilization, reset, threshold = _FIELDS[kind]
    state, anew = b"allowed_warning" if above else b"allowed", b"%d" % begins
    of_all = [(_STATUS, state), (_RESET, anew), (_CLAIM, _WINDOWS[kind][1])]
    return of_all, (status, state), utilization, [(reset, anew), *([(threshold, b"%g" % above)] if above else [])]


def rates(told: Tightest, now: int) -> Headers:
    """Requests and tokens a minute, as the Messages API tells them; resets in RFC 3339."""
    said: Headers = []
    for kind in _RATES:
        if kind in told:
            each = told[kind]
            limit, remaining, reset = _rate(kind, each.limit, max(each.ends, now) // 1000)
            said += limit, (remaining, b"%d" % free(each)), reset
    return said


@lru_cache(maxsize=256)
def _rate(kind: str, limit: int, ends: int) -> tuple[Field, bytes, Field]:
    """What is the same for all requests of a minute, around what is left of it."""
    of_limit, remaining, reset = _TOLD["anthropic"][kind]
    date = datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    return (of_limit, b"%d" % limit), remaining, (reset, date)


def openai(told: Tightest, now: int) -> Headers:
    """The same as OpenAI tells them; resets as spans."""
    said: Headers = []
    for kind, (limit, remaining, reset) in _TOLD["openai"].items():
        if kind in told:
            each, ends = told[kind], span(told[kind].ends - now).encode()
            said += (limit, b"%d" % each.limit), (remaining, b"%d" % free(each)), (reset, ends)
    return said


def without_theirs(head: Head) -> Head:
    """*head* of an upstream's reply without what it tells of its own limits: ours are told in their place."""
    theirs = map(_THEIRS, map(_NAME, head.headers))
    return Head(head.status, list(compress(head.headers, map(not_, theirs))))


def part(standing: Standing) -> float:
    """The part of a window that is spent; what is held may come back, and is not counted."""
    spent, limit = standing.spent, standing.limit
    return spent / limit if spent < limit else 1.0  # one of nothing is full as well


def free(standing: Standing) -> int:
    """What is neither spent nor held."""
    return max(0, standing.limit - standing.spent - standing.held)


def span(milliseconds: int) -> str:
    """A span of time as OpenAI writes it: ``6m0s``, ``1s``, ``20ms``."""
    if milliseconds < 1000:
        return f"{max(milliseconds, 0)}ms"
    minutes, seconds = divmod(math.ceil(milliseconds / 1000), 60)
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


_TIGHT: dict[str, Callable[[Standing], int]] = dict.fromkeys(_RATES, lambda each: -free(each))  # of rates: what is left


# -- when there is none -----------------------------------------------------------------------------------------------


def refusal(standing: Standing, amount: int, dialect: str, now: int) -> GatewayError:
    """What a caller is told whose request, which may use *amount*, has no room in the window of *standing*."""
    text = f"{_said(standing)} {_called(standing)}"
    if not standing.limit:
        error = never(standing, f"{text} is the limit of this key.")
    elif KINDS[standing.kind].unit != "cost":
        wait = max(standing.ends - now, 0) / 1000 if standing.ends else SOON
        wait = max(1, math.ceil(wait))
        error = RateLimited(f"{text} is the limit of this key. Please try again in {wait}s.", retry_after=wait)
        told = {standing.kind: standing}
        error.headers += rates(told, now) if dialect == "anthropic" else openai(told, now)
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


def never(standing: Standing, text: str) -> RateLimited | BudgetSpent:
    """*text*, of a limit of nothing: when its window begins anew there is no more room, so nobody is told to wait."""
    if KINDS[standing.kind].unit == "cost":
        return BudgetSpent(text)
    error = RateLimited(text)
    error.headers.append((b"x-should-retry", b"false"))
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
    called = _ONE if standing.limit == 1 else _CALLED
    return called[standing.kind] + models
