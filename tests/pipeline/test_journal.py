"""The journal: one line per exchange, and nothing of what was said unless that is asked for."""

import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from pipeline.effects import Effect, Effects
from pipeline.errors import UpstreamFailed
from pipeline.exchange import Attempt
from pipeline.journal import BODY, EDITS, Overheard, brief, note, told, whole
from pipeline.live import BOOKED
from pipeline.observe.recent import in_json
from pipeline.prompt import Edit
from pipeline.store.record import Record
from tests.doubles import Recorder, exchange
from transports.messages import Head


async def test_a_line_tells_who_what_where_and_how_it_ended() -> None:
    """And no prompt."""
    attempt = Attempt("up", "m1", 0.0, first=0.5)
    x = exchange(b'{"model":"m","secret":"word"}', attempts=[attempt], error=UpstreamFailed("reset"), asked="m")
    with capture_logs() as lines:
        note(told(x), Recorder())
    (line,) = lines
    assert (line["id"], line["upstream"], line["model"], line["asked"]) == ("x1", "up", "m1", "m")
    assert (line["error"], line["why"]) == ("UpstreamFailed", "reset")
    assert "secret" not in str(line)


@pytest.mark.parametrize("error", ["ClientGone", "Drained"])
async def test_a_line_tells_of_an_answer_that_broke_off(error: str) -> None:
    """Nobody failed, and yet it is no success: the line says what the books do, and why."""
    x = exchange(attempts=[Attempt("up", "m1", 0.0, first=0.5)])
    x.note(BOOKED, [Record(id="x1", error=error)])
    line = told(x)
    assert line["error"] == error
    assert line["why"]
    x.note(BOOKED, [Record(id="x1")])
    assert (told(x)["error"], told(x)["why"]) == (None, None)


@pytest.mark.parametrize("at_once", [0, 1, 3])
async def test_what_is_said_is_kept_only_by_an_overheard_response(at_once: int) -> None:
    """Bounded; the response itself gets everything, also what it takes without waiting."""
    recorder: Any = Recorder(at_once=at_once)
    overheard = Overheard(recorder, b"asked", BODY)
    await overheard.start(Head(200))
    for _ in range(3):
        if not overheard.write_now(b"x" * BODY):
            await overheard.write(b"")
    await overheard.finish()
    assert (overheard.started, recorder.finished, len(recorder.body)) == (True, True, 3 * BODY)
    assert overheard.head == recorder.head
    with capture_logs() as lines:
        note(told(exchange()), overheard)
    assert lines[0]["prompt"] == "asked"
    assert len(lines[0]["reply"]) == BODY


async def test_of_each_stage_is_told_what_it_did() -> None:
    """Its time, its edits, at most EDITS of them, and what it saw, where that was looked at; also of one with no time
    of its own.  One that refused is not among them."""

    def edit(stage: str, path: str) -> Edit:
        return Edit(stage, path, "set", "why")

    edits = [edit("warmer", "a"), edit("forward", "b"), *(edit("warmer", "c") for _ in range(EDITS))]
    x = exchange(attempts=[Attempt("up", "m", 0.0, edits=edits)], stages={"auth": 2e-6, "warmer": 3e-6})
    x.effects = Effects(stages=[Effect("auth", events=2, down=1e-6), Effect("warmer", events=3), Effect("limits")])
    auth, warmer, forward = whole(brief(x, told(x)))["effects"]
    assert auth == {"stage": "auth", "up": 2, "down": 1, "events": 2, "changed": 0, "edits": []}
    assert (warmer["up"], warmer["events"], warmer["edits"]) == (3, 3, [edits[0], *edits[2:-1]])
    assert forward == {"stage": "forward", "up": 0, "down": None, "events": None, "changed": None, "edits": [edits[1]]}


async def test_what_only_took_its_time_is_not_written_down_twice() -> None:
    """Of such a stage a brief entry has the time alone; what is told of it is the same, also after JSON."""
    edits = [Edit("warmer", "a", "set", "why")]
    x = exchange(attempts=[Attempt("up", "m", 0.0, edits=edits)], stages={"auth": 2e-6, "warmer": 3e-6})
    entry = brief(x, told(x))
    assert [effect["stage"] for effect in entry["effects"]] == ["warmer"]
    auth, _ = whole(json.loads(in_json(entry)))["effects"]
    assert auth == {"stage": "auth", "up": 2, "down": None, "events": None, "changed": None, "edits": []}
    without = {name: value for name, value in entry.items() if name != "effects"}
    assert whole(without) == without
