"""Connecting, over real sockets: TLS is verified, failures are told apart, and what failed holds no socket."""

import errno
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing
import trustme

from tests.transports.upstreams import CHUNKED, GET, OK, POST, Peer, Script, answers, fetch, only_test_names
from transports.pool import open_pool
from transports.upstream import ConnectFailed, Origin, TimedOut, Timers, Truncated
from transports.upstream_connect import Connector, open_tcp, tls_context


@asynccontextmanager
async def listening(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Origin]:
    """A server on loopback, named upstream.test; each connection follows *script*."""
    only_test_names()
    async with trio.open_nursery() as nursery:
        number = 0

        async def serve(stream: trio.SocketStream) -> None:
            nonlocal number
            peer = Peer(trio.SSLStream(stream, tls, server_side=True) if tls else stream, number)
            number += 1
            try:
                await script(peer)
            except (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError):
                pass
            finally:
                await trio.aclose_forcefully(stream)

        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, listeners)
        yield Origin("https" if tls else "http", "upstream.test", listeners[0].socket.getsockname()[1])
        nursery.cancel_scope.cancel()


async def test_tls_is_spoken_with_name_and_protocol(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    """SNI says whom we want, ALPN that we speak HTTP/1.1; one handshake serves many exchanges."""
    asked: list[str | None] = []
    agreed: list[str | None] = []
    server_tls.sni_callback = lambda _object, name, _context: asked.append(name)
    server_tls.set_alpn_protocols(["h2", "http/1.1"])

    async def script(peer: Peer) -> None:
        await peer.request()
        assert isinstance(peer.stream, trio.SSLStream)
        agreed.append(peer.stream.selected_alpn_protocol())
        await peer.say(OK)
        await answers(OK)(peer)

    try:
        async with listening(script, server_tls) as origin, open_pool(Connector(tls=client_tls)) as pool:
            for _ in range(3):
                assert await fetch(pool, POST, origin) == (200, b"ok")
        assert asked == ["upstream.test"]
        assert agreed == ["http/1.1"]
    finally:
        server_tls.sni_callback = None


async def test_a_stranger_is_not_trusted(server_tls: ssl.SSLContext) -> None:
    """The system's authorities don't know this one; nothing of the request is sent."""
    heard: list[bytes] = []

    async def script(peer: Peer) -> None:
        heard.append((await peer.request())[0])

    async with listening(script, server_tls) as origin, open_pool(Connector()) as pool:
        with pytest.raises(ConnectFailed, match="the certificate is not accepted: ") as raised:
            await fetch(pool, POST, origin)
    assert raised.value.reason == "tls"
    assert heard == []


async def test_a_certificate_is_for_its_name(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    """Another name at the same address is another server."""
    async with listening(answers(OK), server_tls) as origin, open_pool(Connector(tls=client_tls)) as pool:
        with pytest.raises(ConnectFailed, match="Hostname mismatch"):
            await fetch(pool, POST, Origin("https", "elsewhere.test", origin.port))
        assert await fetch(pool, POST, Origin("https", "127.0.0.1", origin.port)) == (200, b"ok")


async def test_a_house_may_have_its_own_authority(
    tmp_path: Path, authority: trustme.CA, server_tls: ssl.SSLContext
) -> None:
    """Beside the system's, not instead of them."""
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    context = tls_context(file)
    assert len(context.get_ca_certs()) == len(tls_context().get_ca_certs()) + 1
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    async with listening(answers(OK), server_tls) as origin, open_pool(Connector(tls=context)) as pool:
        assert await fetch(pool, POST, origin) == (200, b"ok")


async def hangs_up(peer: Peer) -> None:
    await peer.stream.receive_some()


async def test_a_server_without_tls_is_told_as_such(client_tls: ssl.SSLContext) -> None:
    """Plain HTTP on the port of https, and one that hangs up: both are failures of TLS (row 39)."""
    cases: list[tuple[Script, str]] = [
        (lambda peer: peer.say(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "TLS failed: wrong version number"),
        (hangs_up, "the connection ended during the TLS handshake"),
    ]
    for script, text in cases:
        async with listening(script) as plain, open_pool(Connector(tls=client_tls)) as pool:
            with pytest.raises(ConnectFailed, match=text) as raised:
                await fetch(pool, POST, Origin("https", plain.host, plain.port))
            assert raised.value.reason == "tls"


async def test_nobody_listens() -> None:
    """Refused (row 39)."""
    only_test_names()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        origin = Origin("http", "upstream.test", unused.getsockname()[1])
        async with open_pool(Connector()) as pool:
            with pytest.raises(
                ConnectFailed, match=r"^http://upstream\.test:\d+: the connection is refused$"
            ) as raised:
                await fetch(pool, POST, origin)
    assert raised.value.reason == "refused"


async def test_the_name_does_not_exist() -> None:
    """DNS (row 39)."""
    only_test_names()
    async with open_pool(Connector()) as pool:
        with pytest.raises(ConnectFailed, match="the name does not resolve") as raised:
            await fetch(pool, POST, Origin.parse("https://api.example.com"))
    assert raised.value.reason == "dns"


async def test_there_is_no_way_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is neither refused nor unknown."""

    async def no_route(host: str, port: int) -> trio.SocketStream:
        raise OSError("all attempts failed") from OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(trio, "open_tcp_stream", no_route)
    with pytest.raises(ConnectFailed, match="no address can be reached") as raised:
        await open_tcp(Origin.parse("http://upstream.test"))
    assert raised.value.reason == "unreachable"


async def test_an_address_is_gone_to_straight(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to look up or to try in parallel; a name goes trio's way."""
    names: list[str] = []

    async def looked_up(host: str, port: int) -> trio.SocketStream:
        names.append(host)
        raise OSError("no such name")

    monkeypatch.setattr(trio, "open_tcp_stream", looked_up)
    for host in ("127.0.0.1", "::1"):
        [listener] = await trio.open_tcp_listeners(0, host=host)
        async with listener:
            stream = await open_tcp(Origin("http", host, listener.socket.getsockname()[1]))
            assert stream.socket.getpeername()[0] == host
            await stream.aclose()
    assert not names
    for name in ("upstream.test", "127.1"):
        with pytest.raises(ConnectFailed):
            await open_tcp(Origin("http", name, 80))
    assert names == ["upstream.test", "127.1"]


async def test_who_is_refused_holds_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else closes the one that was made for an address."""
    made: list[trio.socket.SocketType] = []
    real = trio.socket.socket

    def watched(family: int) -> trio.socket.SocketType:
        made.append(real(family))
        return made[-1]

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # and nobody listens
        monkeypatch.setattr(trio.socket, "socket", watched)
        with pytest.raises(ConnectFailed, match="refused"):
            await open_tcp(Origin("http", "127.0.0.1", silent.getsockname()[1]))
    assert [each.fileno() for each in made] == [-1]


async def test_a_socket_sends_at_once_and_is_watched() -> None:
    """TCP_NODELAY for events, keep-alive for replies that are minutes away."""
    async with listening(answers(OK)) as origin:
        stream = await open_tcp(origin)
        assert stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        await stream.aclose()


@pytest.mark.parametrize("timer", [True, False], ids=["timed out", "cancelled"])
async def test_a_handshake_that_ends_early_holds_no_socket(timer: bool, client_tls: ssl.SSLContext) -> None:
    """The server accepts and says nothing; it sees our end as soon as we give up."""
    seen = trio.Event()

    async def says_nothing(peer: Peer) -> None:
        while await peer.stream.receive_some():
            pass
        seen.set()

    async with listening(says_nothing) as plain, open_pool(Connector(tls=client_tls)) as pool:
        origin = Origin("https", plain.host, plain.port)
        if timer:
            with pytest.raises(TimedOut, match="no connection within"):
                await fetch(pool, POST, origin, Timers(connect=0.02))
        else:
            with trio.move_on_after(0.02):
                await fetch(pool, POST, origin)
        with trio.fail_after(1):
            await seen.wait()


async def test_a_reply_without_a_length_is_whole_only_if_tls_says_so(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """close_notify is the end; a mere FIN can be anyone's (RFC 9112 §9.8)."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.0 200 OK\r\n\r\nhello")
        if peer.number == 0:
            await peer.stream.aclose()

    async with listening(script, server_tls) as origin, open_pool(Connector(tls=client_tls)) as pool:
        assert await fetch(pool, GET, origin) == (200, b"hello")
        with pytest.raises(Truncated):
            await fetch(pool, GET, origin)


async def test_poison_hidden_in_tls_is_found(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    """A second record in the same segment is decrypted by nobody until the next read: it must not be the next reply."""
    evil = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"

    async def two_records(peer: Peer) -> None:
        await peer.request()
        assert isinstance(peer.stream, trio.SSLStream)
        below = peer.stream.transport_stream
        peer.stream.transport_stream = held = Held()
        await peer.say(OK, evil)
        peer.stream.transport_stream = below
        await below.send_all(held.data)
        await peer.gone()

    async with listening(two_records, server_tls) as origin, open_pool(Connector(tls=client_tls)) as pool:
        for _ in range(3):
            assert await fetch(pool, GET, origin) == (200, b"ok")
            assert pool.idle == 1  # it looks free, until it is looked at


class Held(trio.abc.Stream):
    """Keeps what is written, so that it can leave in one segment."""

    def __init__(self) -> None:
        self.data = b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        self.data += data

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        raise NotImplementedError

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def test_an_early_answer_is_heard_through_tls(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    """Its body comes after its head, while our upload is stuck (row 49)."""

    async def refuse(peer: Peer) -> None:
        await peer.stream.receive_some(1000)
        await peer.say(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 7\r\n\r\n")
        await trio.sleep(0.01)
        await peer.say(b"too big")
        await trio.sleep_forever()

    call = type(POST)(method="POST", target="/", body=b"x" * 50_000_000)
    async with listening(refuse, server_tls) as origin, open_pool(Connector(tls=client_tls)) as pool:
        assert await fetch(pool, call, origin) == (413, b"too big")


# --- through a proxy


def relay(port: int, seen: list[bytes], tls: ssl.SSLContext | None = None) -> Script:
    """A proxy that lets Ada through to *port* on loopback, whatever name she asks for."""

    async def script(peer: Peer) -> None:
        head, _ = await peer.request()
        seen.append(head)
        if b"proxy-authorization: Basic QWRhOmh1bnRlcjI=" not in head:
            await peer.say(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            return
        onward = await trio.open_tcp_stream("127.0.0.1", port)
        await peer.say(b"HTTP/1.1 200 OK\r\n\r\n")
        async with onward, trio.open_nursery() as nursery:
            nursery.start_soon(pump, peer.stream, onward)
            await pump(onward, peer.stream)
            nursery.cancel_scope.cancel()

    return script


async def pump(source: trio.abc.ReceiveStream, sink: trio.abc.SendStream) -> None:
    while data := await source.receive_some():
        await sink.send_all(data)


@pytest.mark.parametrize("secure", [False, True], ids=["http proxy", "https proxy"])
async def test_https_goes_through_a_tunnel(
    secure: bool, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """The proxy sees host and port, nothing of the request; the name is the proxy's to resolve; the link is kept."""
    seen: list[bytes] = []
    async with (
        listening(answers(OK), server_tls) as origin,
        listening(relay(origin.port, seen), server_tls if secure else None) as proxy,
        open_pool(
            Connector(
                tls=client_tls, environ={"HTTPS_PROXY": f"{proxy.scheme}://Ada:hunter2@upstream.test:{proxy.port}"}
            )
        ) as pool,
    ):
        for _ in range(2):
            assert await fetch(pool, POST, origin) == (200, b"ok")
    assert [head.split(b"\r\n")[0] for head in seen] == [b"CONNECT upstream.test:%d HTTP/1.1" % origin.port]


async def test_http_goes_through_a_proxy_in_absolute_form() -> None:
    """The proxy takes the request itself, with its password; loopback would not go there."""
    seen: list[bytes] = []

    async def proxying(peer: Peer) -> None:
        while True:
            seen.append((await peer.request())[0])
            await peer.say(OK)

    async with (
        listening(proxying) as proxy,
        open_pool(Connector(environ={"http_proxy": f"Ada:hunter2@127.0.0.1:{proxy.port}"})) as pool,
    ):
        for _ in range(2):
            assert await fetch(pool, GET, Origin.parse("http://models.test:8080")) == (200, b"ok")
    target = b"GET http://models.test:8080/v1/models HTTP/1.1"
    fields = [b"host: models.test:8080", b"proxy-authorization: Basic QWRhOmh1bnRlcjI="]
    assert [head.split(b"\r\n") for head in seen] == [[target, *fields]] * 2


@pytest.mark.parametrize("environ", [{"HTTPS_PROXY": "http://127.0.0.1:%d"}, {"HTTPS_PROXY": "socks5://127.0.0.1:%d"}])
async def test_a_proxy_that_refuses_is_a_failed_connection(environ: dict[str, str]) -> None:
    """Typed, with the proxy's answer or the variable's name."""
    async with listening(relay(0, [])) as proxy:
        environ = {name: url % proxy.port for name, url in environ.items()}
        async with open_pool(Connector(environ=environ)) as pool:
            with pytest.raises(ConnectFailed, match=r"407|SOCKS") as raised:
                await fetch(pool, POST, Origin.parse("https://api.example.com"))
    assert raised.value.reason == "proxy"


async def test_a_tunnel_that_is_given_up_holds_no_socket() -> None:
    """Cancelled while the proxy thinks about it."""
    seen = trio.Event()

    async def thinks(peer: Peer) -> None:
        await peer.request()
        await peer.gone()
        seen.set()

    async with (
        listening(thinks) as proxy,
        open_pool(Connector(environ={"ALL_PROXY": f"127.0.0.1:{proxy.port}"})) as pool,
    ):
        with pytest.raises(TimedOut):
            await fetch(pool, POST, Origin.parse("https://api.example.com"), Timers(connect=0.02))
        with trio.fail_after(1):
            await seen.wait()


async def test_a_client_that_goes_ends_the_upstream_at_once(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """Over TCP and TLS the server sees the end within the same breath: it need not generate on (row 52)."""
    for tls in (None, server_tls):
        ended = trio.Event()

        async def streams(peer: Peer, ended: trio.Event = ended) -> None:
            await peer.request()
            await peer.say(CHUNKED, b"1\r\na\r\n")
            await peer.gone()
            ended.set()

        async with listening(streams, tls) as origin, open_pool(Connector(tls=client_tls)) as pool:
            with trio.CancelScope() as scope:
                async with pool.send(origin, POST) as reply:
                    assert await reply.receive() == b"a"
                    scope.cancel()
                    await reply.receive()
            with trio.fail_after(1):
                await ended.wait()


async def test_the_systems_authorities_are_read_when_they_are_needed(
    server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for plain http; once for all connections that need them at one time, and they refuse who is not theirs."""
    read: list[ssl.SSLContext] = []

    def reading() -> ssl.SSLContext:
        read.append(tls_context())
        return read[-1]

    monkeypatch.setattr("transports.upstream_connect.tls_context", reading)
    connector = Connector()
    async with listening(answers(OK)) as origin:
        link = await connector(origin)
        await link.close()
    assert read == []

    async def refused(origin: Origin) -> None:
        with pytest.raises(ConnectFailed, match="certificate is not accepted"):
            await connector(origin)

    async with listening(answers(OK), server_tls) as origin, trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(refused, origin)
    assert len(read) == 1


async def test_whoever_leaves_before_they_are_read_holds_no_stream() -> None:
    """Cancelled before TLS has begun, the stream is closed."""
    ours, theirs = trio.testing.memory_stream_pair()
    with trio.CancelScope() as scope:
        scope.cancel()
        await Connector().secured(ours, Origin.parse("https://upstream.test"))
    assert scope.cancelled_caught
    assert await theirs.receive_some() == b""
