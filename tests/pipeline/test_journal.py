"""The journal: one line per exchange, and nothing of what was said unless that is asked for."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from pipeline.errors import UpstreamFailed
from pipeline.exchange import Attempt
from pipeline.journal import BODY, Overheard, note, told
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
