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
Ended = Callable[[BaseException | None], None]  # told that nothing more is read, and what went wrong, if that is why

READ = 64 * 1024  # bytes at once
TURN = 16  # sockets that are read before other tasks, which may have a first word to pass on, have their turn


class Reading:
    """A socket that is read.  *most*: how many bytes at once, by now."""

    __slots__ = ("context", "ended", "most", "source", "take")

    def __init__(self, source: socket.socket, take: Take, ended: Ended, most: int) -> None:
        self.context = trio.lowlevel.current_task().context
        self.source, self.take, self.ended, self.most = source, take, ended, most


class Inflow:
    """Reads sockets that are ready.  Use ``inflow``."""

    __slots__ = ("_epoll", "_readings", "now")

    def __init__(self) -> None:
        assert sys.platform == "linux"  # noqa: S101  # where there is one
        self._epoll = select.epoll()
        self._readings: dict[int, Reading] = {}
        self.now = trio.current_time()  # when the present turn began

    async def read(self, source: socket.socket, take: Take) -> None:
        """Give *take* what comes from *source*, until it takes no more.

        Raises what *take* raises; OSError; ClosedResourceError if *source* is closed, before or meanwhile.
        """
        if source.fileno() < 0:
            raise trio.ClosedResourceError("the socket is closed")
        sleeper = _Sleeper(self, source)
        self.begin(source, take, sleeper.wake)
        await trio.lowlevel.wait_task_rescheduled(sleeper.cancel)
        if sleeper.raised is not None:
            raise sleeper.raised

    def begin(self, source: socket.socket, take: Take, ended: Ended, most: int = READ) -> Reading:
        """Give *take* what comes from *source* from now on; tell *ended* when that takes no more, or what went wrong.

        *source* is open and does not block, and nobody else reads it.  *ended* must not raise and not wait; it is told
        of a socket that is closed, too.
        """
        self._epoll.register(source.fileno(), select.EPOLLIN)
        reading = self._readings[source.fileno()] = Reading(source, take, ended, most)
        return reading

    def leave(self, source: socket.socket) -> None:
        """Read *source*, which is read, no more; nobody is told."""
        self._leave(source.fileno())

    def closing(self, source: socket.socket) -> None:
        """*source* is about to be closed: whoever reads it is told."""
        if source.fileno() in self._readings:
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
                if (reading := self._readings.get(number)) is None:
                    continue  # somebody who came before it has ended it
                try:
                    if not reading.context.run(reading.take, reading.source.recv(reading.most)):
                        self._end(number)
                except BlockingIOError:
                    pass  # a false alarm
                except BaseException as raised:  # is raised in the task that reads, or ends the connection
                    self._end(number, raised)

    def _end(self, number: int, raised: BaseException | None = None) -> None:
        ended = self._readings[number].ended
        self._leave(number)
        ended(raised)

    def _leave(self, number: int) -> None:
        del self._readings[number]
        self._epoll.unregister(number)


class _Sleeper:
    """The task that wants what is read."""

    __slots__ = ("_flows", "_source", "_task", "raised")

    def __init__(self, flows: Inflow, source: socket.socket) -> None:
        self._flows, self._source, self._task = flows, source, trio.lowlevel.current_task()
        self.raised: BaseException | None = None

    def wake(self, raised: BaseException | None) -> None:
        """Nothing more is read."""
        self.raised = raised
        trio.lowlevel.reschedule(self._task)

    def cancel(self, _raise: object) -> trio.lowlevel.Abort:
        """It is cancelled; nothing is read from now on, for others have their turn before it has."""
        self._flows.leave(self._source)
        return trio.lowlevel.Abort.SUCCEEDED


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
