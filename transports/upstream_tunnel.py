"""Tunnels: CONNECT, as httpcore asks for it (RFC 9110 §9.3.6).

Its connection is lent our stream, so that opening, closing and cancelling stay where they are for every other stream.
``upstream_proxy`` reaches this file by name, where there is a proxy.
"""

import httpcore
import trio

from transports.upstream import ConnectFailed, Origin
from transports.upstream_proxy import Proxy


async def ask(stream: trio.abc.Stream, proxy: Proxy, origin: Origin) -> None:
    """Make *stream*, which leads to *proxy*, lead to *origin*.  Raises ConnectFailed."""
    target = _authority(origin)
    scheme, host, port = proxy.origin.scheme.encode(), proxy.origin.host.encode(), proxy.origin.port
    url = httpcore.URL(scheme=scheme, host=host, port=port, target=target)
    request = httpcore.Request("CONNECT", url, headers=[(b"host", target), *proxy.fields])
    lent = _Lent(stream)
    connection = httpcore.AsyncHTTP11Connection(httpcore.Origin(scheme, host, port), lent)
    try:
        response = await connection.handle_async_request(request)
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise ConnectFailed(f"{origin}: the proxy {proxy.origin} gave no answer to CONNECT", "proxy") from error
    if not 200 <= response.status < 300:
        raise ConnectFailed(f"{origin}: the proxy {proxy.origin} answered {response.status} to CONNECT", "proxy")
    lent.end()
    if await response.extensions["network_stream"].read(1):
        raise ConnectFailed(f"{origin}: the proxy {proxy.origin} sent bytes nobody asked for", "proxy")


def _authority(origin: Origin) -> bytes:
    """Host and port, both always: RFC 9112 §3.2.3."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return f"{host}:{origin.port}".encode("ascii")


class _Lent(httpcore.AsyncNetworkStream):
    """A trio stream in the shape httpcore knows.  It stays with its owner, who closes it."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._ended = False

    def end(self) -> None:
        """Read no more: what httpcore still gives after this, it had read before."""
        self._ended = True

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._ended:
            return b""
        try:
            return bytes(await self._stream.receive_some(max_bytes))
        except trio.BrokenResourceError as error:
            raise httpcore.ReadError from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            await self._stream.send_all(buffer)
        except trio.BrokenResourceError as error:
            raise httpcore.WriteError from error

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
