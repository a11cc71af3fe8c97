"""Live: what goes on at this moment, and how upstreams were when they last answered.

    with live.watching(exchange):      while it runs it can be looked at; when it ends, what it tells is kept
        conduct(exchange)
              └─▶ of each upstream the last status or error · of each stage what it takes (``spent``)

In memory, of this process, a handful of assignments per request.  What stages leave for onlookers stands here.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import attrs
import trio

from pipeline.exchange import Attempt, Exchange
from pipeline.notes import Key
from pipeline.spent import Spent
from pipeline.store.record import Record
from transports.messages import Headers

if TYPE_CHECKING:
    from pipeline.upstream import Upstream

State = Literal["ok", "resting", "failing", "unknown"]

OUTPUT: Key[Callable[[], int]] = Key("output")  # meter: tells the tokens that came so far, about
RULE: Key[str] = Key("rule")  # model_map: what in the map chose the model and who may answer, for people
WORK: Key[str] = Key("work")  # meter: the session that the client named
CONTEXT: Key[Headers] = Key("context")  # traces: what an upstream is told of the trace (W3C Trace Context)
BOOKED: Key[list[Record]] = Key("booked")  # meter: what was put down of the exchange, and of what was asked beside it


@attrs.frozen
class Last:
    """How an upstream was when it last answered, or did not.  *at*: ms."""

    state: State = "unknown"
    status: int | None = None
    error: str | None = None
    at: int | None = None


@attrs.define(eq=False)
class Live:
    """What goes on in a gateway."""

    exchanges: dict[str, Exchange] = attrs.field(factory=dict)  # by id, in the order they came
    spent: Spent = attrs.field(factory=Spent)  # by stages
    ended: int = 0  # how many exchanges have
    _last: dict[str, Last] = attrs.field(factory=dict)

    def watching(self, exchange: Exchange) -> "Watching":
        """Show *exchange* while the block runs; keep what it tells when it is left."""
        return Watching(self, exchange)

    def over(self, exchange: Exchange) -> None:
        """Keep what *exchange*, which is over, tells."""
        self.ended += 1
        self.spent.add(exchange.stages)
        for attempt in exchange.attempts:
            if attempt.status is not None or (attempt.error is not None and attempt.error.retryable):
                self._last[attempt.upstream] = lately(attempt)

    def last(self, upstream: str) -> Last:
        """How *upstream* was last."""
        return self._last.get(upstream, _NOTHING)

    def state(self, upstream: "Upstream") -> State:
        """How *upstream* is: as it was last, or resting, if it has failed too much, or all it could be shown rests."""
        held = [each for each in upstream.wallet.listed() if each.enabled]
        resting = upstream.condition.resting(trio.current_time()) or (
            bool(held) and all(upstream.wallet.resting(each) for each in held)
        )
        return "resting" if resting else self.last(upstream.name).state


_NOTHING = Last()


class Watching:
    """One exchange is shown until the block is left.  No generator: thousands are suspended at one time."""

    __slots__ = ("_exchange", "_live")

    def __init__(self, live: Live, exchange: Exchange) -> None:
        self._live, self._exchange = live, exchange

    def __enter__(self) -> None:
        self._live.exchanges[self._exchange.id] = self._exchange

    def __exit__(self, *_raised: object) -> None:
        del self._live.exchanges[self._exchange.id]
        self._live.over(self._exchange)


def lately(attempt: Attempt) -> Last:
    """What *attempt* tells of its upstream: a mistake of the caller's is none of the upstream's."""
    error = attempt.error
    state: State = "failing" if error is not None and error.retryable else "ok"
    told = None if error is None else f"{type(error).__name__}: {error}"[:300]
    return Last(state, attempt.status, told, round(time.time() * 1000))
