"""Metrics: what a gateway does, in figures that Prometheus reads.

    every exchange, when it is over ──▶ counters, histograms          a few dictionary look-ups each
    GET /metrics ──▶ what is known at that moment, too: what runs, what waits for the store, how late the loop is

Labels come from the configuration, or are words of ours: dialects, operations, upstreams, statuses.  The one exception
is the model as an upstream knows it; what is not among the first MODELS of them is counted as ``other``, so that nobody
can fill the memory with names.  No key and nothing that was said is a label.
"""

from operator import attrgetter
from typing import TypeVar

import trio
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from pipeline.exchange import Attempt, Exchange
from pipeline.live import BOOKED
from pipeline.observe.figures import Count, Counts, Spread
from pipeline.store.record import CLASSES, Flag, Record

MODELS = 200
LOOK = 0.5  # seconds between two looks at how late the loop is
TIMES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
LAGS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)

_COUNTS = attrgetter(*CLASSES)
_UNPRICED = int(Flag.UNPRICED)  # a Flag's own ``&`` makes another Flag

C = TypeVar("C", bound=Collector)


class Metrics:
    """The figures of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._models: set[str] = set()
        ProcessCollector(registry=self.registry)
        count, spread = self._count, self._spread
        where = ("upstream", "model")
        self._requests = count("requests", "Requests that are over.", "dialect", "operation", "upstream", "status")
        self._errors = count("errors", "Requests that ended in an error.", "dialect", "error")
        self._attempts = count("attempts", "Tries at upstreams.", "upstream", "outcome")
        tokens = Counts("pipeline_tokens", "Tokens, in disjoint classes.", (*where, "class"), CLASSES)
        self._tokens = self._known(tokens)
        self._cost = count("cost_dollars", "What was used, in dollars.", *where)
        self._unpriced = count("unpriced_requests", "Requests for whose model no price is known.", *where)
        self._changes = count(
            "changes", "What was changed on the way to another dialect.", "dialect", "upstream", "lost"
        )
        self._took = spread(
            "request_seconds", "From a request's head to the end of its reply.", TIMES, "operation", "upstream"
        )
        self._first = spread("first_event_seconds", "To the first event of the reply.", TIMES, "upstream")
        self._lag = spread("loop_lag_seconds", "How late a task runs that was due.", LAGS)

    def _count(self, name: str, text: str, *labels: str) -> Count:
        return self._known(Count(f"pipeline_{name}", text, labels))

    def _spread(self, name: str, text: str, bounds: tuple[float, ...], *labels: str) -> Spread:
        return self._known(Spread(f"pipeline_{name}", text, bounds, labels))

    def _known(self, figure: C) -> C:
        self.registry.register(figure)
        return figure

    # -- what happens -------------------------------------------------------------------------------------------------

    def over(self, exchange: Exchange) -> None:
        """Count *exchange*, which is over."""
        attempt, dialect = exchange.committed, exchange.dialect.NAME
        upstream = attempt.upstream if attempt else ""
        status = str(exchange.head.status) if exchange.head else "none"
        self._requests.add(dialect, exchange.operation, upstream, status)
        self._took.observe(trio.current_time() - exchange.began, exchange.operation, upstream)
        if exchange.error is not None:
            self._errors.add(dialect, type(exchange.error).__name__)
        for each in exchange.attempts:
            self._attempts.add(each.upstream, outcome(each))
        if attempt is not None:
            self._reply(exchange, attempt)
        for record in exchange.noted(BOOKED) or ():
            self._booked(record)

    def _reply(self, exchange: Exchange, attempt: Attempt) -> None:
        if attempt.first is not None:
            self._first.observe(attempt.first - exchange.began, attempt.upstream)
        dialect, upstream = exchange.dialect.NAME, attempt.upstream
        for edit in attempt.edits:
            self._changes.add(dialect, upstream, "yes" if edit.lossy else "no")

    def _booked(self, record: Record) -> None:
        where = record.upstream, self._model(record.model)
        self._tokens.add(_COUNTS(record), *where)
        if record.flags & _UNPRICED:
            self._unpriced.add(*where)
        elif record.cost:
            self._cost.add(*where, by=record.cost / 1e6)

    def _model(self, name: str) -> str:
        if name not in self._models:
            if len(self._models) >= MODELS:
                return "other"
            self._models.add(name)
        return name

    async def watch(self) -> None:
        """Task: look how late the loop is."""
        while True:
            due = trio.current_time() + LOOK
            await trio.sleep_until(due)
            self._lag.observe(trio.current_time() - due)

    # -- what is told -------------------------------------------------------------------------------------------------

    def ask(self, collector: Collector) -> None:
        """Ask *collector*, too, whenever someone looks."""
        self.registry.register(collector)

    def told(self, accept: str = "", of: Collector | None = None) -> tuple[str, bytes]:
        """Media type and text of all figures, or those *of* another collector.

        As who looks will *accept* it: OpenMetrics 1.0, or Prometheus' own.
        """
        encode, media = choose_encoder(accept)
        return media, encode(self.registry if of is None else of)


def outcome(attempt: Attempt) -> str:
    """How *attempt* ended, in one word."""
    return "ok" if attempt.error is None else type(attempt.error).__name__
