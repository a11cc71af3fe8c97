"""The figures of several processes, told by one of them."""

import json
from typing import Any

import structlog

from pipeline.observe.gathered import Gathered, families
from pipeline.observe.metrics import Metrics
from tests.pipeline.admin.test_keys import PROMPT
from tests.pipeline.observe.conftest import Watched
from tests.pipeline.observe.test_metrics import over


def processes(*counts: int) -> list[Any]:
    """What as many processes tell, each of which has counted that many requests; through JSON, as they do."""
    told = []
    for number, count in enumerate(counts, 1):
        metrics = Metrics()
        for _ in range(count):
            metrics.over(over())
        told.append([str(number), families(metrics.registry)])
    found: list[Any] = json.loads(json.dumps(told))
    return found


async def test_each_process_keeps_its_own_figures() -> None:
    """Under one name, told apart by the worker; a sum of them is the sum of all."""
    _, text = Metrics().told(of=Gathered(processes(3, 1)))
    lines = [line for line in text.decode().splitlines() if line.startswith("pipeline_requests_total{")]
    assert [(line.rpartition(" ")[2], line.partition("worker=")[2][:3]) for line in lines] == [
        ("3.0", '"1"'), ("1.0", '"2"')]  # fmt: skip
    assert text.count(b"# TYPE pipeline_requests_total ") == 1


async def test_openmetrics_takes_it_too() -> None:
    """Histograms included: their buckets stand in their order, worker by worker."""
    media, text = Metrics().told("application/openmetrics-text; version=1.0.0", Gathered(processes(2, 2, 2)))
    assert media.startswith("application/openmetrics-text")
    assert text.decode().count("pipeline_request_seconds_count{") == 3


class Others:
    """Peers who answer."""

    def __init__(self, **said: list[Any]) -> None:
        self.said = said

    async def ask(self, what: str) -> list[Any]:
        return self.said.get(what, [])


async def test_whoever_is_asked_asks_the_others(watched: Watched) -> None:
    """And tells their figures beside its own; without others no figure has the label."""
    async with watched("") as at:
        assert (await at.send("POST", "/v1/messages", PROMPT)).status == 200
        assert b"worker=" not in (await at.send("GET", "/metrics")).body
    with structlog.contextvars.bound_contextvars(worker=7):
        async with watched("") as at:
            at.gateway.peers = Others(metrics=processes(5))  # type: ignore[assignment]  # a fake
            assert (await at.send("POST", "/v1/messages", PROMPT)).status == 200
            text = (await at.send("GET", "/metrics")).body.decode()
    told = {line for line in text.splitlines() if line.startswith("pipeline_requests_total{")}
    assert {line.partition('worker="')[2] for line in told} == {'7"} 1.0', '1"} 5.0'}


async def test_recent_requests_of_others_are_seen(watched: Watched) -> None:
    """Whichever of them is asked."""
    async with watched("") as at:
        assert (await at.send("POST", "/v1/messages", PROMPT)).status == 200
        (ours,) = at.gateway.tells["recent"]()
        at.gateway.peers = Others(recent=[[ours | {"id": "req_other", "at": ours["at"] + 1}]])  # type: ignore[assignment]  # a fake
        found = (await at.ask("GET", "/recent")).json["requests"]
        assert [each["id"] for each in found] == ["req_other", ours["id"]]
        assert (await at.ask("GET", "/recent/req_other")).json["effects"]
