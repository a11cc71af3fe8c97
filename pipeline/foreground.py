"""The foreground: flags → a gateway that runs, until it has drained, in one process or in several.

    flags ──▶ configuration ──▶ log ──▶ sockets ──▶ alone · workers · or one of the workers ──▶ attended

What it says when it listens goes to stdout, and into the pid file, if there is one.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import attrs
import click
import trio

from pipeline import handover
from pipeline.alone import answer
from pipeline.attending import Begin, Post, Told, attend
from pipeline.config import Config, Log
from pipeline.flags import Flags, configuration, refuse, spelled, told
from pipeline.log import logs
from pipeline.pauses import seat
from pipeline.pidfile import AlreadyRuns, PidFile
from pipeline.sockets import listener, listening, passed, spread
from pipeline.worker import joined, work
from pipeline.workers import Failed, supervise


def printed(urls: list[str], text: str) -> None:
    """Say *text* on stdout."""
    click.echo(text)
    sys.stdout.flush()


@attrs.frozen(kw_only=True)
class Pid:
    """A pid file that is to be held, and the log that is to stand in it where the configuration has none."""

    path: Path
    log: str = ""


def run(flags: Flags, say: Told = printed, *, pid: Pid | None = None, link: int | None = None) -> None:
    """Serve as *flags* say, until it has drained; *say* is called when it listens.

    *link*: the descriptor of the link to the process that started this one as one of its workers.
    """
    seat()
    with told():
        config = configuration(flags)
        with ExitStack() as exits:
            exits.enter_context(opened_files(config, pid))
            relog = exits.enter_context(logs(config.log))
            again = partial(configuration, flags | ({"config": Path(config.layers.file)} if config.layers.file else {}))
            if link is not None:
                trio.run(one_of_many, config, again, relog, link)
                return
            taken = handover.take(config.server.host, config.server.port) if flags["take_over"] else None
            file = None if pid is None else exits.enter_context(held(pid, config.log, taken))
            code = trio.run(foremost, config, again, relog, Start(flags=flags, say=say, taken=taken, pid_file=file))
    if code:
        sys.exit(code)


@contextmanager
def opened_files(config: Config, pid: Pid | None) -> Iterator[None]:
    """Tells in a line which file can't be opened: the log, or the pid file."""
    try:
        yield
    except AlreadyRuns as error:
        refuse([str(error)])
    except OSError as error:
        if pid is not None and error.filename == str(pid.path):
            refuse([f"{pid.path}: {error.strerror}"])
        if config.log.file is None or error.filename != str(config.log.file):
            raise
        refuse([f"{config.layers.label(('log', 'file'))}: {config.log.file}: {error.strerror}"])


def held(pid: Pid, log: Log, taken: handover.Taken | None) -> PidFile:
    """The pid file, in which the file of *log* stands, if it has one; the one that was *taken*, if it is the same."""
    given = None if taken is None else taken.pid_file
    if given is not None and not (pid.path.exists() and os.path.samestat(os.fstat(given), pid.path.stat())):
        os.close(given)
        given = None
    return PidFile(pid.path, pid.log if log.file is None else str(log.file.absolute()), given)


@attrs.frozen(eq=False, kw_only=True)
class Start:
    """How this gateway was started, beside its configuration."""

    flags: Flags
    say: Told
    taken: handover.Taken | None
    pid_file: PidFile | None


async def foremost(config: Config, again: Callable[[], Config], relog: Callable[[Log], None], start: Start) -> int:
    """Serve, in this process or in those that it starts; gives the exit code."""
    sockets = start.taken.sockets if start.taken is not None else passed(os.environ)
    listeners = [listener(each) for each in sockets] or await listening(config, several=True)
    server, codes = config.server, [0]
    begin: Begin = partial(answer, config, again, relog, listeners)
    if server.workers > 1:
        listeners = spread(listeners, server.workers)
        command = [sys.executable, "-m", "pipeline", "serve", *spelled(start.flags | {"take_over": False}), "--link"]
        begin = partial(supervise, command, server.workers, listeners, codes.append)
    port = server.port or listeners[0].socket.getsockname()[1]

    def say(urls: list[str], text: str) -> None:
        if start.pid_file is not None:
            start.pid_file.tell(urls)
        start.say(urls, text)

    post = Post(
        say=say,
        files=partial(watched, config) if server.watch else None,
        sockets=[each.socket for each in listeners],
        place=handover.name(server.host, port),
        pid_file=start.pid_file,
        taken=start.taken,
    )
    try:
        await attend(begin, post)
    except* Failed as failures:
        codes = [failure.code for failure in failures.exceptions if isinstance(failure, Failed)] or [1]
    return codes[-1]


async def one_of_many(config: Config, again: Callable[[], Config], relog: Callable[[Log], None], link: int) -> None:
    """Serve as one of the workers of whoever is behind *link*."""
    end, listeners = joined(link)
    begin = partial(work, end, partial(answer, config, again, relog, listeners))
    await attend(begin, Post(say=lambda urls, text: None))


def watched(config: Config) -> Iterator[Path]:
    """The files that *config* was read from, and that it has read."""
    yield from config.layers.files
    if config.server.tls is not None:
        yield from (config.server.tls.certificate, config.server.tls.key)
    yield from (upstream.ca for upstream in config.upstreams.values() if upstream.ca is not None)
