"""What goes on at this moment, and how upstreams were."""

from typing import Any

import pytest
import trio

from pipeline.errors import InvalidRequest, UpstreamFailed
from pipeline.exchange import Attempt
from pipeline.live import Live
from tests.doubles import exchange, upstream


def attempt(upstream: str, status: int | None, error: Exception | None = None) -> Attempt:
    return Attempt(upstream, "m", 0.0, status=status, error=error)  # type: ignore[arg-type]  # errors of ours


async def test_a_request_is_seen_while_it_runs() -> None:
    """And no longer, however it ends; what its stages took is kept."""
    live, one = Live(), exchange()
    one.stages = {"auth": 0.5}

    def run() -> None:
        with live.watching(one):
            assert live.exchanges == {"x1": one}
            raise ValueError("over")

    for _ in range(2):
        with pytest.raises(ValueError, match="over"):
            run()
    assert live.exchanges == {}
    assert (live.spent.stages["auth"].times, live.spent.stages["auth"].seconds) == (2, 1.0)


async def test_an_upstream_is_as_it_was_last() -> None:
    """Unknown, well, failing, well again; a mistake of the caller's is none of the upstream's."""
    live, one = Live(), exchange()
    states = [live.last("up").state]
    for tried in (
        attempt("up", 200),
        attempt("up", 529, UpstreamFailed("down")),
        attempt("up", 400, InvalidRequest("bad")),
    ):
        one.attempts = [tried]
        with live.watching(one):
            pass
        states.append(live.last("up").state)
    assert states == ["unknown", "ok", "failing", "ok"]
    assert (live.last("up").status, live.last("up").error) == (400, "InvalidRequest: bad")


async def test_what_was_never_sent_tells_nothing_of_an_upstream() -> None:
    """A refusal of ours before the attempt is not its doing."""
    live, one = Live(), exchange()
    one.attempts = [attempt("up", None, InvalidRequest("no"))]
    with live.watching(one):
        pass
    assert live.last("up").state == "unknown"


async def test_an_upstream_that_failed_too_much_rests(autojump_clock: Any) -> None:
    """For as long as it is left alone; then it is as it was last, until somebody finds out."""
    live, one, up = Live(), exchange(), upstream("up", None)
    one.attempts = [attempt("up", 529, UpstreamFailed("down"))]
    with live.watching(one):
        pass
    assert live.state(up) == "failing"
    up.condition.rests, up.condition.until = 1, trio.current_time() + 10
    assert live.state(up) == "resting"
    await trio.sleep(10)
    assert live.state(up) == "failing"
