"""All at a glance."""

from typing import Any

import trio

from tests.pipeline.admin.office import Office
from tests.pipeline.admin.test_keys import PROMPT
from tests.pipeline.admin.test_prices import used


async def test_what_was_used_and_how_everybody_is(at: Office) -> None:
    """Today's sums, the upstreams, the keys, the store."""
    request = await used(at)
    await at.ask("POST", "/keys", {"name": "ada", "enabled": False})
    told = (await at.ask("GET", "/overview")).json
    assert told["today"]["output"] == told["hour"]["output"] == request["output"]
    assert [(each["name"], each["state"]) for each in told["upstreams"]] == [("up", "ok")]
    assert (told["keys"], told["store"]["kind"], told["store"]["ok"]) == ({"total": 1, "enabled": 0}, "sqlite", True)
    assert (told["live"], told["running"]) == ([], 0)


async def test_a_request_that_runs_is_seen(at: Office) -> None:
    """Who asked what, where, since when, and how much came by now."""
    slow = PROMPT.replace(b'"max_tokens":50', b'"max_tokens":400,"stream":true')
    slow = slow.replace(b"hello", b"[[rate 40]] [[tokens 300]] hello")
    live: list[Any] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(at.send, "POST", "/v1/messages", slow)
        with trio.fail_after(5):
            while not live or not live[0]["output_tokens"]:
                live = (await at.ask("GET", "/overview")).json["live"]
                await trio.sleep(0.02)
        (running,) = live
        nursery.cancel_scope.cancel()
    assert (running["key"], running["model"], running["upstream"]) == ("local", "claude-simulated", "up")
    assert (await at.ask("GET", "/overview")).json["live"] == []
