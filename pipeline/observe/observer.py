"""The observer: told of every request, and tells everyone who listens.

    with observer.watching(exchange, response) as response:        as it begins: who looks closer, and at what
        conduct(exchange, …, response)
                └─▶ over: one line in the log · one entry in the ring · figures · a capture · spans

All of it happens in the request's own task, when the reply is already written, and waits for nothing.
"""

from typing import Protocol

import attrs

from pipeline.config import Config
from pipeline.effects import Effects
from pipeline.exchange import Exchange
from pipeline.journal import BODY, Overheard, brief, note, told, whole
from pipeline.observe.archive import Archive
from pipeline.observe.metrics import Metrics
from pipeline.observe.recent import Recent
from pipeline.observe.recording import Recording
from transports.messages import Response

EACH = 16  # one exchange in so many has its stages timed on the way down, too


class Following(Protocol):
    """What follows one exchange."""

    def over(self) -> None:
        """It is over."""


class Tracing(Protocol):
    """What makes traces (``traces``, which needs an extra)."""

    def begin(self, exchange: Exchange) -> Following:
        """*exchange* has begun."""


@attrs.define(eq=False, kw_only=True)
class Observer:
    """Whom the gateway tells of its requests."""

    bodies: bool = False  # whether the journal holds what was said
    recent: Recent = attrs.field(factory=Recent)
    metrics: Metrics | None = None
    archive: Archive | None = None  # of whole exchanges
    traces: Tracing | None = None
    _number: int = 0

    def watching(self, exchange: Exchange, response: Response) -> "Watching":
        """Look at *exchange* while the block runs; gives the response that it is to write to."""
        self._number += 1
        followed = None if self.traces is None else self.traces.begin(exchange)
        recording = None if self.archive is None else self.archive.begin(exchange, response)
        if recording is not None or self._number % EACH == 0:
            exchange.effects = Effects()
        if recording is not None:
            response = recording.response
        elif self.bodies:
            response = Overheard(response, exchange.body or exchange.prompt.encode(), BODY)
        return Watching(self, exchange, response, recording, followed)

    def take(self, config: Config) -> None:
        """What *config* says counts from now on: what is told of prompts and replies, and what is captured."""
        self.bodies = config.log.bodies
        if self.archive is not None:
            self.archive.settings = config.capture

    def over(self, exchange: Exchange, response: Response | None = None, recording: Recording | None = None) -> None:
        """*exchange* is over, or was refused before it began."""
        line = told(exchange)
        note(line, response if self.bodies else None)
        entry = brief(exchange, line)
        self.recent.add(entry)
        if self.metrics is not None:
            self.metrics.over(exchange)
        if self.archive is not None and recording is not None:
            self.archive.keep(recording, exchange, whole(entry))


@attrs.define(eq=False)
class Watching:
    """One exchange is looked at until the block is left.  No generator: thousands are suspended at one time."""

    observer: Observer
    exchange: Exchange
    response: Response
    recording: Recording | None
    followed: Following | None

    def __enter__(self) -> Response:
        return self.response

    def __exit__(self, *_raised: object) -> None:
        self.observer.over(self.exchange, self.response, self.recording)
        if self.followed is not None:
            self.followed.over()
