"""Forward: the commit barrier and what happens on either side of it."""

from typing import Any

import pytest
import trio

from pipeline.errors import InternalError, UpstreamFailed, UpstreamRefused, UpstreamTimeout, UpstreamTruncated
from pipeline.events import Failed, TextDelta
from pipeline.heartbeat import Heart
from pipeline.line import Line, conduct
from pipeline.live import Live
from stages.forward import Forward
from stages.health import Rest
from stages.notes import CHOICE
from tests.doubles import Kept, Recorder, ScriptedPool, exchange, said, upstream
from transports.upstream import ConnectFailed, Malformed, Origin, TimedOut, Truncated

GOOD = (b"start\ntext a\n", b"text b\nend\n")
ORIGIN = Origin("http", "up.test", 80)


async def ask(*upstreams: Any, stages: Any = (), x: Any = None) -> tuple[Any, Any]:
    """Send one exchange to *upstreams*; what was said, and the exchange."""
    kept = Kept()
    x = x or exchange(upstreams=list(upstreams))
    await conduct(x, Line(tuple(stages), Forward(), lambda exchange, response: kept), Recorder(), Heart(10))
    return kept, x


def good() -> ScriptedPool:
    return ScriptedPool(200, *GOOD)


async def test_the_first_answers() -> None:
    """One attempt, left well, with its status, times and usage."""
    pool = good()
    kept, x = await ask(upstream("one", pool))
    assert said(kept.events) == "ab."
    assert pool.left == ["well"]
    (attempt,) = x.attempts
    assert (attempt.upstream, attempt.model, attempt.status, attempt.error) == ("one", "m", 200, None)
    assert attempt.began <= attempt.first <= attempt.ended


@pytest.mark.parametrize(
    ("pool", "error"),
    [
        (ScriptedPool(200, ConnectFailed("refused", "refused")), UpstreamFailed),
        (ScriptedPool(529, b"busy"), UpstreamRefused),
        (ScriptedPool(200, b"start\n", b"fail\n"), None),
        (ScriptedPool(200, b"start\n"), UpstreamTruncated),
        (ScriptedPool(200), UpstreamTruncated),
        (ScriptedPool(200, TimedOut(ORIGIN, "first_byte", 300)), UpstreamTimeout),
        (ScriptedPool(200, b"start\n", Truncated("cut", answered=True)), UpstreamTruncated),
        (ScriptedPool(200, Malformed("two lengths")), UpstreamFailed),
        (ScriptedPool(200, b"<html>", headers=[(b"content-type", b"text/html")]), UpstreamFailed),
        (ScriptedPool(302), UpstreamFailed),
    ],
)
async def test_whatever_fails_before_the_commit_goes_to_the_next(pool: Any, error: Any) -> None:
    """Status, error in the stream, empty stream, timer, broken HTTP, wrong media type: all alike."""
    kept, x = await ask(upstream("one", pool), upstream("two", good()))
    assert said(kept.events) == "ab."
    assert [attempt.upstream for attempt in x.attempts] == ["one", "two"]
    assert x.attempts[0].error is not None
    assert error is None or isinstance(x.attempts[0].error, error)


async def test_the_last_error_is_told_when_nobody_answers() -> None:
    """And nothing of the attempts before reaches the client."""
    kept, _ = await ask(upstream("one", ScriptedPool(529)), upstream("two", ScriptedPool(200, b"start\n")))
    assert said(kept.events) == "!UpstreamTruncated"


async def test_after_the_commit_there_is_no_second_answer() -> None:
    """The reply ends with the error; the second upstream is never asked."""
    second = good()
    cut = ScriptedPool(200, b"start\ntext x\n", Truncated("cut", answered=True))
    kept, _ = await ask(upstream("one", cut), upstream("two", second))
    assert said(kept.events) == "x!UpstreamTruncated"
    assert second.calls == []


async def test_what_is_not_retryable_is_final() -> None:
    """A request that one upstream calls wrong is not shown to the next."""
    second = good()
    kept, _ = await ask(upstream("one", ScriptedPool(400, b"bad")), upstream("two", second))
    assert said(kept.events) == "!UpstreamRefused"
    assert second.calls == []


async def test_stages_of_an_upstream_run_per_attempt_on_a_fresh_prompt() -> None:
    """Their tails run at the end of the attempt; what one attempt edits the next does not see."""
    log: list[Any] = []

    def stage(x: Any) -> Any:
        log.append(("in", x.upstream.name, x.prompt.get("extra")))
        x.prompt.set("extra", to=x.upstream.name, why="test")
        try:
            yield lambda event: [event]
        finally:
            log.append(("out", x.upstream.name))

    stages = (("mark", stage),)
    first, second = ScriptedPool(529), good()
    await ask(upstream("one", first, stages=stages), upstream("two", second, stages=stages))
    assert log == [("in", "one", None), ("out", "one"), ("in", "two", None), ("out", "two")]
    assert [b'"extra":"one"' in first.calls[0].body, b'"extra":"two"' in second.calls[0].body] == [True, True]


async def test_an_error_raised_inside_a_group_still_fails_over() -> None:
    """An upstream with a nursery of its own wraps what it raises (promise 6)."""
    group = ExceptionGroup("nursery", [UpstreamFailed("exit 1")])
    kept, _ = await ask(upstream("one", ScriptedPool(200, group)), upstream("two", good()))
    assert said(kept.events) == "ab."


async def test_a_bug_is_not_tried_again() -> None:
    """A bug in an attempt's stage is told as internal error at once."""

    def broken(x: Any) -> None:
        raise ZeroDivisionError

    second = good()
    kept, _ = await ask(upstream("one", good(), stages=(("broken", broken),)), upstream("two", second))
    assert isinstance(kept.events[-1].error, InternalError)
    assert second.calls == []


async def test_the_intent_is_awaited_before_every_dispatch(autojump_clock: Any) -> None:
    """exchange.before_attempt: what must be durable before the upstream hears of it (promise 8)."""
    log: list[Any] = []
    first, second = ScriptedPool(529), good()

    def meter(x: Any) -> None:
        async def intent(attempt: Any) -> None:
            await trio.sleep(1)
            log.append((attempt.upstream, len(first.calls), len(second.calls)))

        x.before_attempt.append(intent)

    await ask(upstream("one", first), upstream("two", second), stages=[("meter", meter)])
    assert log == [("one", 0, 0), ("two", 1, 0)]


async def test_the_usage_of_a_failed_attempt_is_not_lost() -> None:
    """It stands in exchange.attempts (promise 7)."""
    _, x = await ask(upstream("one", ScriptedPool(200, b"start\nfail\n")), upstream("two", good()))
    assert x.attempts[0].usage.input == 180


async def test_the_prompt_is_let_go_at_the_commit() -> None:
    """A stream that runs for an hour holds no megabyte that was sent in its first second (promise 7)."""
    x = exchange(b'{"model":"m","messages":"' + b"x" * 100_000 + b'"}', upstreams=[upstream("one", good())])
    asked = x.prompt
    await ask(x=x)
    assert len(x.prompt.encode()) < 100
    assert len(asked.encode()) < 100  # an attempt's fork shares its text


async def test_the_end_may_be_the_first_content() -> None:
    """An answer of no words is an answer."""
    kept, x = await ask(upstream("one", ScriptedPool(200, b"start\nend\n")), upstream("two", good()))
    assert said(kept.events) == "."
    assert len(x.attempts) == 1


async def test_nothing_is_read_after_the_terminal_event() -> None:
    """The rest of the body is the pool's affair: forward leaves at once, and well (promise 9)."""
    pool = ScriptedPool(200, *GOOD, AssertionError("read on"))
    kept, _ = await ask(upstream("one", pool))
    assert said(kept.events) == "ab."
    assert pool.left == ["well"]


async def test_a_client_that_leaves_cancels_the_attempt(autojump_clock: Any) -> None:
    """The pool sees the cancellation, and closes the connection."""
    pool = ScriptedPool(200, b"start\ntext a\n", 1000)
    with trio.move_on_after(5):
        await ask(upstream("one", pool))
    assert pool.left == ["Cancelled"]


async def test_enough_downstream_leaves_the_upstream_without_a_word() -> None:
    """A stage that ends the reply closes the upstream's answer early; nothing is tried again."""
    second = good()

    def cut(x: Any) -> Any:
        return lambda event: x.end("max_tokens") if isinstance(event, TextDelta) else None

    kept, _ = await ask(upstream("one", good()), upstream("two", second), stages=[("cut", cut)])
    assert said(kept.events) == "a."
    assert second.calls == []


async def test_no_upstream_is_an_unknown_model() -> None:
    """Said as such, not as a failure of ours."""
    kept, _ = await ask()
    assert isinstance(kept.events[-1], Failed)
    assert type(kept.events[-1].error).__name__ == "UnknownModel"


async def test_usage_is_not_asked_of_an_upstream() -> None:
    """Where no stage answers for it, nobody does: an upstream knows nothing of our keys."""
    pool = good()
    kept, _ = await ask(x=exchange(operation="usage", upstreams=[upstream("one", pool)]))
    assert [type(event.error).__name__ for event in kept.events] == ["NotFound"]
    assert pool.calls == []


# -- the first word, in time ------------------------------------------------------------------------------------------


async def test_a_stream_that_says_nothing_in_time_is_left_for_the_next(autojump_clock: Any) -> None:
    """From the request to the first word: a head and pings are none."""
    slow = ScriptedPool(200, b"start\n", 4, b"start\n", 4, b"text x\nend\n")
    kept, x = await ask(upstream("one", slow, first_token=5.0), upstream("two", good(), first_token=5.0))
    assert said(kept.events) == "ab."
    assert isinstance(x.attempts[0].error, UpstreamTimeout)
    assert x.attempts[0].ended - x.attempts[0].began == 5.0
    assert slow.left == ["Cancelled"]


async def test_after_the_first_word_a_stream_has_the_time_it_takes(autojump_clock: Any) -> None:
    """The bound is on the first word only."""
    pool = ScriptedPool(200, b"start\ntext a\n", 100, b"text b\nend\n")
    kept, x = await ask(upstream("one", pool, first_token=5.0))
    assert said(kept.events) == "ab."
    assert len(x.attempts) == 1


async def test_a_whole_reply_has_no_first_word(autojump_clock: Any) -> None:
    """It comes when all of it is there; the head's and the body's own timers hold."""
    pool = ScriptedPool(200, 60, b"start\ntext a\nend\n", headers=[])
    kept, _ = await ask(x=exchange(streaming=False, upstreams=[upstream("one", pool, first_token=5.0)]))
    assert said(kept.events) == "a."


# -- the only one -----------------------------------------------------------------------------------------------------


class Scripts:
    """A pool that plays one pool after the other."""

    def __init__(self, *pools: ScriptedPool) -> None:
        self.pools = pools
        self.times: list[float] = []

    def send(self, *args: Any) -> Any:
        self.times.append(trio.current_time())
        return self.pools[len(self.times) - 1].send(*args)


async def test_the_only_upstream_is_asked_once_more(autojump_clock: Any) -> None:
    """After a moment, since what it said may pass; each try is an attempt that says why it was made."""
    pool = Scripts(ScriptedPool(529), good())
    kept, x = await ask(upstream("one", pool))
    assert said(kept.events) == "ab."
    assert [attempt.why for attempt in x.attempts] == ["", "again, UpstreamRefused 529"]
    assert 0.1 <= pool.times[1] - pool.times[0] <= 0.25


async def test_retry_after_is_waited_for_within_bounds(autojump_clock: Any) -> None:
    """What takes longer is the client's to wait for, which is told."""
    for seconds, waited in ((b"3", [3.0]), (b"30", [])):
        pool = Scripts(ScriptedPool(529, headers=[(b"retry-after", seconds)]), good())
        kept, _ = await ask(upstream("one", pool))
        assert [later - pool.times[0] for later in pool.times[1:]] == waited
        assert said(kept.events) == ("ab." if waited else "!UpstreamRefused")


async def test_an_upstream_that_says_no_is_not_asked_again(autojump_clock: Any) -> None:
    """x-should-retry: false; another upstream may be asked all the same."""
    stop = [(b"x-should-retry", b"false")]
    kept, x = await ask(upstream("one", ScriptedPool(529, headers=stop)))
    assert (said(kept.events), len(x.attempts)) == ("!UpstreamRefused", 1)
    kept, x = await ask(upstream("one", ScriptedPool(529, headers=stop)), upstream("two", good()))
    assert (said(kept.events), len(x.attempts)) == ("ab.", 2)


# -- how upstreams are ------------------------------------------------------------------------------------------------


async def test_one_that_fails_rests_and_the_next_requests_pass_it_by(autojump_clock: Any) -> None:
    """Until it has rested; the overview sees it."""
    line = Line((), Forward(rest=Rest(failures=2, seconds=60.0)), lambda exchange, response: Kept())
    bad, fine, live = ScriptedPool(529), good(), Live()
    one, two = upstream("one", bad), upstream("two", fine)
    for number in range(5):
        x = exchange(upstreams=[one, two])
        with live.watching(x):
            await conduct(x, line, Recorder(), Heart(10))
        assert live.state(one) == ("failing" if number < 1 else "resting")
    assert (len(bad.calls), len(fine.calls), live.state(two)) == (2, 5, "ok")
    await trio.sleep(80)
    assert live.state(one) == "failing"
    await conduct(exchange(upstreams=[one, two]), line, Recorder(), Heart(10))
    assert len(bad.calls) == 3


async def test_a_reply_that_breaks_off_counts_against_its_upstream() -> None:
    """Whether the connection broke, or the upstream said so in its stream; the client's own leaving does not."""
    for pool in (ScriptedPool(200, b"start\ntext x\n", Truncated("cut", answered=True)),
                 ScriptedPool(200, b"start\ntext x\n", b"fail\n")):  # fmt: skip
        one = upstream("one", pool)
        _, x = await ask(one)
        assert (one.condition.row, one.condition.running) == (1, 0)
        assert x.attempts[0].error is not None
    one = upstream("one", ScriptedPool(200, b"start\ntext x\n", 1000))
    with trio.move_on_after(0.01):
        await ask(one)
    assert (one.condition.row, one.condition.running) == (0, 0)


async def test_a_rule_of_the_model_map_says_how_to_choose() -> None:
    """Its word holds for this exchange, in place of the configured one."""

    def weighted(x: Any) -> None:
        x.note(CHOICE, "weighted")

    forward, first = Forward(weights={"one": 0.0}), good()
    for stages, asked in (((), 1), ((("model_map", weighted),), 0)):
        first.calls.clear()
        x = exchange(upstreams=[upstream("one", first), upstream("two", good())])
        await conduct(x, Line(stages, forward, lambda exchange, response: Kept()), Recorder(), Heart(10))
        assert len(first.calls) == asked


async def test_the_error_of_a_spare_key_is_not_the_callers() -> None:
    """What the first upstream said is told, not that the second one's key is bad."""
    kept, x = await ask(upstream("one", ScriptedPool(529)), upstream("two", ScriptedPool(400, b"bad")))
    assert [attempt.status for attempt in x.attempts] == [529, 400]
    assert kept.events[-1].error.code == 529


def test_weights_name_upstreams() -> None:
    """A slip of the pen is told at start."""
    assert [*Forward(weights={"one": 1.0, "tow": 1.0}).check(frozenset({"one", "two"}))] == [
        "weights names 'tow', which is no upstream"
    ]
