"""Quotas: what an upstream tells, with each of its replies, of its own limits.

    anthropic-ratelimit-unified-5h-utilization: 0.09     ─▶  "5h"        9 %, begins anew at …     a plan's windows
    anthropic-ratelimit-unified-5h-reset: 1783325400
    anthropic-ratelimit-requests-remaining: 990 …        ─▶  "requests"  1 %                       an API's rates
    x-ratelimit-remaining-tokens: 149984 …               ─▶  "tokens"    0.01 %

What was told last holds; it is kept with the upstream (``Upstream.windows``), in memory, for whoever wants to look: the
limits of keys that follow it, the operator's overview.  Where callers bring credentials of their own, what is told is
about theirs, and not kept.  What is told is read when somebody looks; at once only where a plan may have nothing left,
since that is asked before each request (``used_up``).
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache, partial
from itertools import compress
from operator import itemgetter, methodcaller

from pipeline.upstream import Quota, Upstream
from transports.messages import Headers

PLAN = ("5h", "7d")  # the windows of a plan, for all models

_UNIFIED = b"anthropic-ratelimit-unified-"
_FAMILIES = (b"anthropic-ratelimit-", b"x-ratelimit-")
_NAME, _TELLS = itemgetter(0), methodcaller("startswith", _FAMILIES)
_5H, _7D = (_UNIFIED + name.encode() + b"-utilization" for name in PLAN)
_PARTS = re.compile(r"(?P<thing>[\w-]+)-(?P<what>utilization|limit|remaining|reset)")
_TURNED = re.compile(r"(?P<what>limit|remaining|reset)-(?P<thing>[\w-]+)")  # as OpenAI has it
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def learn(upstream: Upstream, headers: Headers, now: float) -> None:
    """Take in what *headers* of a reply tell of *upstream*; *now* in seconds since 1970."""
    told = dict(compress(headers, map(_TELLS, map(_NAME, headers))))
    if told and not upstream.client_key:
        upstream.windows.tell(told, partial(read, told.items(), now))
        if spent(told):
            upstream.windows.look()


def spent(told: Mapping[bytes, bytes]) -> bool:
    """Whether nothing may be left of a plan of which this is *told*; True where that can't be read."""
    try:
        return not (float(told.get(_5H, 0)) < 1 and float(told.get(_7D, 0)) < 1)
    except ValueError:
        return True


def read(headers: Iterable[tuple[bytes, bytes]], now: float) -> dict[str, Quota]:
    """The quotas in *headers*, by name."""
    found: dict[str, dict[str, str]] = {}
    for name, value in headers:
        thing, what = parts(name)
        if thing:
            found.setdefault(thing, {})[what] = value.decode("latin-1").strip()
    quotas = {}
    for thing, said in found.items():
        utilisation = used(said)
        if utilisation is not None:
            quotas[thing] = Quota(thing, utilisation, moment(said.get("reset", ""), now), round(now * 1000))
    return quotas


@lru_cache(maxsize=256)
def parts(name: bytes) -> tuple[str, str]:
    """What the field *name* tells of, and what of it: ``("5h", "reset")``; empty if it is none of those."""
    for prefix, pattern in ((_UNIFIED, _PARTS), (_FAMILIES[0], _PARTS), (_FAMILIES[1], _TURNED)):
        if name.startswith(prefix):
            match = pattern.fullmatch(name[len(prefix) :].decode("latin-1"))
            return (match["thing"], match["what"]) if match else ("", "")
    return "", ""


def used(said: Mapping[str, str]) -> float | None:
    """What part is used; None if it can't be told."""
    try:
        if "utilization" in said:
            part = float(said["utilization"])
        else:
            part = 1 - float(said["remaining"]) / float(said["limit"])
    except (KeyError, ValueError, ZeroDivisionError):
        return None
    return min(max(part, 0.0), 100.0) if part == part else None


def moment(text: str, now: float) -> int:
    """The moment that *text* tells, in ms: seconds since 1970, RFC 3339, or a span from *now*; 0 if it is none."""
    if text.isascii() and text.isdigit() and len(text) < 12:
        return int(text) * 1000
    spans = _SPAN.findall(text)
    if spans and "".join(number + unit for number, unit in spans) == text:
        return round((now + sum(float(number) * _SECONDS[unit] for number, unit in spans)) * 1000)
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError):
        return 0


def used_up(upstream: Upstream, now: int) -> Quota | None:
    """The window of *upstream*'s plan that has nothing left at *now* (ms); of two the one that lasts longer."""
    held: Quota | None = None
    for name in PLAN:
        quota = upstream.windows.get(name)
        if quota is not None and quota.utilisation >= 1 and quota.resets > max(now, held.resets if held else 0):
            held = quota
    return held
