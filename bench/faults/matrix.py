"""The matrix: every fault × {stream, whole} × pairs of protocols, against one real gateway a chapter.

Each case must end in a typed outcome that its fault allows, told in the client's own protocol; have exactly one record,
whose error, figures and flags agree with that; and leave no connection open that can't be used again.  Over a whole
chapter nothing may be logged as an error, and nothing may be left in the pool.
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio
from structlog.testing import capture_logs

from bench.faults.asking import Heard, ask, request
from bench.faults.fault import GONE, WELL, Chapter, Fault
from bench.faults.server import Server, open_server, url
from bench.faults.verdict import Wrong, ended
from pipeline.reading import read
from pipeline.serving import Running, serve

DIALECTS = ("anthropic", "chat", "responses")
AT_ONCE = 48
FAULTS = 32  # that one gateway gets: three upstreams each
PATIENCE = 60.0  # seconds after which a client complains; of a reply without end: LEAVES
LEAVES = 1.2
SHORT = 1.0  # an upstream's timers, where one of them is to run out
CLOSED = 1.0  # seconds after the end of the exchange in which a connection must be closed that can't be kept
SLACK = 1.0  # what a loaded machine may add to that
AGAIN = 0.2  # seconds before a fault is asked for twice
MOST = 100_000_000  # tokens of one class that a record may hold

Pair = tuple[str, str]  # the client's dialect, the upstream's


Pairs = Callable[[int], Sequence[Pair]]  # of the fault of that number


def nine(number: int) -> Sequence[Pair]:
    """All of them."""
    return [(asks, answers) for asks in DIALECTS for answers in DIALECTS]


def three(number: int) -> Sequence[Pair]:
    """Each client's protocol, before an upstream's that changes from fault to fault."""
    return [(asks, DIALECTS[(place + number) % 3]) for place, asks in enumerate(DIALECTS)]


@attrs.frozen
class Case:
    """One exchange."""

    fault: Fault
    asks: str
    answers: str
    stream: bool
    mark: str

    @property
    def model(self) -> str:
        """What is asked for."""
        return f"m-{self.answers}/{self.fault.name}/{self.mark}"

    @property
    def translated(self) -> bool:
        """Whether the client speaks another protocol than the upstream."""
        return self.asks != self.answers

    def __str__(self) -> str:
        return f"{self.fault.name}, {self.asks} → {self.answers}, {'stream' if self.stream else 'whole'}"


@attrs.define
class Found:
    """What came of a chapter."""

    cases: int = 0
    outcomes: Counter[str] = attrs.field(factory=Counter)
    wrong: list[str] = attrs.field(factory=list)
    closing: list[float] = attrs.field(factory=list)  # seconds from the end of an exchange to its connection's


def cases(chapter: Chapter, names: Iterable[str] = (), *, pairs: Pairs) -> list[Case]:
    """All cases of *chapter*; of the faults *names*, if there are any."""
    wanted = set(names)
    every = [
        (fault, asks, answers, stream)
        for number, fault in enumerate(chapter.faults)
        if not wanted or fault.name in wanted
        for asks, answers in pairs(number)
        for stream in (True, False)
    ]
    return [Case(*each, f"mark-{number:06}") for number, each in enumerate(every, 1)]


# -- a gateway --------------------------------------------------------------------------------------------------------

CONFIG = """
[server]
port = 0
ping = 0.4
[store]
file = "{at}/pipeline.db"
[meter]
ledger = "{at}/usage.jsonl"
prices = "{at}/prices.toml"
[cache_breakpoints]
enabled = false
[forward]
retries = 0
"""
UPSTREAM = """
[upstreams."{dialect}-{name}"]
dialect = "{dialect}"
url = "{url}"
models = ["m-{dialect}/{name}/*"]
proxy = "none"
connect = {patience}
first_byte = {patience}
idle = {patience}
"""
PRICES = '[[price]]\nmodels = ["*"]\ninput = 3.0\noutput = 15.0\n'


@asynccontextmanager
async def gateway(at: Path, server: Server, chosen: list[Case]) -> AsyncIterator[Running]:
    """A gateway with one upstream for each fault and dialect, so that none spoils it for another."""
    (at / "prices.toml").write_text(PRICES)  # small, local
    (at / "usage.jsonl").touch()
    parts = {
        (case.answers, case.fault.name): (url(server, case.fault.where), SHORT if case.fault.stalls else PATIENCE / 2)
        for case in chosen
    }
    text = CONFIG.format(at=at) + "".join(
        UPSTREAM.format(dialect=dialect, name=name, url=place, patience=timer)
        for (dialect, name), (place, timer) in parts.items()
    )
    (at / "pipeline.toml").write_text(text)
    async with trio.open_nursery() as nursery:
        running = await nursery.start(partial(serve, read(at / "pipeline.toml", environ={})))
        yield running
        nursery.cancel_scope.cancel()


# -- a chapter --------------------------------------------------------------------------------------------------------


async def run(chosen: list[Case], at: Path) -> Found:
    """Run the cases of one chapter, in folder *at*; a gateway for every FAULTS of its faults."""
    found = Found(cases=len(chosen))
    names = list(dict.fromkeys(case.fault.name for case in chosen))
    for first in range(0, len(names), FAULTS):
        folder = at / str(first)
        folder.mkdir()
        some = frozenset(names[first : first + FAULTS])
        await part([case for case in chosen if case.fault.name in some], folder, found)
    return found


async def part(chosen: list[Case], at: Path, found: Found) -> None:
    """Run what one gateway gets of a chapter."""
    with capture_logs() as logs:
        async with open_server() as server, gateway(at, server, chosen) as running:
            asking = Asking(int(running.urls[0].rpartition(":")[2]), server, found)
            async with trio.open_nursery() as nursery:
                for case in chosen:
                    nursery.start_soon(asking.twice if case.fault.twice else asking.once, case)
            records = await written(at / "usage.jsonl", len(chosen) + sum(case.fault.twice for case in chosen))
            for upstream in running.upstreams:
                if upstream.pool.busy:
                    found.wrong.append(f"{upstream.name}: {upstream.pool.busy} exchanges are left in the pool")
    why = {line["asked"]: line["why"] for line in logs if line["event"] == "request"}
    for case in chosen:
        judged(case, asking.heard[case.mark], records, found, why.get(case.model))
    found.wrong += [f"logged: {line}" for line in logs if line["log_level"] in ("error", "critical")]


@attrs.define
class Asking:
    """The clients of one gateway."""

    port: int
    server: Server
    found: Found
    heard: dict[str, Heard] = attrs.field(factory=dict)  # by mark
    _room: trio.CapacityLimiter = attrs.field(factory=lambda: trio.CapacityLimiter(AT_ONCE))
    _turns: dict[Pair, trio.Lock] = attrs.field(factory=lambda: defaultdict(trio.Lock))

    async def once(self, case: Case) -> None:
        """Ask, and see the connection close."""
        leaves = GONE in case.fault.leads_to(stream=case.stream)
        async with self._room:
            said = await self._ask(case, LEAVES if leaves else PATIENCE)
        self.heard[case.mark] = said
        await self._closed(case, said.at)

    async def twice(self, case: Case) -> None:
        """Ask, and again: what was left on the connection must not be the second answer.

        In turns: what a server sends unasked may still meet a request that it was not on its way for.
        """
        async with self._turns[case.fault.name, case.answers]:
            await self.once(case)
            await trio.sleep(AGAIN)
            again = await self._ask(case, PATIENCE)
            await trio.sleep(AGAIN)
        try:
            if not ended(again, case.asks, stream=case.stream, translated=case.translated, mark=case.mark):
                self.found.wrong.append(f"{case}: the second request failed: {again.body[-200:]!r}")
        except Wrong as why:
            self.found.wrong.append(f"{case}: the second request: {why}")

    async def _ask(self, case: Case, patience: float) -> Heard:
        return await ask(self.port, case.asks, request(case.asks, case.model, stream=case.stream), patience)

    async def _closed(self, case: Case, at: float) -> None:
        """See that the connections of *case*, whose exchange ended *at*, are closed in time if they can't be kept."""
        for visit in list(self.server.visits[case.mark]):
            with trio.move_on_after(CLOSED + SLACK) as scope:
                await visit.over.wait()
            if scope.cancelled_caught:
                await trio.sleep(0.05)  # where the whole process stood still, both are due at once
            if not visit.over.is_set():
                self.found.wrong.append(f"{case}: the upstream's connection stays open")
            elif visit.left is not None:
                self.found.closing.append(max(0.0, visit.left - at))


async def written(ledger: Path, expected: int) -> list[dict[str, Any]]:
    """The records, once they are there."""
    file = trio.Path(ledger)
    with trio.move_on_after(5):
        while (await file.read_bytes()).count(b"\n") < expected:  # noqa: ASYNC110  # another writes it
            await trio.sleep(0.02)
    await trio.sleep(0.1)  # one too many would come now
    return [json.loads(line) for line in (await file.read_bytes()).splitlines()]


# -- judging ----------------------------------------------------------------------------------------------------------


def judged(case: Case, heard: Heard, records: list[dict[str, Any]], found: Found, why: str | None) -> None:
    """Hold what the client got and what was put down against what the fault may lead to.  *why*: what the log says."""
    expected = case.fault.leads_to(stream=case.stream)
    own = [record for record in records if record["asked"] == case.model]
    if len(own) != 1 + case.fault.twice:
        found.wrong.append(f"{case}: {len(own)} records")
        return
    record = own[0]
    outcome = record["error"] or WELL
    found.outcomes[outcome or "well"] += 1
    if outcome not in expected:
        allowed = " or ".join(sorted(word or "well" for word in expected))
        found.wrong.append(f"{case}: {outcome or 'well'}, not {allowed} ({why}): {heard.status} {heard.body[-200:]!r}")
        return
    if heard.left != (outcome == GONE):
        found.wrong.append(f"{case}: {'the client left' if heard.left else 'it ended'}, but booked {outcome}")
        return
    if outcome != GONE:
        try:
            well = ended(heard, case.asks, stream=case.stream, translated=case.translated, mark=case.mark)
            if well != (outcome == WELL):
                found.wrong.append(f"{case}: told as {'well' if well else 'an error'}, but booked {outcome or 'well'}")
        except Wrong as why:
            found.wrong.append(f"{case}: {why}")
    found.wrong += [f"{case}: {why}" for why in books(case, record, outcome)]


def books(case: Case, record: dict[str, Any], outcome: str) -> Iterable[str]:
    """What is wrong with the figures of *record*."""
    usage, cost = record["usage"], record["cost"]
    counts = [count for name, count in usage.items() if name != "extra"]
    if cost is None or not math.isfinite(cost) or cost < 0:
        yield f"the cost is {cost}"
    if any(type(count) is not int or not 0 <= count <= MOST for count in counts):
        yield f"the counts are {usage}"
    said = (
        "suspect"
        if record["suspect"]
        else "estimated"
        if record["estimated"]
        else "exact"
        if any(counts)
        else "nothing"
    )
    usual = {WELL: {"exact"}, GONE: {"estimated"}}.get(outcome, {"estimated", "nothing", "exact"})
    right = case.fault.books if case.fault.books and outcome in (WELL, GONE) else usual
    if said not in right:
        yield f"the books are {said}, not {' or '.join(sorted(right))}: {usage}"
    if outcome == "UpstreamRefused" and case.fault.name.startswith(("status", "retry", "error-first")) and any(counts):
        yield f"a refusal costs {usage}"
