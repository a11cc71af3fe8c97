"""A Chat stream, read: frames to events.

    opening ──chunk──▶ reading ──────────────────────────▶ over      at [DONE], an error, close()
                          └──block begun──▶ skimming ──────▶ over      where nobody reads deltas

The state is a bound method.  One frame may hold several events; they share it.  A frame that stands for no event (an
empty delta, the first fragment of a call that has no id yet) is kept and joins the next one that does, so that the
bytes stay in order and belong to someone.  What ends a reply, the frame with ``finish_reason``, the one with ``usage``
and ``[DONE]``, belongs to Finished; a choice that ends while others go on says so with an Opaque.

While nobody on the way reads deltas, frames are skimmed: those that hold no end, no usage and no error (``quiet``)
travel as a Run.  What must hold: fed in any pieces, the same events; exactly one
terminal event; nothing after it; at most LIMIT bytes kept.
"""

import secrets
from collections.abc import Callable
from typing import Any

from pipeline.errors import GatewayError, UpstreamFailed, UpstreamTruncated
from pipeline.events import (
    Batch,
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
    SignatureDelta,
    Started,
    Text,
    TextDelta,
    ThinkingDelta,
    share,
)
from stages.dialects.chat import stops, usage
from stages.dialects.chat.blocks import Blocks, Choice, Nameless
from stages.dialects.chat.chunk import CHUNK, UNREADABLE, WORDS, Chunk, quiet, read
from stages.dialects.chat.chunk import Choice as Told
from stages.dialects.chat.refusals import frame_error
from stages.dialects.sse import Frame, Frames

LIMIT = 1024 * 1024  # bytes of frames, and characters of arguments, that wait for what they belong to

# Blocks are implicit in Chat: who reads any of these needs every frame decoded.
_DELTAS = frozenset(
    {BlockStarted, BlockStopped, TextDelta, ThinkingDelta, SignatureDelta, InputDelta, Opaque},
)


class StreamDecoder:
    """Turns the bytes of one stream into events.

    *kinds*: what will be read; None: everything.  *hide_usage*: the client did not ask for usage, so the frame that
    holds nothing else is taken out.  (``"usage": null``, which servers add to every other frame when asked for usage,
    stays: it is the schema's own default.)
    """

    __slots__ = ("_blocks", "_frames", "_hide_usage", "_kept", "_last", "_on", "_skim", "_usage", "_weight")

    def __init__(self, kinds: Kinds | None = None, *, hide_usage: bool = False) -> None:
        self._frames = Frames()
        self._blocks = Blocks()
        self._on: Callable[[StreamDecoder, bytes, bytes, Batch], None] = StreamDecoder._opening  # unbound: no cycle
        self._skim = kinds is not None and not kinds & _DELTAS
        self._hide_usage = hide_usage
        self._usage: dict[str, Any] = {}
        self._kept: list[bytes] = []  # frames that wait for an event to belong to
        self._weight = 0  # of _kept
        self._last: list[Event] = []  # of frames that end a choice: they wait for what comes after it

    def feed(self, data: bytes) -> Batch:
        """The events that *data* completes."""
        batch: Batch = []
        frames = self._frames.feed(data)
        for raw, _, payload in self._run(frames, batch) if self._on is StreamDecoder._skimming else frames:
            self._on(self, raw, payload, batch)
        if self._frames.overflowing:
            self._fail(UpstreamFailed("the upstream sent a frame of more than a megabyte"), batch)
        return batch

    def close(self) -> Batch:
        """What is left, and the terminal event if it has not come."""
        batch: Batch = []
        for raw, _, payload in self._frames.last():
            if payload.startswith(b"[DONE]") or (payload and read(payload) is not None):  # else cut in its middle
                self._on(self, raw, payload, batch)
        if self._on is not StreamDecoder._over:
            self._finish(batch, done=False)
        return batch

    # -- states -------------------------------------------------------------------------------------------------------

    def _opening(self, raw: bytes, payload: bytes, batch: Batch) -> None:
        """No chunk has come."""
        chunk = self._chunk(raw, payload, batch)
        if chunk is None:
            return
        if not (chunk.id or chunk.model or chunk.choices):  # Azure's first frame, about the prompt
            self._keep(raw, batch)
            return
        reply = chunk.id if isinstance(chunk.id, str) and chunk.id else f"chatcmpl-{secrets.token_hex(12)}"
        self._blocks.reply, self._blocks.model = reply, chunk.model if isinstance(chunk.model, str) else ""
        self._on = StreamDecoder._reading
        self._take(chunk, raw, batch, [Started(reply, chunk.model if isinstance(chunk.model, str) else "")])

    def _reading(self, raw: bytes, payload: bytes, batch: Batch) -> None:
        """Deltas come and are decoded; also after a choice has ended."""
        if (open_ := self._blocks.writing) is not None and not self._kept:
            try:
                words = WORDS.decode(payload)
            except UNREADABLE:
                pass  # it says something else, or more
            else:
                if words.usage:
                    usage.merge(self._usage, words.usage)
                batch.append(TextDelta(open_, words.choices[0].delta.content, frame=raw))
                return
        chunk = self._chunk(raw, payload, batch)
        if chunk is not None:
            self._take(chunk, raw, batch, [])

    def _skimming(self, raw: bytes, payload: bytes, batch: Batch) -> None:
        """Deltas come and nobody reads them."""
        if quiet([payload]):
            self._skip([raw], batch)
            return
        chunk = self._chunk(raw, payload, batch)
        if chunk is None:
            return
        if chunk.usage or any(choice.finish_reason for choice in chunk.choices or ()):
            for choice in chunk.choices or ():
                choice.delta = choice.message = None  # what came before it was not read either
            self._take(chunk, raw, batch, [])
        else:
            self._skip([raw], batch)

    def _over(self, raw: bytes, payload: bytes, batch: Batch) -> None:
        """The terminal event was given."""

    # -- frames -------------------------------------------------------------------------------------------------------

    def _run(self, frames: list[Frame], batch: Batch) -> list[Frame]:
        """Gather the frames that nobody reads into one Run; the frames from the first one that must be read."""
        end = len(frames)
        if not quiet([frame[2] for frame in frames]):
            end = next(number for number, frame in enumerate(frames) if not quiet([frame[2]]))
        if end:
            self._skip([frame[0] for frame in frames[:end]], batch)
        return frames[end:]

    def _chunk(self, raw: bytes, payload: bytes, batch: Batch) -> Chunk | None:
        """The chunk in a frame; None if it was something else, which is dealt with here."""
        try:
            chunk = CHUNK.decode(payload)
        except UNREADABLE:
            mended = read(payload) if payload else None
            if mended is None:
                self._odd(raw, payload, batch)
                return None
            chunk = mended
        if chunk.error:
            self._keep(raw, batch)
            self._fail(frame_error(payload), batch, framed=True)
            return None
        if chunk.usage and isinstance(chunk.usage, dict):
            usage.merge(self._usage, chunk.usage)
        return chunk

    def _odd(self, raw: bytes, payload: bytes, batch: Batch) -> None:
        """A frame without a chunk."""
        if not payload:
            self._quiet(raw, batch)
        elif payload.startswith(b"[DONE]"):
            self._keep(raw, batch)
            self._finish(batch, done=True)
        else:
            self._fail(UpstreamFailed("the upstream sent a frame that is no chat completion chunk"), batch)

    def _quiet(self, raw: bytes, batch: Batch) -> None:
        """A frame without data: the server shows that it is alive."""
        if self._kept or not raw.strip():
            self._keep(raw, batch)
        elif all(line.startswith(b":") for line in raw.splitlines() if line):
            batch.append(Heartbeat(frame=raw))
        else:
            batch.append(Heartbeat())  # an event without data makes the openai package raise: told as a comment

    def _keep(self, raw: bytes, batch: Batch) -> None:
        self._kept.append(raw)
        self._weight += len(raw)
        if self._weight > LIMIT:
            self._fail(UpstreamFailed("the upstream sent a megabyte that says nothing"), batch)

    # -- events -------------------------------------------------------------------------------------------------------

    def _take(self, chunk: Chunk, raw: bytes, batch: Batch, events: list[Event]) -> None:
        """Add the events of *chunk* to *events*, and give them; or keep the frame until there are some."""
        ended = False
        try:
            for told in chunk.choices or ():
                ended = self._choose(told, events) or ended
        except GatewayError as error:
            batch += self._last + events
            self._last = []
            self._fail(error, batch)
            return
        if events and not ended:
            self._give(raw, events, batch)
        elif chunk.choices or not (self._hide_usage and chunk.usage):
            self._last += events
            self._keep(raw, batch)
        if self._blocks.waiting > LIMIT:
            self._fail(UpstreamFailed("the upstream sent a megabyte of arguments for a call without a name"), batch)

    def _choose(self, told: Told, events: list[Event]) -> bool:
        """One choice of a chunk; whether it has ended.  Raises GatewayError if it broke off."""
        choice = self._blocks.choice(told.index if told.index.__class__ is int else 0)
        delta = told.delta or told.message
        if delta is not None:
            self._blocks.take(choice, delta, events, told.logprobs)
            if delta.audio:
                events.append(Opaque("chat", "audio", delta.audio))
            if delta.annotations:
                place = choice.open if choice.kind is Text else None
                events.append(Opaque("chat", "annotations", delta.annotations, place))
        word = told.finish_reason
        if word is None or choice.word or not isinstance(word, str):
            return False
        choice.word = word
        return bool(word) and self._end(choice, told, events)

    def _end(self, choice: Choice, told: Told, events: list[Event]) -> bool:
        error = stops.broken(choice.word or "")
        if error is not None:
            raise error
        choice.sequence = told.stop_reason if isinstance(told.stop_reason, str) else None
        self._close(choice, events)
        return True

    def _close(self, choice: Choice, events: list[Event]) -> None:
        try:
            self._blocks.close(choice, events)
        except Nameless:
            raise UpstreamFailed("the upstream sent a tool call without a name") from None

    def _give(self, raw: bytes, events: list[Event], batch: Batch) -> None:
        """Give *events*, and what was kept for them, as siblings in one frame."""
        if self._kept:
            events = [*self._last, *self._ends(), *events]
            raw = b"".join([*self._kept, raw])
            self._last, self._kept, self._weight = [], [], 0
        share(events, raw)
        batch += events
        if self._skim and self._on is StreamDecoder._reading and self._blocks.settled:
            self._on = StreamDecoder._skimming

    def _skip(self, raws: list[bytes], batch: Batch) -> None:
        """Let frames that nobody reads pass, after what was kept."""
        events = [*self._last, *self._ends()]
        if events:
            share(events, b"".join(self._kept))
            batch += events
        else:
            raws = self._kept + raws
        self._last, self._kept, self._weight = [], [], 0
        batch.append(Run("chat", len(raws), frame=b"".join(raws)))

    def _ends(self) -> list[Event]:
        """The ends of choices that were not told, now that others go on."""
        ended = [choice for choice in self._blocks.choices.values() if choice.word and not choice.told]
        for choice in ended:
            choice.told = True
        return [Opaque("chat", "finish", {"index": choice.number, "finish_reason": choice.word}) for choice in ended]

    def _finish(self, batch: Batch, *, done: bool) -> None:
        """The stream has ended: properly, if every choice has said why.  *done*: with [DONE]."""
        choices = sorted(self._blocks.choices.values(), key=lambda choice: choice.number)
        if not choices or any(choice.word is None or not (choice.word or done) for choice in choices):
            self._fail(UpstreamTruncated("the upstream stopped in the middle of its answer"), batch)
            return
        try:
            for choice in choices:
                self._close(choice, self._last)
        except UpstreamFailed as error:
            self._fail(error, batch)
            return
        reasons = {
            choice.number: stops.read(choice.word or "", called=None if self._skim else choice.called,
                                      refused=choice.refused, sequence=choice.sequence is not None)
            for choice in choices
        }  # fmt: skip
        first = choices[0]
        stop = reasons.pop(first.number)
        finished = Finished(stop, first.sequence, usage.read(self._usage), None, reasons or None)
        events = [*self._last, finished]
        share(events, b"".join(self._kept))
        batch += events
        self._stop()

    def _fail(self, error: GatewayError, batch: Batch, *, framed: bool = False) -> None:
        """The stream has ended as it should not; *framed*: the upstream said so itself, in the frame kept last."""
        if self._on is StreamDecoder._over:
            return
        events = [*self._last, Failed(error)]
        if framed:
            share(events, b"".join(self._kept))
        batch += events
        self._stop()

    def _stop(self) -> None:
        self._on = StreamDecoder._over
        self._last, self._kept, self._weight = [], [], 0
