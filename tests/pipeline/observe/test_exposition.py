"""/metrics: who may read it, and that a request can be seen in it."""

import pytest

from tests.pipeline.admin.test_keys import PROMPT, made
from tests.pipeline.observe.conftest import Watched


async def test_a_request_is_seen_in_the_figures(watched: Watched) -> None:
    """Counted once, with its tokens; what holds at the moment is told as well."""
    async with watched("") as at:
        assert (await at.send("POST", "/v1/messages", PROMPT)).status == 200
        answer = await at.send("GET", "/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        lines = answer.body.decode().splitlines()
    where = 'dialect="anthropic",operation="reply",status="200",upstream="up"'
    assert f"pipeline_requests_total{{{where}}} 1.0" in lines
    assert any(line.startswith('pipeline_tokens_total{class="output"') for line in lines)
    for told in ("pipeline_running 0.0", "pipeline_ready 1.0", "pipeline_store_up 1.0"):
        assert told in lines
    assert 'pipeline_upstream_state{state="ok",upstream="up"} 1.0' in lines


async def test_what_is_refused_at_the_door_is_counted_too(watched: Watched) -> None:
    """Also what no route fits."""
    async with watched("") as at:
        await at.send("POST", "/v1/messages", b"no json")
        await at.send("POST", "/v1/nothing", b"{}")
        text = (await at.send("GET", "/metrics")).body.decode()
    assert 'pipeline_errors_total{dialect="anthropic",error="InvalidRequest"} 1.0' in text
    assert 'error="NotFound"} 1.0' in text


async def test_other_machines_read_nothing_unless_told(watched: Watched) -> None:
    """Neither directly nor through a proxy on this one; a caller's key changes nothing."""
    async with watched("") as at:
        secret = (await made(at))["secret"]
        for fields in (
            {"local": "10.0.0.5"},
            {"x_forwarded_for": "10.0.0.9"},
            {"local": "10.0.0.5", "x_api_key": secret},
        ):
            answer = await at.send("GET", "/metrics", **fields)
            assert (answer.status, b"pipeline_" in answer.body) == (403, False)
        assert (await at.send("POST", "/metrics")).status == 405
    async with watched("[metrics]\nremote = true\n") as at:
        assert (await at.send("GET", "/metrics", local="10.0.0.5")).status == 200


@pytest.mark.parametrize(
    ("shown", "status"), [("", 401), ("Bearer no", 401), ("Basic t0ken", 401), ("bearer t0ken", 200)]
)
async def test_a_token_lets_in_from_wherever(watched: Watched, shown: str, status: int) -> None:
    """And is asked for on this machine, too."""
    async with watched('[metrics]\ntoken = "t0ken"\n') as at:
        for local in ("127.0.0.1", "10.0.0.5"):
            answer = await at.send("GET", "/metrics", local=local, authorization=shown)
            assert answer.status == status
            assert ("www-authenticate" in answer.headers) is (status == 401)


async def test_a_key_of_a_caller_is_no_token(watched: Watched) -> None:
    """They are the operator's figures."""
    async with watched('[metrics]\ntoken = "t0ken"\n') as at:
        secret = (await made(at))["secret"]
        assert (await at.send("GET", "/metrics", authorization=f"Bearer {secret}")).status == 401


async def test_without_metrics_there_is_no_such_path(watched: Watched) -> None:
    """And nothing is counted."""
    async with watched("[metrics]\nenabled = false\n") as at:
        assert (await at.send("GET", "/metrics")).status == 404
        assert at.gateway.observer.metrics is None
