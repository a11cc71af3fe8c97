"""The last requests, as the admin sees them."""

import json
from pathlib import Path

from pipeline.observe.observer import EACH
from tests.pipeline.admin.office import Office, office
from tests.pipeline.admin.test_keys import PROMPT
from tests.pipeline.admin.test_upstreams import AWAY


async def test_the_last_requests_are_listed(at: Office) -> None:
    """The newest first, also those that were refused."""
    assert (await at.send("POST", "/v1/messages", PROMPT)).status == 200
    assert (await at.send("POST", "/v1/messages", b"[]")).status == 400
    found = (await at.ask("GET", "/recent")).json["requests"]
    assert [(each["status"], each["error"], each["upstream"]) for each in found] == [
        (400, "InvalidRequest", None),
        (200, None, "up"),
    ]
    assert found[1]["tokens"]["output"] > 0
    assert len((await at.ask("GET", "/recent?limit=1")).json["requests"]) == 1


async def test_one_tells_what_each_stage_did(at: Office) -> None:
    """Its time, its edits, and, where that was looked at, events."""
    body = json.loads(PROMPT) | {"model": "claude-simulated(high)", "max_tokens": 4000}
    for _ in range(EACH):
        assert (await at.send("POST", "/v1/messages", json.dumps(body).encode())).status == 200
    newest = (await at.ask("GET", "/recent")).json["requests"][0]["id"]
    told = (await at.ask("GET", f"/recent/{newest}")).json
    effects = {effect["stage"]: effect for effect in told["effects"]}
    assert [(each["upstream"], each["status"]) for each in told["tries"]] == [("up", 200)]
    assert [edit["path"] for edit in effects["thinking_suffix"]["edits"]] == ["model"]
    assert effects["meter"]["events"] > 0
    assert sum(effect["up"] for effect in effects.values()) > 0
    assert (await at.ask("GET", "/recent/req_none")).status == 404


async def test_the_next_try_tells_why_it_was_made(tmp_path: Path) -> None:
    """After which failure of whom; and which rule chose them."""
    both = AWAY.replace('upstreams = ["away"]', 'upstreams = ["away", "up"]')
    async with office(tmp_path, both) as at:
        assert (await at.send("POST", "/v1/messages", PROMPT.replace(b"claude-simulated", b"far"))).status == 200
        (newest,) = (await at.ask("GET", "/recent")).json["requests"]
        told = (await at.ask("GET", f"/recent/{newest['id']}")).json
        assert [(each["upstream"], each["why"]) for each in told["tries"]] == [
            ("away", None),
            ("up", "away: UpstreamFailed"),
        ]
        assert '"far"' in newest["rule"]
        assert told["capture"] == {"on": False, "kept": False}


async def test_it_is_for_admins_only(at: Office) -> None:
    """Like everything here."""
    assert (await at.ask("GET", "/recent", basic=None)).status == 401
