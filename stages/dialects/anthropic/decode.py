"""A Messages stream, read: bytes to events.

    message_start   content_block_start delta* content_block_stop …   message_delta … message_stop
      Started         BlockStarted       …      BlockStopped            └────── Finished ──────┘

    waiting ──message_start──▶ telling ──message_delta──▶ ending ──message_stop──▶ over
       └──────── error: over ─────┴───────── error: over ───┘

Every frame belongs to one event (a Run has several), so that an untouched reply is written byte for byte.  Frames of
which nobody reads anything are not parsed: the event's name, and for deltas a few bytes, decide.  A server may leave
off pings, stops of blocks, the last blank line and the event's name, and may give text or input already at a block's
start.  It may not speak of blocks that never began, nor end without ``message_stop``: that is truncation.
"""

import re
from collections.abc import Callable
from typing import cast

from pipeline.errors import GatewayError, UpstreamFailed, UpstreamTruncated
from pipeline.events import (
    Batch,
    Block,
    BlockStarted,
    BlockStopped,
    Event,
    Failed,
    Finished,
    Heartbeat,
    InputDelta,
    Kinds,
    Opaque,
    Run,
    Started,
    Stop,
    ToolUse,
)
from stages.dialects.anthropic.blocks import NAME, Fields, contents, opened
from stages.dialects.anthropic.deltas import DELTA, KINDS, NEAR, index_of, member, parsed, read_delta
from stages.dialects.anthropic.errors import told_in_stream
from stages.dialects.anthropic.usage import merged, read_usage
from stages.dialects.sse import LIMIT, Frame, Frames, State

_NONE: frozenset[bytes] = frozenset()
_DELTAS = frozenset({DELTA})
_PLAIN = frozenset({"type", "delta", "usage", "stop_reason", "stop_sequence", "stop_details"})  # of message_delta


class StreamDecoder:
    """Reads one stream.  *kinds*: what will be read of it; None: everything."""

    __slots__ = ("_batch", "_blocks", "_called", "_early", "_ending", "_extra", "_frames", "_held", "_passing",
                 "_reads_input", "_reads_opaque", "_run", "_state", "_unread", "_usage", "_wanted")  # fmt: skip

    def __init__(self, kinds: Kinds | None) -> None:
        self._frames = Frames()
        self._state = WAITING
        self._batch: Batch = []
        self._run: list[bytes] = []  # adjacent frames that nobody reads
        self._blocks: dict[int, Block] = {}  # open now
        self._early: dict[int, Fields] = {}  # tools whose input came at their start, and in no delta yet
        self._usage: Fields = {}
        self._ending: Fields = {}
        self._extra: Fields = {}  # what else the ending tells
        self._held = bytearray()  # the frames of the ending
        self._called = False
        self._reads_opaque = kinds is None or Opaque in kinds
        self._reads_input = kinds is None or InputDelta in kinds
        tags = [tag for kind, (tag, _, _) in KINDS.items() if self._reads_opaque or kind in (kinds or ())]
        self._unread = _NONE if tags else _DELTAS  # what is passed on by name while blocks are told
        self._passing = _NONE  # the same, in the present state
        self._wanted = None if self._reads_opaque or not tags else re.compile(f'"(?:{"|".join(tags)})"'.encode())

    def feed(self, data: bytes) -> Batch:
        """The events that *data* completes."""
        self._read(self._frames.feed(data))
        if self._frames.overflowing:
            self._fail(UpstreamFailed(f"the upstream sent an event of more than {LIMIT} bytes"))
        batch, self._batch = self._batch, []  # not to be held until the next ones come
        return batch

    def close(self) -> Batch:
        """What the end of the stream means: nothing new after the terminal event, else that it was truncated."""
        self._read([frame for frame in self._frames.last() if complete(frame)])
        self._release()
        self._fail(UpstreamTruncated("the upstream stopped before its answer was complete"))
        return self._batch

    def _read(self, frames: list[Frame]) -> None:
        try:
            for raw, name, data in frames:
                if name in self._passing:
                    self._run.append(raw)
                elif name and data:
                    self._state[name](self, name, raw, data)
                else:
                    self._read_nameless(raw, data)
        except UpstreamFailed as error:
            self._fail(error)
        if self._run:
            self._flush()

    def _put(self, *events: Event, frame: bytes | None) -> None:
        """Tell *events*, which came together in *frame*."""
        if self._run:
            self._flush()
        for number, event in enumerate(events):
            event.frame, event.nth, event.of = frame, number, len(events)
            self._batch.append(event)

    def _flush(self) -> None:
        self._batch.append(Run(NAME, len(self._run), frame=b"".join(self._run)))
        self._run.clear()

    def _fail(self, error: GatewayError, frame: bytes | None = None) -> None:
        if self._state is not OVER:
            self._put(Failed(error), frame=frame)
            self._enter(OVER)

    def _enter(self, state: "State[Step]") -> None:
        self._state = state
        self._passing = self._unread if state is TELLING else _NONE

    # -- any state ----------------------------------------------------------------------------------------------------

    def _read_nameless(self, raw: bytes, data: bytes) -> None:
        """A comment, a blank line, a name alone; or an event whose name is only in its data: clients need it before."""
        if not data:
            self._state[b"ping"](self, b"ping", raw, data)
        elif data.strip() != b"[DONE]":  # another family's terminator
            value = parsed(data)
            name = str(value.get("type", "")).encode() if isinstance(value, dict) else b""
            named = b"event: %b\ndata: %b\n\n" % (name, data.replace(b"\n", b"\ndata: "))
            self._state[name](self, name, named, data)

    def _ping(self, name: bytes, raw: bytes, data: bytes) -> None:
        self._put(Heartbeat(), frame=raw)

    def _unknown(self, name: bytes, raw: bytes, data: bytes) -> None:
        if not self._reads_opaque:
            self._run.append(raw)
            return
        try:
            value = parsed(data)
        except UpstreamFailed:
            value = None
        self._put(Opaque(NAME, name.decode("utf-8", "replace"), value), frame=raw)

    def _error(self, name: bytes, raw: bytes, data: bytes) -> None:
        self._fail(told_in_stream(data), bytes(self._held + raw))

    def _disorder(self, name: bytes, raw: bytes, data: bytes) -> None:
        raise UpstreamFailed(f"the upstream sent {name.decode()} out of order")

    def _ignore(self, name: bytes, raw: bytes, data: bytes) -> None:
        """Nothing is told after the end."""

    # -- waiting ------------------------------------------------------------------------------------------------------

    def _message_start(self, name: bytes, raw: bytes, data: bytes) -> None:
        message = member(parsed(data), "message")
        self._usage = merged({}, message.get("usage"))
        started = Started(
            str(message.get("id") or ""), str(message.get("model") or ""), read_usage(self._usage or None)
        )
        self._put(started, frame=raw)
        self._enter(TELLING)

    # -- telling ------------------------------------------------------------------------------------------------------

    def _delta(self, name: bytes, raw: bytes, data: bytes) -> None:
        if self._wanted is not None and self._wanted.search(data, 0, NEAR) is None:
            self._run.append(raw)
            return
        event = read_delta(data, raw, self._blocks)
        if self._early and isinstance(event, InputDelta) and event.piece:
            self._early.pop(event.index, None)
        if self._run:
            self._flush()
        self._batch.append(event)

    def _block_start(self, name: bytes, raw: bytes, data: bytes) -> None:
        value = parsed(data)
        index, fields = index_of(value), member(value, "content_block")
        if index in self._blocks:
            raise UpstreamFailed(f"the upstream began block {index} twice")
        block = self._blocks[index] = opened(fields)
        if not isinstance(block, ToolUse):
            self._put(BlockStarted(index, block), *contents(fields, index), frame=raw)
            return
        self._called = True
        if self._reads_input and fields.get("input"):
            self._early[index] = fields
        self._put(BlockStarted(index, block), frame=raw)

    def _block_stop(self, name: bytes, raw: bytes, data: bytes) -> None:
        index = index_of(parsed(data))
        if self._blocks.pop(index, None) is None:
            raise UpstreamFailed(f"the upstream ended block {index}, which is not open")
        early = self._early.pop(index, None)
        self._put(*(contents(early, index) if early else ()), BlockStopped(index), frame=raw)

    # -- ending -------------------------------------------------------------------------------------------------------

    def _message_delta(self, name: bytes, raw: bytes, data: bytes) -> None:
        value = parsed(data)
        delta = member(value, "delta")
        self._ending = merged(self._ending, delta)
        self._extra |= {key: told for key, told in {**value, **delta}.items() if key not in _PLAIN and told is not None}
        self._usage = merged(self._usage, value.get("usage"))
        self._enter(ENDING)
        self._hold(name, raw, data)

    def _hold(self, name: bytes, raw: bytes, data: bytes) -> None:
        self._held += raw
        if len(self._held) > LIMIT:
            raise UpstreamFailed(f"the upstream did not end within {LIMIT} bytes")

    def _release(self) -> None:
        """It was not the end after all: what was held goes on, for the same dialect."""
        if self._state is ENDING:
            self._put(Opaque(NAME, "message_delta", {"delta": self._ending}), frame=bytes(self._held))
            self._held.clear()
            self._enter(TELLING)

    def _resume(self, name: bytes, raw: bytes, data: bytes) -> None:
        self._release()
        TELLING[name](self, name, raw, data)

    def _message_stop(self, name: bytes, raw: bytes, data: bytes) -> None:
        stop, sequence = self._ending.get("stop_reason"), self._ending.get("stop_sequence")
        details = self._ending.get("stop_details")
        finished = Finished(
            cast(Stop, stop) if isinstance(stop, str) else "tool_use" if self._called else "end_turn",
            sequence if isinstance(sequence, str) else None,
            read_usage(self._usage or None),
            details if isinstance(details, dict) else None,
            extra=self._extra or None,
        )
        for index, fields in self._early.items():  # of tools that never stopped
            self._put(*contents(fields, index), frame=None)
        self._put(finished, frame=bytes(self._held + raw))
        self._enter(OVER)


def complete(frame: Frame) -> bool:
    """Whether a frame that lacks its blank line lacks nothing else."""
    try:
        parsed(frame[2])
    except UpstreamFailed:
        return False
    return True


# -- what is done with which event, by state --------------------------------------------------------------------------

Step = Callable[[StreamDecoder, bytes, bytes, bytes], None]

_BLOCKS = (b"content_block_start", DELTA, b"content_block_stop")
WAITING: State[Step] = State(
    StreamDecoder._unknown,
    {
        b"message_start": StreamDecoder._message_start,
        **dict.fromkeys((*_BLOCKS, b"message_delta", b"message_stop"), StreamDecoder._disorder),
        b"ping": StreamDecoder._ping,
        b"error": StreamDecoder._error,
    },
)
TELLING: State[Step] = State(
    StreamDecoder._unknown,
    {
        b"message_start": StreamDecoder._disorder,
        b"content_block_start": StreamDecoder._block_start,
        DELTA: StreamDecoder._delta,
        b"content_block_stop": StreamDecoder._block_stop,
        b"message_delta": StreamDecoder._message_delta,
        b"message_stop": StreamDecoder._message_stop,
        b"ping": StreamDecoder._ping,
        b"error": StreamDecoder._error,
    },
)
ENDING: State[Step] = State(
    StreamDecoder._hold,  # also pings: what comes now is written with the ending, in its order
    {
        b"message_start": StreamDecoder._disorder,
        **dict.fromkeys(_BLOCKS, StreamDecoder._resume),
        b"message_delta": StreamDecoder._message_delta,
        b"message_stop": StreamDecoder._message_stop,
        b"error": StreamDecoder._error,
    },
)
OVER: State[Step] = State(StreamDecoder._ignore, {})
