"""A gateway and a simulated model in this process, so that a test can look at both ends; sockets are real."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio

from pipeline.reading import read
from pipeline.serving import Running, serve
from stages.simulated import Settings, Simulated
from stages.simulated import serve as serve_model


@attrs.define
class House:
    """Both ends: *model* remembers what it was asked; *running* is the gateway."""

    model: Simulated
    running: Running
    ledger: Path

    @property
    def port(self) -> int:
        return int(self.running.urls[0].rsplit(":", 1)[1])

    async def asked(self) -> None:
        """Returns once the model has been asked something."""
        with trio.fail_after(3):
            while not self.model.seen:  # noqa: ASYNC110  # the model tells when a request ends, not when it comes
                await trio.sleep(0.01)

    async def records(self, wait_for: int = 1) -> list[dict[str, Any]]:
        """What was put down, once there are *wait_for* records."""
        with trio.move_on_after(3):
            while True:
                lines = self.ledger.read_bytes().splitlines() if self.ledger.exists() else []  # small, local
                if len(lines) >= wait_for:
                    break
                await trio.sleep(0.01)
        return [json.loads(line) for line in lines]


@asynccontextmanager
async def house(
    at: Path, dialect: str = "anthropic", *, more: str = "", server: str = "", upstream: str = "", store: str = ""
) -> AsyncIterator[House]:
    """Both of them, until the block is left; *server*, *upstream*, *store* and *more* are further settings."""
    model = Simulated(dialect, Settings(remember=100, seed=7))
    async with trio.open_nursery() as nursery:
        url = await nursery.start(partial(serve_model, model=model))
        ledger = at / "usage.jsonl"
        text = f"""
            [server]
            port = 0
            {server}
            [upstreams.up]
            dialect = "{dialect}"
            url = "{url}"
            key = "upstream-key"
            {upstream}
            [cache_breakpoints]
            enabled = false
            [store]
            file = "{at / "pipeline.db"}"
            {store}
            [meter]
            ledger = "{ledger}"
            {more}
        """
        config = at / "pipeline.toml"
        config.write_text(text)  # small, local
        running = await nursery.start(partial(serve, read(config, environ={})))
        yield House(model, running, ledger)
        nursery.cancel_scope.cancel()


@attrs.define
class Answer:
    """A response as it came: head and body, to the byte."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool  # ended as HTTP says it should


class Wire:
    """A client that writes bytes and reads bytes."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.held = b""

    async def __aenter__(self) -> "Wire":
        self.stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *raised: object) -> None:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
            await self.stream.aclose()

    async def post(self, path: str, body: bytes, **fields: str) -> None:
        """Send a POST; names of *fields* with ``_`` for ``-``."""
        extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{extra}content-length: {len(body)}\r\n\r\n"
        await self.stream.send_all(head.encode() + body)

    async def until(self, mark: bytes, seconds: float = 5) -> bytes:
        """All that came so far, once *mark* is in it."""
        with trio.fail_after(seconds):
            while mark not in self.held:
                data = await self.stream.receive_some(65536)
                assert data, f"ended without {mark!r}: {self.held[-300:]!r}"
                self.held += data
        return self.held

    async def answer(self, seconds: float = 10) -> Answer:
        """The whole response, read until the connection or the body ends."""
        with trio.fail_after(seconds):
            while b"\r\n\r\n" not in self.held:
                self.held += await self.stream.receive_some(65536)
            head, _, rest = self.held.partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            length = int(headers["content-length"]) if "content-length" in headers else None
            while not (rest.endswith(b"0\r\n\r\n") if length is None else len(rest) >= length):
                data = await self.stream.receive_some(65536)
                if not data:
                    return Answer(int(lines[0].split()[1]), headers, dechunked(rest), False)
                rest += data
        self.held = b""
        return Answer(int(lines[0].split()[1]), headers, rest if length is not None else dechunked(rest), True)


def dechunked(data: bytes) -> bytes:
    """The body in *data*, as far as it goes."""
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size or b"0", 16)
        body, data = body + data[:length], data[length + 2 :]
    return body
