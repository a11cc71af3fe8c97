"""Routes: whose a path is, and what it means there.

    POST /v1/messages ──▶ (dialect, reply)           written out: one look-up, whatever the number of routes, and
                                                     nobody else has to be asked (``usual``)
    GET /v1/models/x  ──▶ patterns, in the dialects' order
    GET /v1/models    ──▶ several dialects have it: the field that only one family's callers send decides (``MARK``)

A path that nobody has is refused in the dialect of whoever seems to be asking.  No vendor's name stands here.
"""

from collections.abc import Mapping

import attrs

from pipeline.dialect import Dialect, Route
from pipeline.errors import GatewayError, MethodNotAllowed, NotFound
from transports.messages import Request

Found = tuple[Dialect, Route]
BELOW = "/v1/"  # where dialects alone answer, and no path is an older one


@attrs.define(eq=False)
class Routes:
    """The routes of *dialects*, of which the one that answers for unknown paths comes last."""

    dialects: Mapping[str, Dialect]
    _usual: dict[str, Found] = attrs.field(init=False, factory=dict)
    _exact: dict[str, list[Found]] = attrs.field(init=False, factory=dict)
    _patterns: list[Found] = attrs.field(init=False, factory=list)

    def __attrs_post_init__(self) -> None:
        every = [(dialect, route) for dialect in self.dialects.values() for route in dialect.ROUTES]
        self._patterns = [pair for pair in every if "{" in pair[1].pattern]
        for path in {route.pattern for _, route in every if "{" not in route.pattern}:
            self._exact[path] = found = [pair for pair in every if matches(pair[1].pattern, path)]
            posted = [pair for pair in found if pair[1].method in {"POST", "*"}]
            if path.startswith(BELOW) and posted and len({dialect.NAME for dialect, _ in found}) == 1:
                self._usual[path] = posted[0]

    def usual(self, request: Request) -> Found | None:
        """What ``find`` says of a POST to a path that one dialect alone has, and where nobody else answers."""
        return self._usual.get(request.path) if request.method == "POST" else None

    def find(self, request: Request) -> tuple[Dialect, Route | None]:
        """Whose the path of *request* is, and what it means there; without a route if it means nothing."""
        found = self._having(request.path)
        marked = [pair for pair in found if pair[0].MARK and request.header(pair[0].MARK.encode()) is not None]
        shared = len({dialect.NAME for dialect, _ in found}) > 1
        plain = [pair for pair in found if not pair[0].MARK] if shared else []
        asked = {request.method, "GET" if request.method == "HEAD" else "*", "*"}  # RFC 9110 §9.3.2: as GET, bodiless
        for dialect, route in (*marked, *plain, *found):
            if route.method in asked:
                return dialect, route
        return (marked or plain or found)[0][0] if found else self._guessed(request), None

    def refusal(self, request: Request) -> GatewayError:
        """What is wrong with a *request* that has no route."""
        if found := self._having(request.path):
            methods = {route.method for _, route in found}
            allow = ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods)).encode()
            message = f"{request.method} is not what {request.path} is for"
            return MethodNotAllowed(message, headers=[(b"allow", allow)])
        return NotFound(f"there is nothing at {request.path}")

    def _having(self, path: str) -> list[Found]:
        """Everything at *path*, in the dialects' order."""
        found = self._exact.get(path)
        return [pair for pair in self._patterns if matches(pair[1].pattern, path)] if found is None else found

    def _guessed(self, request: Request) -> Dialect:
        for dialect in self.dialects.values():
            if dialect.MARK and request.header(dialect.MARK.encode()) is not None:
                return dialect
        return list(self.dialects.values())[-1]


def matches(pattern: str, path: str) -> bool:
    """Whether *path* fits *pattern*: ``{name}`` stands for one segment, a trailing ``{name...}`` for the rest."""
    head, rest, _ = pattern.partition("{")
    if not rest:
        return path == pattern
    tail = path[len(head) :]
    if not path.startswith(head):
        return pattern.endswith("...}") and path == head.rstrip("/")
    return pattern.endswith("...}") or (bool(tail) and "/" not in tail)
