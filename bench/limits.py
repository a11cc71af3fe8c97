"""``python -m bench.limits``: what metering and limits add to a request, side by side in one run.

    bare      without = ["meter", "limits"]        nothing is counted, nothing is kept
    metered   the default line, no limits          one record per request
    limited   a key with six limits                one record and one reservation per request

The three gateways stand before one simulated model and are asked in turn, round by round, so that whatever else the
machine does hits all of them; of the rounds the median counts.
"""

import tempfile
from contextlib import ExitStack
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
SIZES = {"1 KB": 1_000, "100 KB": 100_000, "560 KB": 560_000}


def measured(program: Program, sent: bytes, connections: int, times: int) -> float:
    """CPU seconds per request."""
    before = program.cpu()
    took = load(program.port, sent, connections=connections, times=times)
    if took.failed:
        raise click.ClickException(f"{program.name}: {took.failed} requests failed")
    return (program.cpu() - before) / len(took.answers)


@click.command(help=__doc__)
@click.option("--rounds", default=7, help="How often each is asked.")
@click.option("--size", "only", default="", help="One of the sizes only, as they are called in the table.")
@click.option("--connections", default=32, help="How many requests run at one time.")
def main(*, rounds: int, only: str, connections: int) -> None:
    """Measure and print a Markdown table."""
    with ExitStack() as exits:
        upstream = exits.enter_context(simulated("anthropic"))
        programs = {}
        for name, (top, more) in LINES.items():
            folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
            programs[name] = exits.enter_context(gateway(upstream, "anthropic", folder, top=top, more=more))
        click.echo("| CPU per request | " + " | ".join(LINES) + " | metered adds | limited adds |")
        click.echo("|---|--:|--:|--:|--:|--:|")
        for label, size in SIZES.items():
            if only not in label:
                continue
            sent = request("anthropic", "[[say ok]]", size)
            times = max(4, 2000 // connections // (1 + size // 50_000))
            found: dict[str, list[float]] = {name: [] for name in LINES}
            for _ in range(rounds + 1):
                for name, program in programs.items():
                    found[name].append(measured(program, sent, connections, times) * 1e6)
            middle = {name: median(costs[1:]) for name, costs in found.items()}  # the first round warms up
            adds = [f"{middle[name] - middle['bare']:+.0f} µs ({middle[name] / middle['bare'] - 1:+.1%})"
                    for name in ("metered", "limited")]  # fmt: skip
            click.echo(f"| {label} | " + " | ".join([*(f"{cost:.0f} µs" for cost in middle.values()), *adds]) + " |")


if __name__ == "__main__":
    main()
