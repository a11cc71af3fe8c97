"""The bench of translation: what it feeds is what clients and upstreams send, and what it prints is a table."""

import time
from typing import Any

import msgspec
import pytest

from bench.requests import MAKERS
from bench.translation import EVENTS, PAIRS, SIZES, STREAMS, cost, cost_once, next_turn, request, row, stream
from pipeline.events import TextDelta
from stages.memory import PAIRS as REMEMBERED
from stages.translation import DIALECTS


@pytest.mark.parametrize("dialect", STREAMS)
def test_streams_are_those_of_upstreams(dialect: str) -> None:
    """Each dialect reads its own, a delta for each event."""
    events = DIALECTS[dialect].stream_decoder(None).feed(b"".join(STREAMS[dialect]()))
    assert abs(sum(isinstance(event, TextDelta) for event in events) - EVENTS) <= 1


@pytest.mark.parametrize("dialect", MAKERS)
def test_requests_are_as_large_as_they_say(dialect: str) -> None:
    """Within a tenth, from the second size on: a small one is a question and no more."""
    for size in list(SIZES.values())[1:3]:
        _, body = MAKERS[dialect]("go on", size, stream=True)
        assert abs(len(msgspec.json.encode(body)) - size) < size / 10


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_every_pair_is_measured(source: str, target: str) -> None:
    """Something comes out of each."""
    assert isinstance(made := request(source, target, 1000)(), bytes)
    assert b"go on" in made
    assert stream(source, target)()


@pytest.mark.parametrize(("source", "target"), sorted(REMEMBERED))
def test_the_next_turn_is_measured(source: str, target: str) -> None:
    """All of it comes out, the turn before included."""
    made = next_turn(source, target, 100_000)()()
    assert isinstance(made, bytes)
    assert b"go on" in made
    assert b"and on" in made


def test_cost_is_time_of_the_processor(monkeypatch: Any) -> None:
    """The median of the rounds, each work's apart."""
    clock = [0.0]
    monkeypatch.setattr(time, "process_time", lambda: clock[0])

    def taking(seconds: float) -> Any:
        def work() -> None:
            clock[0] += seconds

        return work

    assert cost([taking(2), taking(3)], 3) == [2, 3]

    def prepared() -> Any:
        clock[0] += 7  # which does not count
        return taking(5)

    assert cost_once([prepared], 3) == [5]


def test_a_row_tells_the_dearest(capsys: Any) -> None:
    """Against the cheapest of those that translate; the same dialect on both sides is no translation."""
    row("request", [1e-6 if source == target else 1e-3 for source, target in PAIRS[:-2]] + [3e-3, 1e-6])
    line = capsys.readouterr().out
    assert line.startswith("| request | 1.00 | 1,000 |")
    assert line.endswith("| 3,000 | 1.00 | 3.0 |\n")
    row("some", [None, 1e-3, *[None] * (len(PAIRS) - 2)])
    assert capsys.readouterr().out.startswith("| some |  | 1,000 |  |")
