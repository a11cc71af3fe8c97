"""Counting: how many tokens a prompt has, from whoever knows best.

    the upstream counts, in the caller's dialect   its answer, as it is
    the upstream counts, in another                the prompt translated, its number in the caller's dialect
    it does not                                    counted here (``tokens``)     x-pipeline-count: local; error=0.03
    there is no tokenizer                          the dialect's own estimate    x-pipeline-count: estimate

``error`` is the part of the number by which it may be off; replies that come back with usage teach what it is.  An
upstream that says it has no such thing is not asked again for five minutes: clients ask for many counts at once.  One
that rests is not asked at all.
"""

import math
from collections.abc import Callable
from typing import Any

import attrs
import msgspec
import trio

from pipeline.dialect import Dialect
from pipeline.errors import UpstreamFailed, UpstreamRefused
from pipeline.events import Answer, Event
from pipeline.exchange import Exchange
from pipeline.prompt import Prompt
from pipeline.stage import Tails, enter
from pipeline.upstream import Upstream
from stages.answers import in_json, relayed
from stages.dialects.anthropic.context import applied
from stages.notes import TOLD
from stages.tokens.counter import Counter

HOW = b"x-pipeline-count"
SILENCE = 300.0  # seconds for which it is believed that an upstream does not count
UNABLE = frozenset({404, 405, 501})  # what an upstream answers that does not


@attrs.define(eq=False)
class Counting:
    """Answers to count_tokens.  An async context manager; outside of it, prompts are estimated."""

    _counter: Counter = attrs.field(factory=Counter)
    _silent: dict[str, float] = attrs.field(factory=dict)  # upstreams, and until when that is believed

    async def __aenter__(self) -> "Counting":
        await self._counter.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> None:
        await self._counter.__aexit__(*raised)

    async def answer(self, exchange: Exchange) -> Answer:
        """The tokens of the exchange's prompt, for the first upstream it may go to."""
        asked = exchange.prompt
        for upstream in exchange.upstreams[:1]:
            exchange.upstream = upstream
            if self._may_ask(exchange, upstream) and (answer := await self._theirs(exchange, asked, upstream)):
                return answer
        return await self._ours(exchange, asked, exchange.upstreams[0].name if exchange.upstreams else "")

    def watch(self, asked: Prompt, sent: Prompt, upstream: Upstream, model: str) -> list[Callable[[Event], None]]:
        """Transforms that learn from the reply to *asked*, if there is something to learn.

        *sent*: what became of it on the way.  If some of it was cleared, usage tells of less than was counted.
        """
        if applied(sent.notes.noted(TOLD)):
            return []
        transform = self._counter.watch(asked, upstream.name, model)
        return [] if transform is None else [transform]

    def _may_ask(self, exchange: Exchange, upstream: Upstream) -> bool:
        """Whether *upstream* counts, as far as is known, what this exchange asks."""
        same = upstream.dialect.NAME == exchange.dialect.NAME
        now = trio.current_time()
        silent = now < self._silent.get(upstream.name, -math.inf) or upstream.condition.resting(now)
        return not silent and counts(upstream.dialect) and (same or bool(counted(upstream.dialect)))

    async def _theirs(self, exchange: Exchange, asked: Prompt, upstream: Upstream) -> Answer | None:
        """The upstream's own count; None if it has none."""
        exchange.prompt = asked.fork()
        async with Tails(exchange) as tails:
            await enter(upstream.stages, exchange, tails, [])
            same = upstream.dialect.NAME == exchange.dialect.NAME
            narrow(exchange.prompt, asked if same else None, counted(upstream.dialect))
            try:
                answer = await relayed(exchange, upstream, exchange.prompt.encode())
            except UpstreamRefused as error:
                if error.code not in UNABLE:
                    raise
                self._silent[upstream.name] = trio.current_time() + SILENCE
                return None
        return answer if same else in_json(exchange.dialect.encode_count(number(answer.body, upstream)))

    async def _ours(self, exchange: Exchange, asked: Prompt, upstream: str) -> Answer:
        """A count of our own, or the dialect's estimate; which of them, the head says."""
        count = await self._counter.count(asked, upstream)
        tokens = exchange.dialect.count(asked) if count is None else count.tokens
        answer = in_json(exchange.dialect.encode_count(tokens))
        answer.head.headers.append((HOW, b"estimate" if count is None else b"local; error=%.2f" % count.error))
        return answer


def counts(dialect: Dialect) -> bool:
    """Whether *dialect* has an operation that counts."""
    return any(route.operation == "count_tokens" for route in dialect.ROUTES)


def counted(dialect: Dialect) -> frozenset[str]:
    """The members of a prompt that *dialect*'s count takes, where it says so."""
    named: frozenset[str] = getattr(dialect, "COUNTED", frozenset())
    return named


def narrow(prompt: Prompt, asked: Prompt | None, takes: frozenset[str]) -> None:
    """Drop what a count does not take; what the client itself put there is the upstream's to judge."""
    for key in prompt.keys() if takes else ():
        if key not in takes and (asked is None or not asked.has(key)):
            prompt.drop(key, why="says nothing about the number of tokens")


def number(body: bytes, upstream: Upstream) -> int:
    """The number in an upstream's answer.  Raises UpstreamFailed."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        told = None
    tokens = told.get("input_tokens") if isinstance(told, dict) else None
    if not isinstance(tokens, int) or tokens < 0:
        raise UpstreamFailed(f"{upstream.name} answered a count with something that is none")
    return tokens
