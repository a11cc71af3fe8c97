"""Run: a client, with its environment set so that it comes here.

run -- CLIENT -p "hello" ──▶ the gateway that runs, or one for as long as the client does ──▶ CLIENT
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from pipeline import door
from pipeline.commands.life import begun, holder, journal, pid_file, place
from pipeline.config import Config
from pipeline.flags import Flags, configuration, merged, options, refuse, told
from pipeline.naming import load

ENDS = 40.0  # seconds that our own gateway may take to end


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@options
@pid_file
@click.option("--key", help="What it shows us; else the variable GATEWAY_KEY, else any.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def run(before: Flags, /, pid_file: Path | None, key: str | None, command: tuple[str, ...], **flags: Any) -> None:
    """Start a client that talks to this gateway: run -- CLIENT.  Its exit code is ours."""
    with told():
        config = configuration(merged(before, flags))
    key = key or os.environ.get("GATEWAY_KEY") or owners(config)
    with reached(place(pid_file), merged(before, flags)) as url:
        variables, words = load("stages.clients:launched")(url, key, list(command))
        instead = load("stages.clients:INSTEAD")
        environment = {name: text for name, text in os.environ.items() if name not in instead} | variables
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C is the client's
        try:
            code = subprocess.run(words, env=environment, check=False).returncode  # noqa: S603  # what was asked for
        except OSError as error:
            refuse([f"{command[0]} can't be started: {error.strerror}"])
        finally:
            signal.signal(signal.SIGINT, previous)
    sys.exit(code if code >= 0 else 128 - code)


def owners(config: Config) -> str:
    """The key that stands there where an upstream runs under this person's own login; any, where none is needed."""
    return door.kept(door.key_file()) if door.guarded(config) else "any"


@contextmanager
def reached(path: Path, flags: Flags) -> Iterator[str]:
    """The address of the gateway that holds *path*, or of one that runs until the block is left."""
    entry = holder(path)
    if entry is not None and entry.urls:
        yield entry.urls[0]
        return
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "pipeline.pid"
        child, _ = begun(own, str(journal()), flags | {"port": "0"})
        try:
            entry = holder(own)
            yield entry.urls[0] if entry is not None else ""
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(ENDS)
