"""Talking to a simulated model without a socket, and reading what it says."""

import json
from typing import Any

import attrs

from stages.simulated import Settings, Simulated
from tests.doubles import Bytes, Recorder
from transports.messages import Headers, Request

PATHS = {"anthropic": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}
DEFAULTS: dict[str, dict[str, Any]] = {
    "anthropic": {"model": "claude-simulated", "max_tokens": 1000},
    "chat": {"model": "simulated"},
    "responses": {"model": "simulated"},
}
LIMITS = {"anthropic": "max_tokens", "chat": "max_tokens", "responses": "max_output_tokens"}
BASH = {
    "anthropic": {"name": "Bash", "input_schema": {"type": "object"}},
    "chat": {"type": "function", "function": {"name": "Bash", "parameters": {"type": "object"}}},
    "responses": {"type": "function", "name": "Bash", "parameters": {"type": "object"}, "strict": False},
}
ALL = tuple(PATHS)


@attrs.define
class Heard:
    """An answer."""

    response: Recorder

    @property
    def status(self) -> int:
        assert self.response.head is not None, "no head came"
        return self.response.head.status

    @property
    def body(self) -> bytes:
        return self.response.body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def frames(self) -> list[tuple[str, Any]]:
        """Name and decoded data of every frame; a comment's name is ``:``, the end's data is text."""
        return [_frame(text) for text in self.body.decode().split("\n\n") if text]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.frames]

    @property
    def error(self) -> Any:
        return self.json["error"]


def _frame(text: str) -> tuple[str, Any]:
    if text.startswith(":"):
        return ":", text[1:].strip()
    fields = dict(line.split(": ", 1) for line in text.split("\n"))
    given = fields["data"]
    return fields.get("event", ""), given if given == "[DONE]" else json.loads(given)


class Talk:
    """A conversation partner: one model, asked again and again."""

    def __init__(self, dialect: str, **settings: Any) -> None:
        self.dialect = dialect
        self.model = Simulated(dialect, Settings(**{"seed": 1, "remember": 8, **settings}))

    async def ask(self, said: Any, *, headers: Headers | None = None, query: str = "", **fields: Any) -> Heard:
        """Ask with *said*: a user's words, or all messages."""
        messages = [{"role": "user", "content": said}] if isinstance(said, str) else said
        body = {**DEFAULTS[self.dialect], "input" if self.dialect == "responses" else "messages": messages, **fields}
        path = PATHS[self.dialect] + query
        return await self.send("POST", path, json.dumps({k: v for k, v in body.items() if v != ...}).encode(), headers)

    async def send(self, method: str, path: str, body: bytes = b"", headers: Headers | None = None) -> Heard:
        """Send anything."""
        given = [(b"authorization", b"Bearer k")] if headers is None else headers
        if self.dialect == "anthropic" and not any(name == b"anthropic-version" for name, _ in given):
            given = [*given, (b"anthropic-version", b"2023-06-01")]
        response = Recorder()
        await self.model(Request(method, path, given, Bytes(body)), response)
        return Heard(response)


def words(heard: Heard) -> str:
    """The text that a reply of any dialect says, streamed or whole."""
    if heard.body.startswith(b"{"):
        whole = heard.json
        if "choices" in whole:
            return whole["choices"][0]["message"]["content"] or ""
        if "output" in whole:
            spoken = [part for item in whole["output"] for part in item.get("content") or ()]
            return "".join(part["text"] for part in spoken if part["type"] == "output_text")
        return "".join(block["text"] for block in whole["content"] if block["type"] == "text")
    said = ""
    for _, data in heard.frames:
        if isinstance(data, dict):
            if data.get("type") == "response.output_text.delta":
                said += data["delta"]
            elif isinstance(data.get("delta"), dict):
                said += data["delta"].get("text", "")
            said += "".join(choice["delta"].get("content") or "" for choice in data.get("choices", ()))
    return said
