"""Reencode: the head is written once, as late as it may be and as early as it must."""

from typing import Any

import pytest

from pipeline.errors import Overloaded
from pipeline.events import Answer, Failed, Finished, Heartbeat, Started, TextDelta
from pipeline.exchange import Attempt
from stages.dialects import chat
from stages.notes import NAMED
from stages.reencode import Reencode
from tests.doubles import Recorder, exchange, upstream, words
from transports.messages import Disconnected, Head

UPSTREAM = Head(200, [(b"request-id", b"up1"), (b"x-new", b"kept"), (b"set-cookie", b"c"), (b"content-length", b"9")])


def sink(streaming: bool, **fields: Any) -> tuple[Reencode, Recorder]:
    recorder = Recorder(**fields)
    return Reencode(exchange(streaming=streaming, upstream=upstream("up", None)), recorder), recorder


async def test_a_stream_is_written_a_batch_at_a_time() -> None:
    """One write per batch; finished after the terminal event."""
    out, got = sink(True)
    for event in words("a", "b"):
        await out.send([event])
    assert got.writes == [b"a", b"b", b"."]
    assert (got.finished, out.over) == (True, True)


async def test_a_streams_head_forbids_keeping_and_carries_the_upstreams_fields() -> None:
    """Its own fields, the upstream's that travel, ids under both names."""
    out, got = sink(True)
    await out.send([Started("r", "m", head=UPSTREAM), TextDelta(0, "a")])
    assert got.header(b"cache-control") == "no-cache, no-transform"
    assert got.header(b"x-accel-buffering") == "no"
    assert got.header(b"content-type") == "text/event-stream"
    assert (got.header(b"request-id"), got.header(b"x-new"), got.header(b"x-request-id")) == ("up1", "kept", "x1")
    assert got.header(b"set-cookie") is None
    assert got.header(b"content-length") is None


async def test_a_failure_before_the_head_has_its_true_status() -> None:
    """Streamed or whole."""
    for streaming in (True, False):
        out, got = sink(streaming)
        await out.send([Failed(Overloaded("busy"))])
        assert got.head.status == 529  # type: ignore[union-attr]  # it was written
        assert got.body == b"Overloaded: busy"
        assert got.finished


async def test_after_a_ping_a_failure_is_told_in_the_stream() -> None:
    """The ping has committed the status 200."""
    out, got = sink(True)
    await out.send([Heartbeat()])
    assert got.head.status == 200  # type: ignore[union-attr]  # it was written
    await out.send([Failed(Overloaded("busy"))])
    assert got.body == b"!Overloaded"
    assert got.finished


async def test_a_whole_reply_is_one_head_and_one_body() -> None:
    """Folded; its length is told."""
    out, got = sink(False)
    await out.send(words("a", "b"))
    assert (got.body, got.header(b"content-length"), got.header(b"content-type")) == (b"ab.", "3", "application/json")


@pytest.mark.parametrize("streaming", [True, False])
async def test_an_answer_is_passed_as_it_is(streaming: bool) -> None:
    """Status, fields and body; the length is ours."""
    out, got = sink(streaming)
    await out.send([Answer(Head(202, [(b"x-a", b"1")]), b"raw")])
    assert (got.head.status, got.body, got.header(b"x-a"), got.header(b"content-length")) == (202, b"raw", "1", "3")  # type: ignore[union-attr]  # written


async def test_stages_may_add_fields_until_the_head_is_sent() -> None:
    """exchange.reply_headers, in place of the upstream's of the same name."""
    recorder = Recorder()
    x = exchange(streaming=True, upstream=upstream("up", None), reply_headers=[(b"x-new", b"mine")])
    await Reencode(x, recorder).send([Started("r", "m", head=UPSTREAM), Finished()])
    assert recorder.header(b"x-new") == "mine"


async def test_a_client_that_is_gone_is_not_hidden() -> None:
    """The line must know, to stop the upstream."""
    out, _ = sink(True, gone_after=0)
    with pytest.raises(Disconnected):
        await out.send([TextDelta(0, "a")])


@pytest.mark.parametrize(("sent", "called"), [("big-1", "fast"), ("fast", "fast-2026")])
async def test_the_model_is_called_as_it_was_asked_for(sent: str, called: str) -> None:
    """Where another was asked for in its place; otherwise whatever the upstream calls it, in a stream and whole."""
    for streaming in (True, False):
        x = exchange(streaming=streaming, dialect=chat, attempts=[Attempt("up", sent, 0.0)])
        x.note(NAMED, "fast")
        got = Recorder()
        out = Reencode(x, got)
        await out.send([Started("r", "fast-2026" if sent == "fast" else sent), Finished()])
        assert b'"model":"%b"' % called.encode() in got.body
