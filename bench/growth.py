"""``python -m bench.growth``: what a request costs as other things grow.

    bytes of a request, events of a reply           the cost of one byte, of one event: it should stay the same
    keys, names of models, requests in the books, open streams          the cost of one small request: likewise

Each curve is three gateways side by side, asked in turn, so that whatever else the machine does hits all of them; the
median of the rounds counts.  The upstream is ``bench.mock``.
"""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from threading import Thread

import attrs
import click

from bench.books import fill
from bench.load import load
from bench.programs import Program, started
from bench.requests import request
from bench.systems import EVERYTHING, KEY, ours
from pipeline.secret import Secret
from pipeline.store.opening import open_parts
from pipeline.store.settings import Settings

ROUNDS = 5
Prepare = Callable[[Path, int], str]  # into a folder, so many: what is added to the configuration


@attrs.frozen
class Curve:
    """What grows, how far, and how a gateway comes to have so many."""

    title: str
    steps: tuple[int, int, int]
    prepare: Prepare


def keys(folder: Path, count: int) -> str:
    """So many keys besides ours."""
    named = ", ".join(f'{{ name = "k{n}", key = "sk-other-{n}" }}' for n in range(count))
    return EVERYTHING.replace("keys = [", f"keys = [{named}, ")


def models(folder: Path, count: int) -> str:
    """So many other names in the model map."""
    aliases = ", ".join(f'"name-{n}" = "claude-opus-4-5"' for n in range(count))
    rules = ", ".join(f'{{ match = "family-{n}-*", model = "gpt-test" }}' for n in range(count // 10))
    return f"{EVERYTHING}[model_map]\naliases = {{ {aliases} }}\nrules = [{rules}]\n"


def books(folder: Path, count: int) -> str:
    """So many requests in the books."""
    parts = open_parts(Settings(file=folder / "books.db", pepper=Secret("bench")))
    parts.spool.close()
    try:
        fill(parts.backend, count)
    finally:
        parts.backend.close()
    return EVERYTHING


def nothing(folder: Path, count: int) -> str:
    """As it always is."""
    return EVERYTHING


CURVES = (
    Curve("keys", (1, 1_000, 10_000), keys),
    Curve("names of models", (10, 1_000, 10_000), models),
    Curve("requests in the books", (1_000, 100_000, 1_000_000), books),
    Curve("open streams", (0, 500, 2_000), nothing),
)


@contextmanager
def streams(program: Program, count: int) -> Iterator[None]:
    """*count* silent streams are open while the block runs."""
    silent = request("anthropic", "[[silent]]", 1_000, stream=True, key=KEY)
    loop, ready = asyncio.new_event_loop(), asyncio.Event()

    async def hold() -> None:
        held = []
        for _ in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", program.port)
            writer.write(silent)
            await reader.readuntil(b"\r\n\r\n")
            held.append(writer)
        opened.set_result(None)
        await ready.wait()
        for writer in held:
            writer.close()

    opened: asyncio.Future[None] = loop.create_future()
    task = loop.create_task(hold())
    loop.run_until_complete(opened)
    thread = Thread(target=loop.run_until_complete, args=(task,))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(ready.set)
        thread.join()
        loop.close()


def cost(program: Program, sent: bytes, times: int) -> float:
    """CPU µs of one answer."""
    before = program.cpu()
    took = load(program.port, sent, connections=16, times=times)
    if took.failed:
        raise click.ClickException(f"{took.failed} requests failed")
    return (program.cpu() - before) / len(took.answers) * 1e6


def grown(curve: Curve) -> list[float]:
    """What a small request costs at each step of *curve*, in µs."""
    with ExitStack() as exits:
        upstream = exits.enter_context(started("upstream", [sys.executable, "-m", "bench.mock"]))
        programs = []
        for step in curve.steps:
            folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
            more = curve.prepare(folder, step)
            programs.append(exits.enter_context(ours(more=more)(upstream, "anthropic", folder)))
            if curve.prepare is nothing:
                exits.enter_context(streams(programs[-1], step))
        sent = request("anthropic", "[[say]]", 1_000, key=KEY)
        rounds = [[cost(program, sent, 60) for program in programs] for _ in range(ROUNDS + 1)]
        return [median(each) for each in zip(*rounds[1:], strict=True)]


def sized() -> Iterator[tuple[str, list[float]]]:
    """What a byte costs in requests of three sizes, and an event in replies of three lengths, in µs."""
    with ExitStack() as exits:
        upstream = exits.enter_context(started("upstream", [sys.executable, "-m", "bench.mock"]))
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
        program = exits.enter_context(ours()(upstream, "chat", folder))
        sizes = [request("anthropic", "[[say]]", size, key=KEY) for size in (100_000, 560_000, 3_500_000)]
        empty = request("anthropic", "[[say]]", 1_000, key=KEY)
        rounds = [[cost(program, sent, 4) for sent in (empty, *sizes)] for _ in range(ROUNDS + 1)]
        small, *dear = [median(each) for each in zip(*rounds[1:], strict=True)]
        yield (
            "KB of a request of 100 KB, 560 KB, 3.5 MB (translated)",
            [(each - small) / len(sent) * 1e3 for each, sent in zip(dear, sizes, strict=True)],
        )
        lengths = (200, 2_000, 20_000)
        streams = [request("anthropic", f"[[burst {n}]]", 1_000, stream=True, key=KEY) for n in lengths]
        rounds = [[cost(program, sent, 2) for sent in streams] for _ in range(3)]
        dear = [median(each) for each in zip(*rounds, strict=True)]
        yield (
            "event of a reply of 200, 2,000, 20,000 (translated)",
            [(each - small) / n for each, n in zip(dear, lengths, strict=True)],
        )


@click.command(help=__doc__)
@click.option("--only", default="", help="Curves whose title holds this text.")
def main(*, only: str) -> None:
    """Measure and print a Markdown table."""
    click.echo("| CPU, µs | first | second | third | third / first |\n|---|--:|--:|--:|--:|")

    def row(title: str, costs: list[float]) -> None:
        cells = [f"{each:,.0f}" if each >= 100 else f"{each:.2f}" for each in costs]
        click.echo(f"| {title} | {' | '.join(cells)} | {costs[-1] / costs[0]:.2f} |")

    for curve in CURVES:
        if only in curve.title:
            row(f"small request; {curve.title}: {', '.join(f'{step:,}' for step in curve.steps)}", grown(curve))
    if not only:
        for title, costs in sized():
            row(title, costs)


if __name__ == "__main__":
    main()
