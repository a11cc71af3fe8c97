"""Answers that are no replies: what models there are, and what is relayed as it is.  (Counts: ``counting``.)

    models   names of the model map, then what every upstream lists (``discovery``); what it says its models can do is
             made known
    relay    the client's bytes there, the upstream's bytes back: batches, files

Each gives one Answer, terminal and undecoded.
"""

from collections.abc import Iterable
from urllib.parse import unquote

import attrs
import trio

from pipeline.dialect import Model
from pipeline.errors import NotFound, UnknownModel, UpstreamRefused
from pipeline.events import Answer
from pipeline.exchange import Attempt, Exchange
from pipeline.upstream import Upstream
from stages.asking import ANSWER_BYTES, ERROR_BYTES, ask, whole
from stages.capabilities import capability
from stages.discovery import discover
from stages.fields import answer_fields
from stages.known import Known
from stages.notes import HIDDEN, OFFERED
from stages.showing import again
from transports.messages import Head


@attrs.define
class Lists:
    """The models of all upstreams; *known* learns what they can do."""

    known: Known = attrs.field(factory=Known)
    _learned: dict[str, dict[str, Model]] = attrs.field(factory=dict)  # by upstream, the list that was learned from

    async def answer(self, exchange: Exchange) -> Answer:
        """The list, or one model of it, in the shape of the caller's dialect."""
        await discover(exchange.upstreams)
        self.learn(exchange.upstreams)
        listed: dict[str, Model] = {}
        for upstream in exchange.upstreams:
            for name, model in upstream.listed.models.items():
                if upstream.has(name):
                    listed.setdefault(name, model)
        offered = exchange.noted(OFFERED) or {}
        models = {name: named(name, listed.get(target) or Model(target)) for name, target in offered.items()}
        hidden = exchange.noted(HIDDEN) or frozenset()
        models |= {name: model for name, model in listed.items() if name not in models}
        shown = [model for model in models.values() if model.id not in hidden]
        allowed = [described(model) for model in shown if permitted(exchange, model.id)]
        if exchange.operation == "models":
            return in_json(exchange.dialect.encode_models(allowed, exchange.request.query))
        wanted = unquote(exchange.request.path.partition("/models/")[2])  # SDKs quote a slash, people do not
        for model in allowed:
            if model.id == wanted:
                return in_json(exchange.dialect.encode_model(model))
        raise UnknownModel(f"there is no model {wanted!r}")

    def learn(self, upstreams: Iterable[Upstream]) -> None:
        """Make known what is new in the lists of *upstreams*."""
        for upstream in upstreams:
            models = upstream.listed.models
            if models and self._learned.get(upstream.name) is not models:
                self._learned[upstream.name] = models
                self.known.learn(models.values())


def named(name: str, model: Model) -> Model:
    """*model* under another *name*: clients compact their conversations by how much it takes."""
    if model.id == name:
        return model
    model = described(model)
    return Model(name, context=model.context, output=model.output)


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
        data = await whole(reply, ANSWER_BYTES)
    return Answer(Head(head.status, answer_fields(head.headers)), data)


def in_json(body: bytes) -> Answer:
    """An answer of our own."""
    return Answer(Head(200, [(b"content-type", b"application/json")]), body)
