"""Request → exchange → line → response.

    request ──▶ a route of ours (health, version, /) ─────────────────────────────────▶ small JSON
            ├─▶ /admin… ──▶ whoever answers there (``pipeline.admin``)
            └─▶ a dialect's route ──▶ body, bounded and decoded ──▶ Exchange ──▶ conduct ──▶ the reply

A path says which dialect the caller speaks (``routes``); errors before the line are told in that dialect as well.
"""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from random import getrandbits
from typing import Any

import attrs
import trio

from pipeline import __version__
from pipeline.cors import Cors, Let
from pipeline.dialect import Dialect, Route
from pipeline.errors import (
    FieldsTooLarge,
    GatewayError,
    InvalidRequest,
    TooLarge,
    TooSlow,
    UnreadCoding,
    UpgradeRequired,
)
from pipeline.exchange import Exchange
from pipeline.heartbeat import Heart
from pipeline.line import Line, conduct
from pipeline.live import Live
from pipeline.loaded import Loaded
from pipeline.naming import load
from pipeline.observe.observer import Observer
from pipeline.peers import Peers
from pipeline.prompt import Prompt
from pipeline.routes import Routes
from pipeline.store.store import Store
from pipeline.switching import Switched, switched
from pipeline.upstream import Upstream
from transports.codings import CodingError, Decoding, UnknownCoding
from transports.codings import TooLarge as InflatesTooLarge
from transports.drain import Drain
from transports.messages import BadRequest, Handler, Head, Request, Response

DOORS = "stages.legacy.doors:meant"
INFLATED = 64 * 1024 * 1024  # what a compressed request may become
REFUSALS: dict[int, type[GatewayError]] = {408: TooSlow, 413: TooLarge, 431: FieldsTooLarge}  # others are 400


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
    cors: Cors = attrs.field(factory=Cors)
    live: Live = attrs.field(factory=Live)
    observer: Observer = attrs.field(factory=Observer)  # told of every request
    admin: Handler | None = None  # answers what is below /admin; None: there is nothing
    metrics: Handler | None = None  # answers /metrics; None: there is nothing
    loaded: Loaded = attrs.field(factory=Loaded)
    meant: Callable[[Request], Request] = attrs.field(factory=lambda: load(DOORS))  # knows older paths
    uses: Drain = attrs.field(factory=Drain)  # the requests that began with the present line
    peers: Peers = attrs.field(factory=Peers)  # other processes on the same port
    tells: dict[str, Callable[[], Any]] = attrs.field(factory=dict)  # what it tells them, when they ask
    _switched: Switched = attrs.field(init=False)

    _routes: Routes = attrs.field(init=False)

    @_routes.default
    def _routed(self) -> Routes:
        return Routes(self.dialects)

    @_switched.default
    def _whole(self) -> Switched:
        return Switched(self.line, self.upstreams)

    def turn(self, line: Line, upstreams: list[Upstream], dialects: Mapping[str, Dialect], uses: Drain) -> None:
        """Answer with these from now on, and count in *uses* who does; requests that run keep what they began with."""
        self.line, self.upstreams, self.dialects, self.uses = line, upstreams, dialects, uses
        self._switched = self._whole()

    def handle(self, request: Request, response: Response) -> Awaitable[None]:
        """Answer one request (a ``transports`` Handler); to be awaited."""
        usual = self._routes.usual(request)  # most are
        return self._unusual(request, response) if usual is None else self._answer(request, response, *usual)

    async def _unusual(self, request: Request, response: Response) -> None:
        """Answer what may be for others, or be an older path of a dialect's."""
        request = self.meant(request)
        if (other := self._other(request)) is not None:
            with self.uses.join(request.scope):
                await other(request, response)
        elif (own := self._own(request)) is not None:
            with self.uses.join(request.scope):
                await write(self._let(request, response), *own)
        else:
            await self._answer(request, response, *self._routes.find(request))

    def _let(self, request: Request, response: Response) -> Response:
        """*response*, which says what page may read it, where that has to be said."""
        let = self.cors.allowed(request)
        return Let(response, let) if let else response

    async def _answer(self, request: Request, response: Response, dialect: Dialect, route: Route | None) -> None:
        """Answer what a dialect is for."""
        uses, running = self.uses, self.running()  # of now: there may be another line before this is over
        exchange = Exchange(
            id=named(),
            request=request,
            dialect=dialect,
            operation=route.operation if route else "",
            prompt=Prompt(dialect.NAME, b"{}"),
            upstreams=list(running.upstreams),
            began=trio.current_time(),
            store=self.store,
        )
        response = self._let(request, response)
        uses.enter(request.scope)
        try:
            try:
                await self._fill(exchange, route)
            except (GatewayError, BadRequest) as error:
                await self._refuse(exchange, refusal(error), response)
            else:
                with self.live.watching(exchange), self.observer.watching(exchange, response) as watched:
                    await conduct(exchange, running.line, watched, self.heart)
        finally:
            exchange.let_go()
            uses.leave(request.scope)

    async def _refuse(self, exchange: Exchange, error: GatewayError, response: Response) -> None:
        """Tell *error*, which came before the line."""
        exchange.error = error
        exchange.head, body = exchange.dialect.encode_error(error, exchange.id)
        try:
            await write(response, exchange.head, body)
        finally:
            self.observer.over(exchange)

    def running(self) -> Switched:
        """The line and its upstreams without what is switched off, as the store has it by now."""
        off = self.store.keys.snapshot.off if self.store is not None else self._switched.off
        if off is not self._switched.off and off != self._switched.off:
            self._switched = switched(self.line, self.upstreams, off)
        return self._switched

    # -- what needs no line -------------------------------------------------------------------------------------------

    def _other(self, request: Request) -> Handler | None:
        """Whoever else answers *request*, or None."""
        path = request.path
        if self.admin is not None and (path == "/admin" or path.startswith("/admin/")):
            return self.admin
        return self.metrics if path == "/metrics" else None

    def _own(self, request: Request) -> tuple[Head, bytes] | None:
        """The answer to a path of ours, or None.  These need no key and tell nothing of the configuration."""
        if (head := self.cors.preflight(request)) is not None:
            return head, b""
        if request.method not in {"GET", "HEAD"}:
            return None
        match request.path:
            case "/":
                return small(200, {"service": "pipeline", "version": __version__})
            case "/health":
                told = {"version": __version__, "uptime": round(trio.current_time() - self.began, 1)}
                refused = {"configuration": "refused"} if self.loaded.problems else {}  # an older one is in force
                return small(200, {"status": "ok", **told, **refused})
            case "/health/liveness" | "/health/liveliness":
                return small(200, {"status": "ok"})
            case "/health/readiness":
                ready = self.ready and not self.drain.began.is_set()
                return small(200 if ready else 503, {"status": "ok" if ready else "draining"})
            case "/version":
                return small(200, {"version": __version__})
        return None

    # -- filling the exchange -----------------------------------------------------------------------------------------

    async def _fill(self, exchange: Exchange, route: Route | None) -> None:
        """Read the body and what it says of model and stream.  Raises GatewayError or BadRequest."""
        request = exchange.request
        if (request.header(b"upgrade") or "").lower() == "websocket":
            raise UpgradeRequired("this gateway speaks HTTP here: send the same request as a POST")
        if route is None:
            raise self._routes.refusal(request)
        if exchange.operation in {"reply", "count_tokens"}:
            exchange.prompt = Prompt.parse(exchange.dialect.NAME, await read(request))
            exchange.asked = exchange.prompt.model
            exchange.streaming = exchange.operation == "reply" and streams(exchange.prompt)
        elif exchange.operation == "relay":
            exchange.body = await read(request)


def named() -> str:
    """The id of a request that comes now.  They sort by time, so that books of millions grow at their end only."""
    return f"req_{time.time_ns() // 1_000_000:012x}{getrandbits(48):012x}"  # a name, no secret: the kernel is not asked


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


def refusal(error: GatewayError | BadRequest) -> GatewayError:
    """What the transport says of a request, in the gateway's words."""
    return error if isinstance(error, GatewayError) else REFUSALS.get(error.status, InvalidRequest)(str(error))


def small(status: int, said: dict[str, object]) -> tuple[Head, bytes]:
    """A little JSON of our own."""
    return Head(status, [(b"content-type", b"application/json")]), json.dumps(said).encode()


async def write(response: Response, head: Head, body: bytes) -> None:
    """Send a whole answer."""
    await response.start(Head(head.status, [*head.headers, (b"content-length", b"%d" % len(body))]))
    if body:
        await response.write(body)
    await response.finish()
