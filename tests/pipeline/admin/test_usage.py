"""What was used, as the API tells it; the sums themselves are the store's tests."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import trio

from pipeline.observe.recent import Recent
from tests.pipeline.admin.office import CONFIGURED, Office, office
from tests.pipeline.admin.test_keys import PROMPT
from tests.pipeline.admin.test_prices import used

DAY = 24 * 3600 * 1000


async def test_sums_over_time_and_by_model(at: Office) -> None:
    """Every bucket is there, the empty ones too; totals, buckets and rows say the same."""
    request = await used(at)
    told = (await at.ask("GET", "/usage?period=24h&by=model")).json
    assert (told["bucket"], len(told["buckets"]), told["to"] - told["from"]) == (3_600_000, 24, DAY)
    (row,) = told["rows"]
    assert (row["id"], row["requests"], row["output"]) == ("claude-simulated", 1, request["output"])
    assert sum(bucket["output"] for bucket in told["buckets"]) == told["totals"]["output"] == request["output"]


@pytest.mark.parametrize(("period", "bucket", "count"), [("7d", 6, 28), ("30d", 24, 30)])
async def test_longer_periods_have_longer_buckets(at: Office, period: str, bucket: int, count: int) -> None:
    """Six hours for a week, a day for a month."""
    told = (await at.ask("GET", f"/usage?period={period}")).json
    assert (told["bucket"], len(told["buckets"])) == (bucket * 3_600_000, count)


async def test_a_span_of_centuries_is_told_in_few_buckets(at: Office) -> None:
    """Whatever is asked, an answer stays small."""
    told = (await at.ask("GET", f"/usage?from=0&to={1 << 52}")).json
    assert len(told["buckets"]) <= 1_001


async def test_what_is_asked_for_by_is_what_counts(at: Office) -> None:
    """A filter that fits nothing gives nothing."""
    await used(at)
    assert (await at.ask("GET", "/usage?model=another&by=key")).json["totals"]["requests"] == 0
    assert (await at.ask("GET", "/usage?upstream=up&by=key")).json["rows"][0]["id"] == "local"


async def test_keys_of_the_configuration_go_by_their_names(tmp_path: Path) -> None:
    """The books have them by a digest, which nobody knows them by."""
    async with office(tmp_path, CONFIGURED + '[auth]\nkeys = [{ name = "ada", key = "a-key-of-hers" }]\n') as at:
        asked = {"x_api_key": "a-key-of-hers", "x_claude_code_session_id": "s1"}
        assert (await at.send("POST", "/v1/messages", PROMPT, **asked)).status == 200
        while not (await at.ask("GET", "/requests")).json["requests"]:  # noqa: ASYNC110  # no event tells
            await trio.sleep(0.01)
        (row,) = (await at.ask("GET", "/usage?by=key")).json["rows"]
        (session,) = (await at.ask("GET", "/sessions")).json["sessions"]
        assert (row["name"], session["key_name"]) == ("ada", "ada")
        assert row["id"] == session["key"] != "ada"


async def test_requests_come_in_pages_the_newest_first(at: Office) -> None:
    """A cursor leads on until there is none; one that was never given out leads nowhere."""
    ids = [(await used(at))["id"] for _ in range(3)]
    seen: list[str] = []
    path: str | None = "/requests?limit=2"
    while path:
        page = (await at.ask("GET", path)).json
        seen += [request["id"] for request in page["requests"]]
        path = f"/requests?limit=2&before={page['next']}" if page["next"] else None
    assert seen == ids[::-1]
    assert (await at.ask("GET", "/requests?before=nonsense")).status == 404
    assert (await at.ask("GET", "/requests?errors=1")).json["requests"] == []


async def test_one_request_with_all_that_is_known_of_it(at: Office) -> None:
    """Its attempts, its changes, what it took; whether memory has more of it, and a file all of it."""
    request = await used(at)
    whole = (await at.ask("GET", f"/requests/{request['id']}")).json
    assert {name: whole[name] for name in request} == request
    assert {"attempts", "changes", "stages", "extra"} <= whole.keys()
    assert (whole["recent"], whole["capture"]) == (True, {"on": False, "kept": False})
    at.gateway.observer.recent = Recent(most=0)
    assert not (await at.ask("GET", f"/requests/{request['id']}")).json["recent"]
    assert (await at.ask("GET", "/requests/req_nothing")).status == 404


async def test_sessions_with_their_agents(at: Office) -> None:
    """As the client named them."""
    await at.send("POST", "/v1/messages", PROMPT, x_claude_code_session_id="s1")
    await used(at)
    (session,) = (await at.ask("GET", "/sessions")).json["sessions"]
    assert (session["session"], session["requests"], len(session["agents"])) == ("s1", 1, 1)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
async def test_an_export_is_a_file_of_all_requests(at: Office, form: str) -> None:
    """The oldest first, one a line."""
    ids = [(await used(at))["id"] for _ in range(3)]
    answer = await at.ask("GET", f"/export?format={form}")
    assert answer.headers["content-disposition"] == f'attachment; filename="requests.{form}"'
    text = answer.body.decode()
    rows: list[Any] = (
        list(csv.DictReader(io.StringIO(text))) if form == "csv" else [*map(json.loads, text.splitlines())]
    )
    assert [row["id"] for row in rows] == ids


async def test_old_requests_are_removed_and_their_sums_stay(at: Office) -> None:
    """Whole days, and only those before the moment; it is in the audit."""
    request = await used(at)
    assert (await at.ask("DELETE", f"/usage?before={request['at']}")).json == {"removed": 0}
    assert (await at.ask("DELETE", f"/usage?before={request['at'] + DAY}")).json == {"removed": 1}
    assert (await at.ask("GET", "/requests")).json["requests"] == []
    assert (await at.ask("GET", "/usage")).json["totals"]["requests"] == 1
    assert (await at.ask("GET", "/audit")).json["entries"][0]["what"] == "usage.remove"
    assert (await at.ask("DELETE", "/usage")).status == 422
