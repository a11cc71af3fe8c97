"""Proxies: which one is meant, and a tunnel that leads where it should or to an error that holds no password."""

import base64
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.transports.upstreams import Peer
from transports.upstream import ConnectFailed, Origin
from transports.upstream_proxy import Proxy, proxy_for, tunnel

ROOT = Path(__file__).parents[2]
HTTPS = Origin.parse("https://api.example.com")
HTTP = Origin.parse("http://api.example.com:8080")
PROXY = Proxy.parse("http://ada:hunter2@proxy.test:3128")


@pytest.mark.parametrize(
    ("environ", "origin", "proxy"),
    [
        ({}, HTTPS, None),
        ({"HTTPS_PROXY": "http://p:1"}, HTTPS, "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, HTTP, None),
        ({"HTTP_PROXY": "http://p:1"}, HTTP, "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, HTTPS, None),
        ({"ALL_PROXY": "http://p:1"}, HTTP, "http://p:1"),
        ({"ALL_PROXY": "http://p:1", "https_proxy": "http://q:2"}, HTTPS, "http://q:2"),
        ({"https_proxy": "http://p:1", "HTTPS_PROXY": "http://q:2"}, HTTPS, "http://p:1"),
        ({"HTTPS_PROXY": "p:1"}, HTTPS, "http://p:1"),
        ({"HTTPS_PROXY": "https://p"}, HTTPS, "https://p"),
        ({"HTTPS_PROXY": " "}, HTTPS, None),
        ({"https_proxy": "", "HTTPS_PROXY": "http://p:1"}, HTTPS, "http://p:1"),
        ({"ALL_PROXY": "http://p:1"}, Origin.parse("http://127.0.0.1:11434"), None),
        ({"ALL_PROXY": "http://p:1"}, Origin.parse("http://[::1]:11434"), None),
        ({"ALL_PROXY": "http://p:1"}, Origin.parse("http://localhost:11434"), None),
        ({"ALL_PROXY": "http://p:1"}, Origin.parse("http://10.1.2.3"), "http://p:1"),
    ],
)
def test_the_environment_names_a_proxy(environ: dict[str, str], origin: Origin, proxy: str | None) -> None:
    """By the origin's scheme, lower case first, ALL_PROXY last; loopback never."""
    found = proxy_for(origin, environ)
    assert (found and str(found.origin)) == proxy


@pytest.mark.parametrize(
    ("no_proxy", "url", "exempt"),
    [
        ("*", "https://api.example.com", True),
        ("example.com", "https://api.example.com", True),
        (".example.com", "https://api.example.com", True),
        ("*.example.com", "https://api.example.com", True),
        ("API.example.com", "https://api.example.com", True),
        ("a.test, example.com", "https://api.example.com", True),
        ("a.test b.test", "https://b.test", True),
        ("ample.com", "https://api.example.com", False),
        ("api.example.com.evil.test", "https://api.example.com", False),
        ("example.com:443", "https://api.example.com", True),
        ("example.com:80", "https://api.example.com", False),
        ("10.1.2.3", "http://10.1.2.3", True),
        ("10.0.0.0/8", "http://10.1.2.3", True),
        ("10.0.0.0/8", "http://11.1.2.3", False),
        ("10.1.2.3:80", "http://10.1.2.3", True),
        ("10.1.2.3:81", "http://10.1.2.3", False),
        ("2001:db8::/32", "http://[2001:db8::5]", True),
        ("[2001:db8::5]", "http://[2001:db8::5]", True),
        ("[2001:db8::5]:80", "http://[2001:db8::5]", True),
        ("[2001:db8::5]:81", "http://[2001:db8::5]", False),
        ("", "https://api.example.com", False),
        (",, ,", "https://api.example.com", False),
        (".", "https://api.example.com", False),
    ],
)
def test_some_origins_are_exempt(no_proxy: str, url: str, exempt: bool) -> None:
    """Names with those below them, addresses, networks; each for one port or for all."""
    environ = {"ALL_PROXY": "http://p:1", "NO_PROXY": no_proxy}
    assert (proxy_for(Origin.parse(url), environ) is None) == exempt


@pytest.mark.parametrize("url", ["socks5://p:1", "ftp://p", "http://", "http://ada:hunter2@", "http://ada:hun/ter2@p"])
def test_a_proxy_that_cannot_be_used_is_named_by_its_variable(url: str) -> None:
    """Not by its value, which may hold a password."""
    with pytest.raises(ValueError, match=r"^HTTPS_PROXY: ") as raised:
        proxy_for(HTTPS, {"HTTPS_PROXY": url})
    assert "hun" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_credentials_are_sent_and_never_shown() -> None:
    """Basic, percent-decoded; no text of a Proxy holds them."""
    proxy = Proxy.parse("http://ada:p%40ss%3A@proxy.test:3128")
    assert proxy.fields == [(b"proxy-authorization", b"Basic " + base64.b64encode(b"ada:p@ss:"))]
    assert "ada" not in f"{proxy} {proxy!r}"
    assert Proxy.parse("proxy.test:3128").fields == []


@pytest.fixture
async def ends() -> AsyncIterator[tuple[trio.abc.Stream, Peer]]:
    near, far = trio.testing.memory_stream_pair()
    yield near, Peer(far, 0)
    await near.aclose()


async def test_a_tunnel_leads_to_the_origin(ends: tuple[trio.abc.Stream, Peer], nursery: trio.Nursery) -> None:
    """CONNECT with host and port; after the proxy's 200 the stream is the origin's, in both directions."""
    near, peer = ends
    await peer.say(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await tunnel(near, PROXY, HTTPS)
    head, _ = await peer.request()
    assert head.split(b"\r\n") == [
        b"CONNECT api.example.com:443 HTTP/1.1",
        b"host: api.example.com:443",
        b"proxy-authorization: " + (PROXY.authorization or b""),
    ]
    await near.send_all(b"up")
    assert await peer.stream.receive_some() == b"up"
    await peer.say(b"down")
    assert await near.receive_some() == b"down"


async def test_a_tunnel_to_an_address_writes_it_in_brackets(ends: tuple[trio.abc.Stream, Peer]) -> None:
    """RFC 9112 §3.2.3."""
    near, peer = ends
    await peer.say(b"HTTP/1.1 200 OK\r\n\r\n")
    await tunnel(near, Proxy.parse("p:1"), Origin.parse("https://[2001:db8::5]:8443"))
    head, _ = await peer.request()
    assert head.startswith(b"CONNECT [2001:db8::5]:8443 HTTP/1.1\r\nhost: [2001:db8::5]:8443")


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n", "answered 407 to CONNECT"),
        (b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n", "answered 302 to CONNECT"),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "bytes nobody asked for"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "no answer"),
        (b"", "no answer"),
    ],
)
async def test_a_tunnel_that_is_none_is_no_connection(
    ends: tuple[trio.abc.Stream, Peer], said: bytes, text: str
) -> None:
    """Refused, garbled, closed, or followed by bytes that would pass for the origin's."""
    near, peer = ends
    if said:
        await peer.say(said)
    await peer.hang_up()
    with pytest.raises(ConnectFailed, match=text) as raised:
        await tunnel(near, PROXY, HTTPS)
    assert raised.value.reason == "proxy"
    assert "hunter2" not in str(raised.value)


async def test_a_broken_stream_is_no_connection() -> None:
    """The proxy is gone before we have asked."""
    near, far = trio.testing.memory_stream_pair()
    await far.aclose()
    with pytest.raises(ConnectFailed):
        await tunnel(near, PROXY, HTTPS)
    await near.aclose()


@pytest.mark.parametrize(
    ("environ", "loaded"),
    [({}, False), ({"NO_PROXY": "*", "PATH": "/bin"}, False), ({"https_proxy": "http://p:1"}, True)],
)
def test_what_a_tunnel_takes_is_at_hand_where_there_is_a_proxy(environ: dict[str, str], loaded: bool) -> None:
    """From the start, so that the first request through it does not wait; elsewhere the library is never imported."""
    program = f"""
import sys
from transports.upstream_connect import Connector

Connector(environ={environ!r})
print("httpcore" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == str(loaded)
