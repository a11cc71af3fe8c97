"""Asking an upstream: what the request line says, and how the reply becomes events."""

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest
import trio

from pipeline.events import Batch, Started
from pipeline.exchange import Out
from stages.asking import ask, decoded
from stages.dialects import anthropic
from tests.doubles import ScriptedPool, ScriptedReply, Words, WordsDecoder, exchange, request, said, upstream


class Others(Words):
    NAME = "others"


@pytest.mark.parametrize(
    ("operators", "asked", "same", "target"),
    [
        ("", "/v1/words", True, "/v1/words"),
        ("", "/v1/words?beta=true", True, "/v1/words?beta=true"),
        ("", "/v1/words?beta=true", False, "/v1/words"),
        ("api-version=1", "/v1/words", True, "/v1/words?api-version=1"),
        ("api-version=1", "/v1/words?beta=true", True, "/v1/words?api-version=1&beta=true"),
        ("api-version=1", "/v1/words?beta=true", False, "/v1/words?api-version=1"),
    ],
)
async def test_the_query(operators: str, asked: str, target: str, *, same: bool) -> None:
    """The operator's goes always, the client's to an upstream of its own dialect."""
    pool = ScriptedPool(200, b"end\n")
    place = upstream("up", pool, dialect=None if same else Others(), query=operators)
    x = exchange()
    x.request = request(target=asked)
    async with ask(x, place, b"{}") as reply:
        await reply.receive()
    assert [call.target for call in pool.calls] == [target]


@pytest.mark.parametrize(
    ("operators", "target"),
    [("", "/v1/models?limit=1000"), ("api-version=1", "/v1/models?limit=1000&api-version=1")],
)
async def test_a_path_that_has_a_query_of_its_own(operators: str, target: str) -> None:
    """Such as the list of models, of which the API tells no more than twenty otherwise."""
    pool = ScriptedPool(200, b"end\n")
    place = upstream("up", pool, query=operators)
    path = anthropic.upstream_path("models", exchange().prompt)
    async with ask(exchange(), place, b"", path=path, own=True) as reply:
        await reply.receive()
    assert [call.target for call in pool.calls] == [target]


@attrs.define
class Moody(Out):
    """Takes batches; every other one has to wait."""

    log: list[str] = attrs.field(factory=list)
    events: Batch = attrs.field(factory=list)
    waits: bool = False

    def push(self, batch: Batch) -> Awaitable[None] | None:
        self.log.append(said(batch))
        self.events += batch
        self.waits = not self.waits
        return self._wait() if self.waits else None

    async def _wait(self) -> None:
        self.log.append("waits")
        await trio.lowlevel.checkpoint()
        self.log.append("waited")


class Dry(ScriptedReply):
    """A reply that never flows."""

    async def flow(self, take: Callable[[bytes], bool]) -> None:
        await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("kind", [ScriptedReply, Dry])
async def test_a_reply_is_passed_on_as_it_comes(kind: type[ScriptedReply]) -> None:
    """Read by read, whether it flows or is received; what has to wait is waited for before more is read."""
    said_so = [b"start\ntext a\n", b"text ", b"b\n", b"text c\ntext d\n", b"text e\nend\ntext late\n", b"text later\n"]
    reply: Any = kind(200, said_so)
    out, head = Moody(), reply.head
    await decoded(reply, WordsDecoder(), out)
    assert out.log == ["a", "waits", "waited", "b", "cd", "waits", "waited", "e."]
    assert isinstance(out.events[0], Started)
    assert out.events[0].head is head
    assert not hasattr(reply, "head"), "it is not kept twice: a stream may last an hour"
