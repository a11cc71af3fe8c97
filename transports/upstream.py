"""Upstreams: the words for one request to a server and what may become of it.

    pool.send(Origin, Call, Timers) ──▶ Reply          ``pool``               which link, and what happens to it after
         Link.ask · receive · settle · close           ``upstream_http1``     one connection that speaks HTTP/1.1
                                                       ``upstream_http2``     one stream of a connection that is shared
         Connect(Origin) ──▶ Link                      ``upstream_connect``   name, TCP, proxy, TLS

    UpstreamError ─┬─ ConnectFailed   no connection came about, nothing was sent
                   ├─ TimedOut        a timer ran out: connect, write, first byte, idle
                   ├─ Truncated       the connection ended before the reply
                   └─ Malformed       what came is not one reply, or has two readings

An answer of status 500 is a reply, and so is a redirect: nothing here knows what a reply means.
"""

import math
import re
from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address
from typing import Literal, Protocol
from urllib.parse import urlsplit

import attrs
import trio

from transports.clock import clock
from transports.inflow import Take
from transports.messages import Head, Headers

Reason = Literal["dns", "refused", "unreachable", "tls", "proxy"]
Phase = Literal["connect", "write", "first_byte", "idle"]
State = Literal["free", "unfinished", "spent"]

_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"[a-z0-9._-]+")  # letters, digits, hyphen, and the underscore that container names have
_LATE: dict[Phase, str] = {
    "connect": "no connection",
    "write": "the request was not taken",
    "first_byte": "no answer",
    "idle": "nothing more of the reply",
}


@attrs.frozen
class Origin:
    """Where requests go: scheme, host, port (RFC 6454).  Holds no user name, password or path, so it may be logged."""

    scheme: str  # "http" or "https"; "program", port 0, for what runs on this machine
    host: str  # lower case; an IPv6 address without its brackets
    port: int
    authority: str = attrs.field(init=False, eq=False, repr=False)  # the value of Host: the scheme's own port left out

    @authority.default
    def _authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS.get(self.scheme, 0) else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @classmethod
    def parse(cls, url: str) -> "Origin":
        """The origin of *url*, whose path and query are the caller's affair.  Raises ValueError, without the URL."""
        if not url.isascii() or not url.isprintable() or " " in url:
            raise ValueError("a URL is printable ASCII")  # urlsplit would drop tabs and line ends in silence
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
            host = IPv6Address(host).compressed if ":" in host else host
        except ValueError:
            raise ValueError("a URL needs a host, and its port is a number") from None  # the cause would quote it
        if parts.scheme not in _PORTS:
            raise ValueError("a URL begins with http:// or https://")
        if "@" in parts.netloc:
            raise ValueError("a URL holds no user name and no password")
        if not _NAME.fullmatch(host) and (":" not in host or "%" in host):  # a zone has no place in Host (RFC 6874)
            raise ValueError("a URL needs a host name or an address")
        return cls(parts.scheme, host, port or _PORTS[parts.scheme])


@attrs.frozen(kw_only=True)
class Timers:
    """How long an upstream may take, in seconds; ``math.inf`` for no bound."""

    connect: float = 10.0  # name, TCP, proxy and TLS together
    write: float = 60.0  # for each 256 KiB of the request
    first_byte: float = 300.0  # from the end of the request to the end of the reply's head
    idle: float = 300.0  # between two reads of the body


USUAL = Timers()


@attrs.define(kw_only=True)
class Call:
    """What is asked: a request without the fields of its connection, which the link adds.  Never modified."""

    method: str
    target: str  # origin form: path and query
    headers: Headers = attrs.field(factory=list, repr=False)  # lower-case names, none of messages.HOP_BY_HOP
    body: bytes = attrs.field(default=b"", repr=False)


class UpstreamError(Exception):
    """The exchange failed below HTTP.  The text is one line, names the origin and holds no secret."""


class ConnectFailed(UpstreamError):
    """No connection came about; nothing was sent.  *reason* says where it failed."""

    def __init__(self, message: str, reason: Reason) -> None:
        super().__init__(message)
        self.reason = reason


class TimedOut(UpstreamError):
    """The timer of *phase* ran out, which allowed *seconds*."""

    def __init__(self, origin: Origin, phase: Phase, seconds: float) -> None:
        super().__init__(f"{origin}: {_LATE[phase]} within {seconds:g} s")
        self.phase = phase
        self.seconds = seconds


class Truncated(UpstreamError):
    """The connection ended before the reply did.  *answered*: whether any byte of the answer had come."""

    def __init__(self, message: str, *, answered: bool) -> None:
        super().__init__(message)
        self.answered = answered


class Malformed(UpstreamError):
    """What came is not one reply in HTTP, or could be read in two ways."""


class Deadline:
    """The one deadline of an exchange: moved as it goes on, at rest while the caller works on what it got.

    ``clock.Timed``: moving is an assignment.  It cancels, so what runs out leaves ``send`` as TimedOut, not a read.
    """

    __slots__ = ("_clock", "_timers", "due", "look", "phase", "scope")

    def __init__(self, timers: Timers) -> None:
        self.scope = trio.CancelScope()
        self.phase: Phase = "connect"
        self.due = self.look = math.inf
        self._timers = timers
        self._clock = clock()

    @property
    def seconds(self) -> float:
        """What the timer of the present phase allows."""
        seconds: float = getattr(self._timers, self.phase)
        return seconds

    def expect(self, phase: Phase) -> None:
        """From now on the timer of *phase* runs."""
        self.phase = phase
        self.due = trio.current_time() + self.seconds
        if self.due < self.look:
            self._clock.wind(self)

    def extend(self, now: float) -> None:
        """Something came, at *now*: the timer of ``idle``, which runs, begins anew."""
        self.due = now + self._timers.idle

    def rest(self) -> None:
        """No timer runs."""
        self.due = math.inf

    def end(self) -> None:
        """The exchange is over: nobody looks at it any more."""
        self.due = self.look = math.inf

    def late(self) -> None:
        """See clock.Timed."""
        self.due = math.inf
        self.scope.cancel()


class Link(Protocol):
    """One connection to one origin, carrying one exchange after another.  Its methods raise UpstreamError."""

    @property
    def state(self) -> State:
        """``free`` for another exchange · ``unfinished``: may become so · ``spent``: must be closed."""

    @property
    def keep_seconds(self) -> float:
        """How long the peer keeps it open when it is free; ``math.inf`` where it did not say."""

    @property
    def done(self) -> bool:
        """Whether the body has ended exactly where its framing says, and all of it has been received."""

    async def ask(self, call: Call, deadline: Deadline, tasks: trio.Nursery) -> Head:
        """Send *call*, return the final head, leave *deadline* at rest.  A large upload goes on as one of *tasks*.

        Raises ValueError, before anything is sent, for a call that can't be written.
        """

    async def receive(self) -> bytes:
        """What the next read of the body gives; ``b""`` at the end, and then again."""

    async def flow(self, take: Take) -> None:
        """Give *take*, which must not wait, what ``receive`` would give, as it comes and while *take* wants more.

        A link may return at any time, also at once: whatever is left, and the end, ``receive`` gives.  *take* is never
        given ``b""``.  Raises what *take* raises.
        """

    async def settle(self) -> None:
        """Read to the end of a body that nobody wants, within a bound; ``state`` tells what came of it."""

    async def alive(self) -> bool:
        """Whether a free link can be used: the peer has neither closed it nor said anything unasked."""

    async def close(self) -> None:
        """Close at once, waiting for nobody; also when cancelled, also while in use."""


Connect = Callable[[Origin], Awaitable[Link]]
