"""Metrics: what is over is counted once, labels can't grow without end, and the text is what Prometheus reads."""

from collections.abc import Iterator
from typing import Any

import trio
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from pipeline.errors import UpstreamTimeout
from pipeline.exchange import Attempt
from pipeline.live import BOOKED
from pipeline.observe.metrics import LOOK, MODELS, Metrics
from pipeline.prompt import Edit
from pipeline.store.record import Flag, Record
from tests.doubles import exchange
from transports.messages import Head


def figures(metrics: Metrics) -> dict[str, float]:
    """Every figure as ``name{label="value"}``."""
    _, text = metrics.told("application/openmetrics-text; version=1.0.0")
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def over(**fields: Any) -> Any:
    """An exchange that is over: one attempt failed, the next one answered."""
    x = exchange()
    x.operation, x.head, x.began = "reply", Head(200), trio.current_time() - 2
    lost = Edit("translate", "logit_bias", "dropped", "no equivalent", lossy=True)
    x.attempts = [
        Attempt("a", "m", x.began, ended=x.began + 1, error=UpstreamTimeout("late")),
        Attempt("b", "m", x.began + 1, first=x.began + 1.5, status=200, edits=[lost]),
    ]
    booked = {"id": x.id, "upstream": "b", "model": "m", "input": 10, "output": 3, "cost": 45} | fields
    x.note(BOOKED, [Record(**booked)])
    return x


async def test_what_is_over_is_counted() -> None:
    """Requests, tries, tokens, money, times."""
    metrics = Metrics()
    metrics.over(over())
    metrics.over(over())
    found = figures(metrics)
    dialect = exchange().dialect.NAME
    assert found[f"pipeline_requests_total{{dialect={dialect},operation=reply,status=200,upstream=b}}"] == 2
    assert found["pipeline_attempts_total{outcome=UpstreamTimeout,upstream=a}"] == 2
    assert found["pipeline_attempts_total{outcome=ok,upstream=b}"] == 2
    assert found["pipeline_tokens_total{class=input,model=m,upstream=b}"] == 20
    assert found["pipeline_tokens_total{class=output,model=m,upstream=b}"] == 6
    assert round(found["pipeline_cost_dollars_total{model=m,upstream=b}"], 9) == 90e-6
    assert found[f"pipeline_changes_total{{dialect={dialect},lost=yes,upstream=b}}"] == 2
    assert found["pipeline_first_event_seconds_sum{upstream=b}"] == 3.0


async def test_a_cost_that_is_not_known_is_not_zero() -> None:
    """It is counted as unknown."""
    metrics = Metrics()
    metrics.over(over(flags=int(Flag.UNPRICED), cost=0))
    found = figures(metrics)
    assert found["pipeline_unpriced_requests_total{model=m,upstream=b}"] == 1
    assert not any(name.startswith("pipeline_cost") for name in found)


async def test_nobody_fills_the_memory_with_names() -> None:
    """Beyond a number of models they are others."""
    metrics = Metrics()
    for number in range(MODELS + 50):
        metrics.over(over(model=f"m{number}"))
    models = {name for name in figures(metrics) if name.startswith("pipeline_cost_dollars_total")}
    assert len(models) == MODELS + 1
    assert "pipeline_cost_dollars_total{model=other,upstream=b}" in models


class Waiting(Collector):
    """Something that can be looked at."""

    count = 3

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("pipeline_store_waiting", "What waits.", self.count)


async def test_figures_are_asked_when_someone_looks() -> None:
    """And not before."""
    metrics, waiting = Metrics(), Waiting()
    metrics.ask(waiting)
    assert figures(metrics)["pipeline_store_waiting"] == 3
    waiting.count = 4
    assert figures(metrics)["pipeline_store_waiting"] == 4


async def test_who_looks_says_what_it_takes() -> None:
    """Prometheus' own text, unless OpenMetrics is asked for."""
    metrics = Metrics()
    metrics.over(over())
    assert metrics.told()[0].startswith("text/plain; version=0.0.4")
    assert b"pipeline_requests_total{" in metrics.told()[1]
    media, text = metrics.told("application/openmetrics-text; version=1.0.0,text/plain;q=0.5")
    assert media.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith(b"# EOF\n")


async def test_the_loop_is_watched(nursery: trio.Nursery, autojump_clock: object) -> None:
    """A few times a second."""
    metrics = Metrics()
    nursery.start_soon(metrics.watch)
    await trio.sleep(10 * LOOK + 0.1)
    assert figures(metrics)["pipeline_loop_lag_seconds_count"] == 10
    nursery.cancel_scope.cancel()
