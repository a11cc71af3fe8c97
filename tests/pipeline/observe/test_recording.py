"""What is written down of an exchange as it passes."""

import gzip
from typing import Any

import pytest
import trio

from pipeline.observe.captured import Body
from pipeline.observe.recording import TURNS, Recording, plain
from tests.doubles import Recorder, ScriptedPool, exchange, upstream
from transports.upstream import Call, ConnectFailed

CODED = [(b"content-encoding", b"gzip"), (b"content-type", b"text/plain")]


def test_a_coded_body_is_kept_plain() -> None:
    """Or its secrets could not be found; what can't be read is left out."""
    assert plain(CODED, gzip.compress(b"text"), 100) == ([(b"content-type", b"text/plain")], b"text")
    assert plain(CODED, b"no gzip at all", 100) == ([(b"content-type", b"text/plain")], b"")
    assert plain(CODED, gzip.compress(b"x" * 1000), 100)[1] == b""
    assert plain(CODED[1:], b"text", 100) == (CODED[1:], b"text")


async def asked(recording: Recording, up: Any, body: bytes = b"question") -> bytes:
    """What *up* says, read to its end."""
    call = Call(method="POST", target="/words", headers=[(b"x-words-key", b"k")], body=body)
    async with recording._through(up).send(None, call, None) as reply:
        said = b""
        while data := await reply.receive():
            said += data
    return said


async def test_what_passes_is_kept_and_passes(nursery: trio.Nursery) -> None:
    """Of each body as much as is wanted; who asks gets all of it."""
    x = exchange()
    recording = Recording(x, Recorder(), most=8)
    assert await asked(recording, upstream("up", ScriptedPool(200, b"first ", b"second"))) == b"first second"
    (turn,) = recording.captured({}).turns
    assert (turn.upstream, turn.sent.body, turn.said.status) == ("up", Body("question"), 200)
    assert turn.said.body == Body("first se", cut=True)
    assert turn.sent.headers == [("x-words-key", "[redacted]")]


async def test_what_flows_is_kept_as_well() -> None:
    """Whichever way it is read."""
    recording = Recording(exchange(), Recorder(), most=100)
    heard: list[bytes] = []

    def take(piece: bytes) -> bool:
        heard.append(piece)
        return len(heard) < 2

    call = Call(method="POST", target="/words", headers=[], body=b"question")
    pool = upstream("up", ScriptedPool(200, b"first ", b"second ", b"third"))
    async with recording._through(pool).send(None, call, None) as reply:
        await reply.flow(take)
        heard.append(await reply.receive())
    assert heard == [b"first ", b"second ", b"third"]
    assert recording.captured({}).turns[0].said.body == Body("first second third")


async def test_a_failure_is_kept_and_goes_on() -> None:
    """In the words of the transport."""
    x = exchange()
    recording = Recording(x, Recorder(), most=100)
    with pytest.raises(ConnectFailed):
        await asked(recording, upstream("up", ScriptedPool(200, ConnectFailed("nobody there", "refused"))))
    (turn,) = recording.captured({}).turns
    assert (turn.said.status, turn.said.error) == (0, "ConnectFailed: nobody there")


async def test_questions_are_bounded() -> None:
    """Those beyond pass all the same."""
    recording = Recording(exchange(), Recorder(), most=100)
    for _ in range(TURNS + 2):
        assert await asked(recording, upstream("up", ScriptedPool(200, b"yes"))) == b"yes"
    assert len(recording.captured({}).turns) == TURNS
