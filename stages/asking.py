"""Asking an upstream: one request out, one reply in, with every way it can fail put in our words.

    ask(exchange, upstream, body) ──▶ reply ──▶ checked: status, media type ──▶ decoded: bytes → events → out

Below this file are sockets, above it are events; the names of transport failures end here.
"""

from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager
from types import TracebackType

import attrs

from pipeline.credentials.credential import Credential
from pipeline.dialect import Decoder
from pipeline.errors import GatewayError, UpstreamFailed, UpstreamRefused, UpstreamTimeout, UpstreamTruncated
from pipeline.events import Batch, Failed, Started
from pipeline.exchange import Exchange, Out
from pipeline.upstream import Upstream
from stages.fields import own_fields, request_fields
from stages.redaction import redact
from stages.showing import shown
from transports.codings import CodingError, Decoding
from transports.messages import Head, find
from transports.pool import Reply
from transports.upstream import Call, ConnectFailed, TimedOut, Truncated, UpstreamError

ERROR_BYTES = 1024 * 1024  # what is read of an upstream's error
ANSWER_BYTES = 64 * 1024 * 1024  # what is read of an answer that is no reply: a list, a relayed body
INFLATED = 1024 * 1024 * 1024  # what a compressed reply may become; the ratio guards each read


def ask(exchange: Exchange, upstream: Upstream, body: bytes, *, path: str | None = None, own: bool = False) -> "Asking":
    """Send *body* to *upstream*; inside the block its reply can be received.  Raises GatewayError for all that fails.

    *path*: below the upstream's base; the operation's own where it is None.  The client's query and fields go along to
    an upstream of its own dialect, unless the question is our *own*.  Which credential is shown is the wallet's choice
    (``showing``); what the upstream repeats of it is taken out of its errors.
    """
    return Asking(exchange, upstream, body, path, own)


@attrs.define(eq=False)
class Asking:
    """One question, until its block is left.  No generator: thousands are suspended at one time."""

    _exchange: Exchange
    _upstream: Upstream
    _body: bytes
    _path: str | None
    _own: bool
    _words: "in_our_words" = attrs.field(init=False)
    _sending: AbstractAsyncContextManager[Reply] = attrs.field(init=False)

    async def __aenter__(self) -> Reply:
        exchange, upstream = self._exchange, self._upstream
        credential = await shown(exchange, upstream)
        call, self._body = self._call(credential), b""  # a stream that runs for an hour must not hold what was sent
        self._words = in_our_words(upstream, credential)
        with self._words:
            pool = upstream.pool if exchange.through is None else exchange.through(upstream)
            self._sending = pool.send(upstream.origin, call, upstream.timers)
            del call
            return await self._sending.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> bool:
        with self._words:
            if await self._sending.__aexit__(kind, raised, trace):
                return True
        self._words.__exit__(kind, raised, trace)
        return False

    def _call(self, credential: Credential | None) -> Call:
        exchange, upstream, own, below = self._exchange, self._upstream, self._own, self._path
        if below is None:
            below = upstream.dialect.upstream_path(exchange.operation, exchange.prompt)
        same = not own and upstream.dialect.NAME == exchange.dialect.NAME
        query = exchange.request.query if same else ""
        if upstream.query:
            query = f"{upstream.query}&{query}" if query else upstream.query
        return Call(
            method=exchange.request.method,
            target=f"{upstream.base}{below}{('&' if '?' in below else '?') if query else ''}{query}",
            headers=own_fields(upstream, credential) if own else request_fields(exchange, upstream, credential),
            body=self._body,
        )


@attrs.define(eq=False)
class in_our_words:  # noqa: N801  # stands after "with", as the functions of contextlib do
    """Say what the transport says of a failure as the gateway's errors do, by the upstream's name.

    What the upstream itself says passes, without *credential*.
    """

    upstream: Upstream
    credential: Credential | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: object) -> None:
        if raised is None:
            return
        if isinstance(raised, UpstreamRefused):
            redact(raised, self.credential.secret.reveal() if self.credential else "")
        elif isinstance(raised, UpstreamError | CodingError):
            raise ours(raised, self.upstream.name) from raised


def ours(error: UpstreamError | CodingError, name: str) -> GatewayError:
    """What *error* is called here, where the upstream is called *name*."""
    match error:
        case ConnectFailed():
            return UpstreamFailed(f"{name}: can't connect ({error.reason})")
        case TimedOut():
            return UpstreamTimeout(f"{name}: nothing came for {error.seconds:g} s ({error.phase})")
        case Truncated(answered=False):
            return UpstreamFailed(f"{name} closed the connection without an answer")
        case Truncated():
            return UpstreamTruncated(f"{name} stopped in the middle of its answer")
    return UpstreamFailed(f"{name} answered with something that is not HTTP as it should be")


async def checked(reply: Reply, upstream: Upstream, *, streaming: bool) -> None:
    """Let a good answer of the right media type pass; raise what anything else means."""
    status = reply.head.status
    if status >= 400:
        raise upstream.dialect.decode_error(status, reply.head.headers, await whole(reply, ERROR_BYTES))
    if status != 200:
        raise UpstreamFailed(f"{upstream.name} answered {status}, which is neither a reply nor an error")
    media, _, _ = (find(reply.head.headers, b"content-type") or "").partition(";")
    if media and (media.strip().lower() == "text/event-stream") is not streaming:
        asked = "a stream" if streaming else "a whole reply"
        raise UpstreamFailed(f"{upstream.name} answered with {media.strip()[:100]} where {asked} was asked for")


async def decoded(reply: Reply, decoder: Decoder, out: Out) -> None:
    """Bytes → events → *out*, until the terminal event; what the upstream sends after it is the pool's affair."""
    passage = Passage(reply.head, plain(reply), decoder, out)
    del reply.head  # it goes with the first event: some 2 KiB, and the stream may last an hour
    while not passage.over:
        await reply.flow(passage.take)
        if passage.rest is None and not passage.over:
            passage.take(await reply.receive())
        if passage.rest is not None:
            rest, passage.rest = passage.rest, None
            await rest
            del rest  # the next may be a long time coming


class Passage:
    """A reply on its way from bytes to events, to *out*."""

    __slots__ = ("_coding", "_decoder", "_head", "_out", "over", "rest")

    def __init__(self, head: Head, coding: Decoding | None, decoder: Decoder, out: Out) -> None:
        self._head: Head | None = head  # until the reply has begun
        self._coding, self._decoder, self._out = coding, decoder, out
        self.rest: Awaitable[None] | None = None  # what has to wait of what was taken
        self.over = False  # nothing more is read: the terminal event has come, or the end

    def take(self, data: bytes) -> bool:
        """Pass on what *data* completes; ``b""`` is the end.  Tells whether more may follow without a wait."""
        if data:
            batch = self._decoder.feed(data if self._coding is None else self._coding.feed(data))
        else:
            batch, self.over = self._decoder.close(), True
        if batch:
            last = batch[-1]
            if last.terminal:
                self.over = True
                if isinstance(last, Failed) and redact(last.error):
                    batch[-1] = last.replace()  # its frame still says what was taken out
            if self._head is not None:
                self._look(batch, self._head)
            self.rest = self._out.push(batch)
        return self.rest is None and not self.over

    def _look(self, batch: Batch, head: Head) -> None:
        """Give the first event of the reply, if it is in *batch*, the reply's *head*."""
        started = next((event for event in batch if isinstance(event, Started)), None)
        if started is not None:
            started.head, self._head = head, None


def plain(reply: Reply) -> Decoding | None:
    """What undoes the reply's content coding; we ask for none, some send one all the same."""
    coding = find(reply.head.headers, b"content-encoding")
    if coding is None or coding.strip().lower() == "identity":
        return None
    try:
        return Decoding(coding, INFLATED)
    except CodingError as error:
        raise UpstreamFailed("the upstream's answer has a content coding that was not asked for") from error


async def whole(reply: Reply, limit: int) -> bytes:
    """All of the reply's body, as it came; UpstreamFailed beyond *limit* bytes."""
    pieces, size = [], 0
    while data := await reply.receive():
        size += len(data)
        if size > limit:
            raise UpstreamFailed(f"the upstream's answer is larger than {limit} bytes")
        pieces.append(data)
    return b"".join(pieces)
