"""The server side of HTTP/1.1: one connection, its requests in order.

    wire ─▶ head ─▶ strict door ─▶ h11 ─▶ handler(request, response) ─▶ wire      then the next, or the end
                                            │
                                            └─ body ◀─ framing ◀─ wire

Per request: one call of the handler in a cancel scope, cancelled when the client is gone (closed, half-closed, reset
or stalled) or the drain's deadline passes.  Either ends the connection as well, so all its requests share one scope.
h11 sees the head and nothing else (``heads``): what a body is, is decided in ``framing``, what may be a head at all in
``strict``.

The connection goes on only if nothing is in doubt: the head was good, the body was read to its end, the response was
finished, nobody said close.  In every other case it ends, and bytes behind the doubt are never looked at (RFC 9112
§9.3, §11.2).  What the door, the framing or a clock refuses is answered with one line of text and the connection's
end; a response that was begun and not finished is cut, visibly.

One syscall per write: a head with a content-length waits for the first ``write`` or ``finish`` and travels with it; a
streamed response's head leaves at ``start``, because its first bytes may be far away.

An exception of the handler leaves ``serve_http1`` once the response is cut: ``listen`` keeps it from the others.
``Upgrade`` is ignored: there is no 101 here.  HTTP/1.0 gets one response per connection.
"""

import math
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import trio

from transports.heads import fields_of, read_request
from transports.http1_body import Http1Body
from transports.http1_response import Http1Response, date, head_bytes
from transports.limits import Limits
from transports.messages import BadRequest, Connection, Disconnected, Handler, Headers, Request, refused
from transports.strict import check_head, check_partial, host_allowed, origin_form
from transports.wire import Wire


def serve_http1(
    stream: trio.abc.Stream, connection: Connection, handler: Handler, limits: Limits, *, received: bytes = b""
) -> Coroutine[Any, Any, None]:
    """Serve one connection to its end, and close *stream*; to be awaited.

    *received* are bytes already read from it.  Owns one reader task, where there is no inflow.  Raises what the handler
    raised, maybe in a group; not Disconnected, which is an end like another, nor BadRequest, which is answered.
    """
    wire = Wire(stream, limits, received)
    session = _Session(wire, connection, handler, limits)
    return session.run() if wire.begin() else session.watched()  # no frame of its own: it would last as long as they do


_METHODS = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}  # one of each


class _Session:
    """The requests of one connection, one after the other."""

    __slots__ = ("_connection", "_handler", "_idle", "_limits", "_scope", "_wire")

    def __init__(self, wire: Wire, connection: Connection, handler: Handler, limits: Limits) -> None:
        self._wire = wire
        self._connection = connection
        self._handler = handler
        self._limits = limits
        self._scope = trio.CancelScope()
        self._idle = False

    def leave(self) -> None:
        """The drain began: an idle connection ends now, a busy one after its response."""
        if self._idle:
            self._wire.hurry()

    async def watched(self) -> None:
        """``run``, with a reader of its own: the inflow is none."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._wire.watch)
            await self.run()
            nursery.cancel_scope.cancel()

    async def run(self) -> None:
        """Answer requests until the connection's end; the stream is closed when this returns or raises.

        The handler is called from here: thousands of replies are under way at one time, and each frame that waits for
        one takes some 300 bytes.
        """
        exchange = None
        self._connection.drain.tell(self.leave)
        try:
            with self._scope as scope:
                while (raw := await self._head()) is not None:
                    exchange = _Exchange(self._wire, self._limits, self._connection, raw, scope)
                    del raw  # a reply may last for an hour
                    try:
                        if exchange.begin():
                            await self._handler(exchange.request, exchange.response)
                    except* BadRequest:
                        if not exchange.response.started:
                            raise
                    finally:
                        exchange.end()
                    if exchange.response.closes or not exchange.response.finished or self._expired():
                        break
            if exchange is None or exchange.response.finished:
                await self._wire.close(linger=self._wire.held > 0 or (exchange is not None and not exchange.body.done))
        except* BadRequest as refusal:
            await self._refuse(refused(refusal))
        except* Disconnected:
            pass
        finally:
            self._connection.drain.forget(self.leave)
            # Nothing happens if the stream is closed already.
            await self._wire.abort(reset=exchange is not None and exchange.response.ends_with_connection)

    def _expired(self) -> bool:
        """Whether the deadline of a drain has passed; one that is to come was the exchange's, and is over with it."""
        if self._scope.deadline == math.inf:
            return False
        expired = self._scope.cancel_called
        self._scope.deadline = math.inf
        return expired

    async def _head(self) -> bytes | None:
        """The bytes of the next head, up to its empty line; None when there is none to come."""
        due = trio.current_time() + self._limits.idle_seconds
        data = b""
        while data in (b"", b"\r", b"\r\n"):  # RFC 9112 §2.2: some send an empty line after a body
            piece = self._wire.take() or await self._first_bytes(due)
            if not piece:
                return None
            data += piece
        data = data.removeprefix(b"\r\n")
        end = data.find(b"\r\n\r\n")
        if end < 0:
            data, end = await self._slow_head(data)
        self._wire.unread(data[end + 4 :])
        return data[: end + 4]

    async def _first_bytes(self, due: float) -> bytes:
        if self._connection.drain.began.is_set():
            return b""
        self._idle = True
        try:
            return await self._wire.more(due)
        finally:
            self._idle = False

    async def _slow_head(self, data: bytes) -> tuple[bytes, int]:
        """A head that comes in several reads, and where its last line ends; its time is counted from its first byte."""
        due = trio.current_time() + self._limits.head_seconds
        head, seen, end = bytearray(data), 0, -1
        while end < 0:
            check_partial(head, seen, self._limits)
            seen = len(head)
            piece = await self._wire.more(due)
            if not piece:
                raise BadRequest("the head came too slowly", status=408)
            head += piece
            end = head.find(b"\r\n\r\n", max(seen - 3, 0))
        return bytes(head), end

    async def _refuse(self, refusal: BadRequest) -> None:
        """One line of text, then the end: what follows a refused message is not looked at (RFC 9112 §2.2)."""
        text = f"{refusal}\n".encode()
        fields = [
            (b"date", date()),
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(text)),
            (b"connection", b"close"),
        ]
        with suppress(Disconnected):
            await self._wire.send(head_bytes(refusal.status, fields) + text)
            await self._wire.close(linger=True)


class _Exchange:
    """One request and its response."""

    __slots__ = ("_drain", "_wire", "body", "request", "response")

    def __init__(self, wire: Wire, limits: Limits, connection: Connection, raw: bytes, scope: trio.CancelScope) -> None:
        """*scope*: what it runs in.  Raises BadRequest where *raw* is not the head of a request for us."""
        deciding = check_head(raw, limits)
        event = read_request(raw)
        if not host_allowed(deciding[b"host"].decode("latin-1"), local=connection.local, names=connection.names):
            raise BadRequest("this host is not served here", status=421)
        self._wire = wire
        self._drain = connection.drain
        self.body = Http1Body(wire, limits, deciding, event.http_version)
        self.request = Request(
            method=_METHODS.get(event.method) or event.method.decode("ascii"),
            target=origin_form(event.target).decode("ascii"),
            headers=fields_of(event),
            body=self.body,
            version="1.1" if event.http_version == b"1.1" else event.http_version.decode("ascii"),
            scheme=connection.scheme,
            peer=connection.peer,
            local=connection.local,
            scope=scope,
        )
        self.response = Http1Response(wire, self.request, self._reusable)

    def _reusable(self) -> bool:
        """Whether the connection may carry another request; known before the response's head, which says so."""
        return (
            self.request.version == "1.1"
            and not self._drain.began.is_set()
            and not _says_close(self.request.headers)
            and self.body.skim()  # answered before: where the next request begins is in doubt (0.CL desync)
        )

    def begin(self) -> bool:
        """It is under way from now on; False: nobody waits for it any more."""
        self._drain.enter(self.request.scope)
        self._wire.on_gone = self.request.scope.cancel
        return not self._wire.gone

    def end(self) -> None:
        """It is over."""
        self._wire.on_gone = _nobody
        self._drain.leave(self.request.scope)


def _nobody() -> None:
    """No exchange is under way: nobody minds that the client is gone."""


def _says_close(headers: Headers) -> bool:
    return b"connection" in dict(headers) and any(
        name == b"connection" and b"close" in [token.strip() for token in value.lower().split(b",")]
        for name, value in headers
    )
