"""Rehearsal: what the line would make of a request, without asking any model.

    rehearse(line, exchange)  ─▶  the stages that declare ``rehearsed``, on the way up, in their order
                              ─▶  those of an attempt at the first upstream that is left: the prompt as it would be sent

A stage declares ``rehearsed = True`` if all it does on the way up is to look (at the exchange, at what upstreams list)
and to edit: it admits nobody, reserves nothing, keeps nothing.  The others are left out.
"""

from collections.abc import Iterator
from typing import Any

from pipeline.dialect import Dialect
from pipeline.exchange import Caller, Exchange, unasked
from pipeline.line import Line
from pipeline.live import RULE
from pipeline.prompt import Prompt
from pipeline.stage import Stage, Tails, enter
from pipeline.upstream import Upstream
from transports.messages import Headers

QUESTION: dict[str, Any] = {
    "max_tokens": 1024,
    "messages": [{"role": "user", "content": [{"type": "text", "text": "Say one short word."}]}],
}


def asking(model: str, dialect: Dialect) -> Prompt:
    """A small prompt for *model*, in the words of *dialect*."""
    prompt = Prompt.of(dialect.NAME, {})
    return Prompt.of(dialect.NAME, dialect.from_messages({"model": model, **QUESTION}, prompt))


def exchange_of(prompt: Prompt, dialect: Dialect, key: str, headers: Headers, upstreams: list[Upstream]) -> Exchange:
    """The exchange of a request that nobody made: *prompt*, from who has the key called *key*, with *headers*."""
    exchange = unasked(dialect, "reply", prompt, headers=headers, upstreams=upstreams)
    exchange.asked, exchange.caller = prompt.model, Caller(key, key)
    return exchange


async def rehearse(line: Line, exchange: Exchange) -> None:
    """Take *exchange* as far as it goes without asking a model.  Raises GatewayError, as a request would get it."""
    async with Tails(exchange) as tails:
        await enter(rehearsed(line.stages), exchange, tails, [])
        if exchange.upstreams:
            exchange.upstream = exchange.upstreams[0]
            await enter(rehearsed(exchange.upstream.stages), exchange, tails, [])


def rehearsed(stages: tuple[tuple[str, Stage], ...]) -> list[tuple[str, Stage]]:
    """Those of *stages* that may be tried."""
    return [(name, stage) for name, stage in stages if getattr(stage, "rehearsed", False)]


def told(exchange: Exchange) -> Iterator[str]:
    """What came out, for people; several lines."""
    rule = exchange.noted(RULE)
    yield f"{exchange.asked} ─▶ {exchange.prompt.model}"
    yield f"  by  {rule or 'no rule: the name passes'}"
    yield f"  at  {', '.join(upstream.name for upstream in exchange.upstreams)}"
    for edit in exchange.prompt.edits:
        lost = ", a loss" if edit.lossy else ""
        yield f"      {edit.path or 'request'} {edit.action}{lost}: {edit.why} ({edit.stage})"
