"""The line: how stages are joined.

    client ◀ [ transform ◀ transform ◀ source ]                          a whole reply; a stream whose client keeps up
    client ◀═ channel ═◀ [ transform ◀ transform ◀ source ]              one whose client doesn't, by now (``mouth``)
    client ◀═ channel ═◀ [ … ] ◀═ channel ═◀ waiting transform ◀═ channel ═◀ [ … ◀ source ]

A stage is a callable of one argument, the exchange.  It is called once, on the way up, in the order of the list.  What
it gives back takes part in the reply, on the way down, in the opposite order:

    return None             nothing
    return transform        transform(event) → the events that take its place (None: leave it; (): drop it)
    yield transform         the same; what follows the yield, its tail, runs when all is over

A transform that cannot wait (``def``) is fused with its neighbours.  One that can (``async def transform(batches,
out)``) gets a task of its own and a channel on either side.  Batches, not events, travel through channels; a channel
holds DEPTH of them, and who finds it full waits: that is the backpressure, from the client's socket to the upstream's.

Errors are events.  Only the sink's own failures leave the line.  This file must not know a wire format.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from operator import attrgetter
from typing import Any

import attrs
import structlog
import trio

from pipeline.errors import GatewayError, InternalError, as_error
from pipeline.events import Answer, Batch, Event, Failed, Finished, Kinds
from pipeline.exchange import Exchange, Out, Source
from pipeline.heartbeat import Heart
from pipeline.mouth import Mouth
from pipeline.outlet import DEPTH, Enough, Outlet, Sink, cut_short, only
from pipeline.stage import Stage, Tails, Transform, enter, operations, read_by, waits
from transports.messages import Disconnected, Response

TERMINALS: Kinds = frozenset({Finished, Failed, Answer})
_TERMINAL = attrgetter("terminal")

Segment = tuple[list[Transform], Transform | None]  # a fused run, and the waiting transform after it

log = structlog.get_logger("pipeline")


@attrs.frozen
class Line:
    """The stages of a gateway in their order, with both ends.  Immutable: an exchange keeps the line it began with."""

    stages: tuple[tuple[str, Stage], ...]  # name and stage, from the client to the upstream
    source: Source
    sink: Callable[[Exchange, Response], Sink]
    _called: dict[str, tuple[tuple[str, Stage], ...]] = attrs.field(init=False, factory=dict, eq=False, repr=False)

    def called(self, operation: str) -> tuple[tuple[str, Stage], ...]:
        """Those of the stages that take part in *operation*: they are asked once."""
        found = self._called.get(operation)
        if found is None:
            found = tuple((name, stage) for name, stage in self.stages if operation in operations(stage))
            self._called[operation] = found
        return found


# -- one exchange -----------------------------------------------------------------------------------------------------


def conduct(exchange: Exchange, line: Line, response: Response, heart: Heart) -> Awaitable[None]:
    """Take *exchange* up the line and its reply down to *response*.  To be awaited; then it is written and tails ran.

    Tasks live in a nursery of this call; the caller's cancellation (the client has gone) ends all of them.
    """
    sink = line.sink(exchange, response)
    return stream(exchange, line, sink, heart) if exchange.streaming else fold(exchange, line, sink)


async def stream(exchange: Exchange, line: Line, sink: Sink, heart: Heart) -> None:
    """The mouth is there before the first stage is called, so that pings flow while a stage waits on the way up.

    When the end is written, or the client gone, the nursery is cancelled.  Nothing waits behind an end that is written
    but tails, which are shielded, so it needs no scope of its own, of some 700 bytes, to stop what is before them.
    """
    async with trio.open_nursery() as nursery:
        mouth = Mouth(sink, nursery, ended=nursery.cancel_scope.cancel)
        async with Tails(exchange) as tails:
            watched = heart.begin(mouth, sink)
            try:
                await join(exchange, *await climb(exchange, line, tails), mouth)
            except (trio.Cancelled, BaseExceptionGroup) as raised:
                if not (sink.over and only(raised, trio.Cancelled)):
                    raise
            finally:
                heart.end(watched)
            await mouth.finish()
        await mouth.finish()  # a stage may have cut all this short, and kept its own cancellation


async def fold(exchange: Exchange, line: Line, sink: Sink) -> None:
    """A whole reply: no silence to fill, so nothing starts before the source, and nothing needs a channel."""
    try:
        async with Tails(exchange) as tails:
            source, transforms = await climb(exchange, line, tails)
            await join(exchange, source, transforms, sink)
            if not sink.over:  # a transform kept the end for itself
                await sink.send([Failed(cut_short())])
    except* Disconnected:
        pass  # nobody is left to tell


async def climb(exchange: Exchange, line: Line, tails: Tails) -> tuple[Source, list[Transform]]:
    """Call the stages; give the source, and the transforms in the order of the reply.

    A stage that refuses ends the climb: the refusal becomes the source and passes the transforms entered so far.
    """
    transforms: list[Transform] = []
    try:
        await enter(line.called(exchange.operation), exchange, tails, transforms)
        source = exchange.source or line.source
    except Exception as raised:  # a refusal, or a bug in a stage: both are the reply's failure, not the process's
        source = failing(raised)
    transforms.reverse()
    exchange.kinds = read_by(transforms)
    return source, transforms


def failing(raised: Exception) -> Source:
    """A source that fails with *raised*."""

    async def source(exchange: Exchange, out: Out) -> None:
        raise raised

    return source


# -- joining ----------------------------------------------------------------------------------------------------------


def join(exchange: Exchange, source: Source, transforms: list[Transform], last: Out) -> Awaitable[None]:
    """Run source → transforms → *last*; to be awaited.  Tasks and channels are made only for transforms that wait."""
    if any(map(waits, transforms)):
        return joined(exchange, source, list(runs(transforms)), last)
    return segment(exchange, source, None, Fused(exchange, transforms, last), last)


async def joined(exchange: Exchange, source: Source, segments: list[Segment], last: Out) -> None:
    """Run source → *segments* → *last*, each a task, with a channel behind each but the last."""
    async with trio.open_nursery() as nursery:
        task: Any = source
        inbox: trio.MemoryReceiveChannel[Batch] | None = None
        for run, following in segments:
            if following is None:
                await segment(exchange, task, inbox, Fused(exchange, run, last), last)
            else:
                send, receive = trio.open_memory_channel[Batch](DEPTH)
                outlet = Outlet(send)
                nursery.start_soon(segment, exchange, task, inbox, Fused(exchange, run, outlet), outlet)
                task, inbox = following, receive
        nursery.cancel_scope.cancel()  # the last segment is done: what is above it may stop


def runs(transforms: Iterable[Transform]) -> Iterator[Segment]:
    """Split *transforms* into (fused run, the waiting transform after it or None)."""
    run: list[Transform] = []
    for transform in transforms:
        if waits(transform):
            yield run, transform
            run = []
        else:
            run.append(transform)
    yield run, None


async def segment(
    exchange: Exchange, task: Any, inbox: trio.MemoryReceiveChannel[Batch] | None, out: "Fused", last: Out
) -> None:
    """One task of the line.  What goes wrong in it travels on as an event, through its own transforms."""
    try:
        await (task(exchange, out) if inbox is None else task(inbox, out))
        if not out.over:
            await out.send([Failed(cut_short())])
    except Exception as raised:
        if only(raised, Disconnected):
            raise
        if not only(raised, Enough):
            await fail(exchange, raised, out, last)
    finally:
        if inbox is not None:
            inbox.close()
        if type(last) is Outlet:  # isinstance would ask a protocol what it has, for 68 instructions
            last.close()


async def fail(exchange: Exchange, raised: Exception, out: "Fused", last: Out) -> None:
    """Send *raised* down as Failed: through the segment's transforms, or past them if they are what fails."""
    failed = Failed(told(raised, exchange))
    try:
        await out.send([failed])
    except Disconnected:
        raise
    except Enough:
        if not getattr(last, "over", True):  # the sink itself failed at the end: it may still say so
            await last.send([failed])
    except Exception as again:
        out.over = True
        await last.send([Failed(told(again, exchange))])


def told(raised: Exception, exchange: Exchange) -> GatewayError:
    """The error to tell for *raised*; a bug is logged here, with its cause, and told without it."""
    error = as_error(raised)
    if isinstance(error, InternalError):
        log.error("a bug", id=exchange.id, exc_info=error.__cause__ or error)
    return error


# -- what batches travel through --------------------------------------------------------------------------------------


class Fused(Out):
    """Transforms in a row, none of which can wait: one call for the lot."""

    __slots__ = ("_exchange", "_into", "_steps", "over")

    def __init__(self, exchange: Exchange, transforms: Iterable[Transform], into: Out) -> None:
        self.over = False  # a terminal event has passed
        self._exchange, self._into = exchange, into
        self._steps = [(transform, getattr(transform, "seen", None)) for transform in transforms]

    def push(self, batch: Batch) -> Awaitable[None] | None:
        """Pass *batch* through all transforms and on.  Raises Enough after a terminal event."""
        if self.over:
            raise Enough
        kinds = set(map(type, batch))
        if ended := not TERMINALS.isdisjoint(kinds):
            batch = self._ended(batch)
        for transform, wanted in self._steps:
            if (wanted is None or not wanted.isdisjoint(kinds)) and (made := replaced(transform, batch)) is not batch:
                batch, kinds = made, set(map(type, made))
                if ended := not TERMINALS.isdisjoint(kinds):
                    batch = self._ended(batch)
        if ended:
            self.over = True
        elif self._exchange.ending is not None:
            self.over = True
            batch = [*batch, self._exchange.ending]
        return self._into.push(batch) if batch else None

    def _ended(self, batch: Batch) -> Batch:
        """*batch* up to its first terminal event: nothing passes any stage after that."""
        first = list(map(_TERMINAL, batch)).index(True)
        return batch if first + 1 == len(batch) else batch[: first + 1]


def replaced(transform: Transform, batch: Batch) -> Batch:
    """*batch* as *transform* leaves it; *batch* itself, if it only looks."""
    events: Batch | None = None
    for number, event in enumerate(batch):
        made: Iterable[Event] | None = transform(event)
        if made is not None:
            events = batch[:number] if events is None else events
            events.extend(made)
        elif events is not None:
            events.append(event)
    return batch if events is None else events
