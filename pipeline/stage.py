"""What a stage is, and how the engine calls one.

    stage(exchange)  ──▶  None · transform · awaitable of either · generator that yields either once, then has a tail

The *result* is looked at, not the function: partials, callable objects and an early ``return`` before a ``yield`` all
work.  A stage may declare ``operations`` and ``per_key`` (see ``overlay``), its transform ``kinds`` (see
``events.reads``).  A tail can neither swallow a cancellation nor change the reply.
"""

import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from functools import lru_cache
from time import perf_counter
from types import AsyncGeneratorType, GeneratorType
from typing import Any

import structlog
import trio

from pipeline.events import Kinds
from pipeline.exchange import Exchange
from pipeline.overlay import overlaid

TAIL_SECONDS = 5  # what a tail that awaits may take, also when the client has gone

Transform = Callable[..., Any]
Stage = Callable[[Exchange], Any]
Tail = Generator[Any, None, None] | AsyncGenerator[Any, None]

log = structlog.get_logger("pipeline")


def operations(stage: Stage) -> frozenset[str]:
    """Which operations *stage* takes part in; those with a prompt, if it does not say."""
    declared: frozenset[str] = getattr(stage, "operations", _WITH_PROMPT)
    return declared


_WITH_PROMPT = frozenset({"reply", "count_tokens"})


def waits(transform: Transform) -> bool:
    """Whether *transform* is an ``async def`` (also as the ``__call__`` of an object, or in a partial).

    A function or a method tells by its code; what ``inspect`` does for all others takes it ten times as long.
    """
    code = getattr(getattr(transform, "__func__", transform), "__code__", None)
    if code is not None:
        return bool(code.co_flags & inspect.CO_COROUTINE)
    return inspect.iscoroutinefunction(transform) or inspect.iscoroutinefunction(getattr(transform, "__call__", None))  # noqa: B004  # the method itself is asked for, not whether it is there


def read_by(transforms: Iterable[Transform]) -> Kinds | None:
    """The events that *transforms* want to see, all told; None: every one."""
    return union(*(getattr(transform, "kinds", None) for transform in transforms))


@lru_cache(maxsize=256)  # there are a few in all, and every open stream keeps one
def union(*kinds: Kinds | None) -> Kinds | None:
    """All of *kinds*; None: every event."""
    return None if None in kinds else frozenset().union(*(some for some in kinds if some is not None))


class Tails:
    """What stages do when all is over, last entered first.

    No tail can swallow a cancellation, or make its own error the reply's: that is logged.  One that awaits is shielded
    and has TAIL_SECONDS.
    """

    __slots__ = ("_exchange", "_tails")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._tails: list[Tail] = []

    def append(self, tail: Tail) -> None:
        """Keep *tail*, suspended at its yield."""
        self._tails.append(tail)

    async def __aenter__(self) -> "Tails":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: object) -> bool:
        cancelled = raised if isinstance(raised, trio.Cancelled) else None
        while self._tails:
            # A Cancelled that a tail keeps may be its own deadline's; if it was not, the checkpoint below says so.
            kept = await self._run(self._tails.pop(), raised)
            raised = None if kept and raised is cancelled else raised
        if cancelled is not None and raised is None:
            await trio.lowlevel.checkpoint_if_cancelled()
            return True
        return False

    async def _run(self, tail: Tail, raised: BaseException | None) -> bool:
        """Resume *tail*; whether it kept what was thrown into it."""
        try:
            if isinstance(tail, GeneratorType):
                next(tail) if raised is None else tail.throw(raised)
                tail.close()
            else:
                with trio.CancelScope(shield=True, deadline=trio.current_time() + TAIL_SECONDS):
                    await (anext(tail) if raised is None else tail.athrow(raised))  # type: ignore[arg-type,union-attr]  # narrowed by the line above
                    await tail.aclose()  # type: ignore[union-attr]  # the same
            log.error("a stage yields once; this one did so twice", id=self._exchange.id)
        except (StopIteration, StopAsyncIteration):
            pass
        except BaseException as error:
            if error is raised:
                return False
            log.error("a stage's tail failed", id=self._exchange.id, exc_info=error)
            if not isinstance(error, Exception):
                raise
        return True


async def enter(
    stages: Iterable[tuple[str, Stage]], exchange: Exchange, tails: Tails, transforms: list[Transform]
) -> None:
    """Call *stages* in their order; what they give goes to *transforms*, and stays there if a later one refuses.

    Their tails, if they have one, are kept for when the exchange ends.  One loop for all: a request enters eight or
    more, and most of them do next to nothing.
    """
    effects, spent, effect = exchange.effects, exchange.stages, None
    began = perf_counter()  # where one ends the next begins: the clock is read once for each
    for name, stage in stages:
        exchange.prompt.author = name
        if effects is not None:
            effect, began = effects.begin(name, exchange), perf_counter()
        caller = exchange.caller  # one of them, auth, says who that is
        made = (overlaid(stage, name, exchange) if caller is not None and caller.options else stage)(exchange)
        if made is not None:  # most stages are done by now
            if not isinstance(made, GeneratorType) and inspect.isawaitable(made):
                made = await made
            if isinstance(made, GeneratorType):
                tails.append(made)
                made = next(made, None)
            elif isinstance(made, AsyncGeneratorType):
                tails.append(made)
                made = await anext(made, None)
        ended = perf_counter()
        spent[name] = spent.get(name, 0.0) + ended - began
        if effects is not None and effect is not None:
            made = effects.entered(effect, exchange, ended - began, made)
        if made is not None:
            transforms.append(made)
        began = ended
