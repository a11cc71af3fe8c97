"""Clients that leave at any moment: what is left of them, and how soon their upstream is let go.

    python -m bench.cancellations [--count 10000] [--clients 12] [--dialect anthropic] [--seed N]

Gateway, simulated model and clients share one process, so that both ends can be looked at; sockets are real.  A client
asks in one of the three protocols, streamed or whole, and is gone after a random moment: before its request was read,
while the model thinks, between two words, after the end.  From its close to the moment at which the model saw its own
connection closed is what is measured; the machine's load is in it.

At the end there are as many tasks and file descriptors as before the first client, the pool's kept connections apart;
nothing is in use; every request that the model saw is over, and has one record; the next client is served.
"""

import os
import re
import statistics
import sys
import tempfile
from collections import defaultdict, deque
from pathlib import Path
from random import Random

import attrs
import click
import trio
from structlog.testing import capture_logs

from stages.simulated import Seen
from tests.e2e.house import House, Wire, house
from tests.e2e.test_flow import MARKS, PATHS, body

SCRIPTS = (
    "[[say a]] [[wait 5]]",
    "[[late 0.01]] [[tokens 200]]",
    "[[rate 200]] [[tokens 50]]",
    "[[wait 5]]",
    "[[say a]]",
)
STAYS = 0.03  # seconds at most, from the start, from when the model was asked, or from the first bytes
PATIENCE = 3.0  # seconds in which that comes
CLOSED = 1.0  # seconds in which an upstream must be let go
SETTLED = 5.0  # seconds in which what is left winds itself up
MARK = re.compile(rb"leaves-\d+")


class Arrivals(deque[Seen]):
    """What the model is asked, by the mark in it."""

    def __init__(self) -> None:
        super().__init__(maxlen=1)
        self.seen: dict[bytes, Seen] = {}
        self.came: dict[bytes, trio.Event] = defaultdict(trio.Event)

    def append(self, seen: Seen) -> None:
        """A request has come."""
        for mark in MARK.findall(seen.body):
            self.seen[mark] = seen
            self.came[mark].set()


@attrs.define
class Found:
    """What came of it."""

    left: int = 0  # clients that have been
    asked: int = 0  # requests that reached the model
    records: int = 0
    closing: list[float] = attrs.field(factory=list)  # seconds from a client's close to its upstream's
    wrong: list[str] = attrs.field(factory=list)

    def at(self, percent: int) -> float:
        """The *percent* that are no slower, in milliseconds."""
        return statistics.quantiles(self.closing, n=100)[percent - 1] * 1000

    def told(self) -> str:
        """All of it, in a few lines."""
        counts = f"{self.left} clients left, {self.asked} requests reached the model, {self.records} records"
        if len(self.closing) < 2:
            return "\n".join([counts, "nobody left while a model was at work", *self.wrong])
        bound = f"p50 {self.at(50):.1f} ms, p99 {self.at(99):.1f} ms, most {max(self.closing) * 1000:.1f} ms"
        return "\n".join([counts, f"disconnect → upstream closed ({len(self.closing)}): {bound}", *self.wrong])


@attrs.frozen
class Left:
    """What there is in the process: counts."""

    tasks: int
    files: int  # sockets and pipes
    idle: int  # connections that the pool keeps
    held: tuple[str, ...] = attrs.field(eq=False)  # the store's files, which come and go as it likes; for people

    @classmethod
    def by(cls, h: House) -> "Left":
        """Now."""
        places = [os.readlink(f"/proc/self/fd/{file}") for file in os.listdir("/proc/self/fd") if exists(file)]
        held = tuple(sorted(place for place in places if place.startswith("/")))
        return cls(tasks(), len(places) - len(held), h.running.upstreams[0].pool.idle, held)

    def beside(self, before: "Left", kept: "Left") -> tuple[int, int]:
        """Tasks and files beside those of *before*, and what each kept connection takes: *kept* has one."""
        return (
            self.tasks - before.tasks - (kept.tasks - before.tasks) * self.idle,
            self.files - before.files - (kept.files - before.files) * self.idle,
        )


def exists(file: str) -> bool:
    """Whether the descriptor *file* is open; that of the listing itself is not any more."""
    return Path(f"/proc/self/fd/{file}").is_symlink()


def tasks() -> int:
    """How many tasks live in this run of trio."""
    root = trio.lowlevel.current_root_task()
    assert root is not None  # noqa: S101  # there is one while trio runs
    waiting, count = [root], 0
    while waiting:
        task = waiting.pop()
        count += 1
        waiting += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    return count


async def run(at: Path, *, dialect: str, count: int, clients: int, seed: int) -> Found:
    """Let *count* clients leave, *clients* at a time, before a model of *dialect*; keep files in folder *at*."""
    found, arrivals = Found(), Arrivals()
    with capture_logs() as logs:
        async with house(at, dialect) as h:
            h.model.seen = arrivals
            before = await settled(h)
            await stay(h)
            kept = await settled(h)  # with one connection that is kept
            await leaving(Leaving(h, Random(seed), arrivals, found), count, clients)  # noqa: S311  # dice
            after = await settled(h, before, kept)
            if after.beside(before, kept) != (0, 0):
                found.wrong.append(f"left behind: {after}, before: {before}, with one connection: {kept}")
            if busy := h.running.upstreams[0].pool.busy:
                found.wrong.append(f"{busy} exchanges are left in the pool")
            found.wrong += [f"{mark!r} is not over" for mark, seen in arrivals.seen.items() if not seen.over.is_set()]
            await stay(h)
            found.asked = len(arrivals.seen)
            await booked(h, found)
    found.wrong += [f"logged: {line}" for line in logs if line["log_level"] in ("error", "critical")]
    return found


@attrs.frozen
class Leaving:
    """What the clients share."""

    house: House
    dice: Random
    arrivals: Arrivals
    found: Found


async def leaving(shared: Leaving, count: int, clients: int) -> None:
    """Let *count* clients leave, *clients* at a time."""
    room = trio.Semaphore(clients)

    async def one(number: int) -> None:
        await leave(shared, number)
        room.release()

    async with trio.open_nursery() as nursery:
        for number in range(count):
            await room.acquire()
            nursery.start_soon(one, number)


async def leave(shared: Leaving, number: int) -> None:
    """Ask for something, be gone after a moment, and see the upstream closed."""
    dice, found, mark = shared.dice, shared.found, b"leaves-%d" % number
    dialect, stream = dice.choice(list(PATHS)), dice.random() < 0.8
    asked = body(f"{dice.choice(SCRIPTS)} leaves-{number}", dialect, stream=stream)
    async with Wire(shared.house.port) as wire:
        await wire.post(PATHS[dialect], asked, **MARKS[dialect])
        await moment(wire, dice, shared.arrivals.came[mark])
        seen = shared.arrivals.seen.get(mark)
        running = seen is not None and not seen.over.is_set()
        await trio.aclose_forcefully(wire.stream)
    gone = trio.current_time()
    if seen is not None and running:
        with trio.move_on_after(CLOSED) as scope:
            await seen.over.wait()
        found.closing.append(trio.current_time() - gone)
        if scope.cancelled_caught:
            found.wrong.append(f"{number}: the upstream is still asked {CLOSED:g} s after its client has left")
    found.left += 1


async def moment(wire: Wire, dice: Random, came: trio.Event) -> None:
    """Read until it is time to go: STAYS at most after one of three things."""
    after = dice.randrange(3)
    with trio.move_on_after(PATIENCE):
        if after == 1:
            await came.wait()
        elif after == 2:
            await wire.stream.receive_some(65536)
    with trio.move_on_after(dice.random() * STAYS):
        while await wire.stream.receive_some(65536):
            pass


async def stay(h: House) -> None:
    """Ask, and hear it to the end."""
    async with Wire(h.port) as wire:
        await wire.post(PATHS["anthropic"], body("[[say still here]]"), **MARKS["anthropic"])
        await wire.until(b"message_stop")


async def settled(h: House, before: Left | None = None, kept: Left | None = None) -> Left:
    """What there is once nothing is there beside *before*, or, without that, once nothing changes any more."""
    last = Left.by(h)
    with trio.move_on_after(SETTLED):
        while True:
            await trio.sleep(0.3)
            now = Left.by(h)
            if now.beside(before, kept) == (0, 0) if before and kept else now == last:
                return now
            last = now
    return last


async def booked(h: House, found: Found) -> None:
    """See that each request that reached the model has one record, and only those that were sent have any."""
    await h.records(found.asked + 2)
    records = await h.records(0)
    found.records = len(records)
    if len({record["id"] for record in records}) != len(records):
        found.wrong.append("a request has two records")
    if not found.asked + 2 <= len(records) <= found.left + 2:
        found.wrong.append(f"{len(records)} records for {found.asked} requests, and the two that stayed")
    found.wrong += [f"not booked right: {record}" for record in records if not right_figures(record)]


def right_figures(record: dict[str, object]) -> bool:
    """Whether *record* says that it is estimated where the client left, and nothing else went wrong."""
    if record["error"] is None:
        return not record["suspect"]
    return record["error"] == "ClientGone" and record["stop"] is None


@click.command(help=__doc__.partition("\n")[0])
@click.option("--count", default=10_000, show_default=True)
@click.option("--clients", default=12, show_default=True, help="At once.")
@click.option("--dialect", default="anthropic", show_default=True, type=click.Choice(list(PATHS)))
@click.option("--seed", default=11, show_default=True)
def main(count: int, clients: int, dialect: str, seed: int) -> None:
    """Leave, look, and tell."""
    with tempfile.TemporaryDirectory() as folder:
        found = trio.run(lambda: run(Path(folder), dialect=dialect, count=count, clients=clients, seed=seed))
    print(found.told())
    sys.exit(bool(found.wrong))


if __name__ == "__main__":
    main()
