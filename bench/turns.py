"""``python -m bench.turns TREE TREE …``: what a request costs in one state of the source, and in another.

    git worktree add ../before HEAD~3
    python -m bench.turns ../before . ../before .

A gateway from each folder stands before one simulated model.  They are asked in many short rounds, each round in an
order of its own, and each is held against the first of its round: so whatever else the machine does hits all of them
alike.  A folder that is named twice tells how far two that are the same lie apart.
"""

import random
import tempfile
import time
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from statistics import median

import click

from bench.limits import LINES, measured
from bench.load import load
from bench.programs import Program, gateway, simulated
from bench.requests import request

AT_ONCE = 400  # small requests in one round


@click.command(help=__doc__)
@click.argument("trees", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--rounds", default=24, show_default=True, help="How often each is asked.")
@click.option("--size", default=1_000, show_default=True, help="Bytes of a request.")
@click.option("--pair", default="anthropic:chat", show_default=True, help="Protocols of caller and upstream.")
@click.option("--connections", default=32, show_default=True, help="How many requests run at one time.")
@click.option("--line", type=click.Choice(tuple(LINES)), default="limited", show_default=True, help="What is on.")
@click.option("--settle", default=6.0, show_default=True, help="Seconds of rest after the warming up.")
def main(
    *, trees: tuple[Path, ...], rounds: int, size: int, pair: str, connections: int, line: str, settle: float
) -> None:
    """Measure and print a Markdown table."""
    asks, _, answers = pair.partition(":")
    sent = request(asks, "[[say ok]]", size)
    times = max(3, AT_ONCE // connections // (1 + size // 50_000))
    with ExitStack() as exits:
        upstream = exits.enter_context(simulated(answers))
        programs = [exits.enter_context(_gateway(upstream, answers, tree.resolve(), line, exits)) for tree in trees]
        for program in programs:
            load(program.port, sent, connections=connections, times=4 * times)
        time.sleep(settle)
        found = [_round(programs, sent, connections, times) for _ in range(rounds)]
    click.echo("| | CPU per request, median | least | of the first's |\n|---|--:|--:|--:|")
    for number, tree in enumerate(trees):
        costs = [each[number] for each in found]
        ratio = median(each[number] / each[0] for each in found)
        click.echo(f"| {tree} | {median(costs) * 1e6:.0f} µs | {min(costs) * 1e6:.0f} µs | {ratio:.3f} |")


def _gateway(
    upstream: Program, answers: str, tree: Path, line: str, exits: ExitStack
) -> AbstractContextManager[Program]:
    """One from *tree*, with books of its own."""
    folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
    top, more = LINES[line]
    return gateway(upstream, answers, folder, top=top, more=more, root=tree)


def _round(programs: list[Program], sent: bytes, connections: int, times: int) -> list[float]:
    """CPU seconds per request of each."""
    costs = [0.0] * len(programs)
    for number in random.sample(range(len(programs)), len(programs)):
        costs[number] = measured(programs[number], sent, connections, times)
    return costs


if __name__ == "__main__":
    main()
