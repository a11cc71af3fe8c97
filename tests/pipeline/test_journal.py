"""The journal: one line per exchange, and nothing of what was said unless that is asked for."""

from typing import Any

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


async def test_what_is_said_is_kept_only_by_an_overheard_response() -> None:
    """Bounded; the response itself gets everything."""
    recorder: Any = Recorder()
    overheard = Overheard(recorder, b"asked", BODY)
    await overheard.start(Head(200))
    for _ in range(3):
        await overheard.write(b"x" * BODY)
    await overheard.finish()
    assert (overheard.started, recorder.finished, len(recorder.body)) == (True, True, 3 * BODY)
    with capture_logs() as lines:
        note(told(exchange()), overheard)
    assert lines[0]["prompt"] == "asked"
    assert len(lines[0]["reply"]) == BODY
