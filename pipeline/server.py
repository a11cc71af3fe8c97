"""Request → exchange → line → response.

    request ──▶ a route of ours (health, version, /) ─────────────────────────────────▶ small JSON
            ├─▶ /admin… ──▶ whoever answers there (``pipeline.admin``)
            └─▶ a dialect's route ──▶ body, bounded and decoded ──▶ Exchange ──▶ conduct ──▶ the reply

A path says which dialect the caller speaks; where dialects share one, the field that only one family's callers send
decides (``Dialect.MARK``).  Errors before the line are told in that dialect as well.  No vendor's name stands here.
"""

import json
import secrets
from collections.abc import Mapping

import attrs
import trio

from pipeline import __version__
from pipeline.cors import Cors, Let
from pipeline.dialect import Dialect, Route
from pipeline.errors import (
    GatewayError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    TooLarge,
    UpgradeRequired,
)
from pipeline.exchange import Exchange, Source
from pipeline.heartbeat import Heart
from pipeline.journal import Overheard, note
from pipeline.line import Line, conduct
from pipeline.live import Live
from pipeline.prompt import Prompt
from pipeline.store.store import Store
from pipeline.switching import Switched, switched
from pipeline.upstream import Upstream
from transports.codings import CodingError, Decoding, UnknownCoding
from transports.codings import TooLarge as InflatesTooLarge
from transports.drain import Drain
from transports.messages import BadRequest, BodyTooLarge, Handler, Head, Request, Response

STATEMENT = "/v1/usage"  # where the holder of a key learns what it used
INFLATED = 64 * 1024 * 1024  # what a compressed request may become


@attrs.define(eq=False, kw_only=True)
class Gateway:
    """What answers requests: a line, its upstreams, and the dialects its callers may speak."""

    line: Line
    upstreams: list[Upstream]
    dialects: Mapping[str, Dialect]  # by name; the one that answers for unknown paths comes last
    heart: Heart
    drain: Drain
    store: Store | None = None
    began: float = attrs.field(factory=trio.current_time)
    ready: bool = True
    bodies: bool = False  # whether the journal holds what was said
    cors: Cors = attrs.field(factory=Cors)
    live: Live = attrs.field(factory=Live)
    admin: Handler | None = None  # answers what is below /admin; None: there is nothing
    statement: Source | None = None  # tells the holder of a key what it used
    _switched: Switched = attrs.field(init=False)

    @_switched.default
    def _whole(self) -> Switched:
        return Switched(self.line, self.upstreams)

    async def handle(self, request: Request, response: Response) -> None:
        """Answer one request (a ``transports`` Handler)."""
        if self.admin is not None and (request.path == "/admin" or request.path.startswith("/admin/")):
            await self.admin(request, response)
            return
        if let := self.cors.allowed(request):
            response = Let(response, let)
        if (head := self.cors.preflight(request)) is not None:
            await write(response, head, b"")
            return
        await self._answer(request, response)

    async def _answer(self, request: Request, response: Response) -> None:
        """Answer what is for us: a path of ours, or a dialect's."""
        own = self._own(request)
        if own is not None:
            await write(response, *own)
            return
        dialect, route = self._route(request)
        running = self.running()
        exchange = Exchange(
            id=f"req_{secrets.token_hex(12)}",
            request=request,
            dialect=dialect,
            operation=route.operation if route else "",
            prompt=Prompt(dialect.NAME, b"{}"),
            upstreams=list(running.upstreams),
            began=trio.current_time(),
            store=self.store,
        )
        line = running.line
        try:
            if route is None and self.statement is not None and (request.method, request.path) == ("GET", STATEMENT):
                line = self._stating(exchange, line, self.statement)
            else:
                await self._fill(exchange, route)
            if self.bodies:
                response = Overheard(response)
                response.prompt = exchange.body or exchange.prompt.encode()
        except (GatewayError, BadRequest) as error:
            await write(response, *dialect.encode_error(refusal(error), exchange.id))
            return
        with self.live.watching(exchange):
            try:
                await conduct(exchange, line, response, self.heart)
            finally:
                note(exchange, response)

    def running(self) -> Switched:
        """The line and its upstreams without what is switched off, as the store has it by now."""
        off = self.store.keys.snapshot.off if self.store is not None else self._switched.off
        if off is not self._switched.off and off != self._switched.off:
            self._switched = switched(self.line, self.upstreams, off)
        return self._switched

    def _stating(self, exchange: Exchange, line: Line, statement: Source) -> Line:
        """The line of a statement: whoever has a key, and nothing else."""
        exchange.operation, exchange.source = "models", statement
        return attrs.evolve(line, stages=tuple(pair for pair in line.stages if pair[0] == "auth"))

    # -- what needs no line -------------------------------------------------------------------------------------------

    def _own(self, request: Request) -> tuple[Head, bytes] | None:
        """The answer to a path of ours, or None.  These need no key and tell nothing of the configuration."""
        if request.method not in {"GET", "HEAD"}:
            return None
        match request.path:
            case "/":
                return small(200, {"service": "pipeline", "version": __version__})
            case "/health":
                uptime = round(trio.current_time() - self.began, 1)
                return small(200, {"status": "ok", "version": __version__, "uptime": uptime})
            case "/health/liveness" | "/health/liveliness":
                return small(200, {"status": "ok"})
            case "/health/readiness":
                ready = self.ready and not self.drain.began.is_set()
                return small(200 if ready else 503, {"status": "ok" if ready else "draining"})
            case "/version":
                return small(200, {"version": __version__})
        return None

    # -- what dialect, what operation ---------------------------------------------------------------------------------

    def _route(self, request: Request) -> tuple[Dialect, Route | None]:
        """Whose path this is, and what it means there; unknown paths are refused by whoever seems to be asking."""
        found = [
            (dialect, route)
            for dialect in self.dialects.values()
            for route in dialect.ROUTES
            if matches(route.pattern, request.path)
        ]
        marked = [pair for pair in found if pair[0].MARK and request.header(pair[0].MARK.encode()) is not None]
        plain = [pair for pair in found if not pair[0].MARK] if len({dialect.NAME for dialect, _ in found}) > 1 else []
        for dialect, route in (*marked, *plain, *found):
            if route.method in {request.method, "*"}:
                return dialect, route
        return (marked or plain or found)[0][0] if found else self._guessed(request), None

    def _guessed(self, request: Request) -> Dialect:
        for dialect in self.dialects.values():
            if dialect.MARK and request.header(dialect.MARK.encode()) is not None:
                return dialect
        return list(self.dialects.values())[-1]

    # -- filling the exchange -----------------------------------------------------------------------------------------

    async def _fill(self, exchange: Exchange, route: Route | None) -> None:
        """Read the body and what it says of model and stream.  Raises GatewayError or BadRequest."""
        request = exchange.request
        if (request.header(b"upgrade") or "").lower() == "websocket":
            raise UpgradeRequired("this gateway speaks HTTP here: send the same request as a POST")
        if route is None:
            raise self._unknown(request)
        if exchange.operation in {"reply", "count_tokens"}:
            exchange.prompt = Prompt.parse(exchange.dialect.NAME, await read(request))
            exchange.asked = exchange.prompt.model
            exchange.streaming = exchange.operation == "reply" and streams(exchange.prompt)
        elif exchange.operation == "relay":
            exchange.body = await read(request)

    def _unknown(self, request: Request) -> GatewayError:
        known = any(
            matches(route.pattern, request.path) for dialect in self.dialects.values() for route in dialect.ROUTES
        )
        if known:
            return MethodNotAllowed(f"{request.method} is not what {request.path} is for")
        return NotFound(f"there is nothing at {request.path}")


def matches(pattern: str, path: str) -> bool:
    """Whether *path* fits *pattern*: ``{name}`` stands for one segment, a trailing ``{name...}`` for the rest."""
    head, rest, _ = pattern.partition("{")
    if not rest:
        return path == pattern
    tail = path[len(head) :]
    if not path.startswith(head):
        return pattern.endswith("...}") and path == head.rstrip("/")
    return pattern.endswith("...}") or (bool(tail) and "/" not in tail)


def streams(prompt: Prompt) -> bool:
    """Whether the prompt asks for a stream."""
    wanted = prompt.get("stream")
    if wanted is None or isinstance(wanted, bool):
        return wanted is True
    raise InvalidRequest("stream: true or false is expected", param="stream")


async def read(request: Request) -> bytes:
    """The request's whole body, decoded.  Raises BadRequest over the transport's limit, GatewayError over ours."""
    coding = request.header(b"content-encoding")
    try:
        decoding = Decoding(coding, INFLATED) if coding else None
        pieces = []
        while data := await request.body.receive():
            pieces.append(decoding.feed(data) if decoding else data)
        if decoding:
            decoding.close()
    except UnknownCoding as error:
        raise UnreadCoding(str(error)) from None
    except InflatesTooLarge:
        raise TooLarge(f"the request body becomes larger than {INFLATED} bytes") from None
    except CodingError as error:
        raise InvalidRequest(str(error)) from None
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class UnreadCoding(InvalidRequest):
    """A content coding that is not read here (RFC 9110 §15.5.16)."""

    status = 415


def refusal(error: GatewayError | BadRequest) -> GatewayError:
    """What the transport says of a request, in the gateway's words."""
    if isinstance(error, GatewayError):
        return error
    return TooLarge(str(error)) if isinstance(error, BodyTooLarge) else InvalidRequest(str(error))


def small(status: int, said: dict[str, object]) -> tuple[Head, bytes]:
    """A little JSON of our own."""
    return Head(status, [(b"content-type", b"application/json")]), json.dumps(said).encode()


async def write(response: Response, head: Head, body: bytes) -> None:
    """Send a whole answer."""
    await response.start(Head(head.status, [*head.headers, (b"content-length", b"%d" % len(body))]))
    if body:
        await response.write(body)
    await response.finish()
