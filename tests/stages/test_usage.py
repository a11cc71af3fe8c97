"""Usage: what the holder of a key is told of it, and of no other."""

from pathlib import Path

import pytest

from pipeline.errors import NotFound
from pipeline.exchange import Caller
from pipeline.store.record import Claim, Record, State
from pipeline.store.settings import Settings
from pipeline.store.store import open_store
from stages.allowance import Allowance, Limit
from stages.usage import answer, look
from tests.doubles import Kept, exchange
from tests.pipeline.store.records import until

LIMITS = Allowance((Limit("usd_5h", 1000), Limit("usd_week", 5000, "claude-*")))


async def test_a_key_is_told_its_own(tmp_path: Path) -> None:
    """Windows of its limits, also those that nothing was used of; sums, by period and by model."""
    async with open_store(Settings(file=tmp_path / "a.db")) as store:
        now = store.now()
        await store.reserve("r1", "k1", [Claim("usd_5h", 1000, 300)])
        for name, key in (("r2", "k1"), ("r3", "another")):
            store.settle(Record(name, state=int(State.SETTLED), at=now, key=key, model="m", cost=70, input=5))
        await until(lambda: not (store.writer._batch or store.writer._waiting))
        told = await store.read(lambda db: look(db, caller=Caller("ada", "k1", ("m",)), allowance=LIMITS, now=now))
    assert told["key"] == {"name": "ada", "models": ["m"], "expires": 0}
    five, week = told["windows"]
    assert (five["kind"], five["limit"], five["spent"], five["held"]) == ("usd_5h", 1000, 70, 300)
    assert (week["models"], week["limit"], week["spent"], week["held"]) == ("claude-*", 5000, 0, 0)
    assert {period: sums["cost"] for period, sums in told["totals"].items()} == {"24h": 70, "7d": 70, "30d": 70}
    assert [(row["id"], row["requests"]) for row in told["by_model"]] == [("m", 1)]


async def test_without_books_there_is_nothing_to_tell() -> None:
    """It is said, not answered with noughts."""
    with pytest.raises(NotFound):
        await answer(exchange(), Kept(), caller=Caller("ada", "k1"), allowance=LIMITS)
