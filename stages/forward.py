"""Forward: the source of the line.  Tries upstreams until one begins to answer, then lets the answer through.

    chain: who is asked ─▶ fork the prompt ─▶ its stages ─▶ send ─▶ decode ─▶ [its transforms] ─▶ Barrier ─▶ the line
      ▲                                                                                             │
      └── status · error in the stream · empty stream · cut · no first token in time · no connection ┘

Until the **commit**, the first text, thinking, tool or other block, whatever fails never happened: all that can go
wrong counts alike, and the next upstream is asked (``chain``), if it does not rest (``health``) and conversations and
budgets allow it (``affinity``, ``retries``).  After the commit there is no second answer, only the dialect's own error.
Lists and counts are answered here too, see ``answers`` and ``counting``.

    [forward]
    choice  = "weighted"                     # of several upstreams; a rule of the model map may say otherwise
    weights = { work = 3.0, spare = 1.0 }
    rest    = { failures = 3, seconds = 10.0 }

    [forward.capabilities."my-model-*"]     # what models take, where it is known better than here; see ``known``
    thinking = ["enabled", "disabled"]
"""

import math
import random
import time
from collections.abc import Awaitable, Iterable
from contextlib import nullcontext
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import attrs
import structlog
import trio

from pipeline.bounds import Count, Part
from pipeline.dialect import Decoder
from pipeline.errors import GatewayError, NotFound, UnknownModel, UpstreamFailed, UpstreamTimeout
from pipeline.events import Answer, Batch, Kinds, Started
from pipeline.exchange import Attempt, Exchange, Out
from pipeline.line import Fused
from pipeline.outlet import Enough, only
from pipeline.overlay import overlaid
from pipeline.prompt import Prompt
from pipeline.stage import Tails, Transform, enter, read_by, union
from pipeline.structure import Check
from pipeline.upstream import Upstream
from stages.affinity import Owners, conversation
from stages.answers import Lists, relay
from stages.asking import ask, checked, decoded
from stages.barrier import Barrier
from stages.capabilities import in_force
from stages.chain import CHOICES, Chain, Choice, Step, arranged
from stages.counting import Counting
from stages.dialects import responses
from stages.fidelity import Mode, demand
from stages.health import Health, Rest, Visit
from stages.known import Known, Override
from stages.lacking import Lacking
from stages.notes import ASKED, CHOICE, HIDE_USAGE
from stages.quotas import learn
from stages.retries import Budget, advice, worth_telling
from stages.showing import again
from transports.pool import Reply

log = structlog.get_logger("pipeline")

_UNBOUND = nullcontext()


def _finite(value: float) -> None:
    if not 0 <= value < math.inf:
        raise ValueError(f"expected 0 or more, got {value:g}")


@attrs.frozen
class Forward:
    """Send the prompt to the upstreams, best first, and let the first answer through."""

    fidelity: Mode = "report"  # lossless, strict: refuse what would lose something of the request
    capabilities: dict[str, Override] = attrs.field(factory=dict)  # of models, by glob: the first one that fits holds
    choice: Choice = "ordered"  # of several upstreams: which is asked first
    weights: dict[str, Annotated[float, Check(_finite)]] = attrs.field(factory=dict)  # by upstream; else 1
    affinity: Literal["soft", "off"] = "soft"  # conversations keep to one, where the choice leaves it open
    retries: Count = 1  # of the only upstream there is, after what passes by itself
    wait: Annotated[float, Check(_finite)] = 5.0  # seconds before a retry; an upstream that wants more gets none
    budget: Part = 0.2  # the part of recent requests that may be asked of who just failed
    rest: Rest = attrs.field(factory=Rest)  # when an upstream that fails is left alone, and for how long

    per_key: ClassVar[frozenset[str]] = frozenset({"fidelity"})
    reads: ClassVar[frozenset[str]] = frozenset({"upstreams", "effort", "dialect"})

    _known: Known = attrs.field(init=False, default=attrs.Factory(lambda self: Known(self.capabilities), True))
    _lists: Lists = attrs.field(init=False, default=attrs.Factory(lambda self: Lists(self._known), True))
    _counting: Counting = attrs.field(init=False, factory=Counting)
    _lacking: Lacking = attrs.field(init=False, factory=Lacking)
    _health: Health = attrs.field(init=False, default=attrs.Factory(lambda self: Health(self.rest), True))
    _budget: Budget = attrs.field(init=False, default=attrs.Factory(lambda self: Budget(self.budget), True))
    _owners: Owners = attrs.field(init=False, factory=Owners)
    _dice: random.Random = attrs.field(init=False, factory=random.Random, repr=False)

    def check(self, upstreams: frozenset[str]) -> Iterable[str]:
        """What can't be right about the settings."""
        yield from self._known.complaints()
        for name in self.weights:
            if name not in upstreams:
                yield f"weights names {name!r}, which is no upstream"

    async def __aenter__(self) -> "Forward":
        await self._counting.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> None:
        await self._counting.__aexit__(*raised)

    def __call__(self, exchange: Exchange, out: Out) -> Awaitable[None]:
        """The source: sends batches of the reply to *out*.  To be awaited."""
        return self._attempts(exchange, out) if exchange.operation == "reply" else self._answer(exchange, out)

    async def _answer(self, exchange: Exchange, out: Out) -> None:
        """What is asked and answered in one piece."""
        with in_force(self._known):
            match exchange.operation:
                case "models" | "model":
                    await out.send([await self._lists.answer(exchange)])
                case "count_tokens":
                    await out.send([await self._counting.answer(exchange)])
                case "relay":
                    await out.send([await self._relay(exchange)])
                case "usage":
                    raise NotFound("nothing here tells what a key has used")

    async def _relay(self, exchange: Exchange) -> Answer:
        """The upstream's answer to a relayed request; of several the one that has what it is about."""
        exchange.upstreams = self._owners.first(exchange)
        answer = await relay(exchange)
        self._owners.learn(answer, exchange.attempts[-1].upstream)
        return answer

    # -- who is asked -------------------------------------------------------------------------------------------------

    def _chain(self, exchange: Exchange, asked: Prompt) -> tuple[Chain, bytes]:
        """Whom to ask, in their order; and what stands for the conversation, where there is a choice."""
        upstreams, session = exchange.upstreams, b""
        if len(upstreams) > 1:
            session = conversation(exchange, asked)
            holder = self._owners.holder(exchange, asked, session)
            choice = exchange.noted(CHOICE) or self.choice
            keeps = self.affinity == "soft"
            key = session if keeps else self._dice.randbytes(16)
            ordered = arranged(upstreams, choice if choice in CHOICES else self.choice, self.weights, key, keeps=keeps)
            upstreams = ordered if holder is None else [holder]
        chain = Chain(
            health=self._health,
            budget=self._budget,
            retries=self.retries,
            longest=self.wait,
            dice=self._dice,
            left=list(upstreams),
        )
        return chain, session

    async def _attempts(self, exchange: Exchange, out: Out) -> None:
        """Try one upstream after the other.  Raises the error to tell if none began to answer."""
        asked, error = exchange.prompt, None
        exchange.note(ASKED, asked)
        chain, session = self._chain(exchange, asked)
        step = chain.first(trio.current_time())
        with in_force(self._known):
            while step is not None:
                if step.wait:
                    await trio.sleep(step.wait)
                failed = await self._attempt(exchange, step, asked, session, out)
                if failed is None:
                    return
                error = worth_telling(error, failed)
                step = await self._next(exchange, chain, step.upstream, failed)
        raise error or UnknownModel(f"no upstream has the model {exchange.asked!r}")

    async def _next(self, exchange: Exchange, chain: Chain, upstream: Upstream, error: GatewayError) -> Step | None:
        """What to try after *upstream* failed with *error*; None: nothing."""
        if self._lacking.learned(exchange, error):
            step: Step | None = Step(upstream, why="again, without what it does not know")
        elif await again(exchange, upstream, error):
            step = Step(upstream, why="again, with another credential")
        else:
            step = chain.after(upstream, error, advice(error, time.time()), trio.current_time())
        if step is not None:
            log.info(
                "an attempt failed",
                id=exchange.id,
                upstream=upstream.name,
                error=type(error).__name__,
                status=exchange.attempts[-1].status if exchange.attempts else None,
                next=step.upstream.name,
                why=step.why,
                wait=round(step.wait, 3),
            )
        return step

    # -- one attempt --------------------------------------------------------------------------------------------------

    async def _attempt(
        self, exchange: Exchange, step: Step, asked: Prompt, session: bytes, out: Out
    ) -> GatewayError | None:
        """Try one upstream; gives the error of a try that failed before the commit, raises that of one after it.

        One frame for all that lasts as long as the reply: each takes some 300 bytes of every open stream.
        """
        exchange.prompt, exchange.upstream = asked.fork(), step.upstream
        attempt = Attempt(step.upstream.name, "", trio.current_time(), why=step.why)
        exchange.attempts.append(attempt)
        visit = self._health.visit(step.upstream)
        barrier = Barrier(exchange, attempt, out, asked, opened=partial(self._opened, exchange, visit, session))
        try:
            async with Tails(exchange) as tails:
                into, kinds = await self._entered(exchange, asked, attempt, barrier, tails)
                visit.sent = True
                barrier.patience = scope = patience(exchange, step.upstream)
                with scope or _UNBOUND:
                    async with ask(exchange, step.upstream, exchange.prompt.encode()) as reply:
                        await decoded(reply, await answered(exchange, attempt, reply, kinds), into)
                if scope is not None and scope.cancelled_caught:
                    raise UpstreamTimeout(
                        f"{attempt.upstream}: no word of the reply within {step.upstream.first_token:g} s (first_token)"
                    )
            if not barrier.open:
                raise UpstreamFailed(f"{attempt.upstream} closed the stream without an answer")
        except (GatewayError, ExceptionGroup) as raised:
            if only(raised, Enough):
                raise Enough from None
            attempt.error = told(raised)
            if barrier.open:
                raise attempt.error from raised
        finally:
            attempt.ended = trio.current_time()
            attempt.edits = exchange.prompt.edits
            error = attempt.error
            visit.leave(error, attempt.ended, None if error is None else advice(error, time.time()).seconds)
        return None if barrier.open else attempt.error

    def _opened(self, exchange: Exchange, visit: Visit, session: bytes, held: Batch) -> None:
        """The upstream of *visit* answers: *held* is how it begins."""
        visit.well()
        upstream = visit.upstream
        if session:
            self._owners.remember(session, upstream.name)
        if upstream.dialect.NAME == exchange.dialect.NAME == responses.NAME:
            begun = next((event for event in held if isinstance(event, Started)), None)
            if begun is not None and begun.id:
                self._owners.remember(begun.id.encode(), upstream.name)

    async def _entered(
        self, exchange: Exchange, asked: Prompt, attempt: Attempt, barrier: Barrier, tails: Tails
    ) -> tuple[Out, Kinds | None]:
        """Enter the upstream's stages, until nothing is left but to send.

        Gives where the reply is to go, and which events anyone reads there, where that need not be all.
        """
        upstream = exchange.upstream
        assert upstream is not None  # noqa: S101  # the one that is tried
        self._lists.learn((upstream,))
        transforms: list[Transform] = []
        await enter(upstream.stages, exchange, tails, transforms)
        self._lacking.leave_out(exchange)
        attempt.model = exchange.prompt.model
        transforms.reverse()
        transforms[:0] = self._counting.watch(asked, exchange.prompt, upstream, attempt.model)
        demand(exchange, overlaid(self, "forward", exchange).fidelity)
        for wait in exchange.before_attempt:
            await wait(attempt)
        same = upstream.dialect.NAME == exchange.dialect.NAME  # else the encoder reads every event
        kinds = union(exchange.kinds, read_by(transforms)) if same else None
        return Fused(exchange, transforms, barrier) if transforms else barrier, kinds


stage = Forward


def patience(exchange: Exchange, upstream: Upstream) -> trio.CancelScope | None:
    """What bounds the time until *upstream* says the first word; None: nothing does."""
    seconds = upstream.first_token if exchange.streaming else math.inf
    return trio.CancelScope(deadline=trio.current_time() + seconds) if seconds < math.inf else None


async def answered(exchange: Exchange, attempt: Attempt, reply: Reply, kinds: Kinds | None) -> Decoder:
    """What reads the *reply* to *attempt*, of which *kinds* matter, if it is one at all."""
    upstream = exchange.upstream
    assert upstream is not None  # noqa: S101  # the one that is tried
    attempt.status = reply.head.status
    learn(upstream, reply.head.headers, time.time())
    await checked(reply, upstream, streaming=exchange.streaming)
    if exchange.streaming:
        return upstream.dialect.stream_decoder(kinds, hide_usage=exchange.noted(HIDE_USAGE) is True)
    return upstream.dialect.whole_decoder()


def told(raised: Exception) -> GatewayError:
    """The gateway's error in *raised*; a group with anything else in it is a bug and goes on as it is."""
    if isinstance(raised, GatewayError):
        return raised
    assert isinstance(raised, ExceptionGroup)  # noqa: S101  # what is caught
    for inner in raised.exceptions:
        if isinstance(inner, GatewayError):
            return inner
    raise raised
