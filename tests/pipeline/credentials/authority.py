"""An authorization server on loopback, strict as a real one: codes and refresh tokens count once, PKCE is checked."""

import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import trio


@attrs.define
class Authority:
    """What it gave, and what it was asked."""

    url: str = ""
    lifetime: float | None = 3600
    delay: float = 0.0
    says: tuple[int, Any] | None = None  # in the place of an answer of its own
    rotates: bool = True  # each refresh gives a new refresh token, and the old one is worth nothing
    codes: dict[str, tuple[str, str]] = attrs.field(factory=dict)  # challenge and redirect, by code
    refreshable: set[str] = attrs.field(factory=set)
    valid: list[str] = attrs.field(factory=list)  # access tokens, the newest last
    asked: list[dict[str, str]] = attrs.field(factory=list)
    heads: list[bytes] = attrs.field(factory=list)

    def agree(self, url: str) -> tuple[str, str]:
        """What a person does: goes to *url*, agrees; code and state come back."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
        code = secrets.token_hex(8)
        self.codes[code] = query["code_challenge"], query["redirect_uri"]
        return code, query["state"]

    def give(self) -> dict[str, Any]:
        """New tokens."""
        access, refresh = f"access-{len(self.valid)}-{secrets.token_hex(4)}", f"refresh-{secrets.token_hex(4)}"
        self.valid.append(access)
        self.refreshable.add(refresh)
        told = {"access_token": access, "refresh_token": refresh, "token_type": "Bearer", "scope": "models"}
        return told if self.lifetime is None else {**told, "expires_in": self.lifetime}

    def answer(self, form: dict[str, str]) -> tuple[int, Any]:
        """Status and JSON for *form*."""
        if self.says is not None:
            return self.says
        if form.get("grant_type") == "authorization_code":
            challenge, redirect = self.codes.pop(form["code"], ("", ""))
            shown = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
            return (200, self.give()) if (shown, form["redirect_uri"]) == (challenge, redirect) else _INVALID
        token = form.get("refresh_token", "")
        if token not in self.refreshable:
            return _INVALID
        if not self.rotates:
            return 200, {name: value for name, value in self.give().items() if name != "refresh_token"}
        self.refreshable.discard(token)
        return 200, self.give()

    async def serve(self, stream: trio.SocketStream) -> None:
        """One connection."""
        received = b""
        async with stream:
            while True:
                while b"\r\n\r\n" not in received:
                    data = await stream.receive_some(65536)
                    if not data:
                        return
                    received += data
                head, _, received = received.partition(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
                while len(received) < length:
                    received += await stream.receive_some(65536)
                body, received = received[:length], received[length:]
                form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
                self.heads.append(head.lower())
                self.asked.append(form)
                await trio.sleep(self.delay)
                status, told = self.answer(form)
                text = told if isinstance(told, bytes) else json.dumps(told).encode()
                said = f"HTTP/1.1 {status} so\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n"
                await stream.send_all(said.encode() + text)


_INVALID = (400, {"error": "invalid_grant", "error_description": "told to nobody"})


@asynccontextmanager
async def authority(**fields: Any) -> AsyncIterator[Authority]:
    """One that listens, until the block is left."""
    made = Authority(**fields)
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, made.serve, [listener])
        made.url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        yield made
        nursery.cancel_scope.cancel()
