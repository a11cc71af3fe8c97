"""``python -m bench``: systems side by side, in one run, before one upstream.

Every scenario is run for each system in turn, against the same upstream, on the same machine: what counts is how they
compare.  CPU is the system's own, whatever else the cores do.  The report goes to bench/results.
"""

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from bench.programs import ROOT, started
from bench.report import Pair, Report
from bench.scenarios import SCENARIOS, Failed, Stand
from bench.systems import PROTOCOLS, SYSTEMS, System, install

USUAL = (("anthropic", "anthropic"), ("anthropic", "chat"), ("chat", "chat"))


def chosen(names: tuple[str, ...]) -> list[System]:
    """The systems called *names*, or all."""
    return [system for system in SYSTEMS if not names or system.name in names]


def pairs(names: tuple[str, ...]) -> list[Pair]:
    """The pairs of protocols that are asked for: ``anthropic:chat``, or ``all``."""
    if "all" in names:
        return [(asks, answers) for asks in PROTOCOLS for answers in PROTOCOLS]
    return [(asks, answers) for asks, _, answers in (name.partition(":") for name in names)] or list(USUAL)


def runs(systems: list[System], wanted: list[Pair]) -> Iterator[tuple[Pair, System]]:
    """Who is measured at what."""
    return ((pair, system) for pair in wanted for system in systems if pair in system.pairs)


def measured(report: Report, pair: Pair, system: System, scenarios: tuple[str, ...], effort: float) -> None:
    """Run *scenarios* on *system*; what goes wrong is put down."""
    with ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
        upstream = exits.enter_context(started("upstream", [sys.executable, "-m", "bench.mock"]))
        program = exits.enter_context(system.start(upstream, pair[1], folder))
        stand = Stand(system, program, upstream, pair[0], effort)
        for name in scenarios:
            try:
                report.add(pair, system.name, SCENARIOS[name](stand))
            except (Failed, OSError, TimeoutError) as failed:
                report.skipped[f"{system.name}, {' → '.join(pair)}, {name}"] = f"{type(failed).__name__}: {failed}"
        if system.name == "ours":
            used = resource.getrusage(resource.RUSAGE_SELF)
            report.took.append(
                f"{' → '.join(pair)}: ours took {program.cpu():.1f} s of CPU, the upstream {upstream.cpu():.1f} s, the "
                f"load generator (all runs so far) {used.ru_utime + used.ru_stime:.1f} s"
            )


@click.command(help=__doc__)
@click.option("--system", "names", multiple=True, help="Only this one; may be repeated.")
@click.option("--pair", "asked", multiple=True, help="anthropic:chat, …, or all nine: all.")
@click.option("--scenario", "scenarios", multiple=True, type=click.Choice(list(SCENARIOS)), help="Only this one.")
@click.option("--quick", is_flag=True, help="A tenth of the work: a look, not a measurement.")
@click.option("--install", "installs", multiple=True, help="Install a system of other people first; all: each of them.")
@click.option(
    "--results", default=ROOT / "bench/results", type=click.Path(path_type=Path), help="Where the report goes."
)
def main(*, names: tuple[str, ...], asked: tuple[str, ...], scenarios: tuple[str, ...], quick: bool,
         installs: tuple[str, ...], results: Path) -> None:  # fmt: skip
    """Measure, and write the report."""
    console, report = Console(stderr=True), Report()
    for system in SYSTEMS:
        if system.install and (system.name in installs or "all" in installs):
            try:
                install(system.place, system.install)
            except (OSError, subprocess.CalledProcessError) as failed:
                console.print(f"{system.name} can't be installed: {failed}")
    there = [system for system in chosen(names) if not system.missing]
    report.skipped |= {system.name: system.missing for system in chosen(names) if system.missing}
    work = list(runs(there, pairs(asked)))
    with Progress(console=console) as progress:
        task = progress.add_task("", total=len(work))
        for pair, system in work:
            progress.update(task, description=f"{' → '.join(pair)}: {system.name}")
            try:
                measured(report, pair, system, scenarios or tuple(SCENARIOS), 0.1 if quick else 1.0)
            except RuntimeError as failed:
                report.skipped[f"{system.name}, {' → '.join(pair)}"] = str(failed)[-300:]
            progress.advance(task)
    report.write(results)
    click.echo(report.markdown())


if __name__ == "__main__":
    main()
