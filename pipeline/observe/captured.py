"""Captured: one exchange as a file has it, from what the client sent to what it got, without secrets.

    request ─▶ what each stage did ─▶ what upstreams were sent, and said ─▶ answer

A file is one JSON object, so that people and their scripts can read it.  A body that is text stands there as text.
What shows who somebody is never gets here: fields that bear a credential keep their name and lose their value, and
whatever such a field said, or has the form of a secret, is taken out of the bodies as well.
"""

import base64
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from pipeline.observe.recent import in_json
from transports.messages import Headers

REDACTED = "[redacted]"
SHORTEST = 16  # characters of a credential that is looked for elsewhere

_SECRET = re.compile(r"(?i)auth|cookie|token|secret|passw|credential|session-?key|(^|[-_.])(api)?-?key$")
_QUERY = re.compile(r"(?i)((?:^|[?&])[^=&]*(?:key|token|secret|passw|auth|sig)[^=&]*=)[^&]*")

Scrub = Callable[[bytes], bytes]


class Body(msgspec.Struct, omit_defaults=True):
    """Bytes: as *text*, or in *base64* where they are none.  *cut*: there were more."""

    text: str = ""
    base64: str = ""
    cut: bool = False

    @classmethod
    def of(cls, data: bytes, *, cut: bool = False) -> "Body":
        """*data* as it is written down."""
        try:
            return cls(text=data.decode(), cut=cut)
        except UnicodeDecodeError:
            return cls(base64=base64.b64encode(data).decode(), cut=cut)

    @property
    def data(self) -> bytes:
        """The bytes."""
        return base64.b64decode(self.base64) if self.base64 else self.text.encode()


class Message(msgspec.Struct, omit_defaults=True):
    """A request, or an answer."""

    headers: list[tuple[str, str]] = []  # msgspec copies it for each
    body: Body = msgspec.field(default_factory=Body)
    method: str = ""
    target: str = ""
    status: int = 0
    error: str = ""  # what ended it, where it did not end well


class Turn(msgspec.Struct):
    """One question to an upstream, and what it said; a status of 0: nothing."""

    upstream: str
    dialect: str
    sent: Message
    said: Message


class Who(msgspec.Struct, omit_defaults=True):
    """Who asked, and the settings of their own."""

    name: str
    id: str
    options: dict[str, Any] = {}  # msgspec copies it for each


class Captured(msgspec.Struct, kw_only=True):
    """One exchange.  *at*: ms; *line*: what the journal says of it."""

    version: int = 1
    id: str
    at: int
    caller: Who | None
    dialect: str
    operation: str
    streamed: bool
    request: Message
    turns: list[Turn]
    answer: Message
    line: dict[str, Any]


def headers(fields: Headers) -> list[tuple[str, str]]:
    """*fields* as text; what bears a credential keeps its name only."""
    return [(name, REDACTED if _SECRET.search(name) else value) for name, value in texts(fields)]


def texts(fields: Headers) -> list[tuple[str, str]]:
    """*fields* as text."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]


def target(text: str) -> str:
    """*text*, a path and query, without secrets among its parameters."""
    path, mark, query = text.partition("?")
    return path + mark + _QUERY.sub(rf"\g<1>{REDACTED}", query)


def credentials(heads: Iterable[Headers]) -> set[bytes]:
    """What fields of *heads* showed, word by word: it is looked for elsewhere, too."""
    shown = [value for fields in heads for name, value in texts(fields) if _SECRET.search(name)]
    words = {word for value in shown for word in re.split(r"[\s;,]+", value)}
    return {word.encode("latin-1") for word in words if len(word) >= SHORTEST}


def cleaned(captured: Captured, shown: Iterable[bytes], scrub: Scrub) -> Captured:
    """*captured* itself, now without what was *shown*, and without what *scrub* takes out."""
    words = sorted(shown, key=len, reverse=True)

    def clean(data: bytes) -> bytes:
        for word in words:
            data = data.replace(word, REDACTED.encode())
        return scrub(data)

    def text(said: str) -> str:
        return clean(said.encode("utf-8", "replace")).decode("utf-8", "replace")

    for message in messages(captured):
        body = message.body
        message.body = Body.of(clean(body.data), cut=body.cut) if body.base64 else Body(text(body.text), cut=body.cut)
        message.headers = [(name, text(value)) for name, value in message.headers]
        message.target, message.error = text(message.target), text(message.error)
    captured.line = legible(text(in_json(captured.line).decode()))
    return captured


def legible(line: str) -> dict[str, Any]:
    """The JSON *line*; without what it said, should taking something out have broken it."""
    try:
        found: dict[str, Any] = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return {"effects": []}
    return found


def encoded(captured: Captured) -> bytes:
    """*captured* as a file has it."""
    return msgspec.json.format(msgspec.json.encode(captured), indent=1)


def messages(captured: Captured) -> Iterator[Message]:
    """Every message in *captured*."""
    yield from (captured.request, captured.answer)
    for turn in captured.turns:
        yield from (turn.sent, turn.said)


def decoded(data: bytes) -> Captured:
    """What a file has.  Raises msgspec.MsgspecError."""
    return msgspec.json.decode(data, type=Captured)
