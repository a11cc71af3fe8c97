"""Probe: how far one gets towards an origin, a step at a time, and how long each took.

    dns ─▶ connect [─▶ CONNECT through the proxy] ─▶ tls ─▶ closed again; no request is sent

For a person who asks why something can't be reached; requests go through ``Connector``, by the same pieces.
"""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import attrs
import trio

from transports.tcp import Tcp
from transports.upstream import ConnectFailed, Origin
from transports.upstream_connect import Connector, open_tcp
from transports.upstream_proxy import Proxy, proxy_for, tunnel

Name = Literal["dns", "connect", "tls"]
PATIENCE = 10.0  # seconds for each step


@attrs.define
class Probed:
    """One step: what was tried, the *seconds* it took, what is worth telling, and why it failed, if it did."""

    name: Name
    seconds: float = 0.0
    text: str = ""
    failed: ConnectFailed | None = None


async def probe(connector: Connector, origin: Origin) -> list[Probed]:
    """The steps to *origin*, to the first that fails."""
    steps: list[Probed] = []
    stream: trio.abc.Stream | None = None
    try:
        proxy = proxy_for(origin, connector.environ)
        place = proxy.origin if proxy else origin
        async with step(steps, "dns", origin) as now:
            now.text = await resolved(place)
        async with step(steps, "connect", origin) as now:
            stream = await connected(connector, origin, proxy)
            now.text = f"{place} takes connections" + (f", and leads to {origin}" if proxy else "")
        if origin.scheme == "https":
            async with step(steps, "tls", origin) as now:
                stream = await connector.secured(stream, origin)
                now.text = f"the certificate is {origin.host}'s"
    except ConnectFailed:
        pass  # it is in the steps
    except ValueError as error:
        steps.append(Probed("connect", failed=ConnectFailed(f"{origin}: {error}", "proxy")))
    finally:
        if stream is not None:
            await trio.aclose_forcefully(stream)
    return steps


@asynccontextmanager
async def step(steps: list[Probed], name: Name, origin: Origin) -> AsyncIterator[Probed]:
    """Add to *steps* what is done inside.  Raises the ConnectFailed that it ends with, if it fails."""
    now = Probed(name)
    steps.append(now)
    began = trio.current_time()
    try:
        with trio.fail_after(PATIENCE):
            yield now
    except trio.TooSlowError:
        now.failed = ConnectFailed(f"{origin}: nothing came within {PATIENCE:g} s", "unreachable")
    except ConnectFailed as error:
        now.failed = error
    now.seconds = trio.current_time() - began
    if now.failed is not None:
        raise now.failed


async def resolved(place: Origin) -> str:
    """What the name of *place* stands for, in words.  Raises ConnectFailed."""
    try:
        found = await trio.socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConnectFailed(f"{place}: the name does not resolve", "dns") from error
    addresses = list(dict.fromkeys(str(address[4][0]) for address in found))
    return "an address needs no name" if addresses == [place.host] else f"{place.host} is {', '.join(addresses[:4])}"


async def connected(connector: Connector, origin: Origin, proxy: Proxy | None) -> trio.abc.Stream:
    """A stream that leads to *origin*, without TLS to it.  Raises ConnectFailed."""
    place = proxy.origin if proxy else origin
    stream: Tcp | trio.abc.Stream = await open_tcp(place)
    if proxy is None:
        return stream
    if place.scheme == "https":
        stream = await connector.secured(stream, place)
    if origin.scheme == "https":
        await tunnel(stream, proxy, origin)
    return stream
