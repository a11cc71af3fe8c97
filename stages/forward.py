"""Forward: the source of the line.  Tries each upstream until one begins to answer, then lets the answer through.

    for upstream in exchange.upstreams:
        fork the prompt ─▶ enter its stages ─▶ send ─▶ decode ─▶ [its transforms] ─▶ Barrier ─▶ the line

Until the **commit**, the first text, thinking, tool or other block, whatever fails never happened: a status, an error
in the stream, an empty stream, a timer all count alike, and the next upstream is asked.  After it there is no second
answer, only the dialect's own error.  Lists and counts are answered here too, see ``answers`` and ``counting``.

    [forward.capabilities."my-model-*"]     # what models take, where it is known better than here; see ``known``
    thinking = ["enabled", "disabled"]
"""

import time
from collections.abc import Iterable
from typing import Any, ClassVar

import attrs
import trio

from pipeline.errors import GatewayError, UnknownModel, UpstreamFailed
from pipeline.events import Answer, Batch, BlockStarted, Failed, Finished, Opaque, Run, Started
from pipeline.exchange import Attempt, Exchange, Out
from pipeline.line import Fused
from pipeline.outlet import Enough, only, weigh
from pipeline.overlay import overlaid
from pipeline.prompt import Prompt
from pipeline.stage import Tails, enter, read_by
from stages.answers import Lists, relay
from stages.asking import ask, checked, decoded
from stages.capabilities import in_force
from stages.counting import Counting
from stages.fidelity import Mode, demand
from stages.known import Known, Override
from stages.lacking import Lacking
from stages.notes import HIDE_USAGE
from stages.quotas import learn
from stages.showing import again

HELD_EVENTS = 256  # what the barrier holds before it lets go
HELD_BYTES = 64 * 1024
COMMITS = frozenset({BlockStarted, Opaque, Run, Finished, Answer})


@attrs.frozen
class Forward:
    """Send the prompt to the upstreams, best first, and let the first answer through."""

    fidelity: Mode = "report"  # lossless, strict: refuse what would lose something of the request
    capabilities: dict[str, Override] = attrs.field(factory=dict)  # of models, by glob: the first one that fits holds

    per_key: ClassVar[frozenset[str]] = frozenset({"fidelity"})

    _known: Known = attrs.field(init=False, default=attrs.Factory(lambda self: Known(self.capabilities), True))
    _lists: Lists = attrs.field(init=False, default=attrs.Factory(lambda self: Lists(self._known), True))
    _counting: Counting = attrs.field(init=False, factory=Counting)
    _lacking: Lacking = attrs.field(init=False, factory=Lacking)

    def check(self, upstreams: frozenset[str]) -> Iterable[str]:
        """What can't be right about the settings."""
        return self._known.complaints()

    async def __aenter__(self) -> "Forward":
        await self._counting.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> None:
        await self._counting.__aexit__(*raised)

    async def __call__(self, exchange: Exchange, out: Out) -> None:
        """The source: sends batches of the reply to *out*."""
        with in_force(self._known):
            match exchange.operation:
                case "models" | "model":
                    await out.send([await self._lists.answer(exchange)])
                case "count_tokens":
                    await out.send([await self._counting.answer(exchange)])
                case "relay":
                    await out.send([await relay(exchange)])
                case _:
                    await self._attempts(exchange, out)

    async def _attempts(self, exchange: Exchange, out: Out) -> None:
        """Try each upstream in turn.  Raises the last one's error if none began to answer."""
        asked = exchange.prompt
        error: GatewayError = UnknownModel(f"no upstream has the model {exchange.asked!r}")
        waiting = [*reversed(exchange.upstreams)]
        while waiting:
            upstream = waiting.pop()
            exchange.prompt, exchange.upstream = asked.fork(), upstream
            attempt = Attempt(upstream.name, "", trio.current_time())
            exchange.attempts.append(attempt)
            barrier = Barrier(exchange, attempt, out, asked)
            try:
                await self._try(exchange, asked, attempt, barrier)
            except (GatewayError, ExceptionGroup) as raised:
                if only(raised, Enough):
                    raise Enough from None
                attempt.error = error = told(raised)
            finally:
                attempt.ended = trio.current_time()
                attempt.edits = exchange.prompt.edits
            if attempt.error is None:
                return
            if not barrier.open and (self._lacking.learned(exchange, error) or await again(exchange, upstream, error)):
                waiting.append(upstream)  # once more: without what it does not know, or with another credential
            elif barrier.open or not error.retryable:
                break
        raise error

    async def _try(self, exchange: Exchange, asked: Prompt, attempt: Attempt, barrier: "Barrier") -> None:
        """One attempt: enter the upstream's stages, send, decode, pass on."""
        upstream = exchange.upstream
        assert upstream is not None  # noqa: S101  # set with each attempt
        async with Tails(exchange) as tails:
            entered = [await enter(name, stage, exchange, tails) for name, stage in upstream.stages]
            self._lacking.leave_out(exchange)
            attempt.model = exchange.prompt.model
            transforms = [transform for transform in reversed(entered) if transform is not None]
            transforms[:0] = self._counting.watch(asked, exchange.prompt, upstream, attempt.model)
            read = read_by(transforms)
            same = upstream.dialect.NAME == exchange.dialect.NAME  # else the encoder reads every event
            kinds = exchange.kinds | read if same and read is not None and exchange.kinds is not None else None
            demand(exchange, overlaid(self, "forward", exchange).fidelity)
            for wait in exchange.before_attempt:
                await wait(attempt)
            out = Fused(exchange, transforms, barrier)
            async with ask(exchange, upstream, exchange.prompt.encode()) as reply:
                attempt.status = reply.head.status
                learn(upstream, reply.head.headers, time.time())
                await checked(reply, upstream, streaming=exchange.streaming)
                decoder = (
                    upstream.dialect.stream_decoder(kinds, hide_usage=exchange.noted(HIDE_USAGE) is True)
                    if exchange.streaming
                    else upstream.dialect.whole_decoder()
                )
                await decoded(reply, decoder, out)
        if not barrier.open:
            raise UpstreamFailed(f"{upstream.name} closed the stream without an answer")


stage = Forward


def told(raised: Exception) -> GatewayError:
    """The gateway's error in *raised*; a group with anything else in it is a bug and goes on as it is."""
    if isinstance(raised, GatewayError):
        return raised
    assert isinstance(raised, ExceptionGroup)  # noqa: S101  # what attempts() catches
    for inner in raised.exceptions:
        if isinstance(inner, GatewayError):
            return inner
    raise raised


class Barrier:
    """Holds everything back until the commit; whatever fails before that never happened."""

    def __init__(self, exchange: Exchange, attempt: Attempt, into: Out, asked: Prompt | None = None) -> None:
        self.open = False
        self._exchange, self._attempt, self._into, self._asked = exchange, attempt, into, asked
        self._held: Batch = []
        self._weight = 0

    async def send(self, batch: Batch) -> None:
        """Pass *batch* on, or hold it.  Raises the error of a Failed that comes before the commit."""
        if not self.open:
            self._look(batch)
            if not self.open:
                return
            for wait in self._exchange.before_commit:
                await wait()
            batch, self._held = self._held, []
            self._exchange.prompt.release()
            if self._asked is not None:  # shares the text
                self._asked.release()
        await self._into.send(batch)

    def _look(self, batch: Batch) -> None:
        """Hold *batch*; open at content, or when too much is held.  Only the new batch is looked at."""
        if self._attempt.first is None:
            self._attempt.first = trio.current_time()
        for event in batch:
            if isinstance(event, Failed):
                raise event.error
            if isinstance(event, Started | Finished) and event.usage is not None:
                self._attempt.usage = event.usage.over(self._attempt.usage)
            self.open = self.open or type(event) in COMMITS
        self._held += batch
        self._weight += weigh(batch)
        self.open = self.open or len(self._held) > HELD_EVENTS or self._weight > HELD_BYTES
