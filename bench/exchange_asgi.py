"""The exchange of ``bench.exchange`` as an ASGI application (ASGI 3.0, the HTTP scope).

Imports nothing: it runs in an environment of other people, in which nothing of ours is installed.
"""

from collections.abc import Awaitable, Callable
from typing import Any

Event = dict[str, Any]


async def app(scope: Event, receive: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]) -> None:
    """Read a request to its end, answer with 300 bytes.  Whatever is no request (lifespan) is left alone."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    fields = [(b"content-type", b"text/plain"), (b"content-length", b"300")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": b"x" * 300})
