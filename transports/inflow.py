"""Inflow: many sockets that are read in the turns of one task.

    socket ─┐
    socket ─┼─▶ epoll: each is entered once ─▶ the task ─▶ read ─▶ take(what came)    in the context of who reads
    socket ─┘                                                        └─▶ False: who reads goes on by itself

A task that waits for a socket costs, for each piece that comes, two turns of trio's books, 700 steps of the
interpreter, and a system call that enters the socket anew.  Streams of events are nothing but such waits: thousands of
small pieces a second, each read, passed on and forgotten.  So a stream is read here, by one task that looks after all
of them; its own task sleeps until something has to wait, has gone wrong, or is over.

There is one inflow in a run of trio, made by whoever needs it first (see ``clock``).  It takes epoll, which is Linux's:
elsewhere there is none, and a socket is read by the task that wants it.  This file knows nothing of what is read.
"""

import select
import socket
import sys
from collections.abc import Callable

import trio

Take = Callable[[bytes], bool]  # takes what one read gave, b"" at the end; tells whether it takes more. Must not wait

READ = 64 * 1024  # bytes at once
TURN = 64  # sockets that are read before other tasks have their turn


class _Reader:
    """A task that sleeps while its socket is read."""

    __slots__ = ("raised", "source", "take", "task")

    def __init__(self, source: socket.socket, take: Take) -> None:
        self.task = trio.lowlevel.current_task()
        self.source, self.take = source, take
        self.raised: BaseException | None = None  # is raised where it belongs: in the task


class Inflow:
    """Reads sockets that are ready.  Use ``inflow``."""

    __slots__ = ("_epoll", "_readers", "now")

    def __init__(self) -> None:
        assert sys.platform == "linux"  # noqa: S101  # where there is one
        self._epoll = select.epoll()
        self._readers: dict[int, _Reader] = {}
        self.now = trio.current_time()  # when the present turn began

    async def read(self, source: socket.socket, take: Take) -> None:
        """Give *take* what comes from *source*, until it takes no more.

        *source* does not block, and nobody else reads it.  Raises what *take* raises; OSError; ClosedResourceError if
        it is closed, before or meanwhile.
        """
        number = source.fileno()
        if number < 0:
            raise trio.ClosedResourceError("the socket is closed")
        self._epoll.register(number, select.EPOLLIN)
        reader = self._readers[number] = _Reader(source, take)

        def cancelled(_raise: object) -> trio.lowlevel.Abort:
            self._leave(number)  # at once: it has no other turn before others are read
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(cancelled)
        if reader.raised is not None:
            raise reader.raised

    def closing(self, source: socket.socket) -> None:
        """*source* is about to be closed: whoever reads it is told."""
        if source.fileno() in self._readers:
            self._end(source.fileno(), trio.ClosedResourceError("the socket was closed"))

    async def run(self) -> None:
        """The task: runs until cancelled."""
        try:
            while True:
                await trio.lowlevel.wait_readable(self._epoll.fileno())
                self._turn()
        finally:
            self._epoll.close()

    def _turn(self) -> None:
        """Read what is ready, and what becomes so meanwhile: in a turn of its own that would cost ten times as much."""
        self.now, left = trio.current_time(), TURN
        while left > 0 and (ready := self._epoll.poll(0, left)):
            left -= len(ready)
            for number, _ in ready:
                if (reader := self._readers.get(number)) is None:
                    continue  # somebody who came before it has ended it
                try:
                    if not reader.task.context.run(reader.take, reader.source.recv(READ)):
                        self._end(number)
                except BlockingIOError:
                    pass  # a false alarm
                except BaseException as raised:
                    self._end(number, raised)

    def _end(self, number: int, raised: BaseException | None = None) -> None:
        reader = self._readers[number]
        reader.raised = raised
        self._leave(number)
        trio.lowlevel.reschedule(reader.task)

    def _leave(self, number: int) -> None:
        del self._readers[number]
        self._epoll.unregister(number)


_INFLOW: trio.lowlevel.RunVar[Inflow] = trio.lowlevel.RunVar("transports.inflow")


def inflow() -> Inflow | None:
    """The inflow of this run of trio; None where the system has nothing to make one of."""
    try:
        return _INFLOW.get()
    except LookupError:
        if sys.platform != "linux":
            return None
        made = Inflow()
        _INFLOW.set(made)
        trio.lowlevel.spawn_system_task(made.run)
        return made
