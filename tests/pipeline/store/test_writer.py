"""The writer: batches, answers after the commit, and nothing lost while the database is away."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trio

from pipeline.errors import StoreUnavailable
from pipeline.store.database import Outage, looking
from pipeline.store.opening import Parts
from pipeline.store.record import Claim, Granted, Lease, Record, Refused
from pipeline.store.transact import Reserve
from pipeline.store.writer import Writer
from tests.pipeline.store.records import AT, record, settled, until


class Watched:
    """A backend that counts its transactions; *before* and *after* run in each, and may raise."""

    def __init__(self, parts: Parts) -> None:
        self.transactions: list[bool] = []
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None
        self._backend: Any = parts.backend

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Any]:
        self.transactions.append(durable)
        self.before()
        with self._backend.transaction(durable=durable) as db:
            yield db
            self.after()


class Heard:
    """Remembers what the writer tells."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.set_aside: list[str] = []

    def applied(self, number: int) -> None:
        self.numbers.append(number)

    def aside(self, record: Record, why: str) -> None:
        self.set_aside.append(record.id)


def writer(watched: Watched, heard: Heard, *, patience: float = 5) -> Writer:
    made: Any = watched
    return Writer(made, heard, instance="i1", patience=patience, clock=lambda: AT / 1000)


def want(name: str, amount: int = 100, limit: int = 1000, *, again: bool = True) -> Reserve:
    """A reservation; *again*: the database must be asked, whatever is held ahead."""
    return Reserve(Lease(id=name, instance="i1", at=AT, key="k1"), [Claim("usd_5h", limit, amount)], again=again)


def down() -> None:
    raise Outage("the database is away")


async def test_what_gathers_is_written_together(parts: Parts, nursery: Any) -> None:
    """One transaction, synced; then the spool may forget."""
    watched, heard = Watched(parts), Heard()
    made = writer(watched, heard)
    for number in range(1, 101):
        made.close(settled(f"r{number}"), number)
    nursery.start_soon(made.run)
    await until(lambda: bool(heard.numbers))
    assert (watched.transactions, heard.numbers) == ([True], [100])
    assert looking(parts.backend, lambda db: db.rows("SELECT requests, cost FROM days")) == [(100, 10_000)]
    nursery.cancel_scope.cancel()


async def test_a_reservation_waits_for_nothing_but_its_commit(parts: Parts, nursery: Any) -> None:
    """It takes along what has gathered: what was spent before counts."""
    watched = Watched(parts)
    made = writer(watched, Heard())
    nursery.start_soon(made.run)
    began = trio.current_time()
    assert isinstance(await made.reserve(want("r1", 600)), Granted)
    made.close(settled("r1", cost=50), 1)
    assert isinstance(await made.reserve(want("r2", 950)), Granted)
    assert isinstance(await made.reserve(want("r3", 1)), Refused)
    assert trio.current_time() - began < 2
    assert watched.transactions == [False, True, False], "reservations alone need not be synced"
    nursery.cancel_scope.cancel()


async def test_what_reservations_take_along_shares_a_sync(parts: Parts, nursery: Any) -> None:
    """It counts at once, and the spool may forget it only when it is on the disk: soon, also if nothing else comes."""
    watched, heard = Watched(parts), Heard()
    made = writer(watched, heard)
    nursery.start_soon(made.run)
    for number in range(1, 4):
        made.close(settled(f"r{number}", cost=300), number)
        assert isinstance(await made.reserve(want(f"r{number}+", 100)), Granted)
    assert (watched.transactions, heard.numbers) == ([True, False, False], [1])
    assert isinstance(await made.reserve(want("r4", 101)), Refused), "900 are spent or held"
    await until(lambda: heard.numbers == [1, 3])
    assert watched.transactions[4:] == [True]
    nursery.cancel_scope.cancel()


async def test_what_runs_does_not_come_along(parts: Parts, nursery: Any) -> None:
    """It changes neither sums nor windows; it is written when versions are due, or its last one takes its place."""
    watched, heard = Watched(parts), Heard()
    made = writer(watched, heard)
    nursery.start_soon(made.run)
    made.close(settled("r0"), 1)
    await made.reserve(want("r1"))
    made.know(record("r1"), 2)
    made.know(record("r2"), 3)
    await made.reserve(want("r2"))
    assert looking(parts.backend, lambda db: db.rows("SELECT id FROM requests")) == [("r0",)]
    made.close(settled("r1"), 4)
    await made.reserve(want("r3"))
    states = "SELECT id, state FROM requests ORDER BY id"
    assert looking(parts.backend, lambda db: db.rows(states)) == [("r0", 2), ("r1", 2)]
    await until(lambda: heard.numbers == [1, 4])
    assert looking(parts.backend, lambda db: db.rows(states)) == [("r0", 2), ("r1", 2), ("r2", 0)]
    nursery.cancel_scope.cancel()


async def test_the_spool_keeps_all_while_something_waits(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last version of r1 has no entry of its own: until it is written, the one before must not be forgotten."""
    monkeypatch.setattr("pipeline.store.writer.TOGETHER", 2)
    watched, heard = Watched(parts), Heard()
    made = writer(watched, heard)
    written: list[Any] = []

    def look() -> None:
        written.append((looking(parts.backend, lambda db: db.rows("SELECT COUNT(*) FROM requests")), [*heard.numbers]))

    watched.before = look
    made.know(record("r1"), 1)
    for number in (2, 3, 4):
        made.close(settled(f"r{number}"), number)
    made.close(settled("r1"), 0)
    await made.drain(5)
    assert written == [([(0,)], []), ([(2,)], [])]
    assert heard.numbers == [4]
    assert looking(parts.backend, lambda db: db.rows("SELECT COUNT(*) FROM requests WHERE state = 2")) == [(4,)]


async def test_at_the_end_everything_is_on_the_disk(parts: Parts) -> None:
    """Also what was committed a moment ago."""
    watched, heard = Watched(parts), Heard()
    made = writer(watched, heard)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.run)
        for number in (1, 2):
            made.close(settled(f"r{number}"), number)
            await made.reserve(want(f"r{number}+"))
        nursery.cancel_scope.cancel()
    assert heard.numbers == [1]
    await made.drain(5)
    assert (heard.numbers, watched.transactions) == ([1, 2], [True, False, True])


async def test_many_reservations_share_transactions(parts: Parts, nursery: Any) -> None:
    """And exactly what fits is granted."""
    watched = Watched(parts)
    made = writer(watched, Heard())
    nursery.start_soon(made.run)
    answers = []

    async def ask(number: int) -> None:
        answers.append(await made.reserve(want(f"r{number}")))

    async with trio.open_nursery() as asking:
        for number in range(200):
            asking.start_soon(ask, number)
    assert sum(isinstance(answer, Granted) for answer in answers) == 10
    assert len(watched.transactions) < 20
    nursery.cancel_scope.cancel()


async def test_an_outage_loses_nothing(parts: Parts, nursery: Any) -> None:
    """What was put stays, and is written when the database is back."""
    watched, heard = Watched(parts), Heard()
    watched.before = down
    made = writer(watched, heard, patience=0.3)
    nursery.start_soon(made.run)
    for number in range(1, 51):
        made.know(record(f"r{number}"), number)
    with pytest.raises(StoreUnavailable) as caught:
        await made.reserve(want("a"))
    assert (caught.value.status, made.outage) == (503, "the database is away")
    for number in range(1, 51):
        made.close(settled(f"r{number}"), 50 + number)
    watched.before = lambda: None
    await until(lambda: heard.numbers[-1:] == [100])
    assert looking(parts.backend, lambda db: db.rows("SELECT requests FROM days")) == [(50,)]
    assert made.outage is None
    assert isinstance(await made.reserve(want("b", 1000)), Granted), "what nobody waited for any more holds nothing"
    nursery.cancel_scope.cancel()


async def test_a_commit_whose_answer_is_lost_is_done_again_and_counts_once(parts: Parts, nursery: Any) -> None:
    """The connection broke after the commit, or before it: nobody knows."""
    again = iter([down])

    class Lossy(Watched):
        @contextmanager
        def transaction(self, *, durable: bool = True) -> Iterator[Any]:
            with super().transaction(durable=durable) as db:
                yield db
            for lost in again:
                lost()

    made = writer(Lossy(parts), Heard())
    nursery.start_soon(made.run)
    made.close(settled("r1"), 1)
    assert isinstance(await made.reserve(want("r2", 900)), Granted)
    assert looking(parts.backend, lambda db: db.rows("SELECT requests, cost FROM days")) == [(1, 100)]
    assert looking(parts.backend, lambda db: db.rows("SELECT spent, held FROM windows")) == [(0, 900)]
    nursery.cancel_scope.cancel()


async def test_a_reservation_that_nobody_waits_for_is_given_back(parts: Parts, nursery: Any) -> None:
    """The client left while the database was committing."""
    watched = Watched(parts)
    made = writer(watched, Heard())
    nursery.start_soon(made.run)
    async with trio.open_nursery() as asking:
        token, scope = trio.lowlevel.current_trio_token(), asking.cancel_scope
        watched.after = lambda: trio.from_thread.run_sync(scope.cancel, trio_token=token)
        asking.start_soon(made.reserve, want("r1", 1000))
    watched.after = lambda: None
    await until(lambda: looking(parts.backend, lambda db: db.rows("SELECT held FROM windows")) == [(0,)])
    assert isinstance(await made.reserve(want("r2", 1000)), Granted)
    nursery.cancel_scope.cancel()


async def test_what_can_never_be_written_is_set_aside(parts: Parts, nursery: Any) -> None:
    """It does not keep the others from being written."""
    heard = Heard()
    made = writer(Watched(parts), heard)
    for number, cost in enumerate((5, 2**70, 7), 1):
        made.close(settled(f"r{number}", cost=cost), number)
    nursery.start_soon(made.run)
    assert isinstance(await made.reserve(want("r9")), Granted)
    assert (heard.set_aside, heard.numbers) == (["r2"], [3])
    assert looking(parts.backend, lambda db: db.rows("SELECT requests, cost FROM days")) == [(2, 12)]
    nursery.cancel_scope.cancel()


async def test_when_too_much_waits_new_requests_must_not_begin(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that run may still end; each of them is kept once."""
    monkeypatch.setattr("pipeline.store.writer.MOST", 10)
    made = writer(Watched(parts), Heard())
    for number in range(1, 11):
        assert made.room
        made.know(record(f"r{number}"), number)
    for number in range(11, 31):
        made.close(settled(f"r{number % 10 + 1}"), number)
    assert not made.room
    await made.drain(5)
    assert made.room
    assert looking(parts.backend, lambda db: db.rows("SELECT requests FROM days")) == [(10,)]


async def test_a_reservation_waits_for_room(parts: Parts, monkeypatch: pytest.MonkeyPatch, nursery: Any) -> None:
    """It is not put where there is none, comes when there is, and hears in time that there was none."""
    monkeypatch.setattr("pipeline.store.writer.MOST", 10)
    monkeypatch.setattr("pipeline.store.writer.GATHER", 0.01)
    made = writer(Watched(parts), Heard(), patience=1)
    for number in range(1, 11):
        made.close(settled(f"r{number}", cost=10), number)
    nursery.start_soon(made._tire)
    with pytest.raises(StoreUnavailable):
        await made.reserve(want("late"))
    assert made.waiting == 10
    nursery.start_soon(made.run)
    assert isinstance(await made.reserve(want("r11", 900)), Granted)
    written = looking(parts.backend, lambda db: db.rows("SELECT requests FROM days"))
    assert written == [(10,)], "what waited before it was written before it"
    nursery.cancel_scope.cancel()


async def test_a_reservation_behind_a_full_batch_comes_with_the_next(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, nursery: Any
) -> None:
    """Which begins at once: nobody waits while versions gather.  What ended before was charged before."""
    monkeypatch.setattr("pipeline.store.writer.TOGETHER", 2)
    monkeypatch.setattr("pipeline.store.writer.GATHER", 60.0)
    made = writer(Watched(parts), Heard())
    nursery.start_soon(made.run)
    await made.reserve(want("r0"))
    for number in range(1, 6):
        made.close(settled(f"r{number}", cost=100), number)
    answer = await made.reserve(want("r6", 401))
    assert isinstance(answer, Refused)
    assert answer.standing.spent == 500
    nursery.cancel_scope.cancel()


async def test_what_waits_at_the_end_is_written(parts: Parts) -> None:
    """Also if the first tries fail, for a while."""
    watched, heard = Watched(parts), Heard()
    made = writer(watched, heard)
    made.close(settled("r1"), 1)
    made.release("r2")
    fails = iter([down, down])

    def twice() -> None:
        for fail in fails:
            fail()

    watched.before = twice
    await made.drain(5)
    assert (heard.numbers, len(watched.transactions)) == ([1], 3)


async def test_the_end_does_not_wait_for_ever(parts: Parts) -> None:
    """What is not written then is in the spool."""
    watched, heard = Watched(parts), Heard()
    watched.before = down
    made = writer(watched, heard)
    made.close(settled("r1"), 1)
    with trio.fail_after(5):
        await made.drain(0.3)
    assert heard.numbers == []


async def test_who_writes_something_else_takes_turns_with_the_writer(parts: Parts, nursery: Any) -> None:
    """Never two transactions at once; and what it raises is its own."""
    watched = Watched(parts)
    made = writer(watched, Heard())
    nursery.start_soon(made.run)
    running = []

    def work(number: int) -> int:
        running.append(number)
        assert running == [number]
        with parts.backend.transaction() as db:
            db.run("UPDATE instances SET applied = applied + 1")
        running.remove(number)
        return number

    async with trio.open_nursery() as many:
        for number in range(20):
            many.start_soon(made.alone, work, number)
            made.close(settled(f"r{number}"), number + 1)
    with pytest.raises(LookupError):
        await made.alone({"a": 1}.__getitem__, "b")
    with pytest.raises(StoreUnavailable):
        await made.alone(down)
    nursery.cancel_scope.cancel()


async def test_who_waits_is_granted_from_what_comes_meanwhile(parts: Parts, nursery: Any) -> None:
    """Requests that ask while an advance is taken need no transaction of their own; one that asks again does."""
    watched = Watched(parts)
    made = writer(watched, Heard())
    granted: list[bool] = []

    async def ask(reserve: Reserve) -> None:
        granted.append(isinstance(await made.reserve(reserve), Granted))

    async with trio.open_nursery() as asking:
        for number in range(2):
            asking.start_soon(ask, want(f"r{number}", 1, limit=1_000_000, again=False))
        nursery.start_soon(made.run)
    assert made.advances
    before = len(watched.transactions)
    async with trio.open_nursery() as asking:
        for number in range(2, 6):
            asking.start_soon(ask, want(f"r{number}", 1, limit=1_000_000, again=False))
    assert (granted, len(watched.transactions)) == ([True] * 6, before)
    await ask(want("r5", 3, limit=1_000_000))
    assert len(watched.transactions) == before + 1
    nursery.cancel_scope.cancel()
