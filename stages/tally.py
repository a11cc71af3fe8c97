"""The tally: how many tokens a reply took, as its upstream tells, and as far as that can be.

    Started ─ usage ─┐
    Finished ─ usage ┴─▶ the last told of each class holds: counts in a stream are cumulative, never summed
    cut off before the end ──▶ what was told, and an estimate of what was produced since, marked as estimated
    no count can be that   ──▶ our own in its place, marked as suspect: nobody is credited, nobody pays for a bug

What can't be: less than nothing, more than any model could hold, nothing at all for a prompt or a reply that was there.
"""

import math

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
from pipeline.store.record import Flag

BYTES_PER_TOKEN = 4
FRAME = 100  # what a streamed frame weighs at least beside its text
WORD = 4  # bytes of text in the shortest of them
MOST = 100_000_000  # tokens of one class that anybody could mean

CLASSES = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning")


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
        match event:
            case Run():
                self.produced += self._words(event)
            case TextDelta() | ThinkingDelta() | InputDelta():
                self.produced += len(event.piece)
            case Started() | Finished() if event.usage is not None:
                self.usage = event.usage.over(self.usage)
                self.complete = isinstance(event, Finished) and event.usage.output is not None
        if isinstance(event, Finished):
            self.stop = event.stop

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

    def final(self) -> tuple[Usage, Flag]:
        """The usage to book, with every class a sane number, and what is to be known about it."""
        told = self.usage or _NOTHING
        flags = Flag.COMPLETE if self.complete else Flag.ESTIMATED
        counts = {name: getattr(told, name) or 0 for name in CLASSES}
        if not 0 <= min(counts.values()) <= max(counts.values()) <= MOST:
            flags |= Flag.SUSPECT
            counts = {name: count if 0 <= count <= MOST else 0 for name, count in counts.items()}
        seen = math.ceil(self.produced / BYTES_PER_TOKEN)
        if not self.complete:
            counts["output"] = max(counts["output"], seen - counts["reasoning"], 0)
        elif seen and not counts["output"] and not counts["reasoning"]:
            counts["output"] = seen
            flags |= Flag.SUSPECT
        if self.prompt and not any(counts[name] for name in CLASSES[:4]):
            counts["input"] = math.ceil(self.prompt / BYTES_PER_TOKEN)
            flags |= Flag.ESTIMATED if told.input is None else Flag.SUSPECT
        if flags & Flag.SUSPECT:
            flags |= Flag.ESTIMATED
        return Usage(**counts, extra=told.extra), flags


_NOTHING = Usage()


def empty(prompt: int) -> Usage:
    """What is known of a reply that has not begun."""
    return Usage(input=math.ceil(prompt / BYTES_PER_TOKEN))
