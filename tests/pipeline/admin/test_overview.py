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


class Others:
    """Peers that are one more worker, which knows what this one does, but for what it learned a second later."""

    def __init__(self, at: Office) -> None:
        self._at = at

    async def ask(self, what: str) -> list[Any]:
        await trio.lowlevel.checkpoint()
        told = self._at.gateway.tells[what]()
        for health in told["upstreams"]:
            health.update(state="failing", last_at=(health["last_at"] or 0) + 1000)
        return [told | {"running": 3, "waiting": 2, "ok": False}]


async def test_what_other_workers_have_in_memory_is_told_too(at: Office) -> None:
    """Sums are of all, and of two accounts of an upstream the later one counts."""
    await used(at)
    at.gateway.peers = Others(at)  # type: ignore[assignment]  # a fake of it
    told = (await at.ask("GET", "/overview")).json
    assert (told["running"], told["store"]["waiting"] >= 2, told["store"]["ok"]) == (3, True, False)
    assert [each["state"] for each in told["upstreams"]] == ["failing"]


async def test_a_configuration_that_was_refused_is_seen(at: Office) -> None:
    """With all that is wrong, and since when the one in force is; settings tell it too."""
    assert (await at.ask("GET", "/overview")).json["configuration"]["problems"] == []
    at.gateway.loaded.taken(["server.port"])
    at.gateway.loaded.refused(["pipeline.toml: server.prot: unknown key"])
    told = (await at.ask("GET", "/overview")).json["configuration"]
    assert told["problems"] == (await at.ask("GET", "/settings")).json["problems"]
    assert told["problems"] == ["pipeline.toml: server.prot: unknown key"]
    assert told["after_a_restart"] == ["server.port"]
