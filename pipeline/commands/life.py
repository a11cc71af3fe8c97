"""Life: a gateway in the background.

    start --detach ──▶ a process of its own ── "it listens" ──▶ this one prints that, and ends
    stop · reload · status · logs               find it by its pid file

``start`` without ``--detach`` is ``serve`` with a pid file, for service managers that want one.
"""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any, NoReturn, TextIO

import click
import platformdirs

from pipeline.flags import Flags, merged, options, refuse, spelled
from pipeline.foreground import Pid, printed, run
from pipeline.pidfile import Entry, default, look

LOOK = 0.05  # seconds between two looks whether it has ended
LINES = 20  # of the log, that are shown at first
LAST = 60.0  # seconds that one that could not start may take to end, and one that runs to read its configuration

pid_file = click.option(
    "--pid-file", type=click.Path(path_type=Path), help="Where it says that it runs (the user's runtime directory)."
)


# -- starting ---------------------------------------------------------------------------------------------------------


@click.command()
@options
@pid_file
@click.option("--detach", "--daemon", is_flag=True, help="In the background; returns when it listens.")
@click.option("--ready", type=int, hidden=True)  # where the one in the background says that it listens
@click.pass_obj
def start(before: Flags, /, pid_file: Path | None, detach: bool, ready: int | None, **flags: Any) -> None:
    """Serve with a pid file, so that stop, status and logs find it."""
    path = place(pid_file)
    log = str(Path(flags["log_file"] or before["log_file"] or journal()).absolute())
    if detach:
        launched(path, log, merged(before, flags))
        return
    pid = Pid(path=path, log=log if ready is not None else "")
    run(merged(before, flags), lambda urls, text: listening(ready, urls, text), pid=pid)


def listening(ready: int | None, urls: list[str], text: str) -> None:
    """Say where it is, also to whoever waits."""
    printed(urls, text)
    if ready is not None:
        with os.fdopen(ready, "w", encoding="utf-8") as waiting:
            waiting.write(text)


def journal() -> Path:
    """Where one in the background logs, if nobody says otherwise."""
    return Path(platformdirs.user_log_dir("pipeline", appauthor=False)) / "pipeline.log"


def launched(path: Path, log: str, flags: Flags) -> None:
    """Start one in the background."""
    if (entry := holder(path)) is not None and not flags["take_over"]:
        refuse([f"{path} is held by a gateway that runs, process {entry.pid}"])
    child, text = begun(path, log, flags)
    entry = holder(path)
    click.echo(f"{text}process    {child.pid}, log {entry.log if entry is not None else log}")


def begun(path: Path, log: str, flags: Flags) -> tuple["subprocess.Popen[bytes]", str]:
    """A gateway that listens, and what it says; ends this process if it can't start, with its words and its code."""
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    read, write = os.pipe()
    with Path(log).open("ab") as out:
        begin = out.tell()
        child = subprocess.Popen(  # noqa: S603  # this very program
            [sys.executable, "-m", "pipeline", "start", *spelled(flags), "--pid-file", path, "--ready", str(write)],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, pass_fds=[write],
        )  # fmt: skip
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as told:
        text = told.read()
    if text:
        return child, text
    code = child.wait(LAST)
    with Path(log).open("rb") as said:
        said.seek(begin)
        click.echo(said.read().decode(errors="replace"), nl=False, err=True)
    sys.exit(code or 1)


# -- what runs --------------------------------------------------------------------------------------------------------


@click.command()
@pid_file
@click.option("--now", is_flag=True, help="Don't let running requests finish.")
@click.option("--wait", type=float, default=60.0, show_default=True, help="Seconds to wait for its end.")
def stop(pid_file: Path | None, now: bool, wait: float) -> None:
    """Let it drain and end; returns when it has."""
    path = place(pid_file)
    entry = found(path)
    os.kill(entry.pid, signal.SIGTERM)
    end = time.monotonic() + wait
    time.sleep(LOOK)
    while holder(path) is not None:
        if now:
            os.kill(entry.pid, signal.SIGTERM)
        if time.monotonic() > end:
            click.echo(f"process {entry.pid} still finishes its requests; --now doesn't let it", err=True)
            sys.exit(1)
        time.sleep(LOOK)
    click.echo(f"process {entry.pid} has ended")


@click.command("reload")
@pid_file
def reload_command(pid_file: Path | None) -> None:
    """Have it read its configuration anew, and show what came of that; exit code 1 if it is refused."""
    path = place(pid_file)
    before = found(path)
    os.kill(before.pid, signal.SIGHUP)
    end = time.monotonic() + LAST
    while (entry := found(path)).read == before.read or not entry.urls:
        if time.monotonic() > end:
            click.echo(f"process {before.pid} does not answer", err=True)
            sys.exit(1)
        time.sleep(LOOK)
    click.echo(entry.said, err=entry.refused)
    sys.exit(int(entry.refused))


@click.command()
@pid_file
def status(pid_file: Path | None) -> None:
    """Show whether it runs, and where; exit code 1 if it doesn't."""
    entry = found(place(pid_file))
    click.echo(f"process {entry.pid}, since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(entry.began))}")
    click.echo(f"listens on {' and '.join(entry.urls)}" if entry.urls else "does not listen yet")
    if entry.log:
        click.echo(f"log {entry.log}")


@click.command()
@pid_file
@click.option("-f", "--follow", is_flag=True, help="Go on as it is written.")
@click.option("-n", "--lines", type=click.IntRange(min=0), default=LINES, show_default=True, help="How many at first.")
def logs(pid_file: Path | None, follow: bool, lines: int) -> None:
    """Show the log of the one in the background, also after it has ended."""
    entry = holder(place(pid_file))
    path = Path(entry.log if entry is not None and entry.log else journal())
    try:
        file = read(path)
    except OSError as error:
        refuse([f"{path}: {error.strerror}"])
    click.echo("".join(deque(file, lines)), nl=False)
    while follow:
        if text := file.read():
            click.echo(text, nl=False)
        else:
            time.sleep(LOOK)
            file = present(file, path)


def read(path: Path) -> TextIO:
    """The log at *path*.  Raises OSError."""
    return path.open(encoding="utf-8", errors="replace")


def present(file: TextIO, path: Path) -> TextIO:
    """*file*, or what has taken its place at *path* since: a log is rotated, by renaming it or by emptying it."""
    try:
        found, ours = path.stat(), os.fstat(file.fileno())
        if os.path.samestat(found, ours) and ours.st_size >= os.lseek(file.fileno(), 0, os.SEEK_CUR):
            return file
        fresh = read(path)
    except OSError:  # it is between two names
        return file
    file.close()
    return fresh


def place(said: Path | None) -> Path:
    """Where the pid file is: as *said*, or where it is if nobody says otherwise."""
    try:
        return said or default()
    except PermissionError as error:  # its folder would be another user's
        refuse([f"{error}; or say --pid-file"])


def holder(path: Path) -> Entry | None:
    """Who holds *path*, if anybody does; ends the command if that can't be told."""
    try:
        return look(path)
    except OSError as error:
        refuse([f"{path}: {error.strerror}"])


def found(path: Path) -> Entry:
    """Who holds *path*; ends the command if nobody does."""
    entry = holder(path)
    if entry is None:
        absent(path)
    return entry


def absent(path: Path) -> NoReturn:
    """Say that nothing runs."""
    click.echo(f"nothing runs that holds {path}", err=True)
    sys.exit(1)


COMMANDS = (start, stop, reload_command, status, logs)
