"""Meter: one record per request that reached an upstream, and cumulative counts are never summed."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import trio

from pipeline.errors import UpstreamFailed
from pipeline.events import Failed, Finished, Run, Started, TextDelta, Usage
from pipeline.exchange import Attempt
from pipeline.heartbeat import Heart
from pipeline.line import Line, conduct
from pipeline.store import requests, sql
from pipeline.store.record import Flag, Record, State
from pipeline.store.settings import Settings
from pipeline.store.store import open_store
from stages.meter import Meter
from stages.notes import BOOKS
from stages.tally import Tally
from tests.doubles import Kept, Recorder, exchange, words
from transports.drain import Drain


async def metered(path: Path, source: Any, *, cancel_after: float = 100, attempts: int = 1) -> list[dict[str, Any]]:
    """Conduct one exchange with a meter and give what was put down."""
    x = exchange(asked="m")

    async def asking(exchange: Any, out: Any) -> None:
        for number in range(attempts):
            attempt = Attempt(f"up{number}", "m1", 0.0)
            exchange.attempts.append(attempt)
            for before in exchange.before_attempt:
                await before(attempt)
        await source(exchange, out)

    async with Meter(ledger=path) as meter:
        with trio.move_on_after(cancel_after):
            await conduct(x, Line((("meter", meter),), asking, lambda x, r: Kept()), Recorder(), Heart(10))
    return records(path)


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def emit(*events: Any, then: float = 0) -> Any:
    async def source(exchange: Any, out: Any) -> None:
        await out.send(list(events))
        await trio.sleep(then)

    return source


async def test_counts_in_a_stream_are_cumulative(tmp_path: Path) -> None:
    """The last told of each class holds (S0-1: they were summed)."""
    started = Started("r", "m", Usage(input=100, cache_read=50, output=1))
    finished = Finished(usage=Usage(input=100, cache_read=50, output=20, reasoning=5))
    (booked,) = await metered(tmp_path / "u.jsonl", emit(started, TextDelta(0, "hi"), finished))
    assert booked["usage"] == {
        "input": 100, "cache_read": 50, "cache_write_5m": 0, "cache_write_1h": 0, "output": 20, "reasoning": 5
    }  # fmt: skip
    assert (booked["estimated"], booked["stop"], booked["error"]) == (False, "end_turn", None)


async def test_a_client_that_leaves_half_way_is_metered(tmp_path: Path, autojump_clock: Any) -> None:
    """With what was told, and an estimate of what was produced, marked as such."""
    source = emit(Started("r", "m", Usage(input=100, output=1)), TextDelta(0, "x" * 400), then=50)
    (booked,) = await metered(tmp_path / "u.jsonl", source, cancel_after=5)
    assert (booked["usage"]["input"], booked["usage"]["output"]) == (100, 100)
    assert (booked["estimated"], booked["error"]) == (True, "ClientGone")


async def test_an_answer_that_a_drain_cuts_is_nobody_leaving(tmp_path: Path, autojump_clock: Any) -> None:
    """The books tell whose doing it was."""
    x = exchange(asked="m")

    async def source(exchange: Any, out: Any) -> None:
        exchange.attempts.append(Attempt("up", "m1", 0.0))
        await emit(Started("r", "m"), TextDelta(0, "a"), then=50)(exchange, out)

    drain = Drain()
    async with Meter(ledger=tmp_path / "u.jsonl") as meter:
        with x.request.scope, drain.join(x.request.scope):
            drain.begin(5)
            await conduct(x, Line((("meter", meter),), source, lambda x, r: Kept()), Recorder(), Heart(10))
    (booked,) = records(tmp_path / "u.jsonl")
    assert booked["error"] == "Drained"


async def test_a_failure_is_metered_with_its_attempts(tmp_path: Path) -> None:
    """A request that reached an upstream leaves a record whatever happens."""

    async def source(exchange: Any, out: Any) -> None:
        raise UpstreamFailed("reset")

    (booked,) = await metered(tmp_path / "u.jsonl", source, attempts=2)
    assert [attempt["upstream"] for attempt in booked["attempts"]] == ["up0", "up1"]
    assert booked["estimated"] is True


async def test_who_leaves_before_anything_is_sent_pays_nothing(tmp_path: Path) -> None:
    """A place in a window is waited for, say: nobody was asked yet."""
    x = exchange(asked="m")

    async def source(exchange: Any, out: Any) -> None:
        exchange.attempts.append(Attempt("up", "m1", 0.0))
        await trio.sleep_forever()

    async with Meter(ledger=tmp_path / "u.jsonl") as meter:
        with trio.move_on_after(0.01):
            await conduct(x, Line((("meter", meter),), source, lambda x, r: Kept()), Recorder(), Heart(10))
    (booked,) = records(tmp_path / "u.jsonl")
    assert (booked["usage"]["input"], booked["usage"]["output"], booked["error"]) == (0, 0, "ClientGone")


async def test_a_request_that_reached_nobody_is_not_metered(tmp_path: Path) -> None:
    """Nothing was used."""
    assert await metered(tmp_path / "u.jsonl", emit(*words("a")), attempts=0) == []


async def test_many_are_booked_and_none_is_lost(tmp_path: Path) -> None:
    """Also those that still wait when the ledger closes."""
    path = tmp_path / "deep" / "u.jsonl"
    line: Any = None
    async with Meter(ledger=path) as meter:
        line = Line((("meter", meter),), emit(*words("a")), lambda x, r: Kept())

        async def one(number: int) -> None:
            x = exchange(attempts=[Attempt("up", "m", 0.0)])
            x.id = f"r{number}"
            await conduct(x, line, Recorder(), Heart(10))

        async with trio.open_nursery() as nursery:
            for number in range(200):
                nursery.start_soon(one, number)
    assert sorted(booked["id"] for booked in records(path)) == sorted(f"r{number}" for number in range(200))


def test_the_tally_asks_for_no_delta_to_be_decoded() -> None:
    """It glances at deltas that happen to be decoded."""
    tally = Tally()
    assert TextDelta not in tally.count.kinds
    assert TextDelta in tally.count.seen


@pytest.mark.parametrize("beside", [100, 160, 350])
@pytest.mark.parametrize("burst", [True, False])
def test_frames_that_nobody_reads_are_counted_by_their_text(beside: int, burst: bool) -> None:
    """By weight, whatever a frame of this dialect and server weighs beside it, and however they come."""
    texts = [b"word", b"a few more", b"words that", b"come together"] * 5
    frames = [b"data: " + b"x" * (beside - 8) + text + b"\n\n" for text in texts]
    tally = Tally()
    for some in [frames] if burst else [[frame] for frame in frames]:
        tally.count(Run("words", len(some), frame=b"".join(some)))
    usage, flags = tally.final()
    assert (usage.output, flags) == (math.ceil(len(b"".join(texts)) / 4), Flag.ESTIMATED)


@pytest.mark.parametrize("event", [Finished(), Failed(UpstreamFailed("x"))])
def test_an_end_without_counts_is_an_estimate(event: Any) -> None:
    """Missing usage is flagged, never taken for zero in silence."""
    tally = Tally()
    tally.count(TextDelta(0, "12345678"))
    tally.count(event)
    usage, estimated = tally.final()
    assert (usage.output, estimated) == (2, True)


# -- what is in the store ---------------------------------------------------------------------------------------------


async def stored(at: Path, source: Any, *, cancel_after: float = 100) -> list[Record]:
    """Conduct one exchange with a meter and a store; give the records of it and of its asides."""
    x = exchange(asked="m")

    async def tried(exchange: Any, out: Any) -> None:
        exchange.attempts.append(Attempt("up", "m1", trio.current_time()))
        for wait in exchange.before_attempt:
            await wait(exchange.attempts[-1])
        await source(exchange, out)

    async with open_store(Settings(file=at / "pipeline.db")) as store, Meter() as meter:
        x.store = store
        with trio.move_on_after(cancel_after):
            await conduct(x, Line((("meter", meter),), tried, lambda x, r: Kept()), Recorder(), Heart(10))
    async with open_store(Settings(file=at / "pipeline.db")) as store:
        one = await store.read(lambda db: requests.one(db, "x1"))
        return [*([one] if one else []), *await store.read(lambda db: requests.asides(db, "x1"))]


async def test_a_record_tells_what_the_stages_took(tmp_path: Path) -> None:
    """In microseconds, beside what else is known."""
    (record,) = await stored(tmp_path, emit(*words("a")))
    assert list(requests.told_whole(record, {})["stages"]) == ["meter"]
    assert requests.told_whole(record, {})["extra"] == {}
    assert requests.told_whole(record, {})["stages"]["meter"] >= 0


async def test_what_we_asked_on_our_own_account_is_a_record_of_its_own(tmp_path: Path) -> None:
    """Its tokens are not the reply's."""

    async def judged(exchange: Any, out: Any) -> None:
        exchange.asides.append(Attempt("judge", "small", 0.0, ended=1.0, usage=Usage(input=50, output=7)))
        await emit(Started("r", "m", Usage(input=1)), Finished(usage=Usage(input=1, output=2)))(exchange, out)

    reply, aside = await stored(tmp_path, judged)
    assert (reply.model, reply.input, reply.output, reply.operation) == ("m1", 1, 2, "reply")
    assert (aside.id, aside.model, aside.input, aside.output, aside.operation) == ("x1/1", "small", 50, 7, "aside")


async def test_what_we_ask_on_our_own_account_is_known_before_it_is_over(tmp_path: Path) -> None:
    """As an open record of its own, from which a crash settles it."""
    seen: list[tuple[int, int, Flag]] = []

    async def judged(exchange: Any, out: Any) -> None:
        asked = Attempt("judge", "small", 0.0, size=4000)
        exchange.asides.append(asked)
        for usage, tokens in ((None, 1000), (Usage(input=50, output=7), 50)):
            asked.usage = usage
            exchange.noted(BOOKS).aside(asked)
            while not (  # noqa: ASYNC110  # what is looked at tells nobody
                found := await exchange.store.read(lambda db, n=tokens: sql.records(db, "input = ?", (n,)))
            ):
                await trio.sleep(0.01)
            seen.append((found[0].state, found[0].input, Flag(found[0].flags) & (Flag.ESTIMATED | Flag.COMPLETE)))
        await emit(Started("r", "m", Usage(input=1)), Finished(usage=Usage(input=1, output=2)))(exchange, out)

    _, aside = await stored(tmp_path, judged)
    assert seen == [(State.OPEN, 1000, Flag.ESTIMATED), (State.OPEN, 50, Flag.COMPLETE)]
    assert (aside.id, aside.input, aside.output, aside.state) == ("x1/1", 50, 7, State.SETTLED)


async def test_a_client_that_leaves_is_billed_for_what_was_produced(tmp_path: Path) -> None:
    """Nobody reads for nothing by hanging up before the end."""
    source = emit(Started("r", "m", Usage(input=100, output=1)), TextDelta(0, "x" * 400), then=50)
    (record,) = await stored(tmp_path, source, cancel_after=0.2)
    assert (record.input, record.output, record.error, record.state) == (100, 100, "ClientGone", 2)


@pytest.mark.parametrize("count", [-5, 10**30, float("nan"), float("inf")])
async def test_counts_that_can_not_be_are_replaced_and_flagged(tmp_path: Path, count: Any) -> None:
    """By what was counted here; the database holds them, and nobody is credited."""
    usage = Usage(input=count, output=count)
    (record,) = await stored(tmp_path, emit(Started("r", "m"), TextDelta(0, "x" * 40), Finished(usage=usage)))
    told = requests.told(record, {})
    assert (record.output, told["suspect"], told["estimated"]) == (10, True, True)
    assert record.input > 0


async def test_a_count_that_is_no_number_is_seen_beside_those_that_are(tmp_path: Path) -> None:
    """Whatever it is compared with, no number is neither less nor more."""
    usage = Usage(input=7, output=float("nan"))  # type: ignore[arg-type]  # what an upstream may say
    (record,) = await stored(tmp_path, emit(Started("r", "m"), TextDelta(0, "x" * 40), Finished(usage=usage)))
    assert (record.input, record.output, Flag(record.flags) & Flag.SUSPECT) == (7, 10, Flag.SUSPECT)
