"""Said: what a good upstream would answer to a request, for a play to spoil.

    request ─▶ the simulated model's voice ─▶ frames of a stream, or one body ─▶ head · chunked · edited · …

The words are those of ``stages.simulated``, so a fault differs from a good reply only in what it is named for.  A reply
names the request it answers (*mark*): a client that is given another one's can tell.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs

from bench.faults.tongues import TONGUES, Tongue
from stages.simulated import reply
from stages.simulated.script import parse
from stages.simulated.steps import Style
from stages.simulated.voices import VOICES, Voice
from transports.messages import Nothing, Request

TEXT = "[[think Let me see.]] [[say one two three four five {mark}]]"
CALL = '[[say one]] [[call f {{"a": 1, "mark": "{mark}"}}]]'
LAST = b"0\r\n\r\n"
IDENT = "0123456789abcdef01234567"


@attrs.frozen
class Said:
    """What is to be said in *dialect*: *parts* are the frames of a stream, or the one body of a whole reply."""

    dialect: str
    stream: bool
    mark: str
    asked: bytes  # the request's body
    parts: tuple[bytes, ...]

    @classmethod
    def of(cls, dialect: str, asked: bytes, mark: str, script: str = TEXT) -> "Said":
        """The good answer to *asked*.  Raises what a voice raises for a request that it can't read."""
        voice = VOICES[dialect]
        request = Request("POST", voice.path, [], Nothing(), peer="", local="")
        wanted = voice.understand(asked, request, False)
        played = parse(script.format(mark=mark))
        assert played is not None  # noqa: S101  # it is ours
        said = reply.compose(wanted, played.turns[0], IDENT)
        return cls(dialect, wanted.stream, mark, asked, tuple(told(voice, said, stream=wanted.stream)))

    @property
    def tongue(self) -> Tongue:
        """What is to be known of the dialect."""
        return TONGUES[self.dialect]

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join(self.parts)

    @property
    def calling(self) -> "Said":
        """The same request, answered by a call of a tool."""
        return Said.of(self.dialect, self.asked, self.mark, CALL)

    @property
    def first(self) -> int:
        """Which part is the first that holds a word."""
        return next(n for n, part in enumerate(self.parts) if self.tongue.word in part or not self.stream)

    @property
    def end(self) -> int:
        """Which part is the first that belongs to the end."""
        return next(n for n, part in enumerate(self.parts) if self.tongue.ends(part))

    # -- heads and framing --------------------------------------------------------------------------------------------

    @property
    def media(self) -> str:
        """The media type that was asked for."""
        return "text/event-stream" if self.stream else "application/json"

    def head(
        self, *fields: bytes, status: bytes = b"200 OK", length: int | None = None, media: str | None = ""
    ) -> bytes:
        """The start of an answer.  Without *length* the body ends with the connection, unless *fields* say more."""
        lines = [b"HTTP/1.1 " + status, *fields]
        if media is not None:
            lines.append(b"content-type: " + (media or self.media).encode())
        if length is not None:
            lines.append(b"content-length: %d" % length)
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def whole(self, body: bytes, *fields: bytes, **more: Any) -> bytes:
        """An answer with *body* and its length."""
        return self.head(*fields, length=len(body), **more) + body

    def chunked(self, parts: Iterable[bytes], *fields: bytes, **more: Any) -> bytes:
        """An answer with *parts*, each a chunk."""
        return self.opened(*fields, **more) + b"".join(map(chunk, parts)) + LAST

    def opened(self, *fields: bytes, **more: Any) -> bytes:
        """The start of an answer whose body comes in chunks."""
        return self.head(b"transfer-encoding: chunked", *fields, **more)

    def answer(self, parts: Sequence[bytes] | None = None) -> bytes:
        """An answer with *parts*, the good ones where there are none, as servers send it."""
        said = self.parts if parts is None else parts
        return self.chunked(said) if self.stream else self.whole(b"".join(said))

    def up_to(self, part: int, more: bytes = b"") -> bytes:
        """The start of an answer, and what comes before *part* of a stream, or half of a whole reply; and *more*."""
        said = b"".join(self.parts[:part]) if self.stream else self.body[: len(self.body) // 2]
        return self.opened() + chunk(said + more)

    # -- spoiling -----------------------------------------------------------------------------------------------------

    def edited(self, change: Callable[[Any], Any], parts: Sequence[bytes] | None = None) -> list[bytes]:
        """All parts (or *parts*), with each JSON value in them as *change* gives it back, innermost first."""
        return [rewritten(part, lambda value: everywhere(value, change)) for part in parts or self.parts]

    def with_counts(self, count: Any) -> list[bytes]:
        """All parts, with *count* wherever tokens are counted."""

        def change(value: Any) -> Any:
            if not isinstance(value, dict):
                return value
            return {key: count if is_count(key, inner) else inner for key, inner in value.items()}

        return self.edited(change)

    def with_field(self, names: Iterable[str], value: Any, *, only: Callable[[Any], bool] | None = None) -> list[bytes]:
        """All parts, with *value* in every field that has one of *names* (and a value for which *only* holds)."""
        wanted = frozenset(names)

        def change(found: Any) -> Any:
            if not isinstance(found, dict):
                return found
            return {k: value if k in wanted and (only is None or only(v)) else v for k, v in found.items()}

        return self.edited(change)

    def without(self, names: Iterable[str]) -> list[bytes]:
        """All parts, without the fields of *names*."""
        gone = frozenset(names)
        return self.edited(lambda v: {k: x for k, x in v.items() if k not in gone} if isinstance(v, dict) else v)


def chunk(data: bytes) -> bytes:
    """*data* as one chunk; nothing for no data, which would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def told(voice: Voice, said: reply.Reply, *, stream: bool) -> Iterable[bytes]:
    """*said* as *voice* says it."""
    if not stream:
        yield voice.whole(said)
        return
    for item in voice.frames(said, Style()):
        if isinstance(item, list):
            yield from item


def is_count(key: str, value: Any) -> bool:
    """Whether the field *key* with *value* counts tokens."""
    return key.endswith("_tokens") and type(value) is int


def everywhere(value: Any, change: Callable[[Any], Any]) -> Any:
    """*value* with each value inside it as *change* gives it back."""
    if isinstance(value, dict):
        value = {key: everywhere(inner, change) for key, inner in value.items()}
    elif isinstance(value, list):
        value = [everywhere(inner, change) for inner in value]
    return change(value)


def rewritten(part: bytes, change: Callable[[Any], Any]) -> bytes:
    """*part*, a frame or a body, with its JSON as *change* gives it back; what holds none stays."""
    head, mark, data = part.partition(b"data: ")
    text = data if mark else part
    if not text.lstrip().startswith(b"{"):
        return part
    said = json.dumps(change(json.loads(text)), separators=(",", ":")).encode()
    return head + mark + said + b"\n\n" if mark else said
