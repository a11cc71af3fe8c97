"""Advances: requests of a busy key are granted from memory, and nobody ever gets more, or less, than there is."""

from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.store import recovery, sql
from pipeline.store.advances import KEYS, LIFE, Advances
from pipeline.store.database import looking
from pipeline.store.opening import Parts
from pipeline.store.record import AHEAD, Claim, Granted, Lease, Record, Refused
from pipeline.store.transact import Batch, Reserve, transact
from tests.pipeline.store.records import AT, settled

MINUTE = 60_000
MONEY = Claim("usd_total", 1_000_000, 100)
ALL = (MONEY, Claim("requests_minute", 10_000, 1), Claim("tokens_minute", 1_000_000, 50), Claim("streams", 1_000, 1))


@attrs.define
class Process:
    """One process with books in *parts*, as its store and its writer are to advances."""

    parts: Parts
    name: str = "i1"
    advances: Advances = attrs.field(default=attrs.Factory(lambda self: Advances(self.name), True))
    batch: Batch = attrs.field(init=False)
    transactions: int = 0

    def __attrs_post_init__(self) -> None:
        self.batch = Batch(self.name)

    def ask(self, name: str, *claims: Claim, key: str = "k1", now: int = AT) -> Granted | Refused:
        """From memory, or in a transaction."""
        granted = self.advances.grant(name, key, claims, now)
        return granted or self.asked(Reserve(Lease(id=name, instance=self.name, at=now, key=key), claims), now=now)

    def asked(self, *reserves: Reserve, now: int = AT) -> Any:
        """The answer to the last of *reserves*, which come together."""
        self.batch.reserves += reserves
        self.write(now)
        return reserves[-1].answer

    def ended(self, *records: Record, now: int = AT) -> None:
        """The requests of *records* have ended; that is written some time."""
        for each in records:
            self.batch.versions[each.id] = each
            self.advances.settle({each.id: each}, now)

    def unsent(self, name: str) -> None:
        """The request was never sent."""
        if not self.advances.release(name):
            self.batch.releases.append(name)

    def write(self, now: int, *, last: bool = False, times: int = 1) -> None:
        """A transaction; more *times* if the answer to its commit got lost."""
        asked: dict[str, list[Sequence[Claim]]] = {}
        for each in self.batch.reserves:
            self.advances.release(each.lease.id)
            asked.setdefault(each.lease.key, []).append(each.claims)
        broken, wanted = self.advances.plan(asked, now, last=last)
        self.batch.broken += broken
        self.batch.advances |= {key: Reserve(*each) for key, each in wanted.items()}
        for _ in range(times):
            with self.parts.backend.transaction() as db:
                transact(db, self.batch, now)
        for taken in self.batch.advances.values():
            if isinstance(taken.answer, Granted):
                self.advances.took(taken.lease, taken.answer)
        self.batch = Batch(self.name)
        self.transactions += 1


def windows(parts: Parts, key: str = "k1") -> dict[str, tuple[int, int]]:
    """Spent and held, by kind."""
    found = looking(parts.backend, lambda db: sql.windows(db, [key]))
    return {window.kind: (window.spent, window.held) for window in found}


def leases(parts: Parts) -> list[str]:
    found = looking(parts.backend, lambda db: db.rows("SELECT id FROM leases ORDER BY id"))
    return ["an advance" if row[0].startswith(AHEAD) else row[0] for row in found]


def busy(parts: Parts, *claims: Claim) -> Process:
    """A process that has an advance for the key k1, and runs r1 and r2, which asked the database."""
    process = Process(parts)
    for name in ("r1", "r2"):
        assert isinstance(process.ask(name, *claims), Granted)
    assert process.advances
    return process


def test_a_key_that_asks_now_and_then_holds_nothing_ahead(parts: Parts) -> None:
    """One person's requests, a moment apart, are exactly what they are."""
    process = Process(parts)
    for number in range(3):
        process.ask(f"r{number}", MONEY, now=AT + number * 1_001)
    assert (windows(parts), process.transactions) == ({"usd_total": (0, 300)}, 3)
    assert not process.advances


def test_a_busy_key_asks_memory(parts: Parts) -> None:
    """And each hears how its key stands, as if the database had been asked."""
    process = busy(parts, *ALL)
    for number in range(3, 8):
        granted = process.ask(f"r{number}", *ALL, now=AT + number)
        assert isinstance(granted, Granted)
        stands = {each.kind: (each.spent, each.held) for each in granted.standings}
        assert stands == {
            "usd_total": (0, 100 * number),
            "requests_minute": (number, 0),
            "tokens_minute": (50 * number, 0),
            "streams": (0, number),
        }
    assert process.transactions == 2


def test_requests_that_come_together_are_enough(parts: Parts) -> None:
    """There need not be one before them."""
    process = Process(parts)
    process.asked(*[Reserve(Lease(id=name, instance="i1", at=AT, key="k1"), [MONEY]) for name in ("r1", "r2")])
    assert isinstance(process.ask("r3", MONEY), Granted)
    assert process.transactions == 1


def test_what_runs_goes_on_and_the_rest_is_free_again(parts: Parts) -> None:
    """After a second: held by each that runs, spent by those that ended, and not a micro-dollar besides."""
    process = busy(parts, *ALL)
    for name in ("runs", "ends", "unsent"):
        process.ask(name, *ALL, now=AT + 10)
    process.unsent("unsent")
    process.ended(settled("ends", cost=70), now=AT + 20)
    process.write(AT + LIFE, last=True)
    assert leases(parts) == ["r1", "r2", "runs"]
    assert windows(parts) == {
        "usd_total": (70, 300),
        "requests_minute": (4, 0),
        "tokens_minute": (3 * 50 + settled().tokens, 0),
        "streams": (0, 3),
    }
    process.ended(*[settled(name, cost=30) for name in ("r1", "r2", "runs")])
    process.write(AT + LIFE + 1)
    assert leases(parts) == []
    assert windows(parts)["usd_total"] == (160, 0)
    assert windows(parts)["streams"] == (0, 0)


def test_who_lived_a_second_is_followed_by_one_that_fits(parts: Parts) -> None:
    """As much as the last second used, twice; and by none when nothing was used."""
    process = busy(parts, MONEY)
    for number in range(5):
        process.ask(f"m{number}", MONEY, now=AT + 10)
    process.write(AT + LIFE)
    ahead = windows(parts)["usd_total"][1] - 7 * 100
    assert 800 < ahead <= 1000, "five requests in a second, twice, at a speed that was learned in a millisecond more"
    process.write(AT + 2 * LIFE + 1)
    assert leases(parts) == ["m0", "m1", "m2", "m3", "m4", "r1", "r2"]
    assert not process.advances


def test_what_fits_is_admitted_to_the_last(parts: Parts) -> None:
    """Its own advance never makes a process refuse anybody."""
    process, claim = Process(parts), Claim("usd_total", 1_000, 10)
    answers = [process.ask(f"r{number}", claim) for number in range(120)]
    assert [isinstance(answer, Granted) for answer in answers] == [True] * 100 + [False] * 20
    assert process.transactions < 60


def test_who_is_refused_for_what_another_holds_ahead_is_told(parts: Parts) -> None:
    """And admitted when that has been broken up; another refusal is final."""
    first, other, claim = Process(parts), Process(parts, "i2"), Claim("streams", 20, 1)
    for number in range(3):
        first.ask(f"r{number}", claim)
    free = 20 - windows(parts)["streams"][1]
    assert free < 17
    for number in range(free):
        assert isinstance(other.ask(f"o{number}", claim, now=AT + 2 * LIFE * number), Granted)
    refused = other.ask("late", claim, now=AT + 100 * LIFE)
    assert isinstance(refused, Refused)
    assert refused.ahead
    first.write(AT + 100 * LIFE)
    for number in range(17 - free):
        assert isinstance(other.ask(f"l{number}", claim, now=AT + (101 + 2 * number) * LIFE), Granted)
    last = other.ask("last", claim, now=AT + 200 * LIFE)
    assert isinstance(last, Refused)
    assert not last.ahead


@pytest.mark.parametrize(
    ("claim", "now"),
    [
        (Claim("usd_5h", 1_000_000, 100), AT + 6 * 60 * MINUTE),
        (Claim("usd_5h", 200, 100), AT),
        (Claim("usd_5h", 2_000_000, 100), AT),
        (Claim("usd_5h", 1_000_000, 100_000), AT),
        (Claim("usd_5h", 1_000_000, 100, ends=AT + MINUTE), AT),
        (Claim("usd_5h", 1_000_000, 100, models="claude-*"), AT),
        (Claim("usd_week", 1_000_000, 100), AT),
    ],
    ids=[
        "its end",
        "a lower limit",
        "a higher limit",
        "more than is left",
        "another end",
        "other models",
        "another kind",
    ],
)
def test_memory_does_not_answer_what_it_can_not_know(parts: Parts, claim: Claim, now: int) -> None:
    """Then the database is asked."""
    process = busy(parts, Claim("usd_5h", 1_000_000, 100))
    assert process.advances.grant("r3", "k1", [claim], now) is None
    assert process.advances.grant("r4", "k2", [Claim("usd_5h", 1_000_000, 100)], AT) is None
    assert isinstance(process.advances.grant("r5", "k1", [Claim("usd_5h", 1_000_000, 100)], AT), Granted)


def test_a_commit_whose_answer_is_lost_counts_once(parts: Parts) -> None:
    """Whatever was in it: what is broken up, what runs on, what is taken."""
    process = busy(parts, MONEY)
    process.ask("runs", MONEY)
    process.ask("ends", MONEY)
    process.ended(settled("ends", cost=70))
    process.batch.reserves.append(Reserve(Lease(id="r3", instance="i1", at=AT, key="k1"), [MONEY]))
    process.write(AT + 10, times=2)
    ahead = looking(parts.backend, lambda db: sum(n for each in sql.advances(db, "k1", "") for *_, n in each.holds))
    assert ahead > 0
    assert windows(parts) == {"usd_total": (70, 400 + ahead)}
    assert leases(parts) == ["an advance", "r1", "r2", "r3", "runs"]


def test_a_request_that_ends_before_its_advance_is_written_holds_nothing(parts: Parts) -> None:
    """The database was away when it was broken up; both are written together when it is back."""
    process = busy(parts, MONEY)
    process.ask("r3", MONEY)
    broken, _ = process.advances.plan({}, AT + LIFE)
    process.batch.broken += broken
    process.ended(settled("r3", cost=70))
    process.write(AT + LIFE)
    assert (leases(parts), windows(parts)) == (["r1", "r2"], {"usd_total": (70, 200)})


def test_asking_again_takes_the_place_of_the_part(parts: Parts) -> None:
    """A next try of the same request, with another estimate."""
    process = busy(parts, MONEY)
    process.ask("r3", MONEY)
    process.asked(Reserve(Lease(id="r3", instance="i1", at=AT, key="k1"), [Claim("usd_total", 1_000_000, 250)]))
    process.write(AT + LIFE, last=True)
    assert windows(parts) == {"usd_total": (0, 450)}


def test_what_the_dead_held_ahead_is_free_again(parts: Parts) -> None:
    """What counts at once is not: nobody knows how much of it was used, and it is over in a minute."""
    process = busy(parts, *ALL)
    before = windows(parts)
    recovery.bury(parts.backend, "i1", AT + 10)
    assert leases(parts) == []
    after = windows(parts)
    assert (after["usd_total"], after["streams"]) == ((0, 0), (0, 0))
    assert 2 < after["requests_minute"][0] < before["requests_minute"][0]
    assert process.advances


def test_a_window_that_began_anew_gets_nothing_back(parts: Parts) -> None:
    """What was not used of the minute before is no part of this one."""
    process = busy(parts, Claim("requests_minute", 10_000, 1))
    other = Process(parts, "i2")
    other.ask("o", Claim("requests_minute", 10_000, 1), now=AT + MINUTE)
    process.write(AT + MINUTE + 1)
    assert windows(parts) == {"requests_minute": (1, 0)}


def test_what_is_remembered_of_keys_is_bounded(parts: Parts) -> None:
    """The latest stay."""
    advances = Advances("i1")
    for number in range(KEYS + 5):
        advances.plan({f"k{number}": [[MONEY]]}, AT)
    assert list(advances._asked) == [f"k{number}" for number in range(5, KEYS + 5)]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "end", "unsent", "write"]), st.booleans(), st.integers(1, 300), st.integers(0, 900)
    ),
    max_size=60,
)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_two_processes_never_get_more_than_there_is(parts: Parts, steps: list[tuple[str, bool, int, int]]) -> None:
    """Whatever they ask, end, and forget to send; and when all is over what was spent is what it cost."""
    with parts.backend.transaction() as db:
        for table in ("windows", "leases", "requests", "hours", "days"):
            db.run(f"DELETE FROM {table}")  # noqa: S608  # ours
    both = Process(parts, "i1"), Process(parts, "i2")
    running: list[tuple[Process, str, int]] = []
    now, spent, limit = AT, 0, 10_000
    for number, (what, second, amount, later) in enumerate(steps):
        process, now = both[second], now + later
        if what == "ask" and isinstance(process.ask(f"r{number}", Claim("usd_total", limit, amount), now=now), Granted):
            running.append((process, f"r{number}", amount))
        elif what == "end" and running:
            owner, name, cost = running.pop(amount % len(running))
            owner.ended(settled(name, cost=cost), now=now)
            spent += cost
        elif what == "unsent" and running:
            owner, name, _ = running.pop(amount % len(running))
            owner.unsent(name)
        elif what == "write":
            process.write(now)
        assert spent + sum(cost for *_, cost in running) <= limit
        assert all(sum(each) <= limit for each in windows(parts).values())
    for owner, name, cost in running:
        owner.ended(settled(name, cost=cost), now=now)
    for process in both:
        process.write(now, last=True)
    assert leases(parts) == []
    if windows(parts):
        assert windows(parts) == {"usd_total": (spent + sum(cost for *_, cost in running), 0)}
