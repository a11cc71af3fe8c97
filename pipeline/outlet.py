"""The channels of the line: bounded, of batches, and never mistaken for anything else.

    segment ──▶ Outlet ═ channel of DEPTH batches ═▶ a segment that waits, or pump ──▶ sink

``Outlet`` renames the channel's end to Enough, so that a dying upstream can never look like a satisfied client.
"""

import contextlib
from collections.abc import Awaitable
from operator import attrgetter
from typing import Protocol

import trio

from pipeline.errors import GatewayError, UpstreamTruncated
from pipeline.events import Batch, Failed
from pipeline.exchange import Out

DEPTH = 3  # batches a channel holds before its sender waits; a batch is what one read of 64 KiB contained
GATHER = 16 * 1024  # bytes up to which waiting batches are joined into one write
UNFRAMED = 100  # bytes of an event that is to be written anew, about

_FRAME = attrgetter("frame")


class Sink(Protocol):
    """Where the line ends: writes a reply to the client, as its protocol says."""

    over: bool  # the terminal event has been written
    written: float  # trio's clock at the last write

    async def send(self, batch: Batch) -> None:
        """Write *batch*; raises Disconnected when the client is gone."""

    def push(self, batch: Batch) -> Awaitable[None] | None:
        """See Out."""

    def send_now(self, batch: Batch) -> Batch | None:
        """Write *batch* without waiting; gives what ``send`` is to be given still, None if that is nothing.

        That is *batch* itself, where it can't be written so, or an empty one, where only bytes have to wait.
        """


class Enough(Exception):
    """Downstream wants no more.  (Not BrokenResourceError: sockets raise that, too.)"""


def only(raised: BaseException, kind: type[BaseException]) -> bool:
    """Whether *raised* is a *kind*, or a group of nothing else: nurseries inside an upstream wrap what passes them."""
    if isinstance(raised, BaseExceptionGroup):
        return all(only(inner, kind) for inner in raised.exceptions)
    return isinstance(raised, kind)


def cut_short() -> GatewayError:
    """What is told when a reply ends without its end."""
    return UpstreamTruncated("the upstream stopped before its answer was complete")


class Outlet(Out):
    """The sending end of a channel."""

    __slots__ = ("_channel",)

    def __init__(self, channel: trio.MemorySendChannel[Batch]) -> None:
        self._channel = channel

    def push(self, batch: Batch) -> Awaitable[None] | None:
        """Put *batch* into the channel; waits while it is full.  Raises Enough when nobody reads it any more."""
        try:  # 5 µs a hop this way, 12 by ``send`` alone; a full channel is checkpoint enough
            self._channel.send_nowait(batch)
        except trio.WouldBlock:
            return self._wait(batch)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise Enough from None
        return None

    async def _wait(self, batch: Batch) -> None:
        try:
            await self._channel.send(batch)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise Enough from None

    @property
    def waiting(self) -> int:
        """How many batches are in the channel."""
        return self._channel.statistics().current_buffer_used

    def send_nowait(self, batch: Batch) -> None:
        """Put *batch* into the channel if there is room and a reader; else let it be."""
        with contextlib.suppress(trio.WouldBlock, trio.BrokenResourceError, trio.ClosedResourceError):
            self._channel.send_nowait(batch)

    def close(self) -> None:
        """No more batches; the reader gets those in the channel first."""
        self._channel.close()


async def pump(inbox: trio.MemoryReceiveChannel[Batch], sink: Sink, *, stay: bool = False) -> None:
    """Write what is in the channel, until nothing is; small batches that wait together are written together.

    *stay*: wait for more then, until the end.
    """
    with inbox, contextlib.suppress(trio.WouldBlock):
        while not sink.over:
            try:
                batch = await inbox.receive() if stay else inbox.receive_nowait()
            except trio.EndOfChannel:
                await sink.send([Failed(cut_short())])
                return
            await sink.send(gathered(batch, inbox))


def gathered(batch: Batch, inbox: trio.MemoryReceiveChannel[Batch]) -> Batch:
    """*batch* and those behind it, up to GATHER bytes of frames: bounded, and one write instead of several.

    Nothing is put behind a terminal event, by which the sink knows that it is over: a beat may wait there.
    """
    weight = weigh(batch)
    while weight < GATHER and not (batch and batch[-1].terminal) and inbox.statistics().current_buffer_used:
        more = inbox.receive_nowait()
        weight += weigh(more)
        batch = batch + more
    return batch


def weigh(batch: Batch) -> int:
    """About how many bytes *batch* will be on the wire."""
    frames = [*map(_FRAME, batch)]  # of every event of every stream: looked at in one go
    return sum(map(len, filter(None, frames))) + UNFRAMED * frames.count(None)
