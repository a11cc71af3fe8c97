"""Listeners: from an address to a served connection.

    accept ─▶ [ TLS handshake ─▶ ALPN ] ─▶ h2 ─────────────────▶ serve_http2
        │     [ the first bytes: the HTTP/2 preface? ] ─▶ else ─▶ serve_http1
        └─ one task per connection; nothing but Cancelled leaves it

What goes wrong in one connection is told to ``on_crash`` and ends there: this is the one place in transports that
catches every Exception.  A full house (``limits.connections``, or no file descriptor left) stops accepting until
there is room; new clients wait in the kernel's backlog.  One client's part of it may be bounded (``crowd``).  Who waits
there is accepted with the first that is, since each wait for the scheduler is a turn of all who are served meanwhile:
of 128 clients that came at once to a busy gateway the last was accepted after two seconds.

A drain closes the listeners first, then idle connections end by themselves, running exchanges finish or meet the
deadline, and ``serve`` returns when nobody is left.

This file knows sockets and TLS; it never looks at a request.
"""

import errno
import os
import socket
import ssl
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from os import PathLike
from typing import Any

import attrs
import trio

from transports.clock import clock
from transports.crowd import Crowd
from transports.drain import Drain
from transports.http1 import serve_http1
from transports.http2 import serve_http2
from transports.http2_codec import PREFACE
from transports.inflow import inflow
from transports.limits import Limits
from transports.messages import Connection, Handler
from transports.tcp import Tcp

FIRST = 1.0  # seconds after accept in which a first request is waited for although the drain has begun
LAST_RESORT = 5.0  # seconds after the drain's deadline in which connections may say goodbye

# accept(2): the system, or this process, is full.  The connection stays in the backlog, so accepting again at once
# would only spin.
_FULL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_FULL_PAUSE = 0.1

_AT_ONCE = 64  # connections that are accepted before others have their turn

Crash = Callable[[BaseException], None]
Door = trio.abc.Listener[trio.SocketStream]


@attrs.frozen
class Address:
    """Where to listen.  *host*: an address, a name, or ``""`` for every interface; *port* 0 lets the system choose."""

    host: str
    port: int


@attrs.define(eq=False)
class Tls:
    """The TLS settings of a server.  *context* may be replaced while it serves: handshakes to come use the new one."""

    context: ssl.SSLContext


def tls_context(certificate: str | PathLike[str], key: str | PathLike[str] | None = None) -> ssl.SSLContext:
    """A server's TLS settings: 1.2 and later, AEAD with forward secrecy, HTTP/2 before HTTP/1.1.

    *certificate*: a PEM file with the chain; *key*: its key, if that is another file.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")  # of TLS 1.2; those of 1.3 are AEAD all (RFC 9113 §9.2.2)
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.load_cert_chain(certificate, key)
    return context


async def open_listeners(addresses: Iterable[Address]) -> list[trio.SocketListener]:
    """Listen on all *addresses*, with the kernel's longest backlog and SO_REUSEADDR; the caller owns the sockets.

    A name with several addresses gives several listeners.  Raises OSError if one can't be opened; then none is.
    """
    listeners: list[trio.SocketListener] = []
    with ExitStack() as opened:
        for address in addresses:
            for listener in await trio.open_tcp_listeners(address.port, host=address.host or None):
                opened.callback(listener.socket.close)
                listeners.append(listener)
        opened.pop_all()
    return listeners


async def serve(
    handler: Handler,
    *,
    listeners: Sequence[Door],
    limits: Limits,
    drain: Drain,
    on_crash: Crash,
    tls: Tls | None = None,
    names: Collection[str] = (),
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve *handler* on *listeners* until *drain* has run its course; returns when every connection has ended.

    Owns the listeners, which are closed when the drain begins, and one task per connection.  *names*: the host names
    we answer to besides loopback and the address a connection came to.  *on_crash* is told of each exception that a
    handler, or a bug of ours, let go; it must not raise.
    """
    house = _House(
        handler=handler,
        limits=limits,
        drain=drain,
        on_crash=on_crash,
        tls=tls,
        names=frozenset(name.lower() for name in names),
        crowd=Crowd(limits.connections_per_client),
        # Each listener holds a seat for the one it waits for; those seats are not taken from the others.
        seats=trio.Semaphore(limits.connections + len(listeners) - 1),
    )
    clock(), inflow()  # from the beginning, so that what runs between requests is always the same
    async with trio.open_nursery() as connections:
        async with trio.open_nursery() as doors:
            for listener in listeners:
                doors.start_soon(house.welcome, listener, connections)
            task_status.started()
            await drain.began.wait()
            doors.cancel_scope.cancel()
        connections.cancel_scope.deadline = drain.deadline + LAST_RESORT


@attrs.frozen(kw_only=True, eq=False)
class _House:
    """What all connections of one server share."""

    handler: Handler
    limits: Limits
    drain: Drain
    on_crash: Crash
    tls: Tls | None
    names: frozenset[str]
    crowd: Crowd
    seats: trio.Semaphore
    told: Crash = attrs.field(init=False, default=attrs.Factory(lambda self: self._tell, takes_self=True))

    async def welcome(self, listener: Door, connections: trio.Nursery) -> None:
        """Accept while there is a seat; each connection gets its task in *connections*."""
        async with listener:
            with queue_of(listener) as queue:
                while True:
                    await self.seats.acquire()
                    try:
                        stream = await self._accept(listener)
                    except BaseException:  # cancelled, most of the time: nobody came to take the seat
                        self.seats.release()
                        raise
                    await self._enter(stream, connections)
                    if queue is not None:
                        for stream in self._waiting(queue):
                            await self._enter(stream, connections)

    async def _enter(self, stream: Tcp, connections: trio.Nursery) -> None:
        """Serve *stream*, for which a seat is taken.  Does not wait."""
        peer = _peer_of(stream)
        if self.crowd.enter(peer):
            connections.start_soon(self._connection, stream, peer)
        else:
            self.seats.release()
            await trio.aclose_forcefully(stream)  # does not wait

    def _waiting(self, queue: socket.socket) -> Iterator[Tcp]:
        """Those that are in *queue* by now, as far as there are seats; what goes wrong, ``_accept`` finds out."""
        for _ in range(_AT_ONCE):
            if not self.seats.value:
                return
            try:
                accepted, _address = queue.accept()
            except OSError:  # nobody, most of the time
                return
            self.seats.acquire_nowait()
            yield Tcp(trio.SocketStream(trio.socket.from_stdlib_socket(accepted)))

    async def _accept(self, listener: Door) -> Tcp:
        """The next connection; waits out a full system, and tells of it once."""
        told = False
        while True:
            try:
                return Tcp(await listener.accept())
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                if not told:
                    self.on_crash(error)
                told = True
            await trio.sleep(_FULL_PAUSE)

    async def _connection(self, plain: Tcp, peer: str) -> None:
        """One connection of *peer*, from accept to close; nothing but cancellation leaves it."""
        try:
            talk = await self._begin(plain, peer)
            if talk is not None:
                await talk
        except* Exception as group:
            self._tell(group)
        finally:
            self.seats.release()
            self.crowd.leave(peer)
            await trio.aclose_forcefully(plain)  # does not wait

    def _tell(self, crash: BaseException) -> None:
        """Tell of the one exception in nested groups, or of the group: nurseries wrap what passes through them."""
        while isinstance(crash, BaseExceptionGroup) and len(crash.exceptions) == 1:
            crash = crash.exceptions[0]
        self.on_crash(crash)

    async def _begin(self, plain: Tcp, peer: str) -> Coroutine[Any, Any, None] | None:
        """The rest of the connection, to be awaited; None if nothing is to come.

        Given back, and not awaited here: a frame that waits for it would keep the first bytes as long as it lasts.
        """
        connection = self._describe(plain, peer)
        if self.tls is None:
            received = await self._first_bytes(plain)
            speak = serve_http2 if received.startswith(PREFACE) else serve_http1
            return speak(plain, connection, self.handler, self.limits, received=received) if received else None
        stream = trio.SSLStream(plain, self.tls.context, server_side=True)
        protocol = await self._handshake(stream)
        if protocol == "h2":
            return serve_http2(stream, connection, self.handler, self.limits)
        if protocol is not None and (received := await self._first_bytes(stream)):
            return serve_http1(stream, connection, self.handler, self.limits, received=received)
        return None

    def _describe(self, plain: Tcp, peer: str) -> Connection:
        return Connection(
            scheme="https" if self.tls else "http",
            peer=peer,
            local=_host_of(plain.raw.getsockname()),
            names=self.names,
            drain=self.drain,
            on_crash=self.told,
        )

    async def _handshake(self, stream: trio.SSLStream[Tcp]) -> str | None:
        """The protocol agreed on, ``""`` for none; None if no handshake came about in time."""
        with trio.move_on_after(self.limits.handshake_seconds):
            try:
                await stream.do_handshake()
            except trio.BrokenResourceError:
                return None
            return stream.selected_alpn_protocol() or ""
        return None

    async def _first_bytes(self, stream: trio.abc.Stream) -> bytes:
        """Enough to tell HTTP/2 by prior knowledge (RFC 9113 §3.3) from HTTP/1.1; ``b""`` if nobody spoke."""
        received, hurry = b"", trio.current_time() + FIRST
        with (
            trio.move_on_after(self.limits.idle_seconds) as scope,
            self.drain.notify(partial(self._hurry, scope, hurry)),
        ):
            while PREFACE.startswith(received) and len(received) < len(PREFACE):
                try:
                    piece = await stream.receive_some(self.limits.read)
                except trio.BrokenResourceError:
                    return b""
                if not piece:
                    return received
                received += piece
                scope.deadline = min(scope.deadline, trio.current_time() + self.limits.head_seconds)
        return received

    def _hurry(self, scope: trio.CancelScope, due: float) -> None:
        """The drain began: a request that may be on its way is taken, since whoever sends it was let in.

        Who has been silent for longer is idle, as is who has been answered: the connection ends at once.
        """
        scope.deadline = min(scope.deadline, due, self.drain.deadline)


def queue_of(listener: Door) -> AbstractContextManager[socket.socket | None]:
    """The socket of *listener*, to accept from without waiting; None: it decides itself who is to be taken."""
    if not isinstance(listener, trio.SocketListener):
        return nullcontext()
    queue = socket.socket(fileno=os.dup(listener.socket.fileno()))
    queue.setblocking(False)
    return queue


def _peer_of(stream: Tcp) -> str:
    """The address at the other end; "" if it has left already."""
    try:
        return _host_of(stream.raw.getpeername())
    except OSError:
        return ""


def _host_of(address: object) -> str:
    """The host of a socket's name, without an IPv6 zone."""
    return str(address[0]).partition("%")[0] if isinstance(address, tuple) else ""
