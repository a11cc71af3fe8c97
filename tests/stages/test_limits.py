"""Limits: before a real store, in a line with a meter and without upstreams; whole gateways are in ``tests/e2e``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from pipeline.errors import BudgetSpent, Forbidden, RateLimited, StoreUnavailable
from pipeline.events import Failed, Finished, Started, TextDelta, Usage
from pipeline.exchange import Attempt, Caller, Exchange
from pipeline.heartbeat import Heart
from pipeline.line import Line, conduct
from pipeline.overlay import problems
from pipeline.store import sql
from pipeline.store.record import Claim
from pipeline.store.settings import Settings
from pipeline.store.store import Store, open_store
from pipeline.upstream import Quota
from stages.allowance import Limit
from stages.limits import Limits
from stages.meter import Meter
from tests.doubles import WORDS, Kept, Recorder, exchange, upstream
from tests.pipeline.store.records import until
from transports.messages import Head

MODEL = "claude-opus-4-5"
CLAIM = Claim("streams", 5, 1)
GOOD = (Started("r", "m", Usage(input=10)), TextDelta(0, "hi"), Finished(usage=Usage(input=10, output=4)))


class Counts(type(WORDS)):  # type: ignore[misc]  # the fake dialect's class
    """The dialect of plain words, which can count."""

    def count(self, prompt: Any) -> int:
        return len(prompt.encode())


@attrs.define
class Room:
    """A store, and the stage before it."""

    store: Store
    stage: Any
    asked: int = 0
    heads: list[Any] = attrs.field(factory=list)
    answers: trio.Event | None = None  # no upstream says a word before; None: they do at once

    def source(self, *events: Any, model: str = MODEL) -> Any:
        async def source(exchange: Exchange, out: Any) -> None:
            exchange.upstream = upstream("up", None)
            attempt = Attempt("up", model, trio.current_time())
            exchange.attempts.append(attempt)
            for wait in exchange.before_attempt:
                await wait(attempt)
            self.asked += 1
            self.heads.append(list(exchange.reply_headers))
            if self.answers is not None:
                await self.answers.wait()
            await out.send(list(events))

        return source

    async def ask(self, *events: Any, name: str = "x1", options: Any = None, model: str = MODEL) -> Kept:
        """One exchange that a source of *events* answers."""
        x = exchange(
            b'{"model":"m","max_tokens":100}', dialect=Counts(), caller=Caller("ada", "k1", options=options or {})
        )
        x.id, x.store, kept = name, self.store, Kept()
        line = Line(
            (("limits", self.stage), ("meter", Meter())), self.source(*(events or GOOD), model=model), lambda *_: kept
        )
        await conduct(x, line, Recorder(), Heart(10))
        return kept

    async def windows(self) -> dict[str, Any]:
        """Those of the key, once nothing waits to be written."""
        writer = self.store.writer
        await until(lambda: not (writer._batch or writer._waiting))
        return {window.kind: window for window in await self.store.read(lambda db: sql.windows(db, ["k1"]))}


@asynccontextmanager
async def room(at: Path, *limits: Limit, **settings: Any) -> AsyncIterator[Room]:
    async with open_store(Settings(file=at / "a.db")) as store, Limits(limits=limits, **settings) as stage:
        yield Room(store, stage)


def failure(kept: Kept) -> Any:
    last = kept.events[-1]
    assert isinstance(last, Failed), kept.events
    return last.error


async def test_a_key_without_limits_is_only_looked_at(tmp_path: Path) -> None:
    """No hold, no transform, no word with the store."""
    async with room(tmp_path) as home:
        x = exchange(dialect=Counts())
        x.store = home.store
        assert list(home.stage(x)) == []
        assert x.before_attempt == []


async def test_what_was_held_is_spent_when_it_is_settled(tmp_path: Path) -> None:
    """As meter's record tells it; nothing stays held."""
    async with room(tmp_path, Limit("usd_5h", 10**6), Limit("tokens_minute", 10**6), Limit("streams", 1)) as home:
        for number in range(3):
            kept = await home.ask(name=f"x{number}")
            assert isinstance(kept.events[-1], Finished)
        found = await home.windows()
        assert {kind: (window.spent, window.held) for kind, window in found.items()} == {
            "usd_5h": (3 * (10 * 5 + 4 * 25), 0),
            "tokens_minute": (3 * 14, 0),
            "streams": (0, 0),
        }


async def test_a_refusal_reaches_no_upstream_and_no_book(tmp_path: Path) -> None:
    """There was no attempt, so there is no record."""
    async with room(tmp_path, Limit("usd_total", 0)) as home:
        assert isinstance(failure(await home.ask()), BudgetSpent)
        await home.windows()
        assert home.asked == 0
        assert await home.store.read(lambda db: db.rows("SELECT id FROM requests")) == []


async def test_a_limit_for_other_models_does_not_count(tmp_path: Path) -> None:
    """A glob is for the name that the upstream knows."""
    async with room(tmp_path, Limit("requests_minute", 0, "gpt-*")) as home:
        assert isinstance((await home.ask()).events[-1], Finished)
        assert isinstance(failure(await home.ask(name="x2", model="gpt-6-sol")), RateLimited)


async def test_a_model_without_a_price_under_a_limit_in_money(tmp_path: Path) -> None:
    """Is refused, unless the operator says that it costs nothing."""
    async with room(tmp_path, Limit("usd_5h", 10)) as home:
        assert isinstance(failure(await home.ask(model="nobody-knows")), Forbidden)
    async with room(tmp_path, Limit("usd_5h", 10), unpriced="pass") as home:
        assert isinstance((await home.ask(model="nobody-knows")).events[-1], Finished)


async def test_a_key_has_limits_of_its_own(tmp_path: Path) -> None:
    """On top of those of every key, as the engine overlays settings."""
    own = {"limits": {"limits": [{"kind": "requests_minute", "limit": 1}]}}
    async with room(tmp_path, Limit("usd_5h", 10**6)) as home:
        assert problems(own, [("limits", home.stage)]) == []
        assert isinstance((await home.ask(options=own)).events[-1], Finished)
        assert isinstance(failure(await home.ask(name="x2", options=own)), RateLimited)
        assert set(await home.windows()) == {"usd_5h", "requests_minute"}
        assert isinstance((await home.ask(name="x3")).events[-1], Finished)


def test_options_that_are_none_are_told_with_their_place() -> None:
    """Whoever makes a key is told, before it is made."""
    wrong = {"limits": {"limits": [{"kind": "usd_5h", "limit": "5"}], "when_spent": "never", "follow": True}}
    text = " ".join(problems(wrong, [("limits", Limits())]))
    assert "limits.limits[0].limit" in text
    assert "when_spent" in text
    assert "follow" in text


async def test_two_streams_hold_two_places(tmp_path: Path) -> None:
    """A third waits outside until one has ended."""
    async with room(tmp_path, Limit("streams", 2)) as home:
        answers: list[Any] = []
        home.answers = going = trio.Event()

        async def one(name: str) -> None:
            answers.append((await home.ask(name=name)).events[-1])
            going.set()  # the first that is answered is the one that waits outside

        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                for name in "abc":
                    nursery.start_soon(one, name)
        assert isinstance(answers[0], Failed)
        assert sorted(type(answer).__name__ for answer in answers) == ["Failed", "Finished", "Finished"]
        assert isinstance((await home.ask(name="d")).events[-1], Finished)


async def test_limits_without_a_store_let_nothing_pass() -> None:
    """Nobody could tell what is left."""
    x = exchange(dialect=Counts())
    entered = Limits(limits=(Limit("streams", 9),))(x)
    next(entered)
    with pytest.raises(StoreUnavailable):
        await x.before_attempt[0](Attempt("up", MODEL, 0.0))
    entered.close()


async def test_windows_follow_the_plan_of_an_upstream(tmp_path: Path) -> None:
    """Ours end when its does."""
    async with room(tmp_path, Limit("usd_5h", 10**6), follow="up") as home:
        up = upstream("up", None)
        ends = home.store.now() + 1_000_000
        up.windows["5h"] = Quota("5h", 0.5, ends, 0)
        home.stage._seen["up"] = up
        await home.ask()
        assert (await home.windows())["usd_5h"].ends == ends
    assert list(Limits(follow="other").check(frozenset({"up"}))) == ["follow names 'other', which is no upstream"]


def test_an_upstream_whose_plan_is_used_up_is_passed_over() -> None:
    """Where there is another; where there is none the caller is told until when."""
    spent, other = upstream("spent", None), upstream("other", None)
    spent.windows["7d"] = Quota("7d", 1.0, 4_000_000_000_000, 0)
    x = exchange(upstreams=[spent, other])
    assert list(Limits()(x)) == []
    assert x.upstreams == [other]
    with pytest.raises(BudgetSpent, match="The 7d window of spent is used up"):
        list(Limits()(exchange(upstreams=[spent])))
    assert list(Limits(allow_extra_usage=True)(exchange(upstreams=[spent]))) == []


async def test_one_head_tells_of_limits(tmp_path: Path) -> None:
    """Ours on a reply, the upstream's on its own errors."""
    theirs = Head(200, [(b"anthropic-ratelimit-unified-status", b"allowed"), (b"x", b"y")])
    async with room(tmp_path, Limit("requests_minute", 9)) as home:
        kept = await home.ask(Started("r", "m", head=theirs), Finished())
        started = kept.events[0]
        assert isinstance(started, Started)
        assert started.head is not None
        assert started.head.headers == [(b"x", b"y")]
        assert (b"x-ratelimit-remaining-requests", b"8") in home.heads[0]


async def test_a_stream_is_cut_within_the_bound(tmp_path: Path) -> None:
    """What one batch brings is the most that it goes over; the next is not asked."""
    settings = {"when_spent": "cut"}
    async with room(tmp_path, Limit("usd_5h", 1_000), **settings) as home:
        words = [TextDelta(0, "x" * 40) for _ in range(200)]  # ten tokens each: 250 micro-dollars
        kept = await home.ask(Started("r", "m", Usage(input=10)), *words)
        last = kept.events[-1]
        assert isinstance(last, Finished)
        assert last.stop == "max_tokens"
        spent = (await home.windows())["usd_5h"].spent
        assert 1_000 <= spent <= 1_000 + 200 * 250
        assert isinstance(failure(await home.ask(name="x2")), BudgetSpent)


async def test_a_stream_that_may_be_cut_gets_more_while_there_is_more(tmp_path: Path) -> None:
    """What it holds is widened as it goes, and given back at its end."""
    async with room(tmp_path, Limit("usd_5h", 100_000), when_spent="cut") as home:

        async def source(exchange: Exchange, out: Any) -> None:
            exchange.upstream = upstream("up", None)
            attempt = Attempt("up", MODEL, trio.current_time())
            exchange.attempts.append(attempt)
            for wait in exchange.before_attempt:
                await wait(attempt)
            await out.send([Started("r", "m", Usage(input=10))])
            for _ in range(12):
                await out.send([TextDelta(0, "x" * 1100)])
                await trio.sleep(0.05)
            await out.send([Finished(usage=Usage(input=10, output=3300))])

        x = exchange(b'{"model":"m","max_tokens":600}', dialect=Counts(), caller=Caller("ada", "k1"))
        x.store, kept = home.store, Kept()
        await conduct(
            x, Line((("limits", home.stage), ("meter", Meter())), source, lambda *_: kept), Recorder(), Heart(10)
        )
        last = kept.events[-1]
        assert isinstance(last, Finished)
        assert last.stop == "end_turn"
        window = (await home.windows())["usd_5h"]
        assert (window.spent, window.held) == (50 + 3300 * 25, 0)


async def test_what_a_living_process_lost_is_given_back(tmp_path: Path) -> None:
    """A lease that no request knows of ends after a minute; one that a long stream holds does not."""
    async with room(tmp_path, Limit("streams", 5)) as home:
        for name in ("lost", "long"):
            await home.store.reserve(name, "k1", [CLAIM])
        home.store._leases.discard("lost")
        look = home.store._look_round
        backend, root, living = home.store._parts.backend, home.store._parts.root, frozenset(home.store._leases)
        await trio.to_thread.run_sync(look, backend, root, living, home.store.now() + 50_000)
        assert (await home.windows())["streams"].held == 2
        await trio.to_thread.run_sync(look, backend, root, living, home.store.now() + 70_000)
        assert (await home.windows())["streams"].held == 1
