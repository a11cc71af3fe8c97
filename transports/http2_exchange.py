"""One request of an HTTP/2 connection and the response to it: what belongs to one call of the handler.

    fields ─▶ Exchange ─┬─ request ◀─ body ◀─ DATA
                        ├─ response ─▶ link
                        └─ run: handler(request, response) in a scope of its own ◀─ leave: the stream is gone

A handler that crashes is told of and forgotten: its siblings go on, and whoever owns the connection ends its stream.
"""

import trio

from transports.http2_body import Http2Body
from transports.http2_head import Known, announced_length, expects_continue, make_request
from transports.http2_link import Stream
from transports.http2_response import Http2Response
from transports.messages import BadRequest, Connection, Disconnected, Handler, Headers, refused
from transports.wire import LINGER_SECONDS


class Exchange:
    """One request and its response."""

    __slots__ = ("_running", "body", "request", "response", "scope", "stream")

    def __init__(self, stream: Stream, fields: Headers, known: Known, connection: Connection) -> None:
        """*fields* have been checked, which gave *known*."""
        self.stream = stream
        self.body = Http2Body(stream, announced_length(known), expects=expects_continue(known))
        self._running = connection.drain.exchange()
        self.scope = self._running.scope
        self.request = make_request(fields, known, connection, self.body, self.scope)
        self.response = Http2Response(stream, bodiless=self.request.method == "HEAD")

    @property
    def open(self) -> bool:
        """Whether the client counts this stream among those it has open."""
        return self.stream.gone is None and not (self.response.finished and self.body.ended)

    def leave(self, why: str) -> None:
        """The stream is gone: waits end with Disconnected, everything else of the handler's is cancelled."""
        if self.stream.gone is None:
            self.part(why)
            self.response.wake()
            self.scope.cancel()

    def part(self, why: str) -> None:
        """The stream is gone, and the handler is not there any more: all that is left to give back is the body."""
        self.stream.gone = why
        self.body.abandon()

    async def run(self, handler: Handler, connection: Connection) -> BadRequest | None:
        """Call *handler*; what it raised is told, or returned if it is an answer."""
        refusal = None
        with self._running:
            if self.stream.gone is not None:
                return None
            try:
                await handler(self.request, self.response)
            except* Disconnected:
                pass
            except* BadRequest as group:
                refusal = refused(group)
            except* Exception as group:
                connection.on_crash(group)
        return None if self.response.started else refusal

    async def hear_out(self) -> None:
        """The response is complete and the request is not: let it come for a while, into the void.

        A reset without an error would do (RFC 9113 §8.1), but clients that are still sending forget the response over
        it (curl 7.88), or wait for a window that never opens (httpcore).  HTTP/1.1 lingers for the same reason.
        """
        if self.response.finished and self.stream.gone is None:
            with trio.move_on_after(LINGER_SECONDS):
                await self.body.discard()
