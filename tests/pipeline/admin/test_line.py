"""The line as it runs, and switching its stages."""

import json
from pathlib import Path
from typing import Any

from tests.pipeline.admin.office import Office, office


async def stages(at: Office) -> dict[str, Any]:
    return {stage["name"]: stage for stage in (await at.ask("GET", "/pipeline")).json["stages"]}


async def asked(at: Office, model: str) -> int:
    said = {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]}
    return (await at.send("POST", "/v1/messages", json.dumps(said).encode())).status


async def test_the_stages_stand_in_their_order_with_what_they_cost(at: Office) -> None:
    """Name, help, settings, role; how often each ran."""
    assert await asked(at, "claude-simulated") == 200
    told = (await at.ask("GET", "/pipeline")).json
    named = [stage["name"] for stage in told["stages"]]
    assert named[0] == "auth"
    assert named[-2:] == ["forward", "reencode"]
    assert [stage["position"] for stage in told["stages"]] == list(range(1, len(named) + 1))
    assert all(stage["help"] for stage in told["stages"])
    found = await stages(at)
    assert (found["auth"]["requests"], found["auth"]["mean_us"] > 0) == (1, True)
    assert (found["cache_breakpoints"]["role"], found["cache_breakpoints"]["settings"]["ttl"]) == ("attempt", "5m")
    assert (found["auth"]["changes"], found["model_map"]["reads"]) == (["caller"], ["caller", "prompt.model"])
    assert "client ─▶ auth" in told["text"]


async def test_a_stage_is_switched_off_and_on(at: Office) -> None:
    """Requests that come then go without it; the suffix is part of the name now."""
    suffixed = "claude-haiku-5-5(none)"
    assert await asked(at, suffixed) == 200
    off = await at.ask("PATCH", "/pipeline/thinking_suffix", {"enabled": False})
    assert (off.status, (await stages(at))["thinking_suffix"]["enabled"]) == (200, False)
    assert "thinking_suffix" not in dict(at.gateway.running().line.stages)
    assert await asked(at, suffixed) == 200
    models = [request["model"] for request in (await at.ask("GET", "/recent")).json["requests"]]
    assert models == [suffixed, "claude-haiku-5-5"]
    await at.ask("PATCH", "/pipeline/cache_breakpoints", {"enabled": False})
    assert "cache_breakpoints" not in dict(at.gateway.running().upstreams[0].stages)
    assert at.gateway.running().upstreams[0].wallet is at.gateway.upstreams[0].wallet
    for name in ("thinking_suffix", "cache_breakpoints"):
        await at.ask("PATCH", f"/pipeline/{name}", {"enabled": True})
    assert at.gateway.running().line == at.gateway.line
    assert await asked(at, suffixed) == 200


async def test_what_a_request_can_not_do_without_stays_on(at: Office) -> None:
    """And what is no stage can't be switched."""
    for name in ("auth", "limits", "meter", "translate", "forward", "reencode"):
        assert (await at.ask("PATCH", f"/pipeline/{name}", {"enabled": False})).status == 409
        assert not (await stages(at))[name]["switchable"]
    assert (await at.ask("PATCH", "/pipeline/nothing", {"enabled": False})).status == 404


async def test_a_switch_is_remembered(tmp_path: Path) -> None:
    """Over a restart."""
    async with office(tmp_path) as at:
        await at.ask("PATCH", "/pipeline/thinking_suffix", {"enabled": False})
    async with office(tmp_path) as at:
        assert "thinking_suffix" not in dict(at.gateway.running().line.stages)
