"""Answers that are no replies: what models there are, and what is relayed as it is.  (Counts: ``counting``.)

    models   names of the model map, then what every upstream lists (asked every five minutes at most); what it says its
             models can do is made known
    relay    the client's bytes there, the upstream's bytes back: batches, files

Each gives one Answer, terminal and undecoded.
"""

import math

import attrs
import structlog
import trio

from pipeline.dialect import Model
from pipeline.errors import GatewayError, NotFound, UnknownModel, UpstreamRefused
from pipeline.events import Answer
from pipeline.exchange import Attempt, Exchange
from pipeline.upstream import Upstream
from stages.asking import ANSWER_BYTES, ERROR_BYTES, ask, whole
from stages.capabilities import capability
from stages.fields import answer_fields
from stages.known import Known
from stages.notes import HIDDEN, OFFERED
from stages.showing import again
from transports.messages import Head

FRESH = 300.0  # seconds a list of models is believed
PATIENCE = 2.5  # seconds a list may take: some clients wait three for ours

log = structlog.get_logger("pipeline")


@attrs.define
class Listed:
    """What one upstream listed, and until when that holds."""

    models: list[Model] = attrs.field(factory=list)
    until: float = -math.inf
    asking: trio.Lock = attrs.field(factory=trio.Lock)


@attrs.define
class Lists:
    """The models of all upstreams, remembered for a while; *known* learns what they can do."""

    known: Known = attrs.field(factory=Known)
    _listed: dict[str, Listed] = attrs.field(factory=dict)

    async def answer(self, exchange: Exchange) -> Answer:
        """The list, or one model of it, in the shape of the caller's dialect."""
        models = {model.id: model for model in exchange.noted(OFFERED) or []}
        for upstream in exchange.upstreams:
            for model in await self._of(exchange, upstream):
                models.setdefault(model.id, model)
        hidden = exchange.noted(HIDDEN) or frozenset()
        shown = [model for model in models.values() if model.id not in hidden]
        allowed = [described(model) for model in shown if permitted(exchange, model.id)]
        if exchange.operation == "models":
            return in_json(exchange.dialect.encode_models(allowed, exchange.request.query))
        wanted = exchange.request.path.partition("/models/")[2]
        for model in allowed:
            if model.id == wanted:
                return in_json(exchange.dialect.encode_model(model))
        raise UnknownModel(f"there is no model {wanted!r}")

    async def _of(self, exchange: Exchange, upstream: Upstream) -> list[Model]:
        """What *upstream* lists; what it listed last, if it can't be asked.  Many callers ask once."""
        listed = self._listed.setdefault(upstream.name, Listed())
        async with listed.asking:
            if trio.current_time() >= listed.until:
                with trio.move_on_after(PATIENCE):
                    try:
                        listed.models = await listing(exchange, upstream)
                        self.known.learn(listed.models)
                    except GatewayError as error:
                        log.info("no list of models", upstream=upstream.name, why=str(error))
                listed.until = trio.current_time() + FRESH
        return [model for model in listed.models if upstream.has(model.id)]


async def listing(exchange: Exchange, upstream: Upstream) -> list[Model]:
    """Ask *upstream* for its list, with its own credential (the list is shared by all callers)."""
    while True:
        try:
            return await listing_once(exchange, upstream)
        except UpstreamRefused as error:
            if not await again(exchange, upstream, error):
                raise


async def listing_once(exchange: Exchange, upstream: Upstream) -> list[Model]:
    """As ``listing``, with one credential."""
    path = upstream.dialect.upstream_path("models", exchange.prompt)
    async with ask(exchange, upstream, b"", path=path, own=True) as reply:
        body = await whole(reply, ANSWER_BYTES)
        if reply.head.status != 200:
            raise upstream.dialect.decode_error(reply.head.status, reply.head.headers, body)
    return upstream.dialect.decode_models(body)


def described(model: Model) -> Model:
    """*model* with what is known of it where its upstream did not say."""
    known = capability(model.id)
    if known is None:
        return model
    return attrs.evolve(model, context=model.context or known.context, output=model.output or known.output)


def permitted(exchange: Exchange, model: str) -> bool:
    """Whether the caller may use *model*."""
    return exchange.caller is None or exchange.caller.may_use(model)


async def relay(exchange: Exchange) -> Answer:
    """Pass the client's bytes on to the first upstream of its dialect, and the answer back."""
    for upstream in exchange.upstreams:
        if upstream.dialect.NAME == exchange.dialect.NAME:
            return await relayed(exchange, upstream, exchange.body, path=exchange.request.path.removeprefix("/v1"))
    raise NotFound(f"no upstream here has {exchange.request.path}")


async def relayed(exchange: Exchange, upstream: Upstream, body: bytes, *, path: str | None = None) -> Answer:
    """The upstream's answer to *body*, as it is; its errors too, in its own words."""
    while True:
        try:
            return await relayed_once(exchange, upstream, body, path)
        except UpstreamRefused as error:
            if not await again(exchange, upstream, error):
                raise


async def relayed_once(exchange: Exchange, upstream: Upstream, body: bytes, path: str | None) -> Answer:
    """As ``relayed``, with one credential."""
    attempt = Attempt(upstream.name, exchange.asked, trio.current_time())
    exchange.attempts.append(attempt)
    for wait in exchange.before_attempt:
        await wait(attempt)
    async with ask(exchange, upstream, body, path=path) as reply:
        head = reply.head
        attempt.status = head.status
        if head.status >= 400:
            raise upstream.dialect.decode_error(head.status, head.headers, await whole(reply, ERROR_BYTES))
        return Answer(Head(head.status, answer_fields(head.headers)), await whole(reply, ANSWER_BYTES))


def in_json(body: bytes) -> Answer:
    """An answer of our own."""
    return Answer(Head(200, [(b"content-type", b"application/json")]), body)
