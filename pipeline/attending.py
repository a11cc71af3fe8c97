"""Attending: a gateway under the signals of whoever started it.

    SIGTERM, SIGINT     once: drain · twice: at once · three times: whatever happens
    SIGHUP              read the configuration anew; when a terminal that it was started from closes: drain
    a file of the configuration changes, and stands still: read it anew
    somebody comes who takes its place: drain

What is attended is one process (``alone``) or several (``workers``); both look the same from here.
"""

import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import attrs
import trio

from pipeline import handover
from pipeline.loaded import Outcome
from pipeline.notify import notify, reloading
from pipeline.pidfile import PidFile
from pipeline.watching import watch

Told = Callable[[list[str], str], None]  # where it is, and what it says of itself


class Attended(Protocol):
    """A gateway that listens."""

    @property
    def urls(self) -> list[str]:
        """Where it is."""

    @property
    def text(self) -> str:
        """What it says of itself."""

    def end(self, *, at_once: bool) -> None:
        """Let what runs finish, or not."""

    async def reload(self) -> Outcome:
        """Read the configuration anew."""


Begin = Callable[..., Awaitable[None]]  # a trio task that reports an Attended, and ends with it


@attrs.frozen(eq=False, kw_only=True)
class Post:
    """What somebody who attends has at hand."""

    say: Told
    files: Callable[[], Iterable[Path]] | None = None  # those to be watched
    sockets: Sequence[trio.socket.SocketType] = ()  # what may be taken over, at *place*
    place: str = ""
    pid_file: PidFile | None = None
    taken: handover.Taken | None = None  # whose place we take


async def attend(begin: Begin, post: Post) -> None:
    """Run *begin* until signals, a successor, an error, or itself, end it."""
    attended: Attended | None = None
    early: list[int] = []  # signals to reload, before there was anything to
    terminal = on_terminal()
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async with trio.open_nursery() as nursery:

            async def obey() -> None:
                times = 0
                async for number in signals:
                    if number == signal.SIGHUP and on_terminal() == terminal:
                        if attended is None:
                            early.append(number)
                        else:
                            nursery.start_soon(reload, attended, post)
                        continue
                    times += 1
                    if attended is None or times > 2:
                        nursery.cancel_scope.cancel()
                    else:
                        notify("STOPPING=1")
                        attended.end(at_once=times > 1)

            async def through(*, task_status: trio.TaskStatus[Attended]) -> None:
                await begin(task_status=task_status)
                nursery.cancel_scope.cancel()

            nursery.start_soon(obey)
            attended = await nursery.start(through)
            settle(attended, post, nursery)
            for _ in early[:1]:  # its files may have changed since it read them
                nursery.start_soon(reload, attended, post)


def settle(attended: Attended, post: Post, nursery: trio.Nursery) -> None:
    """Say that *attended* listens, take the place of another, and begin to look after it."""
    if post.taken is not None:
        post.taken.ready()
    post.say(attended.urls, attended.text)
    notify("READY=1")
    if post.files is not None:
        nursery.start_soon(watch, post.files, partial(reload, attended, post))
    if post.place:
        nursery.start_soon(succeeded, attended, post)


async def reload(attended: Attended, post: Post) -> None:
    """Have the configuration read anew; tell the service manager what came of it, and whoever asked."""
    reloading()
    outcome = await attended.reload()
    if post.pid_file is not None:
        post.pid_file.answer(outcome)
    notify("READY=1", f"STATUS={outcome.text}")


async def succeeded(attended: Attended, post: Post) -> None:
    """Task: wait for whoever takes our place, and go."""

    def gone() -> None:
        if post.pid_file is not None:
            post.pid_file.passed = True
        attended.end(at_once=False)

    descriptor = None if post.pid_file is None else post.pid_file.descriptor
    await handover.give(post.place, [each.fileno() for each in post.sockets], gone, descriptor)


def on_terminal() -> bool:
    """Whether we have a terminal: once it has gone, SIGHUP means that, and not a reload."""
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()
