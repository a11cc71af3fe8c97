"""Connecting: from an origin to a link, through name, TCP, proxy and TLS.

    direct       tcp ─────────────────────────▶ tls? ──▶ Http1
    https origin tcp ▶ tls? ▶ proxy ▶ CONNECT ▶ tls ───▶ Http1
    http origin  tcp ▶ tls? ▶ proxy ───────────────────▶ Http1, targets in absolute form
    with http2   … ▶ tls, or an http origin ───────────▶ Multiplexed

Nothing here has a timer of its own: the exchange's deadline covers all of it.  Whatever ends a step, cancellation
included, closes the stream before it goes on; so a connection that never came about holds no socket.
"""

import errno
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import attrs
import trio

from transports.tcp import Tcp
from transports.upstream import ConnectFailed, Link, Origin, Reason
from transports.upstream_http1 import Http1
from transports.upstream_proxy import Proxy, proxy_for, ready, tunnel
from transports.upstream_shared import Multiplexed

# A reply may be minutes away; firewalls forget a silent connection sooner, and a dead peer is noticed by its silence.
_KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 30, "TCP_KEEPCNT": 4}


def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """The system's authorities, and those of *ca_file* beside them; TLS 1.2 or later."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


class System:
    """The system's authorities, read in a thread when TLS is first needed: that takes a tenth of a start, and a model
    server on this machine needs none."""

    def __init__(self) -> None:
        self._context: ssl.SSLContext | None = None
        self._reading = trio.Lock()

    async def context(self) -> ssl.SSLContext:
        """As ``tls_context``."""
        async with self._reading:
            if self._context is None:
                self._context = await trio.to_thread.run_sync(tls_context)
            return self._context


@attrs.frozen(kw_only=True)
class Connector:
    """Makes links: an ``upstream.Connect``.

    *tls* is for origins and https proxies alike, *system* where that is None; ALPN is set for each connection.
    *environ* is where proxies are looked up (``proxy_for``); none by default.  *http2*: connections are shared by
    exchanges, where the origin agrees (ALPN); an http origin is not asked, it must speak HTTP/2 (RFC 9113 §3.3).
    """

    tls: ssl.SSLContext | None = attrs.field(default=None, repr=False)
    system: System = attrs.field(factory=System, repr=False)
    environ: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    http2: bool = False
    _shared: Multiplexed = attrs.field(init=False, repr=False)

    @_shared.default
    def _sharing(self) -> Multiplexed:
        return Multiplexed(self._stream, Http1)

    def __attrs_post_init__(self) -> None:
        ready(self.environ)

    async def __call__(self, origin: Origin) -> Link:
        """A link to *origin*.  Raises ConnectFailed."""
        proxy = self._proxy(origin)
        if proxy is not None and origin.scheme == "http":
            return Http1(await self._open(proxy.origin, proxy=True), origin, absolute=True, extra=proxy.fields)
        return await self._shared(origin) if self.http2 else Http1(await self._stream(origin), origin)

    def _proxy(self, origin: Origin) -> Proxy | None:
        try:
            return proxy_for(origin, self.environ)
        except ValueError as error:
            raise ConnectFailed(f"{origin}: {error}", "proxy") from error

    async def _stream(self, origin: Origin) -> trio.abc.Stream:
        """A stream that leads to *origin*, through a tunnel if need be."""
        proxy = self._proxy(origin)
        return await self._open(origin) if proxy is None else await self._tunnel(proxy, origin)

    async def _open(self, origin: Origin, *, proxy: bool = False) -> trio.abc.Stream:
        stream = await open_tcp(origin)
        return stream if origin.scheme == "http" else await self.secured(stream, origin, http2=self.http2 and not proxy)

    async def _tunnel(self, proxy: Proxy, origin: Origin) -> trio.abc.Stream:
        stream = await self._open(proxy.origin, proxy=True)
        await tunnel(stream, proxy, origin)
        return await self.secured(stream, origin, http2=self.http2)

    async def secured(self, stream: trio.abc.Stream, origin: Origin, *, http2: bool = False) -> trio.abc.Stream:
        """TLS over *stream*, with *origin*'s name asked for and verified.  Closes *stream* and raises ConnectFailed.

        An end without close_notify is an error of the stream: a reply that ends with its connection is complete only if
        the peer says so (RFC 9112 §9.8).
        """
        try:
            context = self.tls or await self.system.context()
            context.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])  # of a context that others share
            secured = trio.SSLStream(stream, context, server_hostname=origin.host)
            await secured.do_handshake()
        except trio.BrokenResourceError as error:
            await trio.aclose_forcefully(stream)
            raise ConnectFailed(f"{origin}: {_tls_text(error.__cause__)}", "tls") from error
        except BaseException:  # cancelled, or a certificate that is refused: nobody else has it yet
            await trio.aclose_forcefully(stream)
            raise
        return secured


async def open_tcp(origin: Origin) -> Tcp:
    """A TCP connection; the addresses of a name are tried in parallel (RFC 8305).  Raises ConnectFailed."""
    opening = _straight if _is_address(origin.host) else trio.open_tcp_stream
    try:
        stream = Tcp(await opening(origin.host, origin.port))
    except OSError as error:
        reason, text = _why(error)
        raise ConnectFailed(f"{origin}: {text}", reason) from error
    _keep_alive(stream.raw)
    return stream


def _is_address(host: str) -> bool:
    """Whether *host*, of an Origin, is an address, and no name."""
    with suppress(OSError):
        return ":" in host or bool(socket.inet_pton(socket.AF_INET, host))
    return False


async def _straight(address: str, port: int) -> trio.SocketStream:
    """A TCP connection to the one *address* there is: one turn of the scheduler, not five, in which others go first."""
    connecting = trio.socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        await connecting.connect((address, port))
    except BaseException:
        connecting.close()
        raise
    return trio.SocketStream(connecting)


def _keep_alive(connected: socket.socket) -> None:
    with suppress(OSError):  # of a socket that is reset already: the first write will tell
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            if hasattr(socket, name):
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _why(error: OSError) -> tuple[Reason, str]:
    """What kept us from connecting, of all the addresses that were tried."""
    if isinstance(error, socket.gaierror):
        return "dns", "the name does not resolve"
    if any(leaf.errno == errno.ECONNREFUSED for leaf in _leaves(error)):
        return "refused", "the connection is refused"
    return "unreachable", "no address can be reached"


def _leaves(error: BaseException | None) -> Iterator[OSError]:
    """*error* and its causes, down through groups: trio names every address it tried."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    elif isinstance(error, OSError):
        yield error
        yield from _leaves(error.__cause__)


def _tls_text(cause: BaseException | None) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate is not accepted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError) and cause.reason and "EOF" not in cause.reason:
        return f"TLS failed: {cause.reason.lower().replace('_', ' ')}"
    return "the connection ended during the TLS handshake"
