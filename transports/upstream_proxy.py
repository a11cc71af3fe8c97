"""Proxies: which one leads to an origin, and how a tunnel through it is asked for.

    proxy_for(origin, environ) ──▶ None | Proxy        HTTPS_PROXY · HTTP_PROXY · ALL_PROXY · NO_PROXY, lower case first
    tunnel(stream, proxy, origin)                      CONNECT: afterwards the stream leads to the origin

A tunnel carries https, so the proxy sees no request.  Plain http goes through a proxy in absolute form, without a
tunnel (RFC 9112 §3.2.2).  The CONNECT exchange is ``upstream_tunnel``'s.  SOCKS would need another package
and is refused.
"""

import base64
import importlib
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

import attrs
import trio

from transports.messages import Headers
from transports.upstream import Origin

Asking = Callable[[trio.abc.Stream, "Proxy", Origin], Awaitable[None]]


@attrs.frozen
class Proxy:
    """A proxy and how to be let in.  Its text holds no password."""

    origin: Origin
    authorization: bytes | None = attrs.field(default=None, repr=False)  # of ``proxy-authorization``

    @property
    def fields(self) -> Headers:
        """The fields a request to the proxy carries for it."""
        return [(b"proxy-authorization", self.authorization)] if self.authorization else []

    @classmethod
    def parse(cls, url: str) -> "Proxy":
        """``[http[s]://][user:password@]host[:port]``.  Raises ValueError, without the URL."""
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https"):
            raise ValueError("a proxy is reached over http or https, not SOCKS or another protocol")
        credentials, _, address = parts.netloc.rpartition("@")
        origin = Origin.parse(f"{parts.scheme}://{address}")
        return cls(origin, _basic(credentials) if credentials else None)


def _basic(credentials: str) -> bytes:
    """The Basic scheme of RFC 7617; both parts may be percent-encoded in a URL."""
    user, _, password = credentials.partition(":")
    return b"Basic " + base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode())


def proxy_for(origin: Origin, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy that *environ* names for *origin*, or None.

    Loopback is never proxied (as in Go): a model server next to us is not behind the proxy.  Raises ValueError that
    names the variable, not its value.
    """
    if _is_loopback(origin.host) or _is_exempt(origin, _variable("NO_PROXY", environ)[1]):
        return None
    name, url = _variable(f"{origin.scheme}_PROXY", environ)
    if not url:
        name, url = _variable("ALL_PROXY", environ)
    if not url:
        return None
    try:
        return Proxy.parse(url)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None  # the cause would show what it is about


def _variable(name: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Name and value of the variable: in lower case, as it was first, or in upper case."""
    for written in (name.lower(), name.upper()):
        if value := environ.get(written, "").strip():
            return written, value
    return name, ""


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")  # RFC 6761 §6.3


def _is_exempt(origin: Origin, exempt: str) -> bool:
    """Whether *exempt*, the value of NO_PROXY, names *origin*."""
    return any(_matches(entry, origin) for entry in exempt.lower().replace(",", " ").split())


def _matches(entry: str, origin: Origin) -> bool:
    """One entry: ``*`` · a name, with those below it · an address · a network · each with ``:port`` or without."""
    if entry == "*":
        return True
    name, _, port = entry.rpartition(":") if _has_port(entry) else (entry, "", "")
    if port and port != str(origin.port):
        return False
    name = name.strip("[]").lstrip("*").lstrip(".")
    try:
        return ip_address(origin.host) in ip_network(name, strict=False)
    except ValueError:  # one of them is a name
        return bool(name) and (origin.host == name or origin.host.endswith("." + name))


def _has_port(entry: str) -> bool:
    return entry.count(":") == 1 or "]:" in entry


async def tunnel(stream: trio.abc.Stream, proxy: Proxy, origin: Origin) -> None:
    """Make *stream*, which leads to *proxy*, lead to *origin*.  Closes *stream* and raises ConnectFailed."""
    try:
        await asking()(stream, proxy, origin)
    except BaseException:  # cancelled, too: nobody else has it yet
        await trio.aclose_forcefully(stream)
        raise


@cache
def asking() -> Asking:
    """What asks for a tunnel, by name: the library that it is made of takes a fifteenth of a start, and few need it."""
    ask: Asking = importlib.import_module("transports.upstream_tunnel").ask
    return ask


def ready(environ: Mapping[str, str]) -> None:
    """Have at hand what a tunnel takes, if *environ* names a proxy at all: at start it keeps nobody waiting."""
    if any(_variable(f"{scheme}_PROXY", environ)[1] for scheme in ("HTTP", "HTTPS", "ALL")):
        asking()
