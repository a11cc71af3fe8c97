"""``python -m bench.limits``: what metering and limits add to a request, side by side in one run.

    bare      without = ["meter", "limits"]        nothing is counted, nothing is kept
    metered   the default line, no limits          one record per request
    limited   a key with six limits                one record and one reservation per request

The three gateways stand before one simulated model and are asked in turn, round by round, so that whatever else the
machine does hits all of them; what is added is told by each round for itself, and of the rounds the median counts.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import click

from bench.load import load
from bench.programs import Program, gateway, simulated
from bench.requests import request

LIMITS = """
[limits]
limits = [
    { kind = "usd_5h", limit = 1_000_000_000_000 },
    { kind = "usd_week", limit = 1_000_000_000_000 },
    { kind = "usd_total", limit = 1_000_000_000_000 },
    { kind = "requests_minute", limit = 1_000_000_000 },
    { kind = "tokens_minute", limit = 1_000_000_000_000 },
    { kind = "streams", limit = 1_000_000 },
]
"""
LINES = {"bare": ('without = ["meter", "limits"]', ""), "metered": ("", ""), "limited": ("", LIMITS)}
PAIRS = ("anthropic:anthropic", "anthropic:chat")
SIZES = {"1 KB": 1_000, "100 KB": 100_000, "560 KB": 560_000}


def measured(program: Program, sent: bytes, connections: int, times: int) -> float:
    """CPU seconds per request."""
    before = program.cpu()
    took = load(program.port, sent, connections=connections, times=times)
    if took.failed:
        raise click.ClickException(f"{program.name}: {took.failed} requests failed")
    return (program.cpu() - before) / len(took.answers)


@click.command(help=__doc__)
@click.option("--rounds", default=9, help="How often each is asked.")
@click.option("--size", "only", default="", help="One of the sizes only, as they are called in the table.")
@click.option("--pair", "pairs", multiple=True, default=PAIRS, help="Protocols of caller and upstream; repeatable.")
@click.option("--connections", default=32, help="How many requests run at one time.")
def main(*, rounds: int, only: str, pairs: tuple[str, ...], connections: int) -> None:
    """Measure and print a Markdown table."""
    click.echo("| CPU per request | " + " | ".join(LINES) + " | metered adds | limited adds |")
    click.echo("|---|--:|--:|--:|--:|--:|")
    for pair in pairs:
        asks, _, answers = pair.partition(":")
        with before(answers) as programs:
            for label, size in SIZES.items():
                if only in label:
                    sent = request(asks, "[[say ok]]", size)
                    times = max(4, 2000 // connections // (1 + size // 50_000))
                    found = [
                        {name: measured(program, sent, connections, times) for name, program in programs.items()}
                        for _ in range(rounds + 1)
                    ]
                    click.echo(row(f"{pair}, {label}", found[1:]))  # the first round warms up


@contextmanager
def before(answers: str) -> Iterator[dict[str, Program]]:
    """The three gateways before one simulated model that speaks *answers*."""
    with ExitStack() as exits:
        upstream, programs = exits.enter_context(simulated(answers)), {}
        for name, (top, more) in LINES.items():
            folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
            programs[name] = exits.enter_context(gateway(upstream, answers, folder, top=top, more=more))
        yield programs


def row(label: str, rounds: list[dict[str, float]]) -> str:
    """A row: medians, and what is added: the median of what each round says, because its three stood side by side."""
    costs = [f"{median(found[name] for found in rounds) * 1e6:.0f} µs" for name in LINES]
    adds = [f"{median(found[name] / found['bare'] for found in rounds) - 1:+.1%}" for name in ("metered", "limited")]
    return f"| {label} | " + " | ".join([*costs, *adds]) + " |"


if __name__ == "__main__":
    main()
