"""``python -m bench``: the direct path, pass-through and translation, side by side in one run.

Every row is measured on the direct path and through the gateway, in turn, against the same upstream process.  CPU per
request is the figure that counts: the machine's cores are shared by upstream, gateway and load, so that throughput
here says how they share, not what a machine of one's own would give.
"""

import resource
import tempfile
from contextlib import ExitStack
from pathlib import Path

import attrs
import click

from bench.load import Took, hold, load
from bench.programs import Program, gateway, simulated
from bench.requests import request

SIZES = {"1 KB": 1_000, "100 KB": 100_000, "560 KB": 560_000}
PATHS = {  # what the client speaks, what the upstream speaks
    "pass-through (Messages)": ("anthropic", "anthropic"),
    "pass-through (Chat)": ("chat", "chat"),
    "Messages → Chat": ("anthropic", "chat"),
    "Chat → Messages": ("chat", "anthropic"),
}


@attrs.frozen
class Measured:
    """One run: how long answers took, and what it cost the program that is asked about."""

    took: Took
    cpu: float

    @property
    def per_answer(self) -> float:
        """CPU seconds per answer."""
        return self.cpu / max(1, len(self.took.answers))


@attrs.frozen
class Bench:
    """The programs of one path."""

    name: str
    asks: str  # the client's dialect
    upstream: Program
    through: Program
    quick: bool

    def cost(self, sent: bytes, connections: int, times: int) -> Measured:
        """Send *sent* through the gateway, and tell what that cost it."""
        before = self.through.cpu()
        took = load(self.through.port, sent, connections=connections, times=times)
        if took.failed:
            raise click.ClickException(f"{self.through.name}: {took.failed} requests failed")
        return Measured(took, self.through.cpu() - before)

    def requests(self) -> None:
        """Whole replies of three sizes: latency one at a time, CPU at 32 at a time."""
        for label, size in SIZES.items():
            sent = request(self.asks, "[[say ok]]", size)
            times = max(40, (200 if self.quick else 1500) // (1 + size // 50_000))
            load(self.through.port, sent, connections=8, times=5)
            alone = self.cost(sent, 1, times)
            many = self.cost(sent, 32, max(4, times // 8))
            row = [f"{alone.took.at(0.5) * 1e3:.2f}", f"{alone.took.at(0.99) * 1e3:.2f}"]
            if self.asks == self.upstream.name.split()[-1]:
                direct = load(self.upstream.port, sent, connections=1, times=times)
                row = [f"{(alone.took.at(q) - direct.at(q)) * 1e3:+.2f}" for q in (0.5, 0.99)]
            rate = len(many.took.answers) / many.took.seconds
            show(self.name, f"request {label}", *row, f"{many.per_answer * 1e6:.0f} µs", f"{rate:.0f}/s")

    def events(self) -> None:
        """Streams: as fast as they come, and paced."""
        burst = request(self.asks, "[[tokens 2000]]", 1000, stream=True)
        load(self.through.port, burst, connections=2, times=1)
        fast = self.cost(burst, 8, 5 if self.quick else 20)
        events = 2000 * len(fast.took.answers)
        rate = events / fast.took.seconds
        show(self.name, "event, burst", "", "", f"{fast.cpu / events * 1e6:.2f} µs", f"{rate:.0f}/s")
        paced = request(self.asks, "[[rate 25]] [[tokens 100]]", 1000, stream=True)
        slow = self.cost(paced, 50, 1)
        events = 100 * len(slow.took.answers)
        show(self.name, "event, 50 × 25/s", "", "", f"{slow.cpu / events * 1e6:.1f} µs", "")

    def memory(self) -> None:
        """Open, silent streams."""
        streams = 200 if self.quick else 1000
        silent = request(self.asks, "[[say a]] [[wait 60]]", 1000, stream=True)
        empty = self.through.rss()
        full = []
        hold(self.through.port, silent, connections=streams, look=lambda: full.append(self.through.rss()))
        show(
            self.name,
            f"open stream ({streams})",
            "",
            "",
            f"{(full[0] - empty) / streams:.1f} KiB",
            f"{empty / 1024:.0f} MiB idle",
        )

    def curve(self) -> None:
        """Small requests over a curve of concurrency (shared cores)."""
        sent = request(self.asks, "[[say ok]]", 1000)
        for connections in (1, 8, 32, 128):
            times = max(5, (400 if self.quick else 3000) // connections)
            many = self.cost(sent, connections, times)
            rate = len(many.took.answers) / many.took.seconds
            row = [f"{many.took.at(q) * 1e3:.2f}" for q in (0.5, 0.99)]
            show(self.name, f"small, c={connections}", *row, f"{many.per_answer * 1e6:.0f} µs", f"{rate:.0f}/s")


def show(*cells: str) -> None:
    """One row of the table."""
    click.echo("| " + " | ".join(cells) + " |")


@click.command(help=__doc__)
@click.option("--quick", is_flag=True, help="A fifth of the work: a look, not a measurement.")
@click.option("--only", default="", help="Paths whose name holds this text.")
def main(*, quick: bool, only: str) -> None:
    """Measure and print a Markdown table."""
    show("path", "what", "p50 ms", "p99 ms", "gateway CPU, memory", "rate, rest")
    show(*["---"] * 6)
    for name, (asks, answers) in PATHS.items():
        if only not in name:
            continue
        with ExitStack() as exits:
            folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
            upstream = exits.enter_context(simulated(answers))
            through = exits.enter_context(gateway(upstream, answers, folder))
            bench = Bench(name, asks, upstream, through, quick)
            for part in (bench.requests, bench.events, bench.memory, bench.curve):
                part()
            used = resource.getrusage(resource.RUSAGE_SELF)
            rest = f"upstream {upstream.cpu():.1f} s, load {used.ru_utime:.1f} s"
            show(name, "whole run", "", "", f"{through.cpu():.1f} s", rest)


if __name__ == "__main__":
    main()
