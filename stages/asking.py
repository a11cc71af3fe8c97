"""Asking an upstream: one request out, one reply in, with every way it can fail put in our words.

    ask(exchange, upstream, body) ──▶ reply ──▶ checked: status, media type ──▶ decoded: bytes → events → out

Below this file are sockets, above it are events; the names of transport failures end here.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs

from pipeline.credentials.credential import Credential
from pipeline.dialect import Decoder
from pipeline.errors import GatewayError, UpstreamFailed, UpstreamRefused, UpstreamTimeout, UpstreamTruncated
from pipeline.events import Failed, Started
from pipeline.exchange import Exchange, Out
from pipeline.upstream import Upstream
from stages.fields import own_fields, request_fields
from stages.redaction import redact
from stages.showing import shown
from transports.codings import CodingError, Decoding
from transports.messages import find
from transports.pool import Reply
from transports.upstream import Call, ConnectFailed, TimedOut, Truncated, UpstreamError

ERROR_BYTES = 1024 * 1024  # what is read of an upstream's error
ANSWER_BYTES = 64 * 1024 * 1024  # what is read of an answer that is no reply: a list, a relayed body
INFLATED = 1024 * 1024 * 1024  # what a compressed reply may become; the ratio guards each read


@asynccontextmanager
async def ask(
    exchange: Exchange, upstream: Upstream, body: bytes, *, path: str | None = None, own: bool = False
) -> AsyncIterator[Reply]:
    """Send *body* to *upstream*; inside, its reply can be received.  Raises GatewayError for all that fails.

    *path*: below the upstream's base; the operation's own where it is None.  The client's query and fields go along to
    an upstream of its own dialect, unless the question is our *own*.  Which credential is shown is the wallet's choice
    (``showing``); what the upstream repeats of it is taken out of its errors.
    """
    credential = await shown(exchange, upstream)
    below = upstream.dialect.upstream_path(exchange.operation, exchange.prompt) if path is None else path
    same = not own and upstream.dialect.NAME == exchange.dialect.NAME
    query = "&".join(part for part in (upstream.query, exchange.request.query if same else "") if part)
    call = Call(
        method=exchange.request.method,
        target=f"{upstream.base}{below}{('&' if '?' in below else '?') if query else ''}{query}",
        headers=own_fields(upstream, credential) if own else request_fields(exchange, upstream, credential),
        body=body,
    )
    with in_our_words(upstream, credential):
        pool = upstream.pool if exchange.through is None else exchange.through(upstream)
        async with pool.send(upstream.origin, call, upstream.timers) as reply:
            del call, body  # a stream that runs for an hour must not hold a megabyte that was sent in its first second
            yield reply


@attrs.frozen
class in_our_words:  # noqa: N801  # stands after "with", as the functions of contextlib do
    """Say what the transport says of a failure as the gateway's errors do, by the upstream's name.

    What the upstream itself says passes, without *credential*.
    """

    upstream: Upstream
    credential: Credential | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: object) -> None:
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
    head, coding = reply.head, plain(reply)
    begun = False
    while True:
        data = await reply.receive()
        batch = decoder.feed(coding.feed(data) if coding else data) if data else decoder.close()
        if batch and isinstance(failed := batch[-1], Failed) and redact(failed.error):
            batch[-1] = failed.replace()  # its frame still says what was taken out
        if not begun and batch:
            for event in batch:
                if isinstance(event, Started):
                    event.head, begun = head, True
        if batch:
            await out.send(batch)
            if batch[-1].terminal:
                return
        elif not data:
            return


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
