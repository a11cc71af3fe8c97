"""``python -m bench.workers``: what two workers can do that one can't.

    one worker ◀── round by round, in turn ──▶ two workers      the same requests, everything on, ``bench.mock`` behind

Three figures, since on few cores the load generator, the upstream and all others take their part of the machine:

    CPU        what a request costs with two, as against one: what they take from each other (books, disk, caches)
    room       one worker's CPU for all requests ÷ that of the busier one of two: how many times as much they do where
               each has a core of its own, with their connections as evenly spread as they were
    measured   requests a second of two ÷ those of one, here; and the most that can be seen on this machine's cores,
               which have to carry load generator and upstream as well
"""

import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import attrs
import click

from bench.load import load
from bench.programs import Program, started
from bench.requests import request
from bench.systems import KEY, ours

# Size, connections, how often each asks.  Many, since the kernel deals them out by chance: of 64 one worker gets 36.
SIZES = {"1 KB": (1_000, 256, 10), "105 KB": (105_000, 256, 3), "560 KB": (560_000, 128, 2)}


@attrs.frozen
class Round:
    """What one round of requests took, seconds of each request."""

    cpu: float  # of the gateway
    busiest: float  # of that one of its processes which did most
    others: float  # of load generator and upstream
    seconds: float


def took(program: Program, upstream: Program, sent: bytes, connections: int, times: int) -> Round:
    """One round."""
    shares, upstreams, own = program.shares(), upstream.cpu(), time.process_time()
    found = load(program.port, sent, connections=connections, times=times)
    if found.failed:
        raise click.ClickException(f"{found.failed} requests failed")
    used = [seconds - shares[pid] for pid, seconds in program.shares().items()]
    others = upstream.cpu() - upstreams + time.process_time() - own
    many = len(found.answers)
    return Round(sum(used) / many, max(used) / many, others / many, found.seconds / many)


def row(label: str, one: list[Round], two: list[Round]) -> str:
    """What the rounds of both come to."""
    alone, together = median(each.cpu for each in one), median(each.cpu for each in two)
    room = median(first.cpu / second.busiest for first, second in zip(one, two, strict=True))
    measured = median(first.seconds / second.seconds for first, second in zip(one, two, strict=True))
    beside = median(each.others for each in one) / alone  # of what one worker does
    most = (os.cpu_count() or 1) / (1 + beside)
    cells = f"{alone * 1e6:,.0f} | {together * 1e6:,.0f} | {together / alone:.2f} | {room:.2f} | {measured:.2f}"
    return f"| {label} | {cells} | {min(2, most):.2f} |"


@click.command(help=__doc__)
@click.option("--rounds", default=7, show_default=True, help="How often each is asked.")
def main(*, rounds: int) -> None:
    """Measure and print a Markdown table."""
    with ExitStack() as exits:
        upstream = exits.enter_context(started("upstream", [sys.executable, "-m", "bench.mock"]))
        programs = []
        for count in (1, 2):
            folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
            programs.append(exits.enter_context(ours(workers=count)(upstream, "chat", folder)))
        click.echo("| translated | CPU, one, µs | CPU, two, µs | two / one | room | measured | most |")
        click.echo("|---|--:|--:|--:|--:|--:|--:|")
        for label, (size, connections, times) in SIZES.items():
            sent = request("anthropic", "[[say]]", size, key=KEY)
            found = [[took(each, upstream, sent, connections, times) for each in programs] for _ in range(rounds + 1)]
            one, two = zip(*found[1:], strict=True)  # the first round warms up
            click.echo(row(label, list(one), list(two)))


if __name__ == "__main__":
    main()
