"""Opening of what observes: settings → an observer with all that listens to it, and closing it again.

[metrics]   a task that looks how late the loop is
[capture]   a task that writes files
[traces]    the SDK's thread, which sends spans
"""

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
import trio

from pipeline.config import Config
from pipeline.naming import load
from pipeline.observe.archive import Archive
from pipeline.observe.exposition import Exposition
from pipeline.observe.metrics import Metrics
from pipeline.observe.now import Now
from pipeline.observe.observer import Observer, Tracing
from pipeline.observe.recent import Recent
from pipeline.problems import ConfigError
from pipeline.server import Gateway


@asynccontextmanager
async def observing(config: Config) -> AsyncIterator[Observer]:
    """The observer that *config* describes; owns the tasks of those who listen to it."""
    metrics = Metrics() if config.metrics.enabled else None
    archive = archive_of(config)
    async with tracing(config) as traces, trio.open_nursery() as nursery:
        if metrics is not None:
            nursery.start_soon(metrics.watch, name="lag")
        nursery.start_soon(archive.run, name="captures")
        recent = Recent(config.log.recent)
        yield Observer(bodies=config.log.bodies, recent=recent, metrics=metrics, archive=archive, traces=traces)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def tracing(config: Config) -> AsyncIterator[Tracing | None]:
    """What makes traces, if they are wanted.  Raises ConfigError if it is not installed."""
    if config.traces.endpoint is None:
        yield None
        return
    try:
        made = importlib.import_module("pipeline.observe.traces")
    except ModuleNotFoundError as error:
        place = config.layers.label(("traces", "endpoint"))
        text = f"{place}: traces need the extra otel ({error.name} is not installed)"
        raise ConfigError([text]) from error
    async with made.tracing(config.traces) as traces:
        yield traces


def archive_of(config: Config) -> Archive:
    """Where captures go.  Raises ConfigError if there can be none."""
    archive = Archive(config.capture, load("stages.redaction:scrubbed"))
    try:
        archive.prepare()
    except OSError as error:
        place = config.layers.label(("capture", "folder"))
        raise ConfigError([f"{place}: {error.filename}: {error.strerror}"]) from error
    return archive


def shown(gateway: Gateway, config: Config) -> None:
    """Let *gateway* tell what is observed: to its operator at /metrics, and to other workers."""
    observer = gateway.observer
    gateway.tells["recent"] = observer.recent.told
    if (metrics := observer.metrics) is not None:
        metrics.ask(Now(gateway))
        worker = str(structlog.contextvars.get_contextvars().get("worker", ""))
        exposition = Exposition(config.metrics, metrics, lambda: gateway.peers, worker)
        gateway.tells["metrics"] = exposition.tell
        gateway.metrics = exposition.answer
