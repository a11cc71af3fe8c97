"""Who answers, how they are, and what they are shown."""

import time
from pathlib import Path

import trio

from tests.pipeline.admin.office import CONFIGURED, Office, office
from tests.pipeline.admin.test_keys import PROMPT

SECRET = "sk-test-0123456789-abcd"
AWAY = f"""{CONFIGURED}
[upstreams.away]
dialect = "anthropic"
url = "http://127.0.0.1:1"
key = "k-of-away"
models = ["far"]
[model_map]
rules = [{{ match = "far", upstreams = ["away"] }}]
"""
OAUTH = f"""{AWAY.replace('key = "k-of-away"', "")}
[upstreams.away.oauth]
authorize = "https://login.test/a"
token = "https://login.test/t"
redirect = "http://127.0.0.1:4096/"
client_id = "me"
"""


async def test_an_upstream_is_told_without_its_key(tmp_path: Path) -> None:
    """Where it is, what it speaks, whose key it is shown, and how it was when it last answered."""
    async with office(tmp_path, AWAY) as at:
        await at.send("POST", "/v1/messages", PROMPT)
        await at.send("POST", "/v1/messages", PROMPT.replace(b"claude-simulated", b"far"))
        answer = await at.ask("GET", "/upstreams")
        up, away = answer.json["upstreams"]
        assert (up["state"], up["last_status"], up["dialect"]) == ("ok", 200, "anthropic")
        assert away["url"] == "http://127.0.0.1:1/v1"
        assert (away["models"], away["key"], away["oauth"]) == (["far"], "config", None)
        assert away["state"] == "failing"
        assert away["last_error"]
        assert b"k-of-away" not in answer.body


async def test_until_when_an_upstream_rests_is_told(tmp_path: Path) -> None:
    """As a moment, with how often it failed; then that the next request finds out whether it is well."""
    async with office(tmp_path, AWAY) as at:
        condition = next(each for each in at.gateway.upstreams if each.name == "away").condition
        condition.row, condition.rests, condition.until = 5, 1, trio.current_time() + 60
        away = (await at.ask("GET", "/upstreams")).json["upstreams"][1]
        assert 50_000 < away["resting_until"] - time.time() * 1000 <= 60_000
        assert (away["state"], away["failures"], away["on_trial"]) == ("resting", 5, False)
        condition.until = trio.current_time()
        up, away = (await at.ask("GET", "/overview")).json["upstreams"]
        assert (away["resting_until"], away["on_trial"]) == (None, True)
        assert (up["resting_until"], up["on_trial"], up["failures"]) == (None, False, 0)


async def test_a_credential_is_added_and_never_told_again(at: Office) -> None:
    """It can rest, be renamed and removed; the audit names it, and nothing more."""
    made = await at.ask("POST", "/upstreams/up/credentials", {"name": "second", "key": SECRET})
    assert made.status == 201
    held = made.json["credential"]
    assert (held["name"], held["kind"], held["enabled"], held["configured"]) == ("second", "key", True, False)
    path = f"/upstreams/up/credentials/{held['id']}"
    changed = (await at.ask("PATCH", path, {"enabled": False, "name": "third"})).json["credential"]
    assert (changed["name"], changed["enabled"]) == ("third", False)
    for where in ("/upstreams", "/audit", "/settings"):
        assert SECRET.encode() not in (await at.ask("GET", where)).body
    assert (await at.ask("DELETE", path)).status == 204
    assert (await at.ask("PATCH", path, {})).status == 404


async def test_a_test_goes_where_the_configuration_says_and_nowhere_else(at: Office) -> None:
    """Step by step; a name that is no upstream is no place to go to, and a place can't be said."""
    tried = (await at.ask("POST", "/upstreams/up/test", {"model": "claude-simulated"})).json
    assert tried["ok"], tried
    assert {"connect", "key", "model"} <= {step["name"] for step in tried["steps"]}
    assert (await at.ask("POST", "/upstreams/http%3A%2F%2F192.0.2.1/test", {})).status == 404
    assert (await at.ask("POST", "/upstreams/up/test", {"url": "http://192.0.2.1"})).status == 422


async def test_where_nobody_answers_is_told(tmp_path: Path) -> None:
    """With the step that failed."""
    async with office(tmp_path, AWAY) as at:
        tried = (await at.ask("POST", "/upstreams/away/test", {})).json
        assert not tried["ok"]
        assert [step["name"] for step in tried["steps"] if not step["ok"]] == ["connect"]


async def test_logging_in_at_an_upstream(tmp_path: Path) -> None:
    """Begins with an address of its own; what comes back for another state is refused."""
    async with office(tmp_path, OAUTH) as at:
        begun = (await at.ask("POST", "/upstreams/away/oauth/start")).json
        assert begun["url"].startswith("https://login.test/a?")
        assert begun["state"] in begun["url"]
        assert (await at.ask("POST", "/upstreams/away/oauth/finish", {"answer": "code#other"})).status == 409
        away = (await at.ask("GET", "/upstreams")).json["upstreams"][1]
        assert (away["oauth"]["connected"], away["oauth"]["client_id"]) == (False, "me")
        assert (await at.ask("POST", "/upstreams/up/oauth/start")).status == 409
