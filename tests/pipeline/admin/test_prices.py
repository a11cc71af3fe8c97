"""What models cost, and what they would have."""

from pathlib import Path
from typing import Any

import pytest
import trio

from tests.pipeline.admin.office import CONFIGURED, Office, office
from tests.pipeline.admin.test_keys import PROMPT

PRICE = {"model": "claude-sim*", "input": 3_000_000, "output": 15_000_000}


async def used(at: Office) -> Any:
    """One more request, which is in the books when this returns."""
    before = len((await at.ask("GET", "/requests")).json["requests"])
    assert (await at.send("POST", "/v1/messages", PROMPT)).status == 200
    while len(found := (await at.ask("GET", "/requests")).json["requests"]) == before:  # noqa: ASYNC110  # no event tells
        await trio.sleep(0.01)
    return found[0]


async def test_a_price_that_is_set_counts_from_then_on(at: Office) -> None:
    """Requests before it have none, and those after it cost what it says, exactly."""
    assert (await used(at))["cost"] is None
    made = (await at.ask("POST", "/prices", {**PRICE, "cache_read": 1})).json["price"]
    assert (made["editable"], made["cache_read"], made["cache_write_1h"]) == (True, 1, 3_000_000)
    assert (await at.ask("GET", "/prices")).json["prices"][0] == made
    newest = await used(at)
    assert newest["cost"] == round(newest["input"] * 3 + newest["output"] * 15)


async def test_rerating_looks_first_and_does_then(at: Office) -> None:
    """What was used without a price is paid for afterwards; doing it twice changes nothing."""
    request = await used(at)
    await at.ask("POST", "/prices", {**PRICE, "since": 0})
    time = {"from": request["at"], "to": request["at"] + 1}
    looked = (await at.ask("POST", "/prices/rerate", time)).json
    assert (looked["requests"], looked["before"]) == (1, 0)
    assert looked["after"] == request["input"] * 3 + request["output"] * 15
    assert (await at.ask("GET", "/requests")).json["requests"][0]["cost"] is None
    assert (await at.ask("POST", "/prices/rerate", {**time, "apply": True})).json == looked
    assert (await at.ask("GET", "/requests")).json["requests"][0]["cost"] == looked["after"]
    assert (await at.ask("POST", "/prices/rerate", {**time, "apply": True})).json["before"] == looked["after"]


async def test_a_price_can_be_removed_and_those_that_come_with_us_can_not(at: Office) -> None:
    """By its id; the others have none."""
    made = (await at.ask("POST", "/prices", PRICE)).json["price"]
    assert (await at.ask("DELETE", f"/prices/{made['id']}")).status == 204
    assert (await at.ask("DELETE", f"/prices/{made['id']}")).status == 404
    assert {price["editable"] for price in (await at.ask("GET", "/prices")).json["prices"]} == {False}


async def test_a_file_of_ones_own_stands_before_what_comes_with_us(tmp_path: Path) -> None:
    """As it counts."""
    (tmp_path / "own.toml").write_text('source = "ours"\n[[price]]\nmodels = ["mine"]\ninput = 1\noutput = 2\n')
    async with office(tmp_path, CONFIGURED + f'[meter]\nprices = "{tmp_path / "own.toml"}"\n') as at:
        first = (await at.ask("GET", "/prices")).json["prices"][0]
        assert (first["model"], first["source"], first["output"]) == ("mine", "ours", 2_000_000)


async def test_two_tiers_that_begin_together_are_refused(at: Office) -> None:
    """Nobody could tell which of them bills: the second one is told by its place, and no price is set."""
    rates = {"input": 1, "output": 2, "cache_read": 3, "cache_write_5m": 4, "cache_write_1h": 5}
    tiers = [{"above": above, **rates} for above in (200_000, 100_000, 200_000)]
    answer = await at.ask("POST", "/prices", {**PRICE, "tiers": tiers})
    assert answer.status == 409
    assert answer.json["error"]["message"] == "tiers[2].above: there is a tier above 200000 before"
    assert not any(price["editable"] for price in (await at.ask("GET", "/prices")).json["prices"])


@pytest.mark.parametrize("factors", [{"": {"batch": 0.5}}, {"service_tier": {"": 0.5}}, {"service_tier": {"a b": 0.5}}])
async def test_a_term_without_a_name_is_none(at: Office, factors: Any) -> None:
    """It would multiply the cost of whatever has another term, and of nothing else."""
    answer = await at.ask("POST", "/prices", {**PRICE, "factors": factors})
    assert (answer.status, answer.json["error"]["fields"][0]["path"][:7]) == (422, "factors")


async def test_tiers_and_factors_are_kept_as_they_were_said(at: Office) -> None:
    """Whole micro-dollars in and out."""
    rates = {"input": 1, "output": 2, "cache_read": 3, "cache_write_5m": 4, "cache_write_1h": 5}
    said = {**PRICE, "tiers": [{"above": 200_000, **rates}], "factors": {"service_tier": {"batch": 0.5}}}
    made = (await at.ask("POST", "/prices", said)).json["price"]
    assert (made["tiers"], made["factors"]) == (said["tiers"], said["factors"])
