"""Discovery: what upstreams list, and which of several that say nothing of their models has the one that is asked for.

    upstreams without ``models`` ──their lists──▶ those that list the model, in the order of the configuration
                                              └─▶ none does: the first of them

A list is asked for when a caller wants the models, and when a model is asked for that several might have and no list
has so far; all lists at one time.  It is believed for FRESH seconds, and after that until there is another: nobody
waits for a model that is known.  A list that can't be had is asked for again after AGAIN.  Who asks is the gateway
itself, with the upstream's own credential: what comes is shared by all callers.
"""

from collections.abc import Iterable, Sequence

import structlog
import trio

from pipeline.dialect import Model
from pipeline.errors import GatewayError, UpstreamRefused
from pipeline.exchange import Exchange, unasked
from pipeline.prompt import Prompt
from pipeline.upstream import Upstream
from stages.asking import ANSWER_BYTES, ask, whole
from stages.showing import again

FRESH = 300.0  # seconds a list is believed without asking
AGAIN = 60.0  # seconds until one is asked for again that could not be had
PATIENCE = 2.5  # seconds a list may take: some clients wait three for ours

log = structlog.get_logger("pipeline")


def silent(upstreams: Iterable[Upstream]) -> list[Upstream]:
    """Those of *upstreams* whose configuration says nothing of their models."""
    return [upstream for upstream in upstreams if not upstream.models]


def having(upstreams: Iterable[Upstream], model: str) -> list[Upstream]:
    """Those of *upstreams*, silent all, that list *model*; where none does, the first."""
    upstreams = list(upstreams)
    return [upstream for upstream in upstreams if model in upstream.listed.models] or upstreams[:1]


def undecided(upstreams: Sequence[Upstream], model: str) -> bool:
    """Whether asking *upstreams*, silent all, for their lists may tell more of *model*."""
    if len(upstreams) < 2 or any(model in upstream.listed.models for upstream in upstreams):
        return False
    now = trio.current_time()
    return any(now >= upstream.listed.until for upstream in upstreams)


async def discover(upstreams: Iterable[Upstream]) -> None:
    """Ask those of *upstreams* whose lists are due, all at one time.  Takes at most PATIENCE."""
    now = trio.current_time()
    async with trio.open_nursery() as nursery:
        for upstream in upstreams:
            if now >= upstream.listed.until:
                nursery.start_soon(_refresh, upstream)


async def _refresh(upstream: Upstream) -> None:
    """Task: ask *upstream* for its list.  Many who want it ask once; one that can't be had leaves the last."""
    listed, holds = upstream.listed, AGAIN
    async with listed.asking:
        if trio.current_time() < listed.until:
            return
        with trio.move_on_after(PATIENCE):
            try:
                listed.models = {model.id: model for model in await listing(upstream)}
                holds = FRESH
            except GatewayError as error:
                log.info("no list of models", upstream=upstream.name, why=str(error))
        listed.until = trio.current_time() + holds


async def listing(upstream: Upstream) -> list[Model]:
    """Ask *upstream* for its list.  Raises GatewayError."""
    exchange = unasked(upstream.dialect, "models", Prompt(upstream.dialect.NAME, b"{}"), method="GET")
    while True:
        try:
            return await _once(exchange, upstream)
        except UpstreamRefused as error:
            if not await again(exchange, upstream, error):
                raise


async def _once(exchange: Exchange, upstream: Upstream) -> list[Model]:
    """As ``listing``, with one credential."""
    path = upstream.dialect.upstream_path("models", exchange.prompt)
    async with ask(exchange, upstream, b"", path=path, own=True) as reply:
        body = await whole(reply, ANSWER_BYTES)
        if reply.head.status != 200:
            raise upstream.dialect.decode_error(reply.head.status, reply.head.headers, body)
    return upstream.dialect.decode_models(body)
