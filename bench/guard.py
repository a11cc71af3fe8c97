"""``python -m bench.guard``: whether a hot path has become dearer than it was.

    yardstick ─▶ gateway ─▶ yardstick        in turn, on the same cores, within the same second
    ratio = CPU of one request (or event) at the gateway ÷ CPU of one round of the yardstick

The yardstick is pure Python that does a little of everything a request does, and never changes: a slower machine, a
debug build or a neighbour makes both dearer, so that the ratio stays.  Of several tries the best counts, since whatever
disturbs can only add.  ``bench/guard.json`` holds what the ratios were; beyond MOST of one, something has become
dearer.  Who makes a path cheaper, or has a reason to make it dearer, writes it anew with ``--write``.
"""

import json
import re
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import click

from bench.load import load
from bench.programs import ROOT, Program, started
from bench.requests import request
from bench.systems import KEY, ours

RECORDED = ROOT / "bench/guard.json"
MOST = 1.15
TRIES = 6
SECONDS = 0.7  # of CPU that one look at a path takes, at the least

PATHS = {  # asked, answers, words, bytes, connections, events of a reply (0: it is whole)
    "small request, passed through": ("anthropic", "anthropic", "[[say]]", 1_000, 16, 0),
    "small request, translated": ("anthropic", "chat", "[[say]]", 1_000, 16, 0),
    "105 KB, translated": ("anthropic", "chat", "[[say]]", 105_000, 4, 0),
    "event in a burst, passed through": ("anthropic", "anthropic", "[[burst 2000]]", 1_000, 4, 2_000),
    "event in a burst, translated": ("anthropic", "chat", "[[burst 2000]]", 1_000, 4, 2_000),
}
_WORD = re.compile(r"[a-z]+")


class Thing:
    """Something with a method, for the yardstick."""

    def __init__(self, number: int) -> None:
        self.number, self.left = number, {"a": number}

    def more(self, by: int) -> int:
        """A call."""
        return self.left.get("a", 0) + by


def yardstick(rounds: int = 2_000) -> float:
    """CPU seconds of one round."""
    began = time.process_time()
    for number in range(rounds):
        thing = Thing(number)
        body = json.loads(
            json.dumps({"model": "m", "messages": [{"role": "user", "content": "a b c"}] * 3, "n": number})
        )
        words = [found.group() for found in _WORD.finditer(" ".join(m["content"] for m in body["messages"]))]
        sum(thing.more(len(word)) for word in words)
    return (time.process_time() - began) / rounds


def look(program: Program, sent: bytes, connections: int, events: int) -> float:
    """The ratio of one path, once."""
    before, spent, done, sticks = program.cpu(), 0.0, 0, [yardstick()]
    while spent < SECONDS:
        done += len(load(program.port, sent, connections=connections, times=4 if events else 25).answers) * (
            events or 1
        )
        sticks.append(yardstick())
        spent = program.cpu() - before
    return spent / done / min(sticks)


def ratios(tries: int = TRIES, enough: dict[str, float] | None = None) -> dict[str, float]:
    """The best ratio of each path; a path that is within *enough* is not tried again."""
    found: dict[str, float] = {}
    for answers in ("anthropic", "chat"):
        with ExitStack() as exits:
            upstream = exits.enter_context(started("upstream", [sys.executable, "-m", "bench.mock"]))
            folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
            program = exits.enter_context(ours()(upstream, answers, folder))
            for name, (asks, by, text, size, connections, events) in PATHS.items():
                if by != answers:
                    continue
                sent = request(asks, text, size, stream=bool(events), key=KEY)
                load(program.port, sent, connections=connections, times=2 if events else 20)
                for _ in range(tries):
                    found[name] = min(found.get(name, float("inf")), look(program, sent, connections, events))
                    if enough and found[name] <= enough.get(name, 0):
                        break
    return found


def recorded() -> dict[str, float]:
    """What the ratios were."""
    told: dict[str, float] = json.loads(RECORDED.read_text())
    return told


@click.command(help=__doc__)
@click.option("--write", is_flag=True, help="Put down what is measured, as what is to hold from now on.")
def main(*, write: bool) -> None:
    """Measure, and compare."""
    found = ratios()
    if write:
        RECORDED.write_text(json.dumps({name: round(ratio, 4) for name, ratio in found.items()}, indent=1) + "\n")
    dearer = []
    for name, was in recorded().items():
        click.echo(f"{name}: {found[name]:.3f}, was {was:.3f} ({found[name] / was:.0%})")
        dearer += [name] if found[name] > MOST * was else []
    if dearer:
        raise click.ClickException(f"dearer than {MOST:.0%} of what it was: {', '.join(dearer)}")


if __name__ == "__main__":
    main()
