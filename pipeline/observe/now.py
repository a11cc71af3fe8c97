"""Now: what is known at the moment someone looks, and costs nothing before.

    GET /metrics ──▶ collect ──▶ what runs · what waits in channels, in the spool · what stages have taken so far
                                 how upstreams and the store are

Reads the gateway as it is then, so that what was reloaded or switched off meanwhile is told as it is.  Every name that
can be told is in the configuration, or a word of ours.
"""

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, get_args

import trio
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline import __version__
from pipeline.live import State
from pipeline.spent import STEPS, Spent

if TYPE_CHECKING:
    from pipeline.server import Gateway
    from pipeline.store.store import Store
    from pipeline.upstream import Upstream

STATES: tuple[State, ...] = get_args(State)
_STEPS = [*map(str, STEPS), "+Inf"]  # as Prometheus calls them


class Now(Collector):
    """The present state of *gateway*, as figures."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        gateway = self._gateway
        yield InfoMetricFamily("pipeline", "Which program this is.", {"version": __version__})
        yield gauge("ready", "1 while new requests are taken.", gateway.ready and not gateway.drain.began.is_set())
        yield gauge("running", "Requests that run.", len(gateway.live.exchanges))
        yield gauge("streams", "Streams that are open.", len(gateway.heart.pulses))
        waiting = sum(getattr(pulse, "waiting", 0) for pulse in gateway.heart.pulses)
        yield gauge("channel_batches", "Batches in the channels before clients.", waiting)
        yield gauge("tasks", "Tasks that live.", trio.lowlevel.current_statistics().tasks_living)
        yield of_stages(gateway.live.spent)
        if gateway.store is not None:
            yield from of_store(gateway.store)
        yield from of_upstreams(gateway)


def gauge(name: str, text: str, value: float) -> Metric:
    """One figure."""
    return GaugeMetricFamily(f"pipeline_{name}", text, float(value))


def of_stages(spent: Spent) -> Metric:
    """What stages have taken so far."""
    family = HistogramMetricFamily("pipeline_stage_seconds", "What stages take on the way up.", labels=["stage"])
    for name, taken in spent.stages.items():
        family.add_metric([name], list(zip(_STEPS, accumulate(taken.steps), strict=True)), taken.seconds)
    return family


def of_store(store: "Store") -> Iterator[Metric]:
    """What waits for the database, and how it is."""
    yield gauge("store_up", "1 while the database takes what it is given.", store.well)
    yield gauge("store_waiting", "Records that the database does not have yet.", store.writer.waiting)
    yield gauge("spool_entries", "Entries of the spool that the database does not have yet.", store.spooled)


def of_upstreams(gateway: "Gateway") -> Iterable[Metric]:
    """How each upstream is, and how many connections it has."""
    state = GaugeMetricFamily("pipeline_upstream_state", "1 for the state it is in.", labels=["upstream", "state"])
    links = GaugeMetricFamily("pipeline_upstream_connections", "Connections.", labels=["upstream", "use"])
    used = "The part of its own limit that is used, as it told."
    quota = GaugeMetricFamily("pipeline_upstream_quota_ratio", used, labels=["upstream", "window"])
    for upstream in gateway.upstreams:
        for each in STATES:
            state.add_metric([upstream.name, each], float(gateway.live.state(upstream) == each))
        of_pool(links, upstream)
        for window in upstream.windows.values():
            quota.add_metric([upstream.name, window.name], window.utilisation)
    return state, links, quota


def of_pool(links: GaugeMetricFamily, upstream: "Upstream") -> None:
    """Add the connections of *upstream*."""
    links.add_metric([upstream.name, "busy"], upstream.pool.busy)
    links.add_metric([upstream.name, "idle"], upstream.pool.idle)
