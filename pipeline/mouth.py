"""The mouth: where a streamed reply leaves the line.

    segment ──▶ Mouth ── what the client takes at once ───────────────────▶ sink       nearly all of it
                  └───── what would have to wait ──▶ ═ channel ═▶ pump ──▶ sink       a client that is slow, a head

While the client keeps up, the task that read the upstream writes to it as well: a hop to another task costs as much as
ten stages, and holding that task and its channel 7 KiB.  What would have to wait goes into a channel of DEPTH batches,
and a task empties it; until it has, everything goes that way, so that nothing overtakes.  Then the task ends.  Only
where it would be needed again for the next batch (a slow client, or TLS, which takes nothing without waiting) it stays.
"""

from collections.abc import Awaitable, Callable

import trio

from pipeline.events import Batch
from pipeline.exchange import Out
from pipeline.outlet import DEPTH, Enough, Outlet, Sink, pump
from transports.messages import Disconnected


class Mouth(Out):
    """The end of one streamed reply."""

    __slots__ = ("_emptied", "_ended", "_outlet", "_sink", "_tasks", "_waits")

    def __init__(self, sink: Sink, tasks: trio.Nursery, ended: Callable[[], None]) -> None:
        """*tasks*: the exchange's, cancelled when the client is gone.  *ended* is called when the end is written."""
        self._sink, self._tasks, self._ended = sink, tasks, ended
        self._outlet: Outlet | None = None  # there while something waits
        self._emptied: trio.Event | None = None
        self._waits = 0  # how often in a row something had to wait

    def push(self, batch: Batch) -> Awaitable[None] | None:
        """Write *batch*, or have it written; waits while the channel is full.  Raises Enough after the end."""
        if self._sink.over:
            raise Enough
        outlet = self._outlet
        if outlet is None:
            left = self._sink.send_now(batch)
            if left is None:
                self._waits = 0
                return None
            batch, outlet = left, self._open()
        return outlet.push(batch) if outlet.waiting < DEPTH else self._wait(batch)

    async def _wait(self, batch: Batch) -> None:
        """The channel was full.  It may have been emptied before this is awaited, and its task be gone."""
        await (self.send(batch) if self._outlet is None else self._outlet.send(batch))

    @property
    def waiting(self) -> int:
        """How many batches are in the channel."""
        return 0 if self._outlet is None else self._outlet.waiting

    def send_nowait(self, batch: Batch) -> None:
        """Write a beat, or have it written; let it be if there is no room."""
        if self._outlet is not None:
            self._outlet.send_nowait(batch)
        elif not self._sink.over and (left := self._sink.send_now(batch)) is not None:
            self._open().send_nowait(left)

    async def finish(self) -> None:
        """No more batches: wait until all is written.  A reply that has no end by then gets one."""
        if not self._sink.over:
            outlet = self._outlet or self._open()
            outlet.close()
            assert self._emptied is not None  # noqa: S101  # there is an outlet
            await self._emptied.wait()

    def _open(self) -> Outlet:
        send, receive = trio.open_memory_channel[Batch](DEPTH)
        self._outlet, self._emptied = Outlet(send), trio.Event()
        self._waits += 1
        self._tasks.start_soon(self._empty, receive, self._emptied, name="sink")
        return self._outlet

    async def _empty(self, inbox: trio.MemoryReceiveChannel[Batch], emptied: trio.Event) -> None:
        """Task: write what waits."""
        try:
            await pump(inbox, self._sink, stay=self._waits > 1)
        except Disconnected:
            self._tasks.cancel_scope.cancel()
        self._outlet = self._emptied = None
        emptied.set()
        if self._sink.over:
            self._ended()
