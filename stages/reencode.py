"""Reencode: the sink of the line.  Writes the reply in the client's dialect, as it comes or whole.

    streamed   waiting ──first event──▶ streaming ──terminal──▶ over        one write per batch; a ping may come first
    whole      folding ──terminal──▶ over                                   head and body in one write

The state is a method, held unbound: a bound one would leave every reply to the collector.  A failure before the head is
told with its true status; after it, in the stream, in the dialect's own form.  A frame that nobody touched is written
as it came (the encoder sees to that).
"""

from collections.abc import Awaitable, Callable

import trio

from pipeline.dialect import Encoder
from pipeline.errors import GatewayError
from pipeline.events import Answer, Batch, Failed, Started
from pipeline.exchange import Exchange
from stages.dialects.renaming import in_body, in_frames
from stages.fidelity import TOLD, told
from stages.fields import answer_fields, reply_fields
from stages.notes import NAMED
from transports.messages import Head, Headers, Response

# A reply that is read as it is written must not be kept, compressed or collected on its way.
STREAMED: Headers = [(b"cache-control", b"no-cache, no-transform"), (b"x-accel-buffering", b"no")]

_IDS = (b"request-id", b"x-request-id")
_BEGUN = Head(200)  # of a stream whose head is out: its status is kept


Sending = Callable[["Reencode", Batch], Awaitable[None]]


class Reencode:
    """Write the reply as the client's protocol has it."""

    __slots__ = ("_at_once", "_encoder", "_exchange", "_response", "_sending", "_upstream", "over", "written")

    def __init__(self, exchange: Exchange, response: Response) -> None:
        self.over = False
        self.written = trio.current_time()
        self._exchange, self._response = exchange, response
        self._upstream: Headers = []
        self._encoder = self._make_encoder()
        self._sending: Sending = Reencode._waiting if exchange.streaming else Reencode._folding
        self._at_once: Callable[[Reencode, Batch], Batch | None] = Reencode._later

    def _make_encoder(self) -> Encoder:
        dialect, asked = self._exchange.dialect, self._exchange.prompt
        return dialect.stream_encoder(asked) if self._exchange.streaming else dialect.whole_encoder(asked)

    def send(self, batch: Batch) -> Awaitable[None]:
        """Write *batch*; the sink of a line does (``pipeline.outlet.Sink``)."""
        return self._sending(self, batch)

    push = send  # what needs no waiting is ``send_now``'s

    def send_now(self, batch: Batch) -> Batch | None:
        """Write *batch* if that needs no waiting; gives what is left for ``send``, None: nothing."""
        return self._at_once(self, batch)

    # -- streamed -----------------------------------------------------------------------------------------------------

    async def _waiting(self, batch: Batch) -> None:
        """Nothing is written yet."""
        first = batch[0]
        if isinstance(first, Failed):
            await self._refuse(first.error)
        elif isinstance(first, Answer):
            await self._answer(first.head, first.body)
        else:
            self._take_head(batch)
            self._sending = Reencode._streaming
            await self._response.start(self._head(200, [(b"content-type", b"text/event-stream"), *STREAMED]))
            # Some 4 KiB, for as long as it lasts.
            self._exchange.head, self._exchange.reply_headers, self._upstream = _BEGUN, [], []
            await self._streaming(batch)
            self._at_once = Reencode._now

    async def _streaming(self, batch: Batch) -> None:
        """The head is out: events are written as they come, a batch at a time."""
        data = self._encoded(batch) if batch else b""
        if data or not batch:  # an empty batch: something of the last one had to wait
            await self._response.write(data)
            self.written = trio.current_time()
        if batch and batch[-1].terminal:
            await self._end(batch)

    def _later(self, batch: Batch) -> Batch | None:
        """A head, or a whole reply, is left to ``send``."""
        return batch

    def _now(self, batch: Batch) -> Batch | None:
        """The same as ``_streaming``, where nothing has to wait; the end may."""
        if batch[-1].terminal:
            return batch
        data = self._encoded(batch)
        if not data:
            return None
        self.written = trio.current_time()
        return None if self._response.write_now(data) else []

    # -- whole --------------------------------------------------------------------------------------------------------

    async def _folding(self, batch: Batch) -> None:
        """Events are folded into one body."""
        last = batch[-1]
        if isinstance(last, Failed):
            await self._refuse(last.error)
        elif isinstance(last, Answer):
            await self._answer(last.head, last.body)
        else:
            self._take_head(batch)
            body = self._encoded(batch)
            if last.terminal:
                await self._whole(self._head(200, [(b"content-type", b"application/json")]), body)

    # -- both ---------------------------------------------------------------------------------------------------------

    def _encoded(self, batch: Batch) -> bytes:
        """*batch* in the client's words; the model has the name that it asked for, where ``model_map`` wants it so."""
        data, name, attempt = self._encoder.feed(batch), self._exchange.noted(NAMED), self._exchange.committed
        if not data or name is None or attempt is None or attempt.model == name:
            return data
        return in_frames(data, self._exchange.dialect.MODEL, name) if self._exchange.streaming else in_body(data, name)

    async def _refuse(self, error: GatewayError) -> None:
        self._exchange.error = error
        head, body = self._exchange.dialect.encode_error(error, self._exchange.id)
        await self._answer(head, body)

    async def _answer(self, head: Head, body: bytes) -> None:
        fields = with_fields(answer_fields(head.headers), self._exchange.reply_headers)
        await self._whole(Head(head.status, fields), body)

    async def _whole(self, head: Head, body: bytes) -> None:
        self._exchange.head = Head(head.status, [*head.headers, (b"content-length", b"%d" % len(body))])
        await self._response.start(self._exchange.head)
        if body:
            await self._response.write(body)
        await self._response.finish()
        self.over = True

    async def _end(self, batch: Batch) -> None:
        last = batch[-1]
        if isinstance(last, Failed):
            self._exchange.error = last.error
        await self._response.finish()
        self.over = True

    def _take_head(self, batch: Batch) -> None:
        """The committed upstream's head comes with Started."""
        started = next((event for event in batch if isinstance(event, Started)), None)
        if started is not None and started.head is not None:
            upstream = self._exchange.upstream
            same = upstream is not None and upstream.dialect.NAME == self._exchange.dialect.NAME
            self._upstream = reply_fields(started.head, same=same)

    def _head(self, status: int, own: Headers) -> Head:
        fields = with_fields(self._upstream, own)
        known = dict(fields)
        fields += [(name, self._exchange.id.encode()) for name in _IDS if name not in known]
        if self._exchange.prompt.edits:
            fields.append((TOLD, told(self._exchange.prompt.edits)))
        self._exchange.head = Head(status, with_fields(fields, self._exchange.reply_headers))
        return self._exchange.head


def with_fields(fields: Headers, more: Headers) -> Headers:
    """*fields* with *more*, which take the place of those of the same name."""
    if not more:
        return fields
    names = dict(more)
    return [field for field in fields if field[0] not in names] + more


stage = Reencode
