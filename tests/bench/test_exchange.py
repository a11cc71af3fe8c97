"""What is compared is the same: both servers' programs read all of a request and answer with as many bytes."""

import sys
from typing import Any

import httpcore

from bench.exchange import REPLY
from bench.exchange_asgi import app
from bench.programs import started


def test_ours_over_http2() -> None:
    """A request of two reads is answered whole, over HTTP/2 with prior knowledge."""
    with (
        started("ours", [sys.executable, "-m", "bench.exchange"]) as program,
        httpcore.ConnectionPool(http1=False, http2=True) as pool,
    ):
        answer = pool.request("POST", f"http://127.0.0.1:{program.port}/", content=b"x" * 100_000)
    assert (answer.status, answer.content) == (200, REPLY)


async def test_the_application() -> None:
    """It reads until there is no more, and says head and body in this order."""
    body = iter([b"one", b"two", b""])
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        piece = next(body)
        return {"type": "http.request", "body": piece, "more_body": piece != b""}

    async def send(event: dict[str, Any]) -> None:
        said.append(event)

    await app({"type": "http"}, receive, send)
    assert next(body, None) is None
    start, content = said
    assert (start["status"], content["body"]) == (200, REPLY)
