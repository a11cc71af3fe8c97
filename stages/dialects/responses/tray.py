"""What one stretch of a stream gives: events, each with the frames that belong to it.

    put([], A) · put([x, y], B) · pass_by(C) · pass_by(D) · put([z], E)   ─▶   x, y share A+B · Run of C+D · z has E

A frame that stands for no event waits for the next that does; frames that nobody reads gather into one Run.  So all
frames of the stream are in its events, in their order, and each in one event or one group of siblings.
"""

from pipeline.errors import UpstreamFailed
from pipeline.events import Batch, Event, Run

NAME = "responses"
LIMIT = 16 * 1024 * 1024  # bytes of one frame: some hold a picture, the last one all of the response
MOST = 2 * LIMIT  # bytes that wait: two frames with all of a text come before the one that ends its item


class Tray:
    """Gathers events and frames; ``take`` empties it."""

    def __init__(self) -> None:
        self._batch: Batch = []
        self._run: list[bytes] = []
        self._kept: list[bytes] = []  # frames that wait
        self._weight = 0  # their bytes

    @property
    def waits(self) -> int:
        """How many frames wait for an event."""
        return len(self._kept)

    def put(self, events: Batch, raw: bytes) -> None:
        """*events* came in the frame *raw*, and in those that wait; without events, it waits too.

        Raises UpstreamFailed if too much waits.
        """
        if not events:
            self._kept.append(raw)
            self._weight += len(raw)
            if self._weight > MOST:
                raise UpstreamFailed(f"the upstream sent {MOST} bytes that say nothing")
            return
        if self._kept:
            raw = b"".join([*self._kept, raw])
            self._kept, self._weight = [], 0
        if len(events) == 1:
            events[0].frame = raw
        else:
            for number, event in enumerate(events):
                event.frame, event.nth, event.of = raw, number, len(events)
        self.add(events)

    def one(self, event: Event) -> None:
        """*event* alone came in its frame: ``put`` for the hot path."""
        if self._kept:
            self.put([event], event.frame or b"")
            return
        if self._run:
            self._end_run()
        self._batch.append(event)

    def add(self, events: Batch) -> None:
        """*events* have their frames, or none."""
        if self._run:
            self._end_run()
        self._batch += events

    def pass_by(self, raw: bytes) -> None:
        """Nobody reads the frame *raw*."""
        if self._kept:
            self._run += self._kept
            self._kept, self._weight = [], 0
        self._run.append(raw)

    def take(self) -> Batch:
        """All so far."""
        if self._run:
            self._end_run()
        batch, self._batch = self._batch, []
        return batch

    def _end_run(self) -> None:
        self._batch.append(Run(NAME, len(self._run), frame=b"".join(self._run)))
        self._run.clear()
