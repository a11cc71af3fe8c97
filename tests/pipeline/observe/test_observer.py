"""The observer: what is told of a request, and what never is."""

import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from pipeline.observe.observer import EACH
from tests.pipeline.admin.test_keys import made
from tests.pipeline.observe.conftest import Watched

ASKED = {
    "model": "claude-simulated(high)",
    "max_tokens": 4000,
    "system": "sesame",
    "messages": [{"role": "user", "content": "open, sesame"}],
}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_line_tells_all_that_is_known(watched: Watched, stream: bool) -> None:
    """Ids, key, route, models, status, tokens, cost, times; once per request."""
    async with watched("") as at:
        await at.ask("POST", "/prices", {"model": "claude-sim*", "input": 3_000_000, "output": 15_000_000})
        key = await made(at)
        with capture_logs() as lines:
            body = json.dumps(ASKED | {"stream": stream}).encode()
            answer = await at.send("POST", "/v1/messages", body, x_api_key=key["secret"], session_id="s1")
        (line,) = [line for line in lines if line["event"] == "request"]
    assert answer.status == line["status"] == 200
    assert (line["caller"], line["key"], line["session"]) == ("ada", key["key"]["id"], "s1")
    assert (line["route"], line["streamed"]) == ("POST /v1/messages", stream)
    assert (line["asked"], line["model"], line["upstream"]) == ("claude-simulated(high)", "claude-simulated", "up")
    cost = line["tokens"]["input"] * 3e-6 + (line["tokens"]["output"] + line["tokens"]["reasoning"]) * 15e-6
    assert line["tokens"]["output"] > 0
    assert line["cost"] == pytest.approx(cost)
    assert 0 < line["first"] <= line["seconds"]
    assert {"auth", "model_map", "meter", "translate"} <= line["stages"].keys()


async def test_nothing_that_was_said_and_no_secret_is_told(watched: Watched) -> None:
    """Neither in the log, nor in the ring, nor in the figures."""
    async with watched("") as at:
        secret = (await made(at))["secret"]
        told: list[Any] = []
        with capture_logs() as lines:
            for body in (json.dumps(ASKED).encode(), json.dumps(ASKED | {"stream": True}).encode(), b"sesame"):
                answer = await at.send("POST", "/v1/messages?key=sesame", body, authorization=f"Bearer {secret}")
                told.append(answer.status)
            await at.send("POST", "/v1/messages", json.dumps(ASKED).encode(), x_api_key="sk-proxy-sesame")
        recent = b"".join(at.gateway.observer.recent.listed(10))
        figures = (await at.send("GET", "/metrics")).body
    assert told == [200, 200, 400]
    assert len([line for line in lines if line["event"] == "request"]) == len(at.gateway.observer.recent) == 4
    for text in (repr(lines), recent.decode(), figures.decode()):
        assert "sesame" not in text
        assert secret not in text


async def test_one_exchange_in_some_is_looked_at_closer(watched: Watched) -> None:
    """Its stages are timed on the way down, too."""
    async with watched("") as at:
        with capture_logs() as lines:
            for _ in range(2 * EACH):
                assert (await at.send("POST", "/v1/messages", json.dumps(ASKED).encode())).status == 200
    looked = [number for number, line in enumerate(lines, 1) if "down" in line]
    assert looked == [EACH, 2 * EACH]
    assert "meter" in lines[looked[0] - 1]["down"]


async def test_bodies_are_told_where_that_is_wanted(watched: Watched) -> None:
    """For a search for errors."""
    async with watched("[log]\nbodies = true\n") as at:
        with capture_logs() as lines:
            await at.send("POST", "/v1/messages", json.dumps(ASKED).encode())
    assert "sesame" in lines[0]["prompt"]
    assert lines[0]["reply"].startswith("{")
