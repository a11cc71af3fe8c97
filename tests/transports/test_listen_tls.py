"""The server behind TLS, over loopback, with certificates made for the test."""

import ssl
from contextlib import suppress
from pathlib import Path

import pytest
import trio
import trustme

from tests.transports.dialogue import GET, Client, answer, echo
from tests.transports.http2_client import client_of
from tests.transports.running import Server, running
from transports.limits import Limits
from transports.listen import Tls, tls_context
from transports.messages import Head, Request, Response


@pytest.fixture
def certificate(tmp_path: Path, authority: trustme.CA) -> str:
    """A PEM file for localhost with its key."""
    path = tmp_path / "localhost.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(path)
    return str(path)


async def tls_to(server: Server, context: ssl.SSLContext) -> trio.SSLStream[trio.SocketStream]:
    """A TLS connection to *server*, past its handshake."""
    stream = trio.SSLStream((await server.connect()).stream, context, server_hostname="localhost")
    with trio.fail_after(5):
        await stream.do_handshake()
    return stream


@pytest.mark.parametrize(("offered", "agreed"), [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), ([], None)])
async def test_tls_agrees_on_the_protocol(
    certificate: str, client_tls: ssl.SSLContext, offered: list[str], agreed: str | None
) -> None:
    """Row 38: h2 where the client can, HTTP/1.1 where it says nothing; the scheme is https."""

    async def handler(request: Request, response: Response) -> None:
        await answer(response, f"{request.scheme} {request.version}".encode())

    if offered:
        client_tls.set_alpn_protocols(offered)
    async with running(handler, tls=Tls(tls_context(certificate))) as server:
        stream = await tls_to(server, client_tls)
        assert stream.selected_alpn_protocol() == agreed
        if agreed == "h2":
            client = client_of(stream)
            number = client.ask()
            assert (await client.reply(number)).body == b"https 2"
        else:
            await stream.send_all(GET)
            assert (await Client(stream).hear(b"1.1"))[-9:] == b"https 1.1"
        await trio.aclose_forcefully(stream)
    assert server.crashes == []


async def test_tls_has_no_weak_ends(certificate: str, client_tls: ssl.SSLContext) -> None:
    """Row 38: nothing below TLS 1.2, and there only AEAD with forward secrecy."""
    context = tls_context(certificate)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert all(cipher["aead"] for cipher in context.get_ciphers())
    client_tls.maximum_version = ssl.TLSVersion.TLSv1_2
    async with running(echo, tls=Tls(context)) as server:
        stream = await tls_to(server, client_tls)
        assert stream.cipher()[0].startswith("ECDHE")
        await trio.aclose_forcefully(stream)
        client_tls.set_ciphers("ECDHE+AES+SHA256:!AEAD")
        with pytest.raises(trio.BrokenResourceError):
            await tls_to(server, client_tls)
    assert server.crashes == []


async def test_a_handshake_that_does_not_come(certificate: str) -> None:
    """Row 24: half a handshake has a few seconds, and cleartext at a TLS port is let go; neither is a crash."""
    limits = Limits(handshake_seconds=0.05)
    async with running(echo, tls=Tls(tls_context(certificate)), limits=limits) as server:
        for said in (b"", b"\x16\x03\x01\x02\x00", GET):
            client = await server.connect()
            await client.stream.send_all(said)
            with trio.fail_after(5), suppress(trio.BrokenResourceError):
                assert b"HTTP" not in await client.hear()
    assert server.crashes == []


async def test_a_broken_response_is_broken_under_tls(certificate: str, client_tls: ssl.SSLContext) -> None:
    """A proper end says close_notify; a cut one does not, so that even a body without framing is seen to be short."""

    async def handler(request: Request, response: Response) -> None:
        await response.start(Head(200))
        await response.write(b"part")
        if request.path == "/whole":
            await response.finish()

    async with running(handler, tls=Tls(tls_context(certificate))) as server:
        for path in (b"/whole", b"/cut"):
            stream = await tls_to(server, client_tls)
            await stream.send_all(b"GET " + path + b" HTTP/1.0\r\nHost: localhost\r\n\r\n")
            client = Client(stream)
            await client.hear(b"part")
            if path == b"/whole":
                assert await client.hear() == b""
            else:
                with pytest.raises(trio.BrokenResourceError):
                    await client.hear()
            await trio.aclose_forcefully(stream)


async def test_a_client_that_reads_nothing_under_tls_is_given_up(certificate: str, client_tls: ssl.SSLContext) -> None:
    """Its handler is cancelled and its socket closed, whatever TLS has to say of that; the others notice nothing."""
    left = trio.Event()

    async def handler(request: Request, response: Response) -> None:
        if request.path == "/other":
            await answer(response, b"here")
            return
        try:
            await response.start(Head(200))
            while True:
                await response.write(bytes(1 << 20))
        finally:
            left.set()

    limits = Limits(stall_seconds=0.05)
    async with running(handler, tls=Tls(tls_context(certificate)), limits=limits) as server:
        stream = await tls_to(server, client_tls)
        await stream.send_all(GET)
        with trio.fail_after(5):
            await left.wait()
            other = await tls_to(server, client_tls)
            await other.send_all(GET.replace(b"GET / ", b"GET /other "))
            assert (await Client(other).hear(b"here"))[-4:] == b"here"
        await trio.aclose_forcefully(other)
        await trio.aclose_forcefully(stream)
    assert server.crashes == []
