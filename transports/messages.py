"""The words both HTTP versions share: request, head, response.

    Request  ──▶ handler(request, response) ──▶  Response.start · write · write · finish

One handler is called once per request, whichever version carried it; see ``http1`` and ``http2`` for how each keeps
that promise.  Field names are lower-case bytes everywhere behind this file, as HTTP/2 has them (RFC 9113 §8.2).
This file must not know a socket, a dialect or a stage.
"""

import traceback
from collections.abc import Awaitable, Callable, Container, Iterable
from itertools import chain
from typing import TYPE_CHECKING, Protocol

import attrs
import trio

from transports.drain import Drain

Headers = list[tuple[bytes, bytes]]
NAME = 40  # bytes of a field's name that is worth remembering
NAMES = 512  # how many are remembered

# RFC 9110 §7.6.1: fields that belong to one connection, never to the message; each with the reason it is on the list.
HOP_BY_HOP = frozenset(
    {
        b"connection",  # names further hop-by-hop fields
        b"keep-alive",  # RFC 2068's parameters of this connection
        b"proxy-connection",  # never standard, still sent
        b"proxy-authenticate",  # between a client and its proxy
        b"proxy-authorization",  # the same
        b"te",  # what this hop may send as transfer codings
        b"trailer",  # announces fields after a body we frame anew
        b"transfer-encoding",  # framing of this hop
        b"upgrade",  # a wish about this connection
        b"http2-settings",  # h2c upgrade, RFC 7540 §3.2.1: obsolete, must not travel
        b"content-length",  # framing: counted anew when we know the body
        b"host",  # names us; the next hop has its own
        b"expect",  # answered here
    }
)


class BadRequest(Exception):
    """The peer's message can't be taken.  *status* is the answer; the connection closes after it."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class BodyTooLarge(BadRequest):
    """The body is over the limit, as announced, as framed or as decoded (RFC 9110 §15.5.14)."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the request body is larger than {limit} bytes", status=413)
        self.limit = limit


def refused(raised: BadRequest | BaseExceptionGroup[BadRequest]) -> BadRequest:
    """The first refusal in *raised*: nurseries wrap what passes through them."""
    return refused(raised.exceptions[0]) if isinstance(raised, BaseExceptionGroup) else raised


class Disconnected(Exception):
    """The peer is gone: a write or a read can't be completed."""


@attrs.define
class Head:
    """The start of a response: status and fields.  Never modified: ``frozen`` would cost a request 1 µs in all."""

    status: int
    headers: Headers = attrs.field(factory=list)


class Body(Protocol):
    """The bytes of a request, as they arrive."""

    async def receive(self) -> bytes:
        """The next bytes, up to some megabytes that came meanwhile; ``b""`` at the end, and then again.

        Raises BodyTooLarge over the limit and BadRequest where the framing is broken.  Reading is what opens the
        peer's window (HTTP/2) or drains its socket (HTTP/1.1): who does not read, is not sent more.
        """


class Nothing:
    """A body that is empty."""

    async def receive(self) -> bytes:
        """The end."""
        return b""


def _report(error: BaseException) -> None:
    """What happens to a crash when nobody asked to be told: it is seen all the same."""
    traceback.print_exception(error)


@attrs.frozen(eq=False, kw_only=True)
class Connection:
    """What is known of a connection before its first request; one object, shared by all its requests."""

    scheme: str = "http"  # "https" under TLS
    peer: str = ""  # the client's address, without port
    local: str = ""  # the address the connection arrived on, without port
    names: frozenset[str] = frozenset()  # host names, lower case, that we answer to besides loopback and literals
    drain: Drain = attrs.field(factory=Drain)  # the server's: asked before each exchange
    on_crash: Callable[[BaseException], None] = _report  # told what a handler raised where siblings go on (HTTP/2)


@attrs.define(eq=False)
class Request:
    """One HTTP request, as received.  Never modified."""

    method: str
    target: str  # origin form: path and query, ASCII, as the client wrote it
    headers: Headers  # lower-case names, in the order of arrival
    body: Body
    version: str = "1.1"  # "1.0" · "1.1" · "2"
    scheme: str = "http"  # of this connection: "https" under TLS
    peer: str = ""  # the client's address, without port
    local: str = ""  # the address the connection arrived on, without port
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, repr=False)  # of the exchange: see Drain.exchange
    _folded: bytes | None = attrs.field(default=None, init=False, repr=False)  # in place of ``headers``

    def fold(self) -> None:
        """Keep the fields in one piece: they can be read as ever, each time anew, and take a third of the memory.

        For who goes on for an hour: a list of a client's fields takes some 3 KiB.
        """
        if self._folded is None:
            self._folded = b"\n".join(chain.from_iterable(self.headers))  # which is in no name, and in no value
            del self.headers

    if not TYPE_CHECKING:  # which would take any name for one of ours

        def __getattr__(self, name: str) -> Headers:
            """``headers``, once they are folded."""
            if name != "headers" or self._folded is None:
                raise AttributeError(name)
            pieces = self._folded.split(b"\n")
            return list(zip(pieces[::2], pieces[1::2], strict=False))

    @property
    def path(self) -> str:
        """The target without its query: what routes and what is authorised are the same string."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """What follows the first ``?``, without it."""
        return self.target.partition("?")[2]

    def header(self, name: bytes) -> str | None:
        """The first value of field *name* (lower case) as text, or None."""
        return find(self.headers, name)


class Response(Protocol):
    """Where a handler writes its answer (Go's ResponseWriter, awaited)."""

    @property
    def started(self) -> bool:
        """Whether the head has been handed over; after that the status can't change."""

    async def start(self, head: Head) -> None:
        """Send the head.  A ``content-length`` among its fields frames the body; without one it is streamed."""

    async def write(self, data: bytes) -> None:
        """Send *data* now, as one piece.  Waits while the peer does not read: that is the backpressure.

        Raises Disconnected when the peer is gone or has read nothing for the stall limit.
        """

    def write_now(self, data: bytes) -> bool:
        """As ``write``, without waiting.  False: some of it has to wait, and goes with the next ``write``."""

    async def finish(self) -> None:
        """End the body properly.  A response never finished is made visibly broken when its handler returns."""


Handler = Callable[[Request, Response], Awaitable[None]]


def lowered(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """*headers* with their names in lower case; a name that is met again and again is one object."""
    return [(_LOWERED[name], value) for name, value in headers]


class _Lowered(dict[bytes, bytes]):
    """Names as they are written → in lower case.  A dict, since looking up in one is no call."""

    def __missing__(self, name: bytes) -> bytes:
        lower = name.lower()
        if len(name) <= NAME:
            if len(self) >= NAMES:
                self.clear()
            self[name] = lower
        return lower


_LOWERED = _Lowered()


def find(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """The first value of field *name* (lower case) as text, or None."""
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return None


def end_to_end(headers: Headers) -> Headers:
    """*headers* without those of one hop: the fixed list, and what ``Connection`` names (RFC 9110 §7.6.1)."""
    mine: Container[bytes] = HOP_BY_HOP
    if b"connection" in dict(headers):  # a third of what a walk costs, and hardly any message has it
        named = [value.lower().split(b",") for key, value in headers if key == b"connection"]
        mine = HOP_BY_HOP.union(token.strip() for tokens in named for token in tokens)
    return [field for field in headers if field[0] not in mine]
