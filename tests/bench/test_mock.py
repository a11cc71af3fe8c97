"""The upstream of measurements says what a real one might: our strict decoders read every frame of it."""

import sys

import pytest
import trio

from bench.load import load
from bench.mock import REPLIES
from bench.programs import started
from bench.requests import request
from pipeline.events import Event, Finished, Started, TextDelta
from stages.dialects import anthropic, chat, responses

DIALECTS = {"anthropic": anthropic, "chat": chat, "responses": responses}
PATHS = {"anthropic": b"/v1/messages", "chat": b"/v1/chat/completions", "responses": b"/v1/responses"}


@pytest.mark.parametrize("name", DIALECTS)
def test_a_stream_is_one_of_its_protocol(name: str) -> None:
    """It begins, says its words, tells its usage and ends."""
    (opening, delta, ending), _ = REPLIES[PATHS[name]]
    decoder = DIALECTS[name].stream_decoder(None)
    text = opening + delta % "one " + delta % "two" + ending
    events: list[Event] = [*decoder.feed(text.encode()), *decoder.close()]
    assert "".join(event.piece for event in events if isinstance(event, TextDelta)) == "one two"
    assert isinstance(events[0], Started)
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.usage is not None
    assert last.usage.output == 9


@pytest.mark.parametrize("name", DIALECTS)
def test_a_whole_reply_is_one_of_its_protocol(name: str) -> None:
    """It says one word and how it ended."""
    decoder = DIALECTS[name].whole_decoder()
    events = [*decoder.feed(REPLIES[PATHS[name]][1]), *decoder.close()]
    assert "".join(event.piece for event in events if isinstance(event, TextDelta)) == "ok"
    assert isinstance(events[-1], Finished)


async def test_what_is_written_is_read_and_timed() -> None:
    """Bursts of any length come whole, and paced words tell how late they are."""

    def ask() -> tuple[int, int, list[float]]:
        with started("upstream", [sys.executable, "-m", "bench.mock"]) as upstream:
            burst = load(upstream.port, request("chat", "[[burst 120]]", 1000, stream=True), connections=2, times=3)
            paced = load(upstream.port, request("chat", "[[paced 5 500]]", 1000, stream=True), connections=2, times=1)
        return len(burst.answers), burst.failed + paced.failed, paced.late

    answers, failed, late = await trio.to_thread.run_sync(ask)
    assert (answers, failed) == (6, 0)
    assert len(late) == 10
    assert all(0 <= seconds < 5 for seconds in late)


async def test_connections_begin_one_after_the_other() -> None:
    """Of four within 0.4 s the last begins after 0.3 s, and not before."""

    def ask() -> tuple[float, int]:
        with started("upstream", [sys.executable, "-m", "bench.mock"]) as upstream:
            took = load(upstream.port, request("chat", "[[say]]", 1000), connections=4, times=1, within=0.4)
        return took.seconds, len(took.answers)

    seconds, answers = await trio.to_thread.run_sync(ask)
    assert answers == 4
    assert 0.3 <= seconds < 10
