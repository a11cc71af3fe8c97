"""``python -m bench.http2``: our HTTP/2 server beside hypercorn, the same exchange in front of no gateway.

    h2load -c20 -m20 ─▶ ours         transports alone (``bench.exchange``)
                     └▶ hypercorn    on asyncio, with the same h2 (``bench.exchange_asgi``); ``--install`` fetches it

They take turns, round by round, so that whatever else the machine does hits both.  CPU is the server's own, from
``/proc``; answers a second are what h2load saw, with both on the same cores.
"""

import re
import subprocess
import sys
import tempfile
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from statistics import median

import attrs
import click

from bench.programs import ROOT, Program, free_port, listening, started
from bench.systems import PEERS, install, pip

PLACE = PEERS / "hypercorn"
HYPERCORN = PLACE / "bin/hypercorn"
ANSWERED = re.compile(r"finished in .*?, ([0-9.]+) req/s")


def ours() -> AbstractContextManager[Program]:
    """Our transports."""
    return started("ours", [sys.executable, "-m", "bench.exchange"])


def hypercorn() -> AbstractContextManager[Program]:
    """One worker, as it comes."""
    port = free_port()
    command = [str(HYPERCORN), "bench.exchange_asgi:app", f"--bind=127.0.0.1:{port}"]
    return listening("hypercorn", command, port, {"PYTHONPATH": str(ROOT)})


@attrs.frozen
class Round:
    """What one round of requests took."""

    cpu: float  # seconds of the server for each answer
    rate: float  # answers a second


def took(program: Program, body: Path, requests: int) -> Round:
    """One round: 20 connections, 20 streams in each."""
    before = program.cpu()
    command = ["h2load", f"-n{requests}", "-c20", "-m20", f"-d{body}", f"http://127.0.0.1:{program.port}/"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
    rate = ANSWERED.search(told)
    if rate is None or f"{requests} succeeded" not in told:
        raise click.ClickException(f"{program.name} did not answer all requests:\n{told}")
    return Round((program.cpu() - before) / requests, float(rate[1]))


@click.command(help=__doc__)
@click.option("--rounds", default=7, show_default=True, help="How often each is asked.")
@click.option("--requests", default=4000, show_default=True, help="How many requests a round has.")
@click.option("--install", "first", is_flag=True, help="Install hypercorn into its place first.")
def main(*, rounds: int, requests: int, first: bool) -> None:
    """Measure and print a Markdown table."""
    if first:
        install(PLACE, pip("hypercorn>=0.18"))
    if not HYPERCORN.exists():
        raise click.ClickException("hypercorn is not installed: --install")
    with ExitStack() as exits:
        body = Path(exits.enter_context(tempfile.TemporaryDirectory())) / "body"
        body.write_bytes(b"x" * 1000)
        programs = [exits.enter_context(ours()), exits.enter_context(hypercorn())]
        found = [[took(program, body, requests) for program in programs] for _ in range(rounds + 1)]
    click.echo("| | CPU per request | requests a second |\n|---|--:|--:|")
    for program, rounds_of in zip(programs, zip(*found[1:], strict=True), strict=True):  # the first round warms up
        cpu, rate = median(each.cpu for each in rounds_of), median(each.rate for each in rounds_of)
        click.echo(f"| {program.name} | {cpu * 1e6:.0f} µs | {rate:,.0f} |")
    ratio = median(theirs.cpu / mine.cpu for mine, theirs in found[1:])
    click.echo(f"\nhypercorn takes {ratio:.2f} times the CPU of ours (median of the rounds).")


if __name__ == "__main__":
    main()
