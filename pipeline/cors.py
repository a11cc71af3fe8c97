"""CORS: which pages in a browser may ask a model here (the Fetch standard, §3.2).

    [server] cors = "off" | "localhost" | "*" | ["https://chat.example.com"]

Off unless told: a page that someone visits must not spend what is on their machine.  Never with cookies, which open
nothing here anyway; never for the admin.  A preflight is answered for whatever fields the client means to send: what
lets a request in is its key.
"""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

import attrs

from transports.messages import Head, Headers, Request, Response

MOST = 4096  # bytes of a list of fields

_FIELDS = re.compile(r"[\w!#$%&'*+.^`|~, \t-]+", re.ASCII)
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@attrs.frozen
class Cors:
    """Who may; *origins* as they are configured."""

    origins: str | Sequence[str] = "off"

    def allowed(self, request: Request) -> Headers:
        """The fields that let the page in which *request* comes from; none, if there is no page or it may not."""
        if self.origins == "off" or (origin := request.header(b"origin")) is None:
            return []
        if self.origins == "*":
            return [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"*")]
        known = local(origin) if self.origins == "localhost" else origin in self.origins
        varying: Headers = [(b"vary", b"origin")]
        if not known:
            return varying
        let: Headers = [(b"access-control-allow-origin", origin.encode("latin-1"))]
        return [*varying, *let, (b"access-control-expose-headers", b"*")]

    def preflight(self, request: Request) -> Head | None:
        """The answer to a browser that asks first; None for any other request, and where no page may."""
        if request.method != "OPTIONS" or request.header(b"access-control-request-method") is None:
            return None
        fields = self.allowed(request)
        if not fields:
            return None
        if len(fields) == 1:  # varying, and not let in
            return Head(403, fields)
        named = request.header(b"access-control-request-headers") or ""
        fields += [
            (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
            (b"access-control-max-age", b"600"),
        ]
        if len(named) <= MOST and _FIELDS.fullmatch(named):
            fields.append((b"access-control-allow-headers", named.encode("latin-1")))
        if request.header(b"access-control-request-private-network") == "true":
            fields.append((b"access-control-allow-private-network", b"true"))
        return Head(204, fields)


def local(origin: str) -> bool:
    """Whether *origin* is a page served by this machine, on whatever port."""
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        return False
    return host in _LOCAL or host.endswith(".localhost")


class Let:
    """A response whose head says which page may read it."""

    def __init__(self, response: Response, fields: Headers) -> None:
        self._response, self._fields = response, fields

    @property
    def started(self) -> bool:
        """As the response's."""
        return self._response.started

    async def start(self, head: Head) -> None:
        """As the response's, with what lets the page in."""
        await self._response.start(Head(head.status, [*head.headers, *self._fields]))

    async def write(self, data: bytes) -> None:
        """As the response's."""
        await self._response.write(data)

    def write_now(self, data: bytes) -> bool:
        """As the response's."""
        return self._response.write_now(data)

    async def finish(self) -> None:
        """As the response's."""
        await self._response.finish()
