"""The tally: how many tokens a reply took, as its upstream tells, and as far as that can be.

    Started ─ usage ─┐
    Finished ─ usage ┴─▶ the last told of each class holds: counts in a stream are cumulative, never summed
    cut off before the end ──▶ what was told, and an estimate of what was produced since, marked as estimated
    no count can be that   ──▶ our own in its place, marked as suspect: nobody is credited, nobody pays for a bug

What can't be: less than nothing, more than any model could hold, nothing at all for a prompt or a reply that was there.
"""

import math
from collections.abc import Callable, Collection
from typing import Any

from pipeline.events import (
    Event,
    Failed,
    Finished,
    InputDelta,
    Run,
    Started,
    TextDelta,
    ThinkingDelta,
    Usage,
    reads,
)
from pipeline.store.record import Flag, Record

BYTES_PER_TOKEN = 4
FRAME = 100  # what a streamed frame weighs at least beside its text
WORD = 4  # bytes of text in the shortest of them
MOST = 100_000_000  # tokens of one class that anybody could mean


class Tally:
    """Counts one reply to a prompt of about *prompt* bytes."""

    __slots__ = ("_lightest", "complete", "produced", "prompt", "stop", "usage")

    def __init__(self, prompt: int = 0) -> None:
        self.prompt = prompt
        self.usage: Usage | None = None  # as told
        self.stop: str | None = None
        self.complete = False  # the upstream told its final counts
        self.produced = 0.0  # bytes of output
        self._lightest = math.inf  # of the frames that nobody reads

    @reads(Started, Run, Finished, Failed, glances=(TextDelta, ThinkingDelta, InputDelta))
    def count(self, event: Event) -> None:
        """The transform: looks at every event, changes none."""
        look = LOOKS.get(type(event))
        if look is not None:
            look(self, event)

    def _piece(self, event: TextDelta | ThinkingDelta | InputDelta) -> None:
        self.produced += len(event.piece)

    def _run(self, event: Run) -> None:
        self.produced += self._words(event)

    def _begun(self, event: Started) -> None:
        if event.usage is not None:
            self.usage, self.complete = event.usage.over(self.usage), False

    def _ended(self, event: Finished) -> None:
        self.stop = event.stop
        if event.usage is not None:
            self.usage, self.complete = event.usage.over(self.usage), event.usage.output is not None

    def _words(self, run: Run) -> float:
        """About how many bytes of text are in *run*.

        What a frame weighs beside its text depends on the dialect and on who speaks it: the lightest one so far tells.
        The first run is looked through, since all may come at once.
        """
        frame = run.frame or b""
        if self._lightest is math.inf:
            self._lightest = min((len(part) + 2 for part in frame.split(b"\n\n") if part), default=0)
        self._lightest = min(self._lightest, len(frame) / run.count)
        return max(WORD * run.count, len(frame) - max(FRAME, self._lightest - WORD) * run.count)

    def final(self) -> tuple[Usage, int]:
        """The usage to book, with every class a sane number, and the flags that say what is to be known about it."""
        told = self.usage or _NOTHING
        fresh, read, output, reasoning = told.input or 0, told.cache_read or 0, told.output or 0, told.reasoning or 0
        short, long = told.cache_write_5m or 0, told.cache_write_1h or 0
        suspect, estimated = False, not self.complete
        counts = fresh, read, short, long, output, reasoning
        if not possible(counts):
            suspect = True
            fresh, read, short, long, output, reasoning = (count if 0 <= count <= MOST else 0 for count in counts)
        if estimated:
            output = max(output, math.ceil(self.produced / BYTES_PER_TOKEN) - reasoning, 0)
        elif self.produced and not output and not reasoning:
            output, suspect = math.ceil(self.produced / BYTES_PER_TOKEN), True
        if self.prompt and not (fresh or read or short or long):
            fresh = math.ceil(self.prompt / BYTES_PER_TOKEN)
            suspect, estimated = suspect or told.input is not None, True
        flags = _COMPLETE if self.complete else 0
        if estimated or suspect:
            flags |= _ESTIMATED | _SUSPECT if suspect else _ESTIMATED
        return Usage(fresh, read, short, long, output, reasoning, told.extra), flags


def possible(counts: Collection[int]) -> bool:
    """Whether anybody could mean *counts*; with what is no number their sum is none, wherever it stands."""
    return 0 <= min(counts) <= max(counts) <= MOST and sum(counts) >= 0


_NOTHING = Usage()
_COMPLETE, _ESTIMATED, _SUSPECT = map(int, (Flag.COMPLETE, Flag.ESTIMATED, Flag.SUSPECT))

LOOKS: dict[type[Event], Callable[[Tally, Any], None]] = {  # what becomes of which event; the others tell nothing
    **dict.fromkeys((TextDelta, ThinkingDelta, InputDelta), Tally._piece),
    Run: Tally._run,
    Started: Tally._begun,
    Finished: Tally._ended,
}


def put_down(usage: Usage, record: Record) -> None:
    """The counts of *usage* are those of *record*: 0 where nothing was told."""
    record.input, record.cache_read = usage.input or 0, usage.cache_read or 0
    record.cache_write_5m, record.cache_write_1h = usage.cache_write_5m or 0, usage.cache_write_1h or 0
    record.output, record.reasoning = usage.output or 0, usage.reasoning or 0


def empty(prompt: int) -> Usage:
    """What is known of a reply that has not begun."""
    return Usage(math.ceil(prompt / BYTES_PER_TOKEN), 0, 0, 0, 0, 0)
