"""``python -m bench.starts``: how soon a gateway answers, and what it takes of memory, with everything on.

    killed ──▶ started ── it listens ── the first request is answered ──▶ killed …           seconds, and CPU seconds
    started ──▶ small requests ──▶ ever larger ones ──▶ nobody asks any more                 MiB that are resident

A start finds what the life before left open, and modules that are compiled, as an installed program does.  Looks are
20 ms apart.  What rich and matplotlib, which only the bench needs, add to a start is in it where they are installed.
"""

import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import click

from bench.load import load
from bench.programs import Program, started
from bench.requests import request
from bench.systems import KEY, ours

LOADS = (("1 KB", 1_000, 32, 32), ("105 KB", 105_000, 32, 4), ("560 KB", 560_000, 16, 2), ("3.5 MB", 3_500_000, 4, 2))
QUIET = 12.0  # seconds: two looks of what gives memory back, and a bit


def starts(upstream: Program, folder: Path, rounds: int) -> list[tuple[float, float, float]]:
    """Seconds to listen, to the first answer, and of CPU till then, of each start."""
    sent = request("anthropic", "[[say]]", 1_000, key=KEY)
    found = []
    for _ in range(rounds + 1):
        began = time.monotonic()
        with ours()(upstream, "chat", folder) as gateway:
            listens = time.monotonic() - began
            if load(gateway.port, sent, connections=1, times=1).failed:
                raise click.ClickException("the first request failed")
            found.append((listens, time.monotonic() - began, gateway.cpu()))
            os.kill(gateway.pid, signal.SIGKILL)
    return found[1:]  # the first one compiles


def sizes(upstream: Program, folder: Path) -> list[tuple[str, float]]:
    """MiB after each load."""
    with ours()(upstream, "chat", folder) as gateway:
        found = [("started", gateway.rss() / 1024)]
        for label, size, connections, times in LOADS:
            sent = request("anthropic", "[[say]]", size, key=KEY)
            load(gateway.port, sent, connections=connections, times=times)
            found.append((f"after {connections * times:,} × {label}", gateway.rss() / 1024))
        time.sleep(QUIET)
        return [*found, (f"{QUIET:.0f} s later", gateway.rss() / 1024)]


@click.command(help=__doc__)
@click.option("--rounds", default=15, show_default=True, help="How often it is started.")
def main(*, rounds: int) -> None:
    """Measure and print two Markdown tables."""
    with ExitStack() as exits:
        upstream = exits.enter_context(started("upstream", [sys.executable, "-m", "bench.mock"]))
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
        click.echo("| from the start of the program | median | most |\n|---|--:|--:|")
        lasted = zip(*starts(upstream, folder, rounds), strict=True)
        for name, each in zip(("it listens", "the first answer", "CPU till then"), lasted, strict=True):
            click.echo(f"| {name} | {median(each):.2f} s | {max(each):.2f} s |")
        click.echo("\n| resident | MiB |\n|---|--:|")
        for name, size in sizes(upstream, folder):
            click.echo(f"| {name} | {size:.1f} |")


if __name__ == "__main__":
    main()
