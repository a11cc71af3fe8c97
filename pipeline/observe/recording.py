"""Recording: one exchange is written down as it passes.

    exchange.through ─▶ Tap ─▶ the upstream's own pool          what is sent, and what it says
    Overheard ─▶ the response                                  what the client gets

Everything is bounded: of each body *most* bytes are kept, of each exchange TURNS questions.  Nothing waits for it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs

from pipeline.exchange import Exchange
from pipeline.journal import LEFT, Overheard
from pipeline.observe.captured import Body, Captured, Message, Turn, Who, credentials, headers, target
from pipeline.upstream import Upstream
from transports.codings import CodingError, Decoding
from transports.inflow import Take
from transports.messages import Head, Headers, Response, find
from transports.pool import Pool, Reply
from transports.upstream import Call, Origin, Timers, UpstreamError

TURNS = 20  # questions to upstreams that are kept of one exchange


@attrs.define(eq=False)
class Kept:
    """One question as it was asked, and what came back so far."""

    upstream: Upstream
    call: Call
    head: Head | None = None
    said: bytearray = attrs.field(factory=bytearray)
    cut: bool = False
    error: str = ""


class Recording:
    """What is kept of *exchange*, which begins."""

    def __init__(
        self, exchange: Exchange, response: Response, most: int, pools: Callable[[Upstream], Any] | None = None
    ) -> None:
        """*pools*: what answers for an upstream; its own pool."""
        self.response = Overheard(response, exchange.body or exchange.prompt.encode(), most)
        self._exchange, self._most, self._pools = exchange, most, pools
        self._kept: list[Kept] = []
        exchange.through = self._through

    def _through(self, upstream: Upstream) -> Any:
        """What stands in for the pool of *upstream*."""
        return Tap(upstream, upstream.pool if self._pools is None else self._pools(upstream), self)

    def keep(self, upstream: Upstream, call: Call) -> Kept:
        """*call* is about to be sent."""
        body, cut = call.body[: self._most], len(call.body) > self._most
        kept = Kept(upstream, attrs.evolve(call, body=body), cut=cut)
        if len(self._kept) < TURNS:
            self._kept.append(kept)
        return kept

    def heard(self, kept: Kept, data: bytes) -> None:
        """The upstream said *data*."""
        kept.said += data[: max(0, self._most - len(kept.said))]

    # -- when all is over ---------------------------------------------------------------------------------------------

    @property
    def shown(self) -> set[bytes]:
        """Credentials that were shown, by the client and by us."""
        return credentials([self._exchange.request.headers, *(kept.call.headers for kept in self._kept)])

    def captured(self, line: dict[str, Any]) -> Captured:
        """All of it; *line* is the journal's."""
        exchange, response = self._exchange, self.response
        request, caller = exchange.request, exchange.caller
        error = str(exchange.error) if exchange.error else "" if response.finished else LEFT
        body, prompt = bytes(response.written), response.prompt
        return Captured(
            id=exchange.id,
            at=round(exchange.arrived * 1000),
            caller=Who(caller.name, caller.id, caller.options) if caller else None,
            dialect=exchange.dialect.NAME,
            operation=exchange.operation,
            streamed=exchange.streaming,
            request=self._message(
                uncoded(request.headers), prompt, method=request.method, target=target(request.target)
            ),
            turns=[self._turn(kept) for kept in self._kept],
            answer=self._message(
                *plain(response.head.headers if response.head else [], body, self._most),
                status=response.head.status if response.head else 0,
                error=error,
            ),
            line=line,
        )

    def _turn(self, kept: Kept) -> Turn:
        call, head = kept.call, kept.head
        sent = self._message(call.headers, call.body, method=call.method, target=target(call.target))
        sent.body.cut = kept.cut
        said = Message(error=kept.error)
        if head is not None:
            told = plain(head.headers, bytes(kept.said), self._most)
            said = self._message(*told, status=head.status, error=kept.error)
        return Turn(kept.upstream.name, kept.upstream.dialect.NAME, sent, said)

    def _message(self, fields: Headers, body: bytes, **more: Any) -> Message:
        """What is kept of a message with *fields* and *body*."""
        return Message(headers(fields), Body.of(body[: self._most], cut=len(body) >= self._most), **more)


def plain(fields: Headers, body: bytes, most: int) -> tuple[Headers, bytes]:
    """*fields* and *body* without a content coding; what can't be read, or searched for secrets, is left out."""
    coding = find(fields, b"content-encoding")
    if coding is None:
        return fields, body
    try:
        return uncoded(fields), Decoding(coding, most).feed(body)
    except CodingError:
        return uncoded(fields), b""


def uncoded(fields: Headers) -> Headers:
    """*fields* of a body whose coding was undone."""
    return [(name, value) for name, value in fields if name not in (b"content-encoding", b"content-length")]


class Tap:
    """The pool of *upstream*, for one exchange; what passes is kept."""

    def __init__(self, upstream: Upstream, pool: Pool, recording: Recording) -> None:
        self._upstream, self._pool, self._recording = upstream, pool, recording

    @asynccontextmanager
    async def send(self, origin: Origin, call: Call, timers: Timers) -> AsyncIterator["Tapped"]:
        """As the pool's."""
        kept = self._recording.keep(self._upstream, call)
        try:
            async with self._pool.send(origin, call, timers) as reply:
                del call
                kept.head = reply.head
                yield Tapped(reply, kept, self._recording)
        except UpstreamError as raised:
            kept.error = f"{type(raised).__name__}: {raised}"
            raise


class Tapped:
    """A reply that is heard as it is read."""

    def __init__(self, reply: Reply, kept: Kept, recording: Recording) -> None:
        self.head = reply.head
        self._reply, self._kept, self._recording = reply, kept, recording

    async def receive(self) -> bytes:
        """As the reply's."""
        data = await self._reply.receive()
        self._recording.heard(self._kept, data)
        return data

    def flow(self, take: Take) -> Awaitable[None]:
        """As the reply's."""

        def tapped(data: bytes) -> bool:
            self._recording.heard(self._kept, data)
            return take(data)

        return self._reply.flow(tapped)
