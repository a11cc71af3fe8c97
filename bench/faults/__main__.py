"""``python -m bench.faults``: every fault against every pair of protocols, and a table of what came of it."""

import sys
import tempfile
import time
from pathlib import Path

import click
import trio

from bench.faults.catalogue import CHAPTERS
from bench.faults.matrix import cases, nine, run


@click.command(help=__doc__)
@click.option("--only", multiple=True, metavar="NAME", help="A fault, or a chapter; may be repeated.")
@click.option("--names", is_flag=True, help="List the faults, and what each must lead to.")
def main(only: tuple[str, ...], *, names: bool) -> None:
    """Run the matrix."""
    if names:
        listed()
        return
    click.echo(
        "| chapter | faults | cases | outcomes | closed after | seconds | wrong |\n|---|--:|--:|---|--:|--:|--:|"
    )
    wrong = []
    for chapter in CHAPTERS:
        chosen = cases(chapter, () if chapter.name in only else only, pairs=nine)
        if not chosen:
            continue
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            found = trio.run(run, chosen, Path(folder))
        wrong += found.wrong
        outcomes = ", ".join(f"{name} {count}" for name, count in found.outcomes.most_common())
        last = f"{max(found.closing, default=0.0):.2f} s"
        cells = [chapter.name, len({case.fault.name for case in chosen}), found.cases, outcomes, last]
        click.echo("| " + " | ".join(map(str, [*cells, f"{time.monotonic() - began:.1f}", len(found.wrong)])) + " |")
    click.echo("\n".join(wrong), err=True)
    sys.exit(bool(wrong))


def listed() -> None:
    """The catalogue as a table."""
    click.echo("| fault | what happens | stream | whole |\n|---|---|---|---|")
    for chapter in CHAPTERS:
        for fault in chapter.faults:
            ends = [" or ".join(sorted(word or "well" for word in fault.leads_to(stream=s))) for s in (True, False)]
            click.echo(f"| {fault.name} | {fault.says} | {' | '.join(ends)} |")


if __name__ == "__main__":
    main()
