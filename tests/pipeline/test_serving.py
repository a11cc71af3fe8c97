"""Serving: a gateway in a nursery, from start to drain."""

from functools import partial
from pathlib import Path

import pytest
import structlog
import trio

from pipeline.config import Config
from pipeline.problems import ConfigError
from pipeline.serving import Running, crashed, serve, url_of
from tests.pipeline.configs import configured


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """One that serves on a port of the system's choice, before the built-in model."""
    return configured(f'[server]\nport = 0\n[meter]\nledger = "{tmp_path / "usage.jsonl"}"')


async def ask(url: str, request: bytes) -> bytes:
    """The whole answer to *request*."""
    host, port = url.removeprefix("http://").rsplit(":", 1)
    stream = await trio.open_tcp_stream(host, int(port))
    async with stream:
        await stream.send_all(request)
        return b"".join([piece async for piece in stream])


async def test_it_serves_until_it_has_drained(config: Config) -> None:
    """Reports where it listens; returns, without cancellation, when a drain has run its course."""
    async with trio.open_nursery() as nursery:
        running: Running = await nursery.start(serve, config)
        (url,) = running.urls
        answer = await ask(url, b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200")
        assert [upstream.name for upstream in running.upstreams] == ["simulated"]
        running.drain.begin(1)
    with pytest.raises(OSError, match="connect"):
        await ask(url, b"")


async def test_one_client_has_so_many_connections(tmp_path: Path) -> None:
    """What is configured is kept: one more is closed unread."""
    config = configured(
        f'[server]\nport = 0\nmax_connections_per_client = 1\n[meter]\nledger = "{tmp_path / "usage.jsonl"}"'
    )
    async with trio.open_nursery() as nursery:
        running: Running = await nursery.start(serve, config)
        port = int(running.urls[0].rpartition(":")[2])
        async with await trio.open_tcp_stream("127.0.0.1", port) as first:
            await first.send_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await first.receive_some()).startswith(b"HTTP/1.1 200")
            assert await ask(running.urls[0], b"") == b""
        running.drain.begin(1)


@pytest.mark.parametrize(("enabled", "status"), [("true", b"200"), ("false", b"404")])
async def test_the_admin_is_there_unless_it_is_switched_off(tmp_path: Path, enabled: str, status: bytes) -> None:
    """[admin] enabled = false takes page and API away."""
    books = f'[store]\nfile = "{tmp_path / "pipeline.db"}"\n[meter]\nledger = "{tmp_path / "usage.jsonl"}"\n'
    async with trio.open_nursery() as nursery:
        running: Running = await nursery.start(
            serve, configured(f"[server]\nport = 0\n[admin]\nenabled = {enabled}\n{books}")
        )
        request = b"GET /admin/api/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        assert (await ask(running.urls[0], request)).split()[1] == status
        running.drain.begin(1)


async def test_a_port_that_is_taken_is_a_problem_of_the_configuration(config: Config) -> None:
    """Found before anything else is opened."""
    async with trio.open_nursery() as nursery:
        running: Running = await nursery.start(serve, config)
        port = running.urls[0].rpartition(":")[2]
        with pytest.raises(ConfigError, match=f"server.port: can't listen on 127.0.0.1, port {port}: "):
            await serve(configured(f"[server]\nport = {port}"))
        running.drain.begin(0)


@pytest.mark.parametrize(
    ("host", "tls", "expected"),
    [
        ("127.0.0.1", False, "http://127.0.0.1:"),
        ("0.0.0.0", True, "https://127.0.0.1:"),  # noqa: S104  # for the length of this test
        ("::", False, "http://[::1]:"),
    ],
)
async def test_a_url_is_what_a_client_here_uses(host: str, tls: bool, expected: str) -> None:
    """Not the wildcard that was bound."""
    (listener,) = await trio.open_tcp_listeners(0, host=host)
    async with listener:
        assert url_of(listener, tls=tls) == f"{expected}{listener.socket.getsockname()[1]}"


def test_a_crash_is_logged_with_its_cause() -> None:
    """And told to nobody else."""
    with structlog.testing.capture_logs() as lines:
        crashed(ZeroDivisionError("x"))
    assert [(line["event"], line["log_level"]) for line in lines] == [("a connection crashed", "error")]
    assert isinstance(lines[0]["exc_info"], ZeroDivisionError)


async def test_a_cancelled_gateway_leaves_nothing(config: Config) -> None:
    """Its port is free again."""
    async with trio.open_nursery() as nursery:
        running: Running = await nursery.start(partial(serve, config))
        port = int(running.urls[0].rpartition(":")[2])
        nursery.cancel_scope.cancel()
    for listener in await trio.open_tcp_listeners(port, host="127.0.0.1"):
        await listener.aclose()
