"""A Responses stream, written: events to frames.

    passing ──something was touched, or is of another dialect──▶ writing ──terminal──▶ over

While all is of this dialect and untouched, frames are written as they came (``passing``).  From the first that is not,
everything is written anew, in the complete lifecycle that clients insist on: created, in_progress, every item added,
its parts, its deltas, its ends, and a response at the end that repeats it all; numbers without gaps, ids that stay.
What had passed before keeps its ids and places.

A heartbeat is ``response.in_progress`` once more, since Codex counts only events as life and the JavaScript helper
raises on unknown ones; before the response has begun it is a comment.
"""

from collections.abc import Callable
from typing import Any

from pipeline.errors import UpstreamFailed, UpstreamRefused
from pipeline.events import (
    Batch,
    BlockStarted,
    BlockStopped,
    Event,
    Failed,
    Finished,
    Heartbeat,
    InputDelta,
    Opaque,
    Other,
    Refusal,
    Run,
    SignatureDelta,
    Started,
    Text,
    TextDelta,
    ThinkingDelta,
    Usage,
)
from stages.dialects.responses import stops, usage
from stages.dialects.responses.adopted import Own, adopt
from stages.dialects.responses.errors import failure
from stages.dialects.responses.items import ITEM_DONE, NAME, Ids, Item
from stages.dialects.responses.passing import Passing
from stages.dialects.responses.response import Echo, alive, begun, ended
from stages.dialects.responses.sheet import Sheet
from stages.dialects.responses.written import Message, Words, Written, standing

_COMMENT = b": ping\n\n"


class StreamEncoder:
    """Writes one stream.  *model*: what the client asked for, should the reply not say; *echo*: see ``response``."""

    media_type = "text/event-stream; charset=utf-8"

    def __init__(self, *, model: str, echo: Echo | None = None) -> None:
        self._model, self._echo = model, echo or {}
        self._passing: Passing | None = Passing()
        self._sheet = Sheet(Ids(""), model)
        self._state = Adopted()
        self._response: Item | None = None  # as it was begun
        self._usage: Usage | None = None
        self._refused = False
        self._over = False
        self._render: dict[type[Event], Callable[[Any], bytes]] = {
            TextDelta: self._take,
            ThinkingDelta: self._take,
            InputDelta: self._take,
            SignatureDelta: self._take,
            Started: self._started,
            BlockStarted: self._block_started,
            BlockStopped: self._block_stopped,
            Heartbeat: self._heartbeat,
            Opaque: self._opaque,
            Run: self._run,
            Finished: self._finished,
            Failed: self._failed,
        }

    def feed(self, events: Batch) -> bytes:
        """The frames of *events*; nothing after the terminal one."""
        out: list[bytes] = []
        position, count = 0, len(events)
        while position < count and not self._over:
            event = events[position]
            passed = self._passing.take(events, position) if self._passing is not None else 0
            if passed:
                out.append(event.frame or b"")
                position += passed
                self._over = events[position - 1].terminal
                continue
            if self._passing is not None and not isinstance(event, Heartbeat):
                out.append(self._resume(self._passing))
            render = self._render.get(type(event))
            if render is not None:
                out.append(render(event))
            self._over = event.terminal
            position += 1
        return b"".join(out)

    # -- from passing to writing --------------------------------------------------------------------------------------

    def _resume(self, passing: Passing) -> bytes:
        """Write from here on."""
        self._passing = None
        if passing.started is None:
            return b""
        self._begin(passing.started)
        self._state, late = adopt(passing, self._sheet)
        self._refused = any(isinstance(passed.start.block, Refusal) for passed in passing.log)
        return late

    def _begin(self, event: Started) -> Item:
        """The reply begins, whoever wrote its first frame."""
        ids = Ids(event.id or f"{id(self)}")
        self._sheet = Sheet(ids, event.model or self._model)
        self._usage = event.usage
        own = next((value.get("response") for value in payloads(event.frame or b"") if "response" in value), None)
        self._response = own if isinstance(own, dict) else begun(ids, self._sheet.model, self._echo)
        return self._response

    # -- blocks -------------------------------------------------------------------------------------------------------
