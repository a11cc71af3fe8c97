"""A Responses stream, read: bytes to events.

    created   item.added part.added  text.delta…  text.done part.done item.done   …   completed
    Started   └── BlockStarted ───┘  TextDelta…   └───── BlockStopped ───────┘        Finished

    waiting ──created, or what else is known──▶ telling ──completed · incomplete · failed · error──▶ over

Blocks are the parts of a message, and every other item.  A frame that stands for no event of ours is kept and joins the
next one that does, so that the bytes stay in order and belong to someone; what says again at an end what was told in
pieces (``….done``) thus goes with the block's end.  Of texts and inputs each character is told once: from deltas, and
from the end whatever the deltas left out, which with some servers is all of it.

Frames of which nobody reads anything travel as Runs; their name decides, and they are not parsed.  While a block that
somebody reads is open, nothing is passed by, so that a reader sees all of a block or none of it.
"""

import secrets
from collections.abc import Callable
from typing import Any

from pipeline.errors import GatewayError, UpstreamFailed, UpstreamTruncated
from pipeline.events import (
    Batch,
    Event,
    Failed,
    Finished,
    Heartbeat,
    InputDelta,
    Kinds,
    Opaque,
    Refusal,
    SignatureDelta,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
)
from stages.dialects.anthropic.deltas import member, parsed
from stages.dialects.logprobs import tokens
from stages.dialects.responses import calls, reasoning, stops, usage
from stages.dialects.responses.blocks import Blocks, Open, Place
from stages.dialects.responses.errors import refusal
from stages.dialects.responses.items import ITEM_DONE, NAME, Item, block_of, contents, exploded, part_block, text_of
from stages.dialects.responses.pieces import index_of, name_of, number_of, piece, thought
from stages.dialects.responses.tray import LIMIT, Tray
from stages.dialects.sse import Frame, Frames, State


class StreamDecoder:
    """Reads one stream.  *kinds*: what will be read of it; None: everything."""

    __slots__ = ("_blocks", "_frames", "_model", "_notes", "_state", "_tray", "_unread")

    def __init__(self, kinds: Kinds | None) -> None:
        self._frames = Frames(LIMIT)
        self._state = WAITING
        self._tray = Tray()
        self._blocks = Blocks(kinds)
        self._model = ""
        self._notes = kinds is None or Opaque in kinds
        self._unread = frozenset(name for name, kind in NAMES.items() if kinds is not None and kind not in kinds)

    def feed(self, data: bytes) -> Batch:
        """The events that *data* completes."""
        self._read(self._frames.feed(data))
        if self._frames.overflowing:
            self._fail(UpstreamFailed(f"the upstream sent an event of more than {LIMIT} bytes"))
        return self._tray.take()

    def close(self) -> Batch:
        """What the end of the stream means: nothing new after the terminal event, else that it was truncated."""
        self._read(self._frames.last())
        self._fail(UpstreamTruncated("the upstream stopped before its answer was complete"))
        return self._tray.take()

    def _read(self, frames: list[Frame]) -> None:
        blocks, unread = self._blocks, self._unread
        try:
            for raw, name, data in frames:
                if name in unread and not blocks.watched and self._state is TELLING:
                    self._tray.pass_by(raw)
                elif data:
                    kind = name or name_of(data)
                    self._state[kind](self, kind, raw, data)
                else:
                    self._quiet(raw)
        except UpstreamFailed as error:
            self._fail(error)

    def _fail(self, error: GatewayError, raw: bytes = b"") -> None:
        """The reply ended as it should not; *raw*: the frame in which the upstream says so itself."""
        if self._state is OVER:
            return
        if raw:
            self._tray.put([Failed(error)], raw)
        else:
            self._tray.add([Failed(error)])
        self._state = OVER

    # -- any state ----------------------------------------------------------------------------------------------------

    def _quiet(self, raw: bytes) -> None:
        """A frame without data: the server shows that it is alive."""
        if self._state is OVER:
            return
        if self._tray.waits or not raw.strip():
            self._tray.put([], raw)
        elif all(line.startswith(b":") for line in raw.splitlines() if line):
            self._tray.put([Heartbeat()], raw)
        else:
            self._tray.add([Heartbeat()])  # an event without data makes the openai package raise: told anew

    def _keep(self, name: bytes, raw: bytes, data: bytes) -> None:
        if not data.startswith(b"[DONE]"):  # another family's terminator
            self._tray.put([], raw)

    def _ignore(self, name: bytes, raw: bytes, data: bytes) -> None:
        """Nothing is told after the end."""

    # -- waiting ------------------------------------------------------------------------------------------------------

    def _start(self, name: bytes, raw: bytes, data: bytes) -> None:
        """The reply begins, also with a server that does not say so."""
        value = parsed(data)
        response = value.get("response") if isinstance(value, dict) else None
        told = response if isinstance(response, dict) else {}
        self._model = str(told.get("model") or "")
        started = Started(str(told.get("id") or f"resp_{secrets.token_hex(16)}"), self._model)
        self._state = TELLING
        if name == b"response.created":
            self._tray.put([started], raw)
            return
        before = self._tray.take()
        self._state[name](self, name, raw, data)
        events = self._tray.take()
        self._tray.add(before)
        frame = next((event.frame for event in events if event.frame is not None), b"" if self._tray.waits else raw)
        self._tray.put([started, *events], frame)

    # -- telling: items -----------------------------------------------------------------------------------------------

    def _alive(self, name: bytes, raw: bytes, data: bytes) -> None:
        self._tray.put([Heartbeat()], raw)

    def _item_added(self, name: bytes, raw: bytes, data: bytes) -> None:
        value = parsed(data)
        item, events = member(value, "item"), list[Event]()
        place = self._blocks.item(index_of(value))
        block = block_of(item)
        if block is not None:
            opened = self._blocks.begin(place, 0, block, events)
            if opened.read and isinstance(early := item.get("arguments"), str):
                opened.tell(early, events)
        self._tray.put(events, raw)

    def _part_added(self, name: bytes, raw: bytes, data: bytes) -> None:
        value = parsed(data)
        part, place = member(value, "part"), index_of(value)
        if self._blocks.of(place, Thinking) is not None:
            self._tray.put([], raw)
            return
        if not self._blocks.known(place):
            self._blocks.item(place)
        events = self._blocks.stop(place)  # the part before it
        opened = self._blocks.begin(place, number_of(value, "content_index"), part_block(part), events)
        if opened.read:
            opened.tell(text_of(part), events)
        self._tray.put(events, raw)

    def _item_done(self, name: bytes, raw: bytes, data: bytes) -> None:
        value = parsed(data)
        item, place = member(value, "item"), index_of(value)
        if not self._blocks.known(place):
            self._blocks.item(place)
            events = exploded(item, self._blocks.next, self._model)
            self._blocks.count(events)
        elif item.get("type") == "message":
            events = self._message_done(item, place)
        else:
            opened = self._blocks.find(place, 0)
            events = [] if opened is None else [*self._ending(opened, item), *self._blocks.stop(place)]
        self._tray.put(events, raw)

    def _message_done(self, item: Item, place: int) -> list[Event]:
        events: list[Event] = []
        for number, part in enumerate(contents(item)):
            opened = self._blocks.find(place, number)
            if opened is None and not self._blocks.begun(place, number):
                events += self._blocks.stop(place)
                opened = self._blocks.begin(place, number, part_block(part), events)
            if opened is not None and opened.read:
                opened.rest(text_of(part), events)
        return events + self._blocks.stop(place)

    def _ending(self, opened: Open, item: Item) -> list[Event]:
        """What only the end of an item tells."""
        events: list[Event] = []
        if isinstance(opened.block, Thinking):
            for part, text in reasoning.parts(item) if opened.read else ():
                opened.think_rest(part, text, events)
            if signature := reasoning.sealed(item, self._model):
                events.append(SignatureDelta(opened.index, signature))
        elif not isinstance(opened.block, ToolUse):
            events.append(Opaque(NAME, ITEM_DONE, item, opened.index))
        elif opened.read:
            opened.rest(calls.text(item), events)
        return events

    # -- telling: pieces ----------------------------------------------------------------------------------------------

    def _text_delta(self, name: bytes, raw: bytes, data: bytes) -> None:
        told = piece(data)
        opened = self._blocks.find(told.output_index, told.content_index)
        if opened is not None and opened.kind is TextDelta and told.delta:
            opened.length += len(told.delta)
            self._tray.one(TextDelta(opened.index, told.delta, tokens(told.logprobs), frame=raw))
            return
        events: list[Event] = []
        if opened is None:  # never announced
            if not self._blocks.known(told.output_index):
                self._blocks.item(told.output_index)
            block = Refusal() if name == b"response.refusal.delta" else Text()
            opened = self._blocks.begin(told.output_index, told.content_index, block, events)
        opened.tell(told.delta, events)
        self._tray.put(events, raw)

    def _text_done(self, name: bytes, raw: bytes, data: bytes) -> None:
        value = parsed(data)
        opened = self._blocks.find(index_of(value), number_of(value, "content_index"))
        self._rest(opened, value.get("text", value.get("refusal")), raw)

    def _thought_delta(self, name: bytes, raw: bytes, data: bytes) -> None:
        told = thought(data)
        self._think(told.output_index, ("summary", told.summary_index), told.delta, raw)

    def _reason_delta(self, name: bytes, raw: bytes, data: bytes) -> None:
        told = piece(data)
        self._think(told.output_index, ("content", told.content_index), told.delta, raw)

    def _think(self, place: int, part: Place, words: str, raw: bytes) -> None:
        events: list[Event] = []
        opened = self._blocks.of(place, Thinking)
        if opened is None:
            place = place if self._blocks.known(place) else self._blocks.item(place)
            opened = self._blocks.begin(place, 0, Thinking(), events)
        opened.think(part, words, events)
        self._tray.put(events, raw)

    def _thought_done(self, name: bytes, raw: bytes, data: bytes) -> None:
        value = parsed(data)
        field = "summary" if name == b"response.reasoning_summary_text.done" else "content"
        part = field, number_of(value, f"{field}_index")
        opened, events = self._blocks.of(index_of(value), Thinking), list[Event]()
        if opened is not None and opened.read and isinstance(text := value.get("text"), str):
            opened.think_rest(part, text, events)
        self._tray.put(events, raw)

    def _input_delta(self, name: bytes, raw: bytes, data: bytes) -> None:
        told = piece(data)
        opened = self._blocks.of(told.output_index, ToolUse)
        if opened is None:
            raise UpstreamFailed(f"the upstream went on with item {told.output_index}, which is no open call")
        events: list[Event] = []
        opened.tell(told.delta, events)
        self._tray.put(events, raw)

    def _input_done(self, name: bytes, raw: bytes, data: bytes) -> None:
        value = parsed(data)
        self._rest(self._blocks.of(index_of(value), ToolUse), value.get("arguments", value.get("input")), raw)

    def _rest(self, opened: Open | None, whole: Any, raw: bytes) -> None:
        events: list[Event] = []
        if opened is not None and opened.read and isinstance(whole, str):
            opened.rest(whole, events)
        self._tray.put(events, raw)

    def _opaque(self, name: bytes, raw: bytes, data: bytes) -> None:
        """What only this dialect understands: steps of the server's own tools, annotations, what came after us."""
        if data.startswith(b"[DONE]"):
            return
        if not self._notes and not self._blocks.watched:
            self._tray.pass_by(raw)
            return
        value = parsed(data)
        opened = self._blocks.find(index_of(value), number_of(value, "content_index")) if _placed(value) else None
        index = None if opened is None else opened.index
        self._tray.put([Opaque(NAME, name.decode("utf-8", "replace"), value, index)], raw)

    # -- telling: ends ------------------------------------------------------------------------------------------------

    def _completed(self, name: bytes, raw: bytes, data: bytes) -> None:
        response = member(parsed(data), "response")
        if response.get("status") in stops.BROKEN:
            self._failed(name, raw, data)
            return
        events: list[Event] = []
        output = response.get("output")
        for item in output if isinstance(output, list) and not self._blocks.next else ():  # nothing was streamed
            if isinstance(item, dict):
                more = exploded(item, self._blocks.next, self._model)
                self._blocks.count(more)
                events += more
        events += self._blocks.stop()
        stop = stops.read(response, called=self._blocks.called, refused=self._blocks.refused)
        self._tray.put([*events, Finished(stop, usage=usage.read(response.get("usage")))], raw)
        self._state = OVER

    def _failed(self, name: bytes, raw: bytes, data: bytes) -> None:
        self._fail(refusal(stops.broken(member(parsed(data), "response"))), raw)

    def _error(self, name: bytes, raw: bytes, data: bytes) -> None:
        self._fail(refusal(parsed(data)), raw)


def _placed(value: Any) -> bool:
    return isinstance(value, dict) and "output_index" in value


# -- what is done with which event, by state --------------------------------------------------------------------------

Step = Callable[[StreamDecoder, bytes, bytes, bytes], None]

_TOLD: dict[bytes, Step] = {
    b"response.created": StreamDecoder._keep,
    b"response.queued": StreamDecoder._alive,
    b"response.in_progress": StreamDecoder._alive,
    b"keepalive": StreamDecoder._alive,
    b"response.output_item.added": StreamDecoder._item_added,
    b"response.output_item.done": StreamDecoder._item_done,
    b"response.content_part.added": StreamDecoder._part_added,
    b"response.content_part.done": StreamDecoder._keep,
    b"response.output_text.delta": StreamDecoder._text_delta,
    b"response.output_text.done": StreamDecoder._text_done,
    b"response.refusal.delta": StreamDecoder._text_delta,
    b"response.refusal.done": StreamDecoder._text_done,
    b"response.reasoning_summary_part.added": StreamDecoder._keep,
    b"response.reasoning_summary_part.done": StreamDecoder._keep,
    b"response.reasoning_summary_text.delta": StreamDecoder._thought_delta,
    b"response.reasoning_summary_text.done": StreamDecoder._thought_done,
    b"response.reasoning_text.delta": StreamDecoder._reason_delta,
    b"response.reasoning_text.done": StreamDecoder._thought_done,
    b"response.function_call_arguments.delta": StreamDecoder._input_delta,
    b"response.function_call_arguments.done": StreamDecoder._input_done,
    b"response.custom_tool_call_input.delta": StreamDecoder._input_delta,
    b"response.custom_tool_call_input.done": StreamDecoder._input_done,
    b"response.completed": StreamDecoder._completed,
    b"response.incomplete": StreamDecoder._completed,
    b"response.done": StreamDecoder._completed,  # in append mode
}
_BROKEN: dict[bytes, Step] = {
    b"response.failed": StreamDecoder._failed,
    b"response.cancelled": StreamDecoder._failed,
    b"error": StreamDecoder._error,
}
WAITING: State[Step] = State(StreamDecoder._keep, {**dict.fromkeys(_TOLD, StreamDecoder._start), **_BROKEN})
TELLING: State[Step] = State(StreamDecoder._opaque, {**_TOLD, **_BROKEN})
OVER: State[Step] = State(StreamDecoder._ignore, {})

# Frames that can be passed by, and what they would be read for.
NAMES: dict[bytes, type[Event]] = {
    name: kind
    for prefix, kind in (
        (b"response.output_text.", TextDelta),
        (b"response.refusal.", TextDelta),
        (b"response.content_part.done", TextDelta),
        (b"response.reasoning_", ThinkingDelta),
        (b"response.function_call_arguments.", InputDelta),
        (b"response.custom_tool_call_input.", InputDelta),
    )
    for name in _TOLD
    if name.startswith(prefix)
}
