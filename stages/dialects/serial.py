"""One block after another: for encoders whose clients can't take blocks that overlap.

    start 0 · start 1 · delta 1 · delta 0 · stop 0 · stop 1
    ─▶  start 0 · delta 0 · stop 0 · start 1 · delta 1 · stop 1

An upstream may write several tool calls at once; some clients append every block to a list when it starts, and address
it by position.  So a later block waits until the earlier one stops, blocks are numbered from 0 without gaps in the
order they are written, and what is left open is stopped before the end.  Blocks that the encoder does not want are left
out with all that belongs to them; those that it calls hollow begin with their first word, or not at all.  At most LIMIT
bytes wait.  An event that need not change stays the very same object.
This file must not know a wire format.
"""

from collections.abc import Callable

from pipeline.errors import UpstreamFailed
from pipeline.events import (
    Batch,
    BlockStarted,
    BlockStopped,
    Event,
    Failed,
    Finished,
    InputDelta,
    Opaque,
    Run,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)

LIMIT = 1024 * 1024  # bytes that wait, about
_SMALL = 128  # what an event without text counts

Delta = TextDelta | ThinkingDelta | SignatureDelta | InputDelta | Opaque

_PIECES = frozenset({TextDelta, ThinkingDelta, SignatureDelta, InputDelta})


class Serial:
    """Puts the blocks of one reply in line.  *wants*: whether to keep a block; *reread*: the events in a Run; *hollow*:
    whether a block is nothing as long as nothing is in it."""

    __slots__ = ("_current", "_held", "_hollow", "_number", "_out", "_reread", "_straight", "_waiting", "_wants",
                 "_weight")  # fmt: skip

    def __init__(
        self,
        wants: Callable[[BlockStarted], bool],
        reread: Callable[[Run], list[Event]],
        hollow: Callable[[BlockStarted], bool] = lambda _: False,
    ) -> None:
        self._wants, self._reread, self._hollow = wants, reread, hollow
        self._out: Batch = []
        self._current: int | None = None  # the block that is being written, as the events number it
        self._number = -1  # the same, as it is written
        self._straight: int | None = None  # the same, where what is said of it goes on as it is
        self._held: BlockStarted | None = None  # the same, while it is hollow
        self._waiting: dict[int, Batch] = {}  # later blocks, in the order they started
        self._weight = 0  # of what waits

    @property
    def straight(self) -> bool:
        """Whether nothing waits, and blocks are numbered as they come: frames of the open one fit as they are."""
        return self._straight is not None and not self._waiting

    def feed(self, events: Batch) -> Batch:
        """The events that can be written now, in their order."""
        out = self._out = []
        for event in events:
            if type(event) in _PIECES and event.index == self._straight:  # type: ignore[attr-defined]  # they have one
                out.append(event)  # nearly all events are more of what is being written
                continue
            step = _STEPS.get(type(event))
            if step is None:
                out.append(event)
            else:
                step(self, event)
            if self._weight > LIMIT:
                self._weight, self._waiting = 0, {}
                out.append(Failed(UpstreamFailed("the upstream wrote too much into several blocks at once")))
                break
        self._out = []  # not to be held until the next ones come
        return out

    def _start(self, event: BlockStarted) -> None:
        if not self._wants(event):
            return
        if event.index == self._current:  # never stopped
            self._stop(BlockStopped(event.index))
        if self._current is None:
            self._write(event)
        elif event.index not in self._waiting:
            self._waiting[event.index] = []
            self._wait(event)

    def _delta(self, event: Delta) -> None:
        index = event.index
        if index == self._current:
            self._write(event)
        elif index in self._waiting:
            self._wait(event)
        # else it belongs to a block that is left out

    def _opaque(self, event: Opaque) -> None:
        if event.index is None:
            self._out.append(event)
        else:
            self._delta(event)

    def _stop(self, event: BlockStopped) -> None:
        if event.index == self._current:
            self._write(event)
            self._advance()
        elif event.index in self._waiting:
            self._wait(event)

    def _run(self, event: Run) -> None:
        """Frames have their block's number inside."""
        if self.straight:
            self._out.append(event)
            return
        for one in self._reread(event):
            _STEPS[type(one)](self, one)

    def _finish(self, event: Finished) -> None:
        while self._current is not None:
            self._stop(BlockStopped(self._current))
        self._out.append(event)

    def _wait(self, event: BlockStarted | BlockStopped | Delta) -> None:
        self._waiting[event.index].append(event)  # type: ignore[index]  # _opaque has seen to None
        self._weight += weight(event)

    def _advance(self) -> None:
        """Write what waits: whole blocks, and the beginning of the first that has not stopped."""
        while self._current is None and self._waiting:
            for event in self._waiting.pop(next(iter(self._waiting))):
                self._weight -= weight(event)
                self._write(event)  # type: ignore[arg-type]  # only events of blocks wait

    def _write(self, event: BlockStarted | BlockStopped | Delta) -> None:
        if isinstance(event, BlockStarted):
            self._current = event.index
            if self._hollow(event):
                self._held = event
            else:
                self._begin(event)
            return
        if self._held is None or getattr(event, "piece", True):
            self._say(event)
        if isinstance(event, BlockStopped):
            self._current = self._straight = self._held = None

    def _begin(self, event: BlockStarted) -> None:
        self._number += 1
        self._straight = event.index if event.index == self._number else None
        self._out.append(event if event.index == self._number else event.replace(index=self._number))

    def _say(self, event: BlockStopped | Delta) -> None:
        """*event* is of the block that is being written, which has begun by now; of a hollow one there is no end."""
        if self._held is not None:
            if isinstance(event, BlockStopped):
                return
            self._begin(self._held)
            self._held = None
        self._out.append(event if event.index == self._number else event.replace(index=self._number))


def weight(event: Event) -> int:
    """About how many bytes *event* holds."""
    piece = getattr(event, "piece", "")
    return _SMALL + len(piece) + (len(event.frame) if event.frame is not None else 0)


_STEPS: dict[type[Event], Callable[..., None]] = {
    BlockStarted: Serial._start,
    TextDelta: Serial._delta,
    ThinkingDelta: Serial._delta,
    InputDelta: Serial._delta,
    SignatureDelta: Serial._delta,
    Opaque: Serial._opaque,
    BlockStopped: Serial._stop,
    Run: Serial._run,
    Finished: Serial._finish,
}
