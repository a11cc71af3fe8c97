"""Safeguards: Claude Code's auto mode asks whether the calls in a reply are dangerous; here a model of yours answers.

    {"safeguards": [{"type": "dangerous_tool_use", …}]}  ─▶ noted, and taken out of the prompt where nobody reads it
    reply:  … tool_use … tool_use … end ◀═ waits here for the verdicts ═◀ the judge
    {"safeguard_results": [{"type": "dangerous_tool_use", "status": {"type": "available", "tool_uses": {…}}}]}

The vendor's own server answers itself, and is left to.  Anywhere else the client gets no verdict, says that the gateway
is not compatible, and asks (and pays for) its own classifier instead.  This stage puts one model in its place::

    [[stages]]
    use      = "safeguards"
    after    = "auth"                # before model_map, which leaves it only the upstreams of the asked model
    model    = "claude-haiku-4-5"    # as its upstream knows it
    upstream = "anthropic"           # by name; default: the first that has the model
    patience = 20.0                  # seconds for a verdict

What the model does not clear is not cleared: see ``judging``.  Each verdict stands in the request's record, and the
judge's tokens apart from the reply's (``exchange.asides``).  Without this stage the client is told that safeguards are
not supported, and goes back to its own.  The end of a reply waits for the verdict; what comes before it does not.
"""

from collections.abc import AsyncIterable, Awaitable, Callable, Iterator

import attrs
import structlog
import trio

from pipeline.bounds import Seconds
from pipeline.errors import GatewayError
from pipeline.events import Batch, BlockStarted, Failed, Finished, InputDelta, TextDelta, reads
from pipeline.exchange import Attempt, Exchange, Out
from pipeline.prompt import Edit, Prompt
from pipeline.upstream import Upstream
from stages.asking import ask, checked, decoded
from stages.contract import GUARD
from stages.dialects import anthropic
from stages.judging import LONGEST, Calls, Case, Fields, unjudged, verdicts
from stages.notes import BOOKS, JUDGE
from stages.translate import translate
from stages.vendor import genuine

log = structlog.get_logger("pipeline")

Waiting = Callable[[AsyncIterable[Batch], Out], Awaitable[None]]


@attrs.frozen
class Safeguards:
    """Have the calls in a reply judged by a model, for clients that ask for it."""

    model: str
    upstream: str | None = None
    patience: Seconds = 20.0

    changes = frozenset({"judge"})

    def check(self, upstreams: frozenset[str]) -> Iterator[str]:
        """What is wrong with the settings, given the names of all upstreams."""
        if self.upstream is not None and self.upstream not in upstreams:
            yield f"{self.upstream!r} is no upstream"

    def __call__(self, exchange: Exchange) -> Waiting | None:
        """Take down what the client wants judged; gives what waits for the verdicts."""
        guard = guard_in(exchange)
        if guard is None:
            return None
        judge = self._judge(exchange.upstreams)
        if judge is None:
            log.warning("no upstream has the model that judges calls", id=exchange.id, model=self.model)
            return None
        exchange.note(JUDGE, self.model)
        case, calls = Case.of(exchange.prompt, guard), Calls()

        @reads(BlockStarted, InputDelta, Finished)
        async def judged(batches: AsyncIterable[Batch], out: Out) -> None:
            async for batch in batches:
                calls.look(batch)
                end = batch[-1]
                if isinstance(end, Finished) and not answered(exchange, end):
                    if batch[:-1]:
                        await out.send(batch[:-1])
                    results = await self._results(exchange, judge, case, calls)
                    await out.send([end.replace(extra={**(end.extra or {}), "safeguard_results": results})])
                else:
                    await out.send(batch)

        return judged

    def _judge(self, upstreams: list[Upstream]) -> Upstream | None:
        """The upstream that has the model."""
        if self.upstream is not None:
            return next((one for one in upstreams if one.name == self.upstream), None)
        return next((one for one in upstreams if one.has(self.model)), None)

    async def _results(self, exchange: Exchange, judge: Upstream, case: Case, calls: Calls) -> list[Fields]:
        """The verdict on each call, in the client's words; recorded."""
        numbered = {n: call for n, call in enumerate(calls.made, 1) if len(call.input) <= LONGEST}
        said = {n: unjudged("timeout") for n in numbered}
        if numbered:
            attempt = Attempt(judge.name, self.model, trio.current_time())
            exchange.asides.append(attempt)
            with trio.move_on_after(self.patience):
                try:
                    answer = await asked(exchange, judge, case.question(self.model, numbered), attempt)
                    said = {n: unjudged("refused") for n in numbered} if answer is None else verdicts(answer, numbered)
                except GatewayError as error:
                    attempt.error, said = error, {n: unjudged("error") for n in numbered}
            attempt.ended = trio.current_time()
            put_down(exchange, attempt)
        found = {call.id: said.get(n, unjudged("input_too_long")) for n, call in enumerate(calls.made, 1)}
        self._record(exchange, calls, found)
        return [{"type": GUARD, "status": {"type": "available", "tool_uses": found}}]

    def _record(self, exchange: Exchange, calls: Calls, found: dict[str, Fields]) -> None:
        """Put each verdict into the request's record, and into the log; no input of a call."""
        for call in calls.made:
            verdict = found[call.id]
            word = verdict.get("outcome") or f"not judged: {verdict['reason']}"
            exchange.prompt.edits.append(
                Edit("safeguards", "safeguard_results", "added", f"{call.name} {call.id}: {word}, by {self.model}")
            )
            log.info("a call was judged", id=exchange.id, call=call.id, tool=call.name, verdict=word, judge=self.model)


stage = Safeguards


def guard_in(exchange: Exchange) -> Fields | None:
    """The safeguard that the client asks for and that can be answered here."""
    if exchange.prompt.dialect != anthropic.NAME:
        return None
    guards = exchange.prompt.get("safeguards")
    found = guards if isinstance(guards, list) else []
    return next((guard for guard in found if isinstance(guard, dict) and guard.get("type") == GUARD), None)


def answered(exchange: Exchange, end: Finished) -> bool:
    """Whether the upstream that wrote the reply has judged it, or is the one whose affair that is."""
    own = exchange.upstream is not None and genuine(exchange.upstream)
    return own or "safeguard_results" in (end.extra or {})


async def asked(exchange: Exchange, judge: Upstream, question: Fields, attempt: Attempt) -> str | None:
    """The judge's words; None where it refuses to say any.  Raises GatewayError."""
    prompt = Prompt.of(anthropic.NAME, question)
    if judge.dialect.NAME != anthropic.NAME:
        translate(prompt, anthropic, judge.dialect)
    aside = Exchange(id=exchange.id, request=exchange.request, dialect=judge.dialect, operation="reply", prompt=prompt)
    heard = Heard()
    body = prompt.encode()
    attempt.size = len(body)
    put_down(exchange, attempt)
    async with ask(aside, judge, body, own=True) as reply:
        attempt.status = reply.head.status
        await checked(reply, judge, streaming=False)
        await decoded(reply, judge.dialect.whole_decoder(), heard)
    attempt.usage = heard.end.usage if heard.end else None
    return None if heard.end is None or heard.end.stop == "refusal" else "".join(heard.words)


def put_down(exchange: Exchange, attempt: Attempt) -> None:
    """Let the books know of *attempt*, where there are any: a crash must not lose it."""
    books = exchange.noted(BOOKS)
    if books is not None:
        books.aside(attempt)


@attrs.define
class Heard(Out):
    """Keeps the words of a whole reply.  Raises its error."""

    words: list[str] = attrs.field(factory=list)
    end: Finished | None = None

    def push(self, batch: Batch) -> None:
        """Take in *batch*."""
        for event in batch:
            if isinstance(event, TextDelta):
                self.words.append(event.piece)
            elif isinstance(event, Failed):
                raise event.error
            elif isinstance(event, Finished):
                self.end = event
