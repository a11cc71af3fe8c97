"""Replaying: a captured exchange goes up the line again, under whatever configuration, and nobody is the wiser.

    capture ─▶ Exchange, its caller known ─▶ the line, without those who say who may and what it costs ─▶ nobody
                                                  └─▶ Played: what the upstream said then     (live: asks it again)

What comes out has the form of a capture, so that the two can be held against each other (``comparing``).  Nothing is
booked, and no limit counts.
"""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from pipeline.effects import Effects
from pipeline.exchange import Caller, Exchange
from pipeline.heartbeat import Heart
from pipeline.journal import brief, told, whole
from pipeline.line import conduct
from pipeline.loading import Built
from pipeline.naming import load
from pipeline.observe.captured import REDACTED, Captured, Message, Turn, cleaned
from pipeline.observe.recording import Recording
from pipeline.opening import opened
from pipeline.prompt import Prompt
from pipeline.store.store import Store
from pipeline.upstream import Upstream
from transports.inflow import Take
from transports.messages import Head, Headers, Nothing, Request
from transports.upstream import Call, ConnectFailed, Origin, Timers, Truncated

LEFT_OUT = ("auth", "limits", "meter")  # who may ask, and what it costs: that was settled then
LONGEST = 64 * 1024 * 1024  # bytes of a body


class NotWhole(ValueError):
    """The capture can't be sent again; the text is the sentence."""


@attrs.frozen
class Replayed:
    """What came of it: *captured*, as if it had been captured now, and what each stage did."""

    captured: Captured
    effects: Effects
    left_out: list[str]


async def replay(captured: Captured, built: Built, *, live: bool = False, store: Store | None = None) -> Replayed:
    """Send *captured* through the line of *built*; *live*: ask its upstreams, which may cost something.

    *store*: where credentials are, besides the configuration; nothing is written there of the exchange.
    Raises NotWhole, ConfigError; an exchange that fails is a result like any other.
    """
    exchange = again(captured, built)
    effects = exchange.effects = Effects(prompts=True)
    recording = Recording(exchange, Nobody(), LONGEST, None if live else Played(captured).pool)
    line = attrs.evolve(built.line, stages=tuple(pair for pair in built.line.stages if pair[0] not in LEFT_OUT))
    left_out = [name for name, _ in built.line.stages if name in LEFT_OUT]
    async with opened(built, store) as upstreams:
        exchange.upstreams = list(upstreams)
        exchange.began = trio.current_time()
        await conduct(exchange, line, recording.response, Heart(60))
    made = recording.captured(whole(brief(exchange, told(exchange))))
    return Replayed(cleaned(made, recording.shown, load("stages.redaction:scrubbed")), effects, left_out)


def again(captured: Captured, built: Built) -> Exchange:
    """The exchange of *captured*, before its first stage.  Raises NotWhole."""
    dialect, body = built.dialects.get(captured.dialect), captured.request.body
    if dialect is None or not dialect.ROUTES:
        raise NotWhole(f"nobody here speaks {captured.dialect}")
    if body.cut:
        raise NotWhole("the request was too long to be kept whole ([capture] each)")
    who, asks = captured.caller, captured.operation in ("reply", "count_tokens")
    prompt = Prompt.parse(dialect.NAME, body.data) if asks else Prompt(dialect.NAME, b"{}")
    return Exchange(
        id=captured.id,
        request=Request(captured.request.method, captured.request.target, fields(captured.request), Nothing()),
        dialect=dialect,
        operation=captured.operation,
        prompt=prompt,
        body=b"" if asks else body.data,
        streaming=captured.streamed,
        arrived=captured.at / 1000,
        asked=prompt.model if asks else "",
        caller=Caller(who.name, who.id, options=who.options) if who else None,
    )


def fields(message: Message) -> Headers:
    """The fields of *message*, but for those whose value was not kept."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in message.headers if value != REDACTED]


# -- both ends --------------------------------------------------------------------------------------------------------


class Nobody:
    """A client that takes everything."""

    started = False

    async def start(self, head: Head) -> None:
        """It is sent."""
        self.started = True
        await trio.lowlevel.checkpoint()

    async def write(self, data: bytes) -> None:
        """It is read."""
        await trio.lowlevel.checkpoint()

    def write_now(self, data: bytes) -> bool:
        """It is read at once."""
        return True

    async def finish(self) -> None:
        """It is over."""
        await trio.lowlevel.checkpoint()


class Played:
    """Upstreams that say again what they said in *captured*, in the same order."""

    def __init__(self, captured: Captured) -> None:
        self._turns = deque(captured.turns)

    def pool(self, upstream: Upstream) -> Any:
        """What stands in for the pool of *upstream*."""
        return Player(upstream, self)

    def next(self, upstream: Upstream) -> Turn | None:
        """What *upstream* says next; one that was not there then has what another of its dialect said."""
        named = [turn for turn in self._turns if turn.upstream == upstream.name]
        alike = [turn for turn in self._turns if turn.dialect == upstream.dialect.NAME]
        turn = next(iter(named + alike), None)
        if turn is not None:
            self._turns.remove(turn)
        return turn


class Player:
    """The pool of *upstream*, as *played* has it."""

    def __init__(self, upstream: Upstream, played: Played) -> None:
        self._upstream, self._played = upstream, played

    @asynccontextmanager
    async def send(self, origin: Origin, call: Call, timers: Timers) -> AsyncIterator["Said"]:
        """Give what was said then.  Raises UpstreamError where nothing was."""
        turn = self._played.next(self._upstream)
        await trio.lowlevel.checkpoint()
        if turn is None or not turn.said.status:
            why = "nothing of the kind was recorded" if turn is None else turn.said.error
            raise ConnectFailed(f"{self._upstream.name}: {why}", "refused")
        yield Said(turn.said)


class Said:
    """A reply that is here as a whole."""

    def __init__(self, said: Message) -> None:
        self.head = Head(said.status, fields(said))
        self._said, self._data = said, said.body.data

    async def flow(self, take: Take) -> None:
        """Nothing is on its way."""

    async def receive(self) -> bytes:
        """All of it; then its end, or how it was broken."""
        await trio.lowlevel.checkpoint()
        data, self._data = self._data, b""
        if not data and (self._said.error or self._said.body.cut):
            raise Truncated(self._said.error or "the rest of it was not kept", answered=True)
        return data
