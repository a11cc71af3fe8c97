"""A whole message: one JSON object to events, and events to one JSON object.

    {"type": "message", "content": [A, B], …}  ─  Started · events of A · events of B · Finished     all at once

Written again: the very bytes, if exactly these events arrive; an edited copy, if some were changed, so that what nobody
knows stays; a fresh object, if they come from a stream or another dialect.
"""

from typing import cast

import attrs
import msgspec

from pipeline.errors import UpstreamFailed, UpstreamTruncated
from pipeline.events import (
    Batch,
    BlockStarted,
    BlockStopped,
    Event,
    Finished,
    Heartbeat,
    Run,
    Started,
    Stop,
    Text,
    Usage,
    shared,
)
from stages.dialects.anthropic.blocks import Fields, complete, folded
from stages.dialects.anthropic.deltas import reread
from stages.dialects.anthropic.encode import REFUSED, agreed, message, wanted
from stages.dialects.anthropic.errors import told_in_stream
from stages.dialects.anthropic.usage import read_usage, write_usage
from stages.dialects.whole import LIMIT, too_large

ENDING = ("safeguard_results", "context_management")  # what a stream tells at its end, beside reason and usage


def read(raw: bytes) -> Batch:
    """The events of the message in *raw*.  Raises as ``parse``."""
    return explode(parse(raw))


def parse(raw: bytes) -> Fields:
    """The message in *raw*.  Raises UpstreamTruncated, UpstreamFailed, or the error that is there instead."""
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        text = raw.strip()
        if not text or "truncated" in str(error) or (text[:1] == b"{" and text[-1:] != b"}"):
            raise UpstreamTruncated("the upstream stopped before its answer was complete") from None
        raise UpstreamFailed("the upstream's answer is not JSON") from None
    if isinstance(body, dict) and (body.get("type") == "error" or ("error" in body and "content" not in body)):
        raise told_in_stream(raw)
    if not isinstance(body, dict) or not isinstance(body.get("content"), list):
        raise UpstreamFailed("the upstream's answer is not a message")
    return body


def explode(body: Fields) -> Batch:
    """The events of the message *body*."""
    usage = read_usage(body.get("usage"))
    events: Batch = [Started(str(body.get("id") or ""), str(body.get("model") or ""), usage, body=body)]
    for index, fields in enumerate(body["content"]):
        if not isinstance(fields, dict):
            raise UpstreamFailed("the upstream's answer has a block that is none")
        events += complete(fields, index)
    stop, sequence, details = body.get("stop_reason"), body.get("stop_sequence"), body.get("stop_details")
    called = any(fields.get("type") == "tool_use" for fields in body["content"])
    finished = Finished(
        cast(Stop, stop) if isinstance(stop, str) else "tool_use" if called else "end_turn",
        sequence if isinstance(sequence, str) else None,
        usage,
        details if isinstance(details, dict) else None,
        extra={key: body[key] for key in ENDING if body.get(key) is not None} or None,
    )
    return [*events, finished]


@attrs.define
class Folding:
    """One block and what has come of it."""

    start: BlockStarted
    deltas: list[Event] = attrs.field(factory=list)
    stop: BlockStopped | None = None

    def untouched(self, raw: bytes) -> bool:
        """Whether exactly the events that came in *raw* are here."""
        events = [self.start, *self.deltas, self.stop]
        return all(
            event is not None and event.frame is raw and event.nth == self.start.nth + number
            for number, event in enumerate(events)
        )

    def folded(self) -> Fields:
        """The whole block that it says."""
        return folded(self.start.block, self.deltas)

    def empty(self) -> bool:
        """Whether it is a text without words, which the API would refuse as history."""
        return isinstance(self.start.block, Text) and not any(getattr(delta, "piece", "") for delta in self.deltas)


class WholeEncoder:
    """Folds events into one message.  *model*: what the client asked for, should the reply not say."""

    media_type = "application/json"

    def __init__(self, model: str) -> None:
        self._model = model
        self._events: list[Event] = []
        self._size = 0
        self._over = False

    def feed(self, events: Batch) -> bytes:
        """Nothing until the terminal event; then the message, or nothing where it failed."""
        if not self._over and not self._events and (raw := untouched(events)):  # what most replies are
            self._over = True
            return raw
        kept, before = self._events, len(self._events)
        for event in events:
            if self._over:
                break
            self._over = event.terminal
            if type(event) is Finished:
                return self._fold(event)
            if type(event) is Run:
                kept += reread(event)
            elif type(event) is not Heartbeat:
                kept.append(event)
        self._size += sum(len(getattr(event, "piece", "")) for event in kept[before:])
        if self._size > LIMIT:  # of what goes on: what ends here is in memory already, and goes
            raise too_large()
        return b""

    def _fold(self, finished: Finished) -> bytes:
        events, self._events = [*self._events, finished], []
        started = next((event for event in events if isinstance(event, Started)), None) or Started("", "")
        mine = own(started)
        if mine and (whole := untouched(events)):
            return whole
        raw = finished.frame if mine and finished.frame is not None else b""
        blocks = [block for block in gathered(events) if wanted(block.start)]
        stop = agreed(finished.stop, {type(block.start.block) for block in blocks})
        body = self._opened(started, finished, mine=mine)
        body["content"] = [
            body["content"][block.start.index] if mine and block.untouched(raw) else block.folded()
            for block in blocks
            if mine or not block.empty()
        ]
        self._close(body, finished, stop, mine=mine)
        return msgspec.json.encode(body)

    def _opened(self, started: Started, finished: Finished, *, mine: bool) -> Fields:
        """The message without its end: a copy of what came, or a new one with every key that may be null."""
        fresh = message(started, self._model, (finished.usage or Usage()).over(started.usage))
        if not mine:
            return {**fresh, "stop_details": None, "container": None, "diagnostics": None}
        return {**(started.body or {}), "id": fresh["id"], "model": fresh["model"]}

    def _close(self, body: Fields, finished: Finished, stop: Stop, *, mine: bool) -> None:
        body["stop_reason"], body["stop_sequence"] = stop, finished.stop_sequence
        if finished.details is not None or stop == "refusal":
            body["stop_details"] = finished.details or REFUSED
        body |= finished.extra or {}
        if mine and finished.frame is None and finished.usage != read_usage(body.get("usage")):
            body["usage"] = {**(body.get("usage") or {}), **write_usage(finished.usage)}


def own(started: Started) -> bool:
    """Whether what *started* begins came whole, in this dialect."""
    return started.body is not None and started.body.get("type") == "message"


def untouched(events: Batch) -> bytes | None:
    """The message that *events* came in, if they are all of it, and its end agrees with its content."""
    if not events:
        return None
    started, finished = events[0], events[-1]
    if not isinstance(started, Started) or not isinstance(finished, Finished) or not own(started):
        return None
    seen = {type(event.block) for event in events if isinstance(event, BlockStarted)}
    return shared(events) if agreed(finished.stop, seen) == finished.stop else None


def gathered(events: list[Event]) -> list[Folding]:
    """The blocks in *events*, in the order they started."""
    blocks: list[Folding] = []
    by_index: dict[int, Folding] = {}
    for event in events:
        if isinstance(event, BlockStarted):
            by_index[event.index] = Folding(event)
            blocks.append(by_index[event.index])
        elif (block := by_index.get(getattr(event, "index", None))) is not None:  # type: ignore[arg-type]  # None is no key of ours
            if isinstance(event, BlockStopped):
                block.stop = event
            else:
                block.deltas.append(event)
    return blocks
