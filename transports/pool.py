"""The pool: which link carries an exchange, and what becomes of the link after it.

    async with open_pool(connect) as pool:
        async with pool.send(origin, call) as reply:      reply.head · await reply.receive() · … · b""

    taken   the link of that origin that was used last, if it still lives; else a fresh one
    left    body ended exactly ............... kept
            bytes outstanding ................ read on by a task of the pool (64 KiB, 0.5 s), then kept or closed
            by an exception, or cancelled .... closed, at once

Rules.  No work per kept link: only the one that is taken is looked at; a pool that polls them all on every request
is quadratic.  A link belongs to exactly one of: an exchange, a drain, a shelf; none of the steps between waits, so a
cancellation finds it in one place and a turn is never lost.  A reused link that dies before the first byte of an
answer is replaced once, by a fresh one: the race with a server that closes idle connections (RFC 9112 §9.3.1).
Knows no HTTP and no socket: links do (``upstream.Link``).
"""

from collections import deque
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from types import TracebackType

import attrs
import trio

from transports.inflow import Take
from transports.messages import Head
from transports.upstream import USUAL, Call, Connect, Deadline, Link, Origin, TimedOut, Timers, Truncated, UpstreamError

DRAIN_SECONDS = 0.5  # for a body whose reader has left


@attrs.frozen(kw_only=True)
class PoolLimits:
    """What a pool may hold."""

    idle: int = 256  # kept links, of all origins together
    idle_per_origin: int = 100
    idle_seconds: float = 60  # servers close theirs after 5 to 75 s; one that says when is believed
    busy_per_origin: int | None = None  # exchanges at once; more wait, first come first served


USUAL_LIMITS = PoolLimits()


class _Shelf:
    """What the pool has of one origin: kept links, the last used at the right, and turns if they are counted."""

    def __init__(self, origin: Origin, most: int | None) -> None:
        self.origin = origin
        self.kept: deque[Link] = deque()
        self.busy = 0
        self._turns = None if most is None else trio.Semaphore(most)

    async def enter(self) -> None:
        """Wait for a turn; cancelled while waiting, it has none."""
        if self._turns is not None:
            await self._turns.acquire()
        self.busy += 1

    def leave(self) -> None:
        """Pass the turn on."""
        self.busy -= 1
        if self._turns is not None:
            self._turns.release()


class Pool:
    """Links to upstreams.  Use ``open_pool``.

    *tasks* runs drains and large uploads, nothing else, and must outlive every ``send``.  A shelf is never removed:
    origins come from the configuration, not from clients.
    """

    def __init__(self, connect: Connect, tasks: trio.Nursery, limits: PoolLimits) -> None:
        self._connect = connect
        self._tasks = tasks
        self._limits = limits
        self._shelves: dict[Origin, _Shelf] = {}
        self._kept: dict[Link, tuple[_Shelf, float]] = {}  # where each stands and when it expires; the oldest first
        self._closed = False

    @property
    def idle(self) -> int:
        """How many links are kept."""
        return len(self._kept)

    @property
    def busy(self) -> int:
        """How many links are in use, by exchanges and drains."""
        return sum(shelf.busy for shelf in self._shelves.values())

    def send(self, origin: Origin, call: Call, timers: Timers = USUAL) -> "Reply":
        """Send *call* to *origin*, on entering; inside, the reply is received.

        Leave normally once all that matters has come: a link with little outstanding can then be kept.  Waiting for
        a turn is bounded by the caller's own scopes alone.  Raises UpstreamError; ValueError for a call that can't be
        written.
        """
        return Reply(self, self._shelf(origin), call, Deadline(timers))

    async def close(self) -> None:
        """Close what is kept, and from now on whatever comes back."""
        self._closed = True
        while self._kept:
            await self._discard(next(iter(self._kept)))

    def _shelf(self, origin: Origin) -> _Shelf:
        if self._closed:
            raise trio.ClosedResourceError("the pool is closed")
        shelf = self._shelves.get(origin)
        if shelf is None:
            shelf = self._shelves[origin] = _Shelf(origin, self._limits.busy_per_origin)
        return shelf

    async def ask(self, shelf: _Shelf, call: Call, deadline: Deadline) -> tuple[Head, Link]:
        """For a reply: the head of the answer to *call*, and the link it came over."""
        link = await self._take(shelf)
        if link is not None:
            try:
                return await self._ask_over(link, call, deadline), link
            except Truncated as lost:
                if lost.answered:
                    raise
                await self._clear(shelf)  # the others have been idle for longer: as dead as this one
        deadline.expect("connect")
        link = await self._connect(shelf.origin)
        return await self._ask_over(link, call, deadline), link

    async def _ask_over(self, link: Link, call: Call, deadline: Deadline) -> Head:
        try:
            return await link.ask(call, deadline, self._tasks)
        except BaseException:
            await link.close()
            raise

    async def _take(self, shelf: _Shelf) -> Link | None:
        """The link of *shelf* used last that is still good; those found dead on the way are closed."""
        while shelf.kept:
            link = shelf.kept.pop()
            _, expires = self._kept.pop(link)
            good = False
            try:
                good = trio.current_time() < expires and await link.alive()
            finally:
                if not good:
                    await link.close()
            if good:
                return link
        return None

    async def put_back(self, shelf: _Shelf, link: Link) -> None:
        """For a reply, which has been left as it should: keep *link*, or close it, or find out."""
        if link.state == "unfinished" and not self._closed:
            self._tasks.start_soon(self._drain, shelf, link)
        else:
            await self._keep(shelf, link)

    async def _drain(self, shelf: _Shelf, link: Link) -> None:
        """Give a body its chance to end.  The link is in use until then, and its turn taken."""
        try:
            with trio.move_on_after(DRAIN_SECONDS):
                await link.settle()
        except UpstreamError:
            pass  # there is nobody left to tell, and the link is not free
        finally:
            await self._keep(shelf, link)

    async def _keep(self, shelf: _Shelf, link: Link) -> None:
        """End the turn: shelve *link* if it is free, close it if not, and also what has become too old or too many."""
        shelf.leave()
        seconds = min(link.keep_seconds, self._limits.idle_seconds)
        if self._closed or link.state != "free" or seconds <= 0:
            await link.close()
            return
        now = trio.current_time()
        shelf.kept.append(link)
        self._kept[link] = shelf, now + seconds
        if len(shelf.kept) > self._limits.idle_per_origin:
            await self._discard(shelf.kept[0])
        while self._kept and self._overdue(now):
            await self._discard(next(iter(self._kept)))

    def _overdue(self, now: float) -> bool:
        """Whether the link that has been kept for longest must go."""
        _, expires = next(iter(self._kept.values()))
        return expires <= now or len(self._kept) > self._limits.idle

    async def _clear(self, shelf: _Shelf) -> None:
        while shelf.kept:
            await self._discard(shelf.kept[0])

    async def _discard(self, link: Link) -> None:
        shelf, _ = self._kept.pop(link)
        shelf.kept.remove(link)
        await link.close()


class Reply:
    """One exchange: asked on entering, then its reply as it arrives.  For one reader, inside its ``async with``.

    No generator, which would show the order of all this: thousands are suspended at one time, 400 bytes each.
    """

    __slots__ = ("_call", "_deadline", "_link", "_pool", "_shelf", "head")

    def __init__(self, pool: Pool, shelf: _Shelf, call: Call, deadline: Deadline) -> None:
        self._pool, self._shelf, self._deadline = pool, shelf, deadline
        self._call: Call | None = call
        self._link: Link | None = None
        self.head: Head  # once it has been entered

    async def __aenter__(self) -> "Reply":
        call, self._call = self._call, None  # its body may be megabytes, the reply minutes
        assert call is not None  # noqa: S101  # it is entered once
        await self._shelf.enter()
        self._deadline.scope.__enter__()
        try:
            self.head, self._link = await self._pool.ask(self._shelf, call, self._deadline)
        except BaseException as raised:
            await self.__aexit__(type(raised), raised, raised.__traceback__)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        deadline, link, self._link = self._deadline, self._link, None
        deadline.end()
        try:
            if raised is None and link is not None:
                await self._pool.put_back(self._shelf, link)
            else:
                self._shelf.leave()
                if link is not None:
                    await link.close()
        finally:
            deadline.scope.__exit__(kind, raised, trace)
        if deadline.scope.cancelled_caught:
            raise TimedOut(self._shelf.origin, deadline.phase, deadline.seconds)

    @property
    def done(self) -> bool:
        """Whether the body has ended exactly where its framing says, and all of it has been received."""
        return self._present().done

    def receive(self) -> Awaitable[bytes]:
        """The bytes that one read gave, without their framing; ``b""`` at the end, and then again.

        Raises Truncated and Malformed.  A TimedOut leaves the ``async with`` instead: a deadline cancels.
        """
        return self._present().receive()

    def flow(self, take: Take) -> Awaitable[None]:
        """Give *take* what comes, as it comes and while it wants more; see ``Link.flow``."""
        return self._present().flow(take)

    def _present(self) -> Link:
        if self._link is None:
            raise trio.ClosedResourceError("the reply has been left")
        return self._link


@asynccontextmanager
async def open_pool(connect: Connect, limits: PoolLimits = USUAL_LIMITS) -> AsyncIterator[Pool]:
    """A pool whose links are made by *connect*.  On leaving, its tasks are cancelled and its links closed."""
    async with trio.open_nursery() as tasks:
        pool = Pool(connect, tasks, limits)
        try:
            yield pool
        finally:
            tasks.cancel_scope.cancel()
            await pool.close()
