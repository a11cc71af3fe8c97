"""A Responses stream, written: events to frames.

    passing ──something was touched, or is of another dialect──▶ writing ──terminal──▶ over

While all is of this dialect and untouched, frames are written as they came (``passing``).  From the first that is not,
everything is written anew, in the complete lifecycle that clients insist on: created, in_progress, every item added,
its parts, its deltas, its ends, and a response at the end that repeats it all; numbers without gaps, ids that stay.
What had passed before keeps its ids and places (``adopted``).

A heartbeat is a comment before the response has begun, and an event after (``beat``).
"""

import secrets
from collections.abc import Callable
from typing import Any

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
    Refusal,
    Run,
    SignatureDelta,
    Started,
    TextDelta,
    ThinkingDelta,
    Usage,
)
from stages.dialects.citations import ADDED as ANNOTATION
from stages.dialects.responses import stops, usage
from stages.dialects.responses.adopted import Adopted, Told, adopt, is_part, told
from stages.dialects.responses.beat import beat
from stages.dialects.responses.errors import failure
from stages.dialects.responses.items import ITEM_DONE, NAME, UNREAD, Ids, Item
from stages.dialects.responses.passing import Passing, final_of, payloads
from stages.dialects.responses.pieces import index_of
from stages.dialects.responses.response import Echo, begun, ended
from stages.dialects.responses.sheet import Sheet
from stages.dialects.responses.written import At, Message, Words, standing

_COMMENT = b": ping\n\n"
_OWN = (ANNOTATION, ITEM_DONE)  # notes that the writer of their block takes in
_AGAIN = ".done"  # what a block's writer gives itself


class StreamEncoder:
    """Writes one stream.  *model*: what the client asked for, should the reply not say; *echo*: see ``response``."""

    __slots__ = ("_blocks", "_echo", "_model", "_over", "_passing", "_refused", "_response", "_sheet", "_state",
                 "_usage")  # fmt: skip

    media_type = "text/event-stream; charset=utf-8"

    def __init__(self, *, model: str, echo: Echo | None = None) -> None:
        self._model, self._echo = model, echo or {}
        self._passing: Passing | None = Passing()
        self._sheet = Sheet(Ids(""), model)
        self._state = Adopted()
        self._blocks: dict[int, BlockStarted] = {}  # open ones
        self._response: Item = {}  # as it was begun; empty: it was not
        self._usage: Usage | None = None
        self._refused = self._over = False

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
            if self._passing is not None and type(event) is not Heartbeat:
                out.append(self._resume(self._passing))
            render = _RENDER.get(type(event))
            out.append(b"" if render is None else render(self, event))
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
        self._blocks = {passed.start.index: passed.start for passed in passing.log if passed.stop is None}
        self._refused = any(isinstance(passed.start.block, Refusal) for passed in passing.log)
        return late

    def _begin(self, event: Started) -> None:
        """The reply begins, whoever wrote its first frame."""
        ids = Ids(event.id or secrets.token_hex(16))
        self._sheet = Sheet(ids, event.model or self._model)
        self._usage = event.usage
        own = _response_in(event.frame)
        self._response = own if own.get("id") == ids.response else begun(ids, self._sheet.model, self._echo)

    # -- the reply begins, and lives ----------------------------------------------------------------------------------

    def _started(self, event: Started) -> bytes:
        if self._response:
            return b""
        self._begin(event)
        created = self._sheet.frame("response.created", response=self._response)
        return created + self._sheet.frame("response.in_progress", response=self._response)

    def _begun(self) -> bytes:
        """The first frames, should nobody have told them: a stage may end a reply before it begins."""
        return b"" if self._response else self._started(Started("", ""))

    def _heartbeat(self, event: Heartbeat) -> bytes:
        if event.frame is not None:  # another dialect's own ping, in no silence of ours
            return b""
        if self._passing is None and self._response:
            return beat(self._sheet, self._state, self._response)
        if self._passing is None or self._passing.started is None:
            return _COMMENT
        # Between frames that pass: the last number again, since the next is already taken.
        started = self._passing.started
        sheet = Sheet(Ids(started.id), started.model or self._model)
        state, _ = adopt(self._passing, sheet)
        sheet.number = max(self._passing.number, 0)
        return beat(sheet, state, begun(sheet.ids, sheet.model, {}))

    # -- blocks -------------------------------------------------------------------------------------------------------

    def _block_started(self, event: BlockStarted) -> bytes:
        if event.choice:  # there are no second choices
            return b""
        out = self._begun()
        where = told(event)
        self._blocks[event.index] = event
        self._refused = self._refused or isinstance(event.block, Refusal)
        if is_part(event):
            return out + self._part_started(event, where)
        out += self._leave()
        at = At(where.at.item_id)
        block = self._state.open[event.index] = standing(self._sheet, event.block, at)
        out += block.start()
        self._map(where, block.place)
        return out

    def _part_started(self, event: BlockStarted, where: Told) -> bytes:
        out = b""
        if self._state.message is None or where.added:
            out = self._leave()
            self._state.message = Message(self._sheet, At(where.at.item_id), where.phase)
            out += self._state.message.start()
        block = self._state.open[event.index] = Words(self._sheet, event.block, self._state.message)
        self._map(where, self._state.message.place)
        return out + block.start()

    def _map(self, where: Told, place: int) -> None:
        if where.at.place >= 0 and place >= 0:
            self._state.places[where.at.place] = place

    def _leave(self) -> bytes:
        """No text may join the message any more."""
        message, self._state.message = self._state.message, None
        return b"" if message is None else message.leave()

    def _take(self, event: TextDelta | ThinkingDelta | InputDelta | SignatureDelta) -> bytes:
        block = self._state.open.get(event.index)
        return b"" if block is None else block.take(event)

    def _block_stopped(self, event: BlockStopped) -> bytes:
        block, start = self._state.open.pop(event.index, None), self._blocks.pop(event.index, None)
        if block is None or start is None:
            return b""
        return block.stop(final_of(start, payloads(event.frame)) if block.ran and event.frame else None)

    # -- what only one dialect understands ----------------------------------------------------------------------------

    def _opaque(self, event: Opaque) -> bytes:
        block = self._state.open.get(event.index) if event.index is not None else None
        if block is not None and event.dialect == NAME and event.kind == UNREAD:
            block.ran = True
            return b""
        if event.dialect != NAME or event.kind in _OWN:
            return b"" if block is None else block.take(event)
        if not isinstance(event.value, dict) or (block is None and event.index is not None):
            return b""
        where = {} if block is None else block.where
        return self._begun() + self._again(event.kind, event.value, where)

    def _run(self, event: Run) -> bytes:
        """Frames that nobody read, in the midst of what is written anew: what is known of their items goes on."""
        out = []
        for value in payloads(event.frame or b""):
            kind, place = str(value.get("type")), self._state.places.get(index_of(value))
            if place is not None and not kind.endswith(_AGAIN):
                out.append(self._again(kind, value, {"output_index": place}))
        return b"".join(out)

    def _again(self, kind: str, value: Item, where: Item) -> bytes:
        """The frame with the payload *value*, with a new number, at *where*."""
        fields = {key: where.get(key, field) for key, field in value.items() if key not in {"type", "sequence_number"}}
        return self._sheet.frame(kind, **fields) if fields else b""

    # -- ends ---------------------------------------------------------------------------------------------------------

    def _finished(self, event: Finished) -> bytes:
        out = [self._begun()]
        out += [self._block_stopped(BlockStopped(index)) for index in list(self._state.open)]
        why = (event.details or {}).get("explanation")
        if event.stop == "refusal" and not self._refused and isinstance(why, str) and why:
            out.append(self._refuse(why))
        out.append(self._leave())
        status, details = stops.write(event.stop, refused=self._refused)
        counts = (event.usage or Usage()).over(self._usage)
        own = _response_in(event.frame)
        base = {**self._response, **own, "id": self._sheet.ids.response, "model": self._sheet.model}
        response = ended(base, status, self._sheet.outputs(), own.get("usage") or usage.write(counts))
        response["incomplete_details"] = details
        return b"".join([*out, self._sheet.frame(f"response.{status}", response=response)])

    def _refuse(self, why: str) -> bytes:
        """The words of a refusal that came without any."""
        self._refused = True
        number = max(self._blocks, default=-1) + 1
        out = self._block_started(BlockStarted(number, Refusal()))
        return out + self._take(TextDelta(number, why)) + self._block_stopped(BlockStopped(number))

    def _failed(self, event: Failed) -> bytes:
        out = self._begun() + self._leave()
        response = ended(self._response, "failed", self._sheet.outputs(), None)
        response["error"] = failure(event.error)
        return out + self._sheet.frame("response.failed", response=response)


# One table for all: one of bound methods for each would leave every encoder to the garbage collector.
_RENDER: dict[type[Event], Callable[[StreamEncoder, Any], bytes]] = {
    TextDelta: StreamEncoder._take,
    ThinkingDelta: StreamEncoder._take,
    InputDelta: StreamEncoder._take,
    SignatureDelta: StreamEncoder._take,
    Started: StreamEncoder._started,
    BlockStarted: StreamEncoder._block_started,
    BlockStopped: StreamEncoder._block_stopped,
    Opaque: StreamEncoder._opaque,
    Run: StreamEncoder._run,
    Heartbeat: StreamEncoder._heartbeat,
    Finished: StreamEncoder._finished,
    Failed: StreamEncoder._failed,
}


def _response_in(frame: bytes | None) -> Item:
    """The response in *frame*; empty if there is none."""
    found = next((value.get("response") for value in payloads(frame) if "response" in value), None) if frame else None
    return found if isinstance(found, dict) else {}
