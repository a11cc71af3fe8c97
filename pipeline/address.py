"""Address: a URL as people write it → where requests of a dialect go.

    https://host                            ──▶  https://host   /v1
    https://host/api/v1/                    ──▶  https://host   /api/v1
    https://host/v1/chat/completions        ──▶  https://host   /v1         a full endpoint: cut off, the rest is meant
    https://host/v1beta/compatible          ──▶  https://host   /v1beta/compatible
    https://host/v1/chat                    ──▶  ValueError: a part of an endpoint; so is another dialect's

Which ends are endpoints is asked of the dialects; this file knows none.
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from pipeline.dialect import Dialect
from transports.upstream import Origin

_VERSION = re.compile(r"v\d+[a-z0-9]*")
DEFAULT_VERSION = "/v1"


def locate(url: str, dialect: Dialect, others: Iterable[Dialect] = ()) -> tuple[Origin, str]:
    """Origin of *url*, and the path below which *dialect*'s operations live.  Raises ValueError, without the URL.

    *others*: dialects whose endpoints can't be meant.
    """
    origin = Origin.parse(url)
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        raise ValueError("a base URL has no query and no fragment")
    path = parts.path.rstrip("/")
    if "//" in path or "%" in path or {".", ".."} & set(path.split("/")):
        raise ValueError("the path of a base URL is plain: no empty segment, no dot segment, nothing escaped")
    for end in endpoints(dialect):
        if path.endswith(end):
            return origin, path.removesuffix(end)
    check_end(path, dialect, others)
    versioned = any(_VERSION.fullmatch(segment) for segment in path.split("/"))
    return origin, path if versioned else path + DEFAULT_VERSION


def check_end(path: str, dialect: Dialect, others: Iterable[Dialect]) -> None:
    """Raise ValueError for a *path* that ends in a part of an endpoint, or in one of *others*'."""
    last = path.rpartition("/")[2]
    if whole := next((end for end in endpoints(dialect) if last in end.split("/")[1:]), None):
        raise ValueError(f"/{last} is a part of the endpoint {whole}: say all of it, or only what comes before")
    for other in others:
        if end := next((end for end in endpoints(other) if path.endswith(end)), None):
            raise ValueError(f"{end} is an endpoint of the dialect {other.NAME}, and this upstream's is {dialect.NAME}")


def endpoints(dialect: Dialect) -> list[str]:
    """How the paths of *dialect*'s operations end behind their version, the longest first."""
    ends = {
        route.pattern.removeprefix(DEFAULT_VERSION)
        for route in dialect.ROUTES
        if route.pattern.startswith(f"{DEFAULT_VERSION}/") and "{" not in route.pattern
    }
    return sorted(ends, key=len, reverse=True)
