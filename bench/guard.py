"""``python -m bench.guard``: whether a hot path does more than it did.

    a gateway in this process ◀── one request at a time, by a thread ──▶ the mock upstream, a process
              └─ every instruction of the interpreter is counted that is executed in our folders, and in h11

Counts do not depend on the machine, nor on what else it does, as times do: on two shared cores the same commit takes a
third more beside a neighbour, which no bound of 15 % can tell from a regression.  They depend on the interpreter, so
they are recorded by its version, and they do not see what happens in C: for that there are ``python -m bench`` and its
ratios.  ``bench/guard.json`` holds what was counted; beyond MOST of one, something does more.  Who makes a path
cheaper, or has a reason to make it dearer, writes it anew with ``--write``.
"""

import json
import re
import sys
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import attrs
import click
import h11
import trio

from bench.load import load
from bench.programs import ROOT, started
from bench.requests import request
from bench.systems import KEY
from pipeline.config import Log
from pipeline.log import logs
from pipeline.reading import configured
from pipeline.serving import Running, serve

RECORDED = ROOT / "bench/guard.json"
MOST = 1.15
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
LOOKS = 7
OURS = (*(str(ROOT / folder) for folder in ("pipeline", "stages", "transports")), str(Path(h11.__file__).parent))

PATHS = {  # asked, answers, words, bytes, events of a reply (0: it is whole)
    "small request, passed through": ("anthropic", "anthropic", "[[say]]", 1_000, 0),
    "small request, translated": ("anthropic", "chat", "[[say]]", 1_000, 0),
    "105 KB, translated, a first turn": ("anthropic", "chat", "[[say]]", 105_000, 0),
    "105 KB, translated, a next turn": ("anthropic", "chat", "[[say]]", 105_000, 0),
    "event in a burst, passed through": ("anthropic", "anthropic", "[[burst 1000]]", 1_000, 1_000),
    "event in a burst, translated": ("anthropic", "chat", "[[burst 1000]]", 1_000, 1_000),
    "event in a burst, translated the other way": ("chat", "anthropic", "[[burst 1000]]", 1_000, 1_000),
}


@attrs.define
class Counter:
    """Counts instructions of our code in this thread."""

    count: int = 0
    _known: dict[CodeType, bool] = attrs.field(factory=dict)

    def called(self, frame: FrameType, what: str, _: Any) -> Callable[..., Any] | None:
        """A function is entered, or goes on."""
        code = frame.f_code
        ours = self._known.get(code)
        if ours is None:
            ours = self._known[code] = code.co_filename.startswith(OURS)
        if not ours:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._stepped

    def _stepped(self, frame: FrameType, what: str, _: Any) -> Callable[..., Any]:
        self.count += what == "opcode"
        return self._stepped

    @contextmanager
    def counting(self) -> Any:
        """Count while the block runs."""
        before = sys.gettrace()
        sys.settrace(self.called)
        try:
            yield
        finally:
            sys.settrace(before)


async def looked(port: int, name: str, counter: Counter) -> float:
    """Instructions of one request, or one event, of the path *name*: the least of some looks, after a few requests.

    A reply that comes in more pieces than it might takes more; nothing takes less.
    """
    asks, _, text, size, events = PATHS[name]
    sent = request(asks, text, size, stream=bool(events), key=KEY)
    first = name.endswith("a first turn")
    times, found = 1 if events or first else 4, []
    for look in range(LOOKS + 2):
        if first:  # of a conversation that nobody remembers
            sent = re.sub(rb"You he...", b"You he%03d" % look, sent)
        before = counter.count
        took = await trio.to_thread.run_sync(partial(load, port, sent, connections=1, times=times))
        if took.failed:
            raise click.ClickException(f"{name}: {took.failed} requests failed")
        if look >= 2:
            found.append((counter.count - before) / times / (events or 1))
    return min(found)


async def within(upstream: int, answers: str, folder: Path, counter: Counter) -> dict[str, float]:
    """The counts of all paths to an upstream on the port *upstream* that speaks *answers*."""
    windows = ("usd_5h", "usd_week", "requests_minute", "tokens_minute")
    config = configured(
        {
            "server": {"port": 0},
            "store": {"file": str(folder / "books.db")},
            "upstreams": {"up": {"dialect": answers, "url": f"http://127.0.0.1:{upstream}", "key": "bench"}},
            "auth": {"keys": [{"name": "bench", "key": KEY}]},
            "limits": {"limits": [{"kind": kind, "limit": 10**12} for kind in windows], "unpriced": "pass"},
        }
    )
    async with trio.open_nursery() as nursery:
        running: Running = await nursery.start(serve, config)
        port = int(running.urls[0].rpartition(":")[2])
        found = {name: await looked(port, name, counter) for name, path in PATHS.items() if path[1] == answers}
        running.drain.begin(0)
    return found


def counts() -> dict[str, float]:
    """What each path executes."""
    found: dict[str, float] = {}
    for answers in ("anthropic", "chat"):
        with tempfile.TemporaryDirectory() as folder, started("upstream", [sys.executable, "-m", "bench.mock"]) as mock:
            counter = Counter()
            with counter.counting(), logs(Log(format="json", file=Path(folder) / "log")):
                found |= trio.run(within, mock.port, answers, Path(folder), counter)
    return found


def recorded() -> dict[str, float] | None:
    """What each path executed, with this version of the interpreter; None: nobody has counted."""
    told: dict[str, dict[str, float]] = json.loads(RECORDED.read_text())
    return told.get(VERSION)


@click.command(help=__doc__)
@click.option("--write", is_flag=True, help="Put down what is counted, as what is to hold from now on.")
def main(*, write: bool) -> None:
    """Count, and compare."""
    found = counts()
    if write:
        told = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
        told[VERSION] = {name: round(count) for name, count in found.items()}
        RECORDED.write_text(json.dumps(told, indent=1) + "\n")
    for name, was in (recorded() or {}).items():
        click.echo(f"{name}: {found[name]:,.0f} instructions, were {was:,.0f} ({found[name] / was:.1%})")
    dearer = [name for name, was in (recorded() or {}).items() if found[name] > MOST * was]
    if dearer:
        raise click.ClickException(f"more than {MOST:.0%} of what it was: {', '.join(dearer)}")


if __name__ == "__main__":
    main()
