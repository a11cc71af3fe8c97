"""Asking: one client of the gateway, which believes nothing: HTTP is checked by h11, and the end is waited for.

A request names its fault and its own mark in its model, ``m/FAULT/MARK``, so that server, client and books can be held
against each other.
"""

import json
from typing import Any

import attrs
import h11
import trio

PATHS = {"anthropic": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}
FIELDS = {
    "anthropic": [("anthropic-version", "2023-06-01"), ("x-api-key", "mine")],
    "chat": [("authorization", "Bearer mine")],
    "responses": [("authorization", "Bearer mine")],
}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}, "mark": {"type": "string"}}}
TOOLS: dict[str, Any] = {
    "anthropic": {"name": "f", "input_schema": SCHEMA},
    "chat": {"type": "function", "function": {"name": "f", "parameters": SCHEMA}},
    "responses": {"type": "function", "name": "f", "parameters": SCHEMA, "strict": False},
}


@attrs.define
class Heard:
    """What came back."""

    status: int = 0
    media: str = ""
    coding: str = ""
    body: bytes = b""
    whole: bool = False  # it ended as HTTP says it should
    at: float = 0.0  # when it ended, or when the client left
    left: bool = False  # the client left before the end
    broken: str = ""  # what is wrong with it as HTTP


def request(dialect: str, model: str, *, stream: bool) -> bytes:
    """The body of a request."""
    asked: dict[str, Any] = {"model": model, "stream": stream, "tools": [TOOLS[dialect]]}
    if dialect == "responses":
        return json.dumps({**asked, "input": "Go on."}).encode()
    return json.dumps({**asked, "max_tokens": 1000, "messages": [{"role": "user", "content": "Go on."}]}).encode()


async def ask(port: int, dialect: str, body: bytes, patience: float) -> Heard:
    """Ask the gateway at *port*; leave after *patience* seconds."""
    heard = Heard()
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    try:
        with trio.move_on_after(patience) as scope:
            await _exchange(stream, dialect, body, heard)
        heard.left = scope.cancelled_caught
    except (h11.RemoteProtocolError, trio.BrokenResourceError) as error:
        heard.broken = repr(error)
    finally:
        await trio.aclose_forcefully(stream)
    heard.at = trio.current_time()
    return heard


async def _exchange(stream: trio.SocketStream, dialect: str, body: bytes, heard: Heard) -> None:
    """One request and its answer, by h11."""
    http = h11.Connection(h11.CLIENT)
    asked = [("host", "127.0.0.1"), ("content-length", str(len(body))), *FIELDS[dialect]]
    head = http.send(h11.Request(method="POST", target=PATHS[dialect], headers=asked))
    await stream.send_all((head or b"") + (http.send(h11.Data(data=body)) or b""))
    http.send(h11.EndOfMessage())
    pieces = []
    while True:
        match event := http.next_event():
            case h11.NEED_DATA:
                http.receive_data(await stream.receive_some(65536))
            case h11.Response():
                heard.status = event.status_code
                fields = {name: value.decode("latin-1") for name, value in event.headers}
                heard.media, heard.coding = fields.get(b"content-type", ""), fields.get(b"content-encoding", "")
            case h11.Data():
                pieces.append(bytes(event.data))
            case h11.EndOfMessage():
                heard.body, heard.whole = b"".join(pieces), True
                return
            case _:
                heard.broken = f"{event!r} where an answer was expected"
                return
