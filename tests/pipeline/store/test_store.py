"""The store as a whole: nothing acknowledged is lost or doubled, nothing that streams waits for the database."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest
import trio
from structlog.testing import capture_logs

from pipeline.errors import StoreUnavailable
from pipeline.store import keys
from pipeline.store.balance import imbalance
from pipeline.store.book import DAY
from pipeline.store.keys import Key, NoKey, Snapshot
from pipeline.store.record import Claim, Granted, Refused, State, decode
from pipeline.store.settings import Settings
from pipeline.store.spool import LOCK
from pipeline.store.store import Store, open_store
from tests.pipeline.store.conftest import Place
from tests.pipeline.store.records import AT, record, settled, until
from tests.postgres import Cluster

ROOT = Path(__file__).parents[3]


async def states(store: Store) -> dict[str, int]:
    """State of each request; and the sums are right."""
    assert await store.read(imbalance) == {}
    return dict(await store.read(lambda db: db.rows("SELECT id, state FROM requests")))


async def request(store: Store, name: str, cost: int = 100) -> None:
    """One request, from its beginning to its end."""
    opened = record(name)
    await store.synced(store.begin(opened))
    store.note(msgspec.structs.replace(opened, output=3, cost=3))
    store.settle(settled(name, cost=cost))


async def test_a_request_is_in_the_books(place: Place) -> None:
    """When the store is open again at the latest; and its files are gone."""
    async with open_store(place.settings()) as store:
        await request(store, "a")
        folder = store._spool.folder
        assert folder.exists()
    assert not folder.exists()
    async with open_store(place.settings()) as store:
        assert await states(store) == {"a": State.SETTLED}


async def test_requests_are_kept_as_long_as_is_wanted(place: Place) -> None:
    """In days; their sums stay."""
    async with open_store(place.settings()) as store:
        for name, at in (("old", AT - 9 * DAY), ("new", AT)):
            store.settle(settled(name, at=at))
    settings = attrs.evolve(place.settings(), keep=7)
    async with open_store(settings, clock=lambda: AT / 1000) as store:
        with trio.fail_after(5):
            while "old" in await states(store):  # noqa: ASYNC110  # the sweep tells nobody
                await trio.sleep(0.05)
        assert await states(store) == {"new": State.SETTLED}
        assert await store.read(lambda db: db.rows("SELECT COUNT(*) FROM days")) == [(2,)]


async def test_many_requests_at_once(place: Place) -> None:
    """All of them, once."""
    async with open_store(place.settings()) as store, trio.open_nursery() as nursery:
        for number in range(500):
            nursery.start_soon(request, store, f"r{number}")
    async with open_store(place.settings()) as store:
        assert await states(store) == {f"r{number}": State.SETTLED for number in range(500)}
        assert await store.read(lambda db: db.rows("SELECT requests, cost FROM days")) == [(500, 50_000)]


async def test_what_is_cancelled_half_way_is_written_all_the_same(place: Place) -> None:
    """The process is told to end while requests run; their tails settle them."""
    with trio.CancelScope() as scope:
        async with open_store(place.settings()) as store:
            store.begin(record("a"))
            store.settle(settled("a"))
            scope.cancel()
            await trio.sleep(1)
    async with open_store(place.settings()) as store:
        assert await states(store) == {"a": State.SETTLED}


async def test_money_is_reserved_and_settled(place: Place) -> None:
    """What a request cost counts when the next one asks."""
    async with open_store(place.settings()) as store:
        claims = [Claim("usd_total", 1000, 400)]
        assert isinstance(await store.reserve("a", "k1", claims), Granted)
        assert isinstance(await store.reserve("b", "k1", claims), Granted)
        assert isinstance(await store.reserve("c", "k1", claims), Refused)
        store.release("b")
        store.begin(record("a"))
        store.settle(settled("a", cost=600))
        assert isinstance(await store.reserve("d", "k1", claims), Granted)
        assert isinstance(await store.reserve("e", "k1", claims), Refused)
    async with open_store(place.settings()) as store:
        rows = await store.read(lambda db: db.rows("SELECT spent, held FROM windows"))
        assert rows == [(600, 0)], "a lease ends with its process"


async def test_requests_of_a_busy_key_do_not_wait_for_the_database(place: Place) -> None:
    """Nor does it hear of each; at the end nothing is held that nobody uses."""
    async with open_store(place.settings()) as store:
        for number in range(200):
            assert isinstance(await store.reserve(f"r{number}", "k1", [Claim("usd_total", 10**9, 100)]), Granted)
        held = await store.read(lambda db: db.rows("SELECT COUNT(*) FROM leases"))
        assert held[0][0] < 50
        for number in range(200):
            store.settle(settled(f"r{number}", cost=90))
    async with open_store(place.settings()) as store:
        assert await store.read(lambda db: db.rows("SELECT spent, held FROM windows")) == [(200 * 90, 0)]


async def test_what_another_process_holds_ahead_is_waited_for(place: Place, tmp_path: Path) -> None:
    """A second; then what fits is admitted, and what does not is refused for good."""
    claims = [Claim("streams", 40, 1)]
    async with (
        open_store(place.settings()) as first,
        open_store(place.settings(folder=tmp_path / "other")) as second,
    ):
        for number in range(4):
            await first.reserve(f"a{number}", "k1", claims)
        answers = [await second.reserve(f"b{number}", "k1", claims) for number in range(36)]
        assert all(isinstance(answer, Granted) for answer in answers)
        refused = await first.reserve("c", "k1", claims)
        assert isinstance(refused, Refused)
        assert not refused.ahead


async def test_keys_hold_at_once_here_and_soon_elsewhere(place: Place, tmp_path: Path) -> None:
    """Within a second in one process, within five in another."""
    async with open_store(place.settings()) as here, open_store(place.settings(folder=tmp_path / "b")) as there:
        pepper = here.keys.pepper
        key, secret = await here.write(lambda db: keys.create(db, pepper, Key(id="", name="ada"), AT))
        found = here.keys.find(secret)
        assert found is not None
        assert found.name == "ada"
        await until(lambda: there.keys.find(secret) is not None)
        await here.write(lambda db: keys.change(db, attrs.evolve(key, enabled=False)))
        assert here.keys.find(secret) is None
        await until(lambda: there.keys.find(secret) is None)
        with pytest.raises(NoKey):
            await here.write(lambda db: keys.remove(db, "key_nobody"))


async def test_what_was_read_first_is_not_taken_over_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nursery: trio.Nursery
) -> None:
    """A look that is slow to come back does not bring a key again that was removed meanwhile."""
    look, looked, gate = keys.snapshot, threading.Event(), threading.Event()

    def slow(db: Any) -> Any:
        found = look(db)
        looked.set()
        gate.wait(5)
        return found

    async with open_store(Settings(file=tmp_path / "a.db")) as store:
        pepper = store.keys.pepper
        key, secret = await store.write(lambda db: keys.create(db, pepper, Key(id="", name="ada"), AT))
        store.keys.renew(Snapshot())
        monkeypatch.setattr("pipeline.store.store.snapshot", slow)
        nursery.start_soon(store.renew)
        await until(looked.is_set)
        monkeypatch.setattr("pipeline.store.store.snapshot", look)
        removed = trio.Event()

        async def remove() -> None:
            await store.write(lambda db: keys.remove(db, key.id))
            removed.set()

        nursery.start_soon(remove)
        with trio.move_on_after(0.5):
            await removed.wait()  # it is, if nobody waits for the look
        gate.set()
        await removed.wait()
        await trio.sleep(0.1)
        assert store.keys.find(secret) is None


# -- outages ----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def going(store: Store, *, every: float = 0.05) -> AsyncIterator[list[str]]:
    """Requests that go on inside; none of them may wait for the database."""
    names: list[str] = []
    over = trio.Event()

    async def go() -> None:
        while not over.is_set():
            name = f"r{len(names)}"
            with trio.fail_after(1):
                await request(store, name)
            names.append(name)
            await trio.sleep(every)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(go)
        yield names
        over.set()


async def test_an_embedded_database_that_is_locked_stops_nobody(tmp_path: Path) -> None:
    """Requests go on, who needs an answer is told, and when it is free again everything is there."""
    settings = Settings(file=tmp_path / "a.db", patience=0.5)
    async with open_store(settings) as store:
        with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            async with going(store) as names:
                for _ in range(3):
                    with pytest.raises(StoreUnavailable) as caught:
                        await store.reserve("x", "k1", [Claim("usd_5h", 1000, 1)])
                    assert caught.value.status == 503
                await until(lambda: len(names) > 20)
                assert await states(store) == {}, "readers are not locked out"
                other.execute("ROLLBACK")
                await until(lambda: store.writer.outage is None)
        assert isinstance(await store.reserve("y", "k1", [Claim("usd_5h", 1000, 1000)]), Granted)
    async with open_store(settings) as store:
        assert await states(store) == dict.fromkeys(names, State.SETTLED)


async def test_an_embedded_database_without_room_stops_nobody(tmp_path: Path) -> None:
    """It recovers as soon as there is room, without a restart."""
    settings = Settings(file=tmp_path / "a.db", patience=0.5)
    async with open_store(settings) as store:
        writer: Any = store._parts.backend
        connection = writer._writer.connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        async with going(store, every=0.001) as names:
            await until(lambda: store.writer.outage is not None)
            assert "full" in str(store.writer.outage)
            so_far = len(names)
            await until(lambda: len(names) > so_far + 20)
            connection.execute("PRAGMA max_page_count = 1000000")
            await until(lambda: store.writer.outage is None)
    async with open_store(settings) as store:
        assert await states(store) == dict.fromkeys(names, State.SETTLED)


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
async def test_a_server_that_goes_and_comes_back_stops_nobody(place: Place, postgres: Cluster) -> None:
    """Killed without a word, and started again."""
    async with open_store(place.settings(patience=0.5, stale=0.5)) as store:
        pepper = store.keys.pepper
        _, secret = await store.write(lambda db: keys.create(db, pepper, Key(id="", name="ada"), AT))
        async with going(store) as names:
            await until(lambda: len(names) > 5)
            await trio.to_thread.run_sync(postgres.stop, signal.SIGQUIT)
            with pytest.raises(StoreUnavailable) as caught:
                await store.reserve("x", "k1", [Claim("usd_5h", 1000, 1)])
            assert caught.value.status == 503
            so_far = len(names)
            await until(lambda: len(names) > so_far + 20)
            await until(lambda: not store.keys.fresh(store.settings.stale))
            await trio.to_thread.run_sync(postgres.start)
            await until(lambda: store.writer.outage is None, 20)
            await until(lambda: store.keys.fresh(store.settings.stale), 20)
            assert store.keys.find(secret) is not None
    async with open_store(place.settings()) as store:
        assert await states(store) == dict.fromkeys(names, State.SETTLED)


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
async def test_what_a_server_never_heard_is_told_at_the_next_start(place: Place, postgres: Cluster) -> None:
    """It was away until the end."""
    async with open_store(place.settings(patience=0.2)) as store:
        await trio.to_thread.run_sync(postgres.stop, signal.SIGQUIT)
        await request(store, "a")
        store.begin(record("b", cost=7))
        folder = store._spool.folder
    assert folder.exists()
    await trio.to_thread.run_sync(postgres.start)
    async with open_store(place.settings()) as store:
        assert await states(store) == {"a": State.SETTLED, "b": State.RECONCILED}
    assert not folder.exists()


async def test_when_too_much_waits_new_requests_are_refused(tmp_path: Path) -> None:
    """With 503, before they are sent; those that run still end, and all is there when the database is back."""
    settings = Settings(file=tmp_path / "a.db", spool=4 << 20)
    async with open_store(settings) as store:
        with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            names: list[str] = []
            while len(names) < 100_000:
                try:
                    store.begin(record(f"r{len(names)}", changes="x" * 3000))
                except StoreUnavailable:
                    break
                names.append(f"r{len(names)}")
            assert 100 < len(names) < 1_400, "three megabytes of them"
            for name in names:
                store.settle(settled(name))
            other.execute("ROLLBACK")
        await until(lambda: store._spool.room, 20)
        await request(store, "again")
    async with open_store(settings) as store:
        assert await states(store) == dict.fromkeys([*names, "again"], State.SETTLED)


# -- other processes --------------------------------------------------------------------------------------------------

PROGRAM = """
import json, sys, trio
sys.path.insert(0, {root!r})
from pathlib import Path
from pipeline.secret import Secret
from pipeline.store.record import Claim, Granted
from pipeline.store.settings import Settings
from pipeline.store.spool import LOCK
from pipeline.store.store import open_store
from tests.pipeline.store.records import record, settled
file, url, folder, mark = json.loads(sys.argv[1])
settings = Settings(file=file and Path(file), url=url and Secret(url), folder=folder and Path(folder),
                    pepper=Secret("a pepper for tests"))
{body}
trio.run(main)
"""

RACE = """
async def main():
    granted = []
    claims = [Claim("usd_5h", 5_700, 100), Claim("streams", 90, 1)]
    async def ask(store, worker):
        for number in range(5):
            answer = await store.reserve(f"{mark}-{worker}-{number}", "k1", claims)
            granted.append(isinstance(answer, Granted))
    async with open_store(settings) as store:
        print("ready", flush=True)
        await trio.to_thread.run_sync(sys.stdin.readline)
        async with trio.open_nursery() as nursery:
            for worker in range(20):
                nursery.start_soon(ask, store, worker)
        print(sum(granted), flush=True)
        await trio.to_thread.run_sync(sys.stdin.readline)
"""

VICTIM = """
async def main():
    async def go(store, worker):
        number = 0
        while True:
            number += 1
            name = f"{mark}-{worker}-{number}"
            opened = record(name, cost=1)
            await store.reserve(name, "k1", [Claim("usd_total", 10**12, 50), Claim("streams", 10**6, 1)])
            await store.synced(store.begin(opened))
            print(f"began {name}", flush=True)
            store.note(record(name, cost=2, output=1))
            store.settle(settled(name, cost=3))
            print(f"ended {name}", flush=True)
    async with open_store(settings) as store, trio.open_nursery() as nursery:
        for worker in range(8):
            nursery.start_soon(go, store, worker)
"""


@contextmanager
def started(place: Place, body: str, mark: str, folder: Path | None = None) -> "Iterator[subprocess.Popen[str]]":
    """A process that runs *body*."""
    settings = place.settings(folder=folder)
    paths = [str(settings.file or "") or None, place.url, str(settings.folder or "") or None, mark]
    program = PROGRAM.format(root=str(ROOT), body=body)
    process = subprocess.Popen(
        [sys.executable, "-c", program, json.dumps(paths)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_two_processes_grant_exactly_what_fits(place: Place, tmp_path: Path) -> None:
    """Two hundred that ask at once: not one more, not one less."""
    with started(place, RACE, "a") as one, started(place, RACE, "b", tmp_path / "b") as two:
        granted = []
        for process in (one, two):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in (one, two):
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in (one, two):
            assert process.stdout is not None
            granted.append(int(process.stdout.readline()))
    assert sum(granted) == 57


async def test_a_process_that_is_killed_loses_nothing_it_acknowledged(place: Place) -> None:
    """Again and again: what had ended is settled once, what had begun is closed, sums and windows fit."""
    began: set[str] = set()
    ended: set[str] = set()
    for round_ in range(4):
        with started(place, VICTIM, f"p{round_}") as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(40 + 30 * round_)]
            process.kill()
            for what, _, name in (line.partition(" ") for line in [*lines, *process.stdout]):
                if name.endswith("\n"):
                    {"began": began, "ended": ended}.get(what, set()).add(name.strip())
    async with open_store(place.settings()) as store:
        found = await states(store)
        assert began <= set(found)
        assert {found[name] for name in ended} == {State.SETTLED}
        assert State.OPEN not in found.values()
        total = (await store.read(lambda db: db.rows("SELECT CAST(SUM(cost) AS BIGINT) FROM requests")))[0][0]
        rows = await store.read(lambda db: db.rows("SELECT kind, spent, held FROM windows ORDER BY kind"))
        assert rows == [("streams", 0, 0), ("usd_total", total, 0)]
        assert await store.read(lambda db: db.rows("SELECT * FROM leases")) == []


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
async def test_a_record_that_the_database_does_not_take_is_kept(place: Place) -> None:
    """In a file, for people to look at; the others are written."""
    async with open_store(place.settings()) as store:
        for name, model in (("a", "m"), ("b", "nothing \x00 of ours"), ("c", "m")):
            store.settle(settled(name, model=model))
        kept = store._parts.root / "aside.bin"
    assert b"nothing \x00 of ours" in kept.read_bytes()
    async with open_store(place.settings()) as store:
        assert sorted(await states(store)) == ["a", "c"]


async def test_a_record_that_nobody_takes_is_in_the_log(tmp_path: Path) -> None:
    """Where its file can't be written, on a full disk say: whole, and the gateway goes on."""
    async with open_store(Settings(file=tmp_path / "a.db")) as store:
        (store._parts.root / "aside.bin").mkdir()
        with capture_logs() as lines:
            store.aside(settled("a"), "why")
        assert [line["event"] for line in lines][1:] == ["a record can't be set aside"]
        assert decode(bytes.fromhex(lines[1]["lost"])) == settled("a")


async def test_what_a_dead_process_left_unreadable_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does a moment without a free descriptor: it is said, and looked at again with the next heartbeat."""
    monkeypatch.setattr("pipeline.store.store.BEAT", 0.01)
    async with open_store(Settings(file=tmp_path / "a.db")) as store:
        left = store._parts.root / "dead"
        (left / "segment").mkdir(parents=True)  # it can't be read as a file
        (left / LOCK).touch()
        with capture_logs() as lines:
            await until(lambda: len(lines) > 2)
        assert {line["event"] for line in lines} == {"what dead processes left can't be looked at"}
        await request(store, "a")
        (left / "segment").rmdir()
        await until(lambda: not left.exists())
