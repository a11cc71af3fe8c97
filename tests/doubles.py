"""Fakes that tests share, no mocks: a dialect of plain words, a response that remembers, an exchange to send up."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio

from pipeline.dialect import Route
from pipeline.errors import GatewayError, InvalidRequest, Overloaded, UpstreamRefused, UpstreamTruncated
from pipeline.events import Batch, BlockStarted, Event, Failed, Finished, Started, Text, TextDelta, Usage
from pipeline.exchange import Exchange
from pipeline.prompt import Prompt
from pipeline.upstream import Upstream
from transports.messages import Disconnected, Head, Headers, Request
from transports.upstream import Origin, Timers


class Bytes:
    """A request body that is already here."""

    def __init__(self, data: bytes = b"") -> None:
        self._data = data

    async def receive(self) -> bytes:
        await trio.lowlevel.checkpoint()
        data, self._data = self._data, b""
        return data


class Recorder:
    """A response that remembers what was written, and when.  *gone_after* writes the client is gone.

    *at_once*: so many writes need not wait.
    """

    def __init__(self, *, gone_after: int | None = None, stuck: bool = False, at_once: int = 0) -> None:
        self.head: Head | None = None
        self.writes: list[bytes] = []
        self.times: list[float] = []
        self.finished = False
        self._gone_after, self._stuck = gone_after, stuck
        self._at_once, self._held = at_once, b""

    @property
    def started(self) -> bool:
        return self.head is not None

    @property
    def body(self) -> bytes:
        return b"".join(self.writes)

    async def start(self, head: Head) -> None:
        await trio.lowlevel.checkpoint()
        assert self.head is None
        self.head = head

    async def write(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        data, self._held = self._held + data, b""
        assert data
        assert not self.finished
        if self._stuck and self.writes:
            await trio.sleep_forever()
        if self._gone_after is not None and len(self.writes) >= self._gone_after:
            raise Disconnected
        self.writes.append(data)
        self.times.append(trio.current_time())

    def write_now(self, data: bytes) -> bool:
        assert not self._held
        if not self._at_once:
            self._held = data
            return False
        self._at_once -= 1
        self.writes.append(data)
        self.times.append(trio.current_time())
        return True

    async def finish(self) -> None:
        await trio.lowlevel.checkpoint()
        assert not self._held
        self.finished = True

    def header(self, name: bytes) -> str | None:
        assert self.head is not None
        return next((value.decode() for key, value in self.head.headers if key == name), None)


class Kept:
    """A sink that keeps events instead of writing bytes."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.times: list[float] = []
        self.over = False
        self.written = trio.current_time()

    def send_now(self, batch: Batch) -> Batch | None:
        return batch

    def push(self, batch: Batch) -> Awaitable[None]:
        return self.send(batch)

    async def send(self, batch: Batch) -> None:
        await trio.lowlevel.checkpoint()
        assert not self.over, "nothing is written after the terminal event"
        for event in batch:
            self.events.append(event)
            self.times.append(trio.current_time())
            if event.terminal:
                self.over = True
                return
        self.written = trio.current_time()


class WordsDecoder:
    """Reads a line per event: ``start`` · ``text x`` · ``fail`` · ``end``."""

    def __init__(self) -> None:
        self._rest, self._over = b"", False

    def feed(self, data: bytes) -> Batch:
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [] if self._over else self._events([line.decode() for line in lines])

    def close(self) -> Batch:
        return [] if self._over else [Failed(UpstreamTruncated("no end"))]

    def _events(self, lines: list[str]) -> Batch:
        events: Batch = []
        for line in lines:
            word, _, rest = line.partition(" ")
            made: dict[str, Batch] = {
                "start": [Started("r1", "m", Usage(input=180))],
                "text": [BlockStarted(0, Text()), TextDelta(0, rest)],
                "fail": [Failed(Overloaded("overloaded"))],
                "end": [Finished(usage=Usage(output=2))],
            }
            events += made[word]
            if events[-1].terminal:
                self._over = True
                break
        return events


class WordsEncoder:
    """Writes what ``said`` says."""

    media_type = "text/plain"

    def feed(self, events: list[Event]) -> bytes:
        return said(events).encode()


class Words:
    """A dialect of plain words, for tests of the engine and of forward: what it can't do, it lacks."""

    NAME = "words"
    MARK = None
    ROUTES = (Route("POST", "/v1/words", "reply"),)

    def stream_decoder(self, kinds: Any, *, hide_usage: bool = False) -> WordsDecoder:
        return WordsDecoder()

    def whole_decoder(self) -> WordsDecoder:
        return WordsDecoder()

    def stream_encoder(self, prompt: Prompt) -> WordsEncoder:
        return WordsEncoder()

    def whole_encoder(self, prompt: Prompt) -> WordsEncoder:
        return WordsEncoder()

    def upstream_path(self, operation: str, prompt: Prompt) -> str:
        return "/words"

    def credentials(self, key: str) -> Headers:
        return [(b"x-words-key", key.encode())]

    def defaults(self) -> Headers:
        return []

    def encode_error(self, error: GatewayError, request_id: str) -> tuple[Head, bytes]:
        return Head(error.status), f"{type(error).__name__}: {error}".encode()

    def decode_error(self, status: int, headers: Headers, body: bytes) -> GatewayError:
        means: GatewayError = Overloaded("busy") if status == 529 else InvalidRequest("bad")
        return UpstreamRefused(str(means), dialect="words", means=means, code=status, fields=headers, body=body)


class ScriptedReply:
    """A reply of scripted bytes; an exception among them is raised, a number is waited for."""

    def __init__(self, status: int, script: list[Any], headers: Headers | None = None) -> None:
        kind = [(b"content-type", b"text/event-stream")] if status == 200 else []
        self.head = Head(status, kind if headers is None else headers)
        self._script = list(script)

    async def flow(self, take: Callable[[bytes], bool]) -> None:
        await trio.lowlevel.checkpoint()
        while self._script and isinstance(self._script[0], bytes) and take(self._script.pop(0)):
            await trio.lowlevel.checkpoint()

    async def receive(self) -> bytes:
        await trio.lowlevel.checkpoint()
        while self._script:
            step = self._script.pop(0)
            if isinstance(step, BaseException):
                raise step
            if isinstance(step, bytes):
                return step
            await trio.sleep(step)
        return b""


class ScriptedPool:
    """A pool that gives one reply, remembers what it was asked, and how each caller left."""

    def __init__(self, status: int, *script: Any, headers: Headers | None = None) -> None:
        self.calls: list[Any] = []
        self.left: list[str] = []
        self._status, self._script, self._headers = status, script, headers

    @asynccontextmanager
    async def send(self, origin: Any, call: Any, timers: Any) -> AsyncIterator[ScriptedReply]:
        self.calls.append(call)
        await trio.lowlevel.checkpoint()
        if self._script and isinstance(self._script[0], Exception):
            raise self._script[0]
        try:
            yield ScriptedReply(self._status, list(self._script), self._headers)
        except BaseException as raised:
            self.left.append(type(raised).__name__)
            raise
        self.left.append("well")


def upstream(name: str, pool: Any, *, dialect: Any = None, **fields: Any) -> Upstream:
    return Upstream(
        name=name,
        dialect=dialect or WORDS,
        origin=Origin("http", "up.test", 80),
        base="/v1",
        pool=pool,
        timers=Timers(),
        **fields,
    )


WORDS: Any = Words()


def request(
    method: str = "POST", target: str = "/v1/words", headers: Headers | None = None, body: bytes = b"{}"
) -> Request:
    return Request(method, target, headers or [], Bytes(body), peer="127.0.0.1", local="127.0.0.1")


def exchange(body: bytes = b'{"model":"m"}', *, streaming: bool = True, dialect: Any = None, **fields: Any) -> Exchange:
    dialect = dialect or WORDS
    return Exchange(
        id="x1",
        request=request(body=body),
        dialect=dialect,
        operation=fields.pop("operation", "reply"),
        prompt=Prompt.parse(dialect.NAME, body),
        streaming=streaming,
        **fields,
    )


def asking(model: str) -> Prompt:
    """A client's prompt that asks for *model* and says no more."""
    return Prompt("words", b'{"model":"%s"}' % model.encode())


def words(*pieces: str) -> list[Event]:
    """A good reply that says *pieces*."""
    return [Started("r1", "m"), *(TextDelta(0, piece) for piece in pieces), Finished()]


def said(events: list[Event]) -> str:
    """What *events* say, with how they end: ``ab.`` is good, ``ab!UpstreamFailed`` is not."""
    text = ""
    for event in events:
        if isinstance(event, TextDelta):
            text += event.piece
        elif isinstance(event, Finished):
            text += "."
        elif isinstance(event, Failed):
            text += f"!{type(event.error).__name__}"
    return text


def refusal(error: GatewayError) -> Any:
    """A stage that refuses with *error*."""

    def stage(exchange: Exchange) -> None:
        raise error

    return stage
