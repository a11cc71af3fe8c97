"""What is measured of a system, each by itself: requests of four sizes, events in bursts and paced, memory, a curve.

A scenario gives figures by name.  CPU is that of the system alone, per answer or per event; latency is measured one
request at a time, or as long as each event was under way from the upstream's write to the client's read.
"""

from collections.abc import Callable
from statistics import median

import attrs

from bench.load import Took, hold, load
from bench.programs import Program
from bench.requests import request
from bench.systems import KEY, System

SIZES = {"1 KB": 1_000, "105 KB": 105_000, "560 KB": 560_000, "3.5 MB": 3_500_000}
CURVE = (1, 2, 4, 8, 16, 32, 64, 128)

Figures = dict[str, float]  # by name: what is measured, and its unit


class Failed(Exception):
    """A system did not answer as it should."""


@attrs.frozen
class Stand:
    """A system that runs before its upstream, and how it is asked."""

    system: System
    program: Program
    upstream: Program
    asks: str
    effort: float = 1.0  # how much of the work is done: 1 for figures, 0.1 for a look

    def sent(self, text: str, size: int = 1_000, *, stream: bool = False) -> bytes:
        """A request."""
        made = request(self.asks, text, size, stream=stream, key=KEY)
        return made.replace(b"\r\n", b"\r\n" + self.system.fields(self.upstream).encode(), 1)

    def times(self, most: int) -> int:
        """How often something is done that is done *most* times at full effort."""
        return max(2, int(most * self.effort))

    def cost(self, sent: bytes, connections: int, times: int, *, within: float = 0.0) -> tuple[Took, float]:
        """What answers took, and the CPU seconds they cost; connections begin *within* seconds.  Raises Failed."""
        before = self.program.cpu()
        took = load(self.program.port, sent, connections=connections, times=times, within=within)
        if took.failed:
            raise Failed(f"{took.failed} of {connections * times} requests failed")
        return took, self.program.cpu() - before


def sizes(stand: Stand) -> Figures:
    """Whole replies to requests of four sizes: CPU at 32 connections, latency at one."""
    found: Figures = {}
    for label, size in SIZES.items():
        sent = stand.sent("[[say]]", size)
        times = stand.times(2000 // (1 + size // 40_000))
        load(stand.program.port, sent, connections=4, times=3)
        alone, _ = stand.cost(sent, 1, times)
        costs = []
        for _ in range(3):
            took, seconds = stand.cost(sent, 32 if size < 1_000_000 else 4, max(2, times // 16))
            costs.append(seconds / len(took.answers) * 1e6)
        found |= {f"{label}: CPU, µs": median(costs)}
        found |= {f"{label}: p{part * 100:.0f}, ms": alone.at(part) * 1e3 for part in (0.5, 0.99)}
    return found


def burst(stand: Stand) -> Figures:
    """Streams as fast as they are read."""
    words = 2_000
    sent = stand.sent(f"[[burst {words}]]", stream=True)
    stand.cost(sent, 2, 1)
    costs, rates = [], []
    for _ in range(3):
        took, seconds = stand.cost(sent, 8, stand.times(10))
        events = words * len(took.answers)
        costs.append(seconds / events * 1e6)
        rates.append(events / took.seconds)
    return {"event, burst: CPU, µs": median(costs), "events a second": median(rates)}


def paced(stand: Stand) -> Figures:
    """200 streams of 25 events a second: CPU, how late each event is, and the first.

    They begin one after the other, and each is followed by another: begun at once, the first events would tell how long
    the queue of their requests was.  Each is out of step with the others: begun just every half of the pause between
    two words, a hundred would speak at each moment, and their events tell how long the queue of a hundred was.
    """
    streams, words, rate = stand.times(200), 100, 25
    sent = stand.sent(f"[[paced {words} {rate}]]", stream=True)
    took, seconds = stand.cost(sent, streams, 2, within=1.01 * words / rate)
    return {
        "event, paced: CPU, µs": seconds / (words * len(took.answers)) * 1e6,
        "event late, p50, ms": took.at(0.5, "late") * 1e3,
        "event late, p99, ms": took.at(0.99, "late") * 1e3,
        "first byte, p99, ms": took.at(0.99, "firsts") * 1e3,
    }


def memory(stand: Stand) -> Figures:
    """Open, silent streams."""
    streams = stand.times(1_000)
    idle, full = stand.program.rss(), [0]
    hold(stand.program.port, stand.sent("[[silent]]", stream=True), connections=streams,
         look=lambda: full.append(stand.program.rss()))  # fmt: skip
    return {"idle, MiB": idle / 1024, "open stream, KiB": (full[-1] - idle) / streams}


def curve(stand: Stand) -> Figures:
    """Small requests at ever more connections: answers a second, and how late the last one in a hundred is."""
    sent, found = stand.sent("[[say]]"), Figures()
    for connections in CURVE:
        took, _ = stand.cost(sent, connections, stand.times(3_000 // connections))
        found[f"c={connections}: answers a second"] = len(took.answers) / took.seconds
        found[f"c={connections}: p99, ms"] = took.at(0.99) * 1e3
    return found


SCENARIOS: dict[str, Callable[[Stand], Figures]] = {
    "sizes": sizes, "burst": burst, "paced": paced, "memory": memory, "curve": curve,
}  # fmt: skip
