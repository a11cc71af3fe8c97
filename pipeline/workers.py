"""Workers: several processes on one port, and the one that started them.

    this process ── sockets, opened once ──▶ worker 1 · worker 2 · …       each a whole gateway, before one store
        │  signals: passed on · a reload: asked of each · one dies: started anew, with longer and longer pauses
        └─ one asks what the others know (``peers``): asked on its behalf

Each accepts from a socket of its own, and from what the others leave (``sockets``); all of them are this process's, so
that a worker's death closes none, and who waits in its queue is served by the others.
This process answers no request, and looks at none.
"""

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import attrs
import structlog
import trio

from pipeline.link import Link, Said, greet
from pipeline.loaded import Outcome

SHORT, LONG = 0.1, 30.0  # seconds before a worker that died is started again; twice as long each time
WELL = 60.0  # seconds after which one counts as well, should it die then
ANSWERS = 60.0  # seconds for all to read the configuration anew
ASKED = 2.0  # seconds for the others to say what they know

log = structlog.get_logger("pipeline")


class Failed(Exception):
    """A worker could not even start; it has said why.  *code*: the exit code for all of us."""

    def __init__(self, code: int) -> None:
        super().__init__(f"a worker ended with code {code} before it listened")
        self.code = code


@attrs.define(eq=False)
class Worker:
    """A process that answers."""

    number: int
    process: trio.Process
    link: Link
    urls: list[str] = attrs.field(factory=list)
    text: str = ""


@attrs.define(eq=False)
class Waiting:
    """Somebody who waits for what all that are *asked* have to say."""

    asked: set[int]
    answers: dict[int, Any] = attrs.field(factory=dict)
    all: trio.Event = attrs.field(factory=trio.Event)

    def answered(self, number: int, answer: Any) -> None:
        """Worker *number* says *answer*; None: it has gone."""
        if number in self.asked:
            self.asked.discard(number)
            if answer is not None:
                self.answers[number] = answer
        if not self.asked:
            self.all.set()


@attrs.define(eq=False, kw_only=True)
class Workers:
    """All of them (``attending.Attended``).  *command* starts one, with the descriptor of its link behind it."""

    command: Sequence[str]
    count: int
    listeners: Sequence[trio.SocketListener]
    ending: trio.Event = attrs.field(factory=trio.Event)
    living: dict[int, Worker] = attrs.field(factory=dict)
    first: Worker | None = None
    code: int = 0  # what this process is to end with
    one: trio.Event = attrs.field(factory=trio.Event)  # the first listens, or never will
    all: trio.Event = attrs.field(factory=trio.Event)  # every one has listened
    _listened: set[int] = attrs.field(factory=set)
    _turn: trio.Lock = attrs.field(factory=trio.Lock)
    _waiting: dict[str, Waiting] = attrs.field(factory=dict)  # by what is waited for
    _asks: int = 0

    @property
    def urls(self) -> list[str]:
        """Where they are."""
        return self.first.urls if self.first is not None else []

    @property
    def text(self) -> str:
        """What the first says of itself, which is true of all, and how many they are."""
        said = self.first.text if self.first is not None else ""
        return said.replace("\n", f"\nworkers    {self.count} processes\n", 1)

    # -- what is done to all of them ----------------------------------------------------------------------------------

    def end(self, *, at_once: bool) -> None:
        """Let what runs finish; called again, don't.  Whoever connects from now on is none of ours."""
        self.ending.set()
        self.close()
        for worker in self.living.values():
            worker.process.send_signal(signal.SIGTERM)  # the second one hurries

    def close(self) -> None:
        """Close the sockets, here."""
        for listener in self.listeners:
            listener.socket.close()

    async def reload(self) -> Outcome:
        """Have each read the configuration anew: what one refuses, all do."""
        async with self._turn:
            waiting = self._waiting["loaded"] = Waiting(set(self.living))
            for worker in list(self.living.values()):
                await worker.link.send({"reload": True})
            with trio.move_on_after(ANSWERS):
                await waiting.all.wait()
        outcomes = [Outcome(*answer) for answer in waiting.answers.values()]
        refused = next((outcome for outcome in outcomes if outcome.problems), None)
        return refused or next(iter(outcomes), Outcome(["no worker answers"]))

    # -- tasks --------------------------------------------------------------------------------------------------------

    async def keep(self, number: int) -> None:
        """Task: a worker, and whoever comes after it, until the end."""
        pause = SHORT
        while not self.ending.is_set():
            began = trio.current_time()
            try:
                code = await self._life(number)
            except OSError as error:  # no memory, no processes left: the others go on, and it may pass
                log.error("a worker can't be started", worker=number, why=error.strerror)
                code = 1
            if self.ending.is_set():
                clean = code in (0, -signal.SIGTERM)  # by the signal itself: it had not even begun
                self.code = self.code or (0 if clean else 1)
                return
            if self.first is None:
                self.code = code if code > 0 else 1
                self.one.set()
                return
            pause = SHORT if trio.current_time() - began > WELL else min(2 * pause, LONG)
            log.error("a worker has died, and is started again", worker=number, code=code, pause=pause)
            with trio.move_on_after(pause):
                await self.ending.wait()

    async def _life(self, number: int) -> int:
        """One process, from its start to its end; gives its exit code.  Raises OSError if it can't be started."""
        ours, theirs = socket.socketpair()
        with theirs, ExitStack() as unless_begun:
            unless_begun.enter_context(ours)
            greet(ours, number, self.count, [listener.socket.fileno() for listener in self.listeners])
            process = await trio.lowlevel.open_process(
                [*self.command, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,  # ^C in a terminal is for this process, which passes it on
                env={name: text for name, text in os.environ.items() if name != "NOTIFY_SOCKET"},
            )
            unless_begun.pop_all()
        worker = self.living[number] = Worker(number, process, Link(ours))
        if self.ending.is_set():  # while it was started, so that nobody has told it
            process.send_signal(signal.SIGTERM)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._hear, worker, nursery)
                code = await process.wait()
                nursery.cancel_scope.cancel()
        finally:
            self._gone(worker)
            with trio.CancelScope(shield=True):
                await worker.link.aclose()
                if process.poll() is None:  # we are cancelled: nobody is to outlive us
                    process.kill()
                    await process.wait()
        return code

    def _gone(self, worker: Worker) -> None:
        del self.living[worker.number]
        for waiting in self._waiting.values():
            waiting.answered(worker.number, None)

    async def _hear(self, worker: Worker, tasks: trio.Nursery) -> None:
        """Task: what *worker* says."""
        while (said := await worker.link.receive()) is not None:
            match said:
                case {"listens": urls, "text": text}:
                    worker.urls, worker.text = urls, text
                    self.first = self.first or worker
                    self._listened.add(worker.number)
                    self.one.set()
                    if len(self._listened) == self.count:
                        self.all.set()
                case {"loaded": outcome}:
                    self._heard("loaded", worker, outcome)
                case {"ask": number, "what": what}:
                    tasks.start_soon(self._ask, worker, number, what)
                case {"told": name, "answer": answer}:
                    self._heard(name, worker, answer)

    def _heard(self, what: str, worker: Worker, answer: Any) -> None:
        if (waiting := self._waiting.get(what)) is not None:
            waiting.answered(worker.number, answer)

    async def _ask(self, asker: Worker, number: int, what: str) -> None:
        """Task: ask all but *asker*, and tell it what they say."""
        others = [worker for worker in self.living.values() if worker is not asker]
        self._asks += 1
        name = f"{what} {self._asks}"
        waiting = self._waiting[name] = Waiting({worker.number for worker in others})
        try:
            told: Said = {"tell": name, "what": what}
            for worker in others:
                await worker.link.send(told)
            if others:
                with trio.move_on_after(ASKED):
                    await waiting.all.wait()
        finally:
            del self._waiting[name]
        await asker.link.send({"answers": number, "said": list(waiting.answers.values())})


async def supervise(
    command: Sequence[str],
    count: int,
    listeners: Sequence[trio.SocketListener],
    ended: Callable[[int], None],
    *,
    task_status: trio.TaskStatus[Workers],
) -> None:
    """Task: *count* workers on *listeners*, until their end.  Reports them when all listen.

    Owns the listeners.  The first is there before the others are started: it makes the store, if there is none, and
    what keeps it from starting is said once.  Raises Failed.  *ended* is told this process's exit code.
    """
    workers = Workers(command=command, count=count, listeners=listeners)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(workers.keep, 1)
            await workers.one.wait()
            if workers.first is not None:
                for number in range(2, count + 1):
                    nursery.start_soon(workers.keep, number)
                await workers.all.wait()
                task_status.started(workers)
    finally:
        workers.close()
    if workers.first is None:
        raise Failed(workers.code)
    ended(workers.code)
