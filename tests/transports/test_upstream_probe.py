"""The probe, over real sockets: each step says how far one gets, and closes behind itself."""

import ssl

import trio

from tests.transports.test_upstream_connect import listening
from tests.transports.upstreams import Peer
from transports.upstream import Origin
from transports.upstream_connect import Connector, tls_context
from transports.upstream_probe import PATIENCE, probe


async def until_gone(peer: Peer) -> None:
    assert await peer.gone(), "no request is sent"


async def test_all_the_way(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    """Name, connection, TLS with its name verified."""
    async with listening(until_gone, server_tls) as origin:
        steps = await probe(Connector(tls=client_tls), origin)
    assert [(step.name, step.failed) for step in steps] == [("dns", None), ("connect", None), ("tls", None)]
    assert "127.0.0.1" in steps[0].text


async def test_plain_http_has_no_tls() -> None:
    """Two steps."""
    async with listening(until_gone) as origin:
        assert [step.name for step in await probe(Connector(tls=tls_context()), origin)] == ["dns", "connect"]


async def test_a_certificate_of_somebody_unknown_fails_at_tls(server_tls: ssl.SSLContext) -> None:
    """The system's authorities do not know it."""
    async with listening(until_gone, server_tls) as origin:
        steps = await probe(Connector(tls=tls_context()), origin)
    assert [step.failed.reason if step.failed else None for step in steps] == [None, None, "tls"]


async def test_where_nothing_listens_it_ends_at_the_connection() -> None:
    """Refused, and no step after it."""
    async with listening(until_gone) as origin:
        pass
    steps = await probe(Connector(tls=tls_context()), Origin("https", "127.0.0.1", origin.port))
    assert [step.failed.reason if step.failed else None for step in steps] == [None, "refused"]


async def test_a_name_that_does_not_resolve_ends_it_at_once() -> None:
    """Before any socket."""
    (step,) = await probe(Connector(tls=tls_context()), Origin("https", "no-such-name.invalid", 443))
    assert step.failed
    assert step.failed.reason == "dns"


async def test_through_a_proxy_the_proxy_is_what_is_reached() -> None:
    """Its name, its connection, and CONNECT; what it refuses is the proxy's."""

    async def script(peer: Peer) -> None:
        head, _ = await peer.request()
        assert head.startswith(b"CONNECT elsewhere.test:443 ")
        await peer.say(b"HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n")

    async with listening(script) as origin:
        connector = Connector(tls=tls_context(), environ={"ALL_PROXY": str(origin)})
        steps = await probe(connector, Origin("https", "elsewhere.test", 443))
    assert [step.failed.reason if step.failed else None for step in steps] == [None, "proxy"]


async def test_a_variable_that_is_no_proxy_is_told() -> None:
    """As at any connection."""
    connector = Connector(tls=tls_context(), environ={"ALL_PROXY": "socks5://x"})
    (step,) = await probe(connector, Origin("https", "elsewhere.test", 443))
    assert step.failed
    assert step.failed.reason == "proxy"


async def test_a_server_that_says_nothing_has_its_time(
    client_tls: ssl.SSLContext, autojump_clock: trio.testing.MockClock
) -> None:
    """Each step ends within a bound, whatever the other end does."""

    async def silent(peer: Peer) -> None:
        await trio.sleep_forever()

    async with listening(silent) as origin:
        steps = await probe(Connector(tls=client_tls), Origin("https", origin.host, origin.port))
    assert steps[-1].name == "tls"
    assert steps[-1].failed
    assert steps[-1].seconds == PATIENCE
