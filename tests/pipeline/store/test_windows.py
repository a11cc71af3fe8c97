"""Windows: nothing overshoots, nothing is held for ever, no figure is negative."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.store.record import Claim, Granted, Lease, Refused, Standing
from pipeline.store.windows import Window, Windows, opened
from tests.pipeline.store.records import AT, settled

HOUR = 3_600_000


def lease(name: str = "r1", at: int = AT) -> Lease:
    return Lease(id=name, instance="i", at=at, key="k1")


def windows(*kinds: str, models: str = "*", **state: Any) -> Windows:
    return Windows([Window("k1", models, kind, AT, AT + 5 * HOUR, **state) for kind in kinds])


def only(looked: Windows) -> Window:
    (window,) = looked._windows.values()
    return window


def test_what_fits_is_held_and_then_spent() -> None:
    """The estimate while it runs, the cost when it is settled."""
    looked, held = windows("usd_5h"), lease()
    granted = looked.reserve(held, [Claim("usd_5h", 1000, 400)], AT)
    assert granted == Granted((Standing("usd_5h", "*", 1000, 0, 400, AT + 5 * HOUR),))
    looked.settle(None, settled(cost=150), held, AT)
    assert (only(looked).spent, only(looked).held) == (150, 0)


def test_what_does_not_fit_is_refused_and_nothing_is_held() -> None:
    """Of several claims all or none; the first that does not fit is told."""
    looked, held = windows("usd_5h", "usd_week", spent=900), lease()
    refused = looked.reserve(held, [Claim("usd_week", 5000, 200), Claim("usd_5h", 1000, 200)], AT)
    assert refused == Refused(Standing("usd_5h", "*", 1000, 900, 0, AT + 5 * HOUR))
    assert (held.holds, looked.changed) == ([], [])


def test_exactly_what_fits_is_granted() -> None:
    """To the last micro-dollar, and not one more."""
    looked = windows("usd_5h")
    answers = [looked.reserve(lease(f"r{n}"), [Claim("usd_5h", 1000, 300)], AT) for n in range(5)]
    answers.append(looked.reserve(lease("last"), [Claim("usd_5h", 1000, 100)], AT))
    assert [isinstance(answer, Granted) for answer in answers] == [True, True, True, False, False, True]


def test_a_window_that_has_ended_begins_anew_with_the_next_request() -> None:
    """What is held then stays held: it will be spent in the new one."""
    looked = windows("usd_5h", spent=1000, held=50)
    later = AT + 6 * HOUR
    granted = looked.reserve(lease(at=later), [Claim("usd_5h", 1000, 950)], later)
    assert isinstance(granted, Granted)
    window = only(looked)
    assert (window.began, window.ends, window.spent, window.held) == (later, later + 5 * HOUR, 0, 1000)


def test_a_window_follows_the_upstreams_own_end() -> None:
    """What was spent stays spent when only the end moves."""
    looked = windows("usd_5h", spent=10)
    looked.reserve(lease(), [Claim("usd_5h", 1000, 1, ends=AT + HOUR)], AT)
    assert (only(looked).ends, only(looked).spent) == (AT + HOUR, 10)
    looked.reserve(lease("r2", AT + HOUR), [Claim("usd_5h", 1000, 1, ends=AT - 5)], AT + HOUR)
    assert (only(looked).began, only(looked).spent) == (AT + HOUR, 0), "an end that is past is no end"


def test_requests_are_counted_at_once_and_given_back_if_never_sent() -> None:
    """Within the same minute."""
    looked, held = Windows([opened("k1", "*", "requests_minute", AT)]), lease()
    looked.reserve(held, [Claim("requests_minute", 2, 1)], AT)
    assert only(looked).spent == 1
    looked.release(held)
    assert only(looked).spent == 0
    looked.reserve(held := lease("r2"), [Claim("requests_minute", 2, 1)], AT)
    looked.settle(None, settled("r2"), held, AT + 1000)
    assert only(looked).spent == 1, "a request that was sent counts"


def test_tokens_are_put_right_within_their_minute() -> None:
    """As estimated at first, as counted at the end; a later minute has nothing to do with it."""
    looked, held = Windows([opened("k1", "*", "tokens_minute", AT)]), lease()
    looked.reserve(held, [Claim("tokens_minute", 1000, 800)], AT)
    assert only(looked).spent == 800
    looked.settle(None, settled(), held, AT + 5000)
    assert only(looked).spent == 15
    looked.reserve(late := lease("r2", AT + 6000), [Claim("tokens_minute", 1000, 800)], AT + 6000)
    looked.settle(None, settled("r2"), late, AT + 70_000)
    assert only(looked).spent == 815, "untouched: the next request begins the next minute"


def test_streams_are_held_only() -> None:
    """So many at a time."""
    looked = windows("streams")
    first, second = lease("r1"), lease("r2")
    assert isinstance(looked.reserve(first, [Claim("streams", 1, 1)], AT), Granted)
    assert isinstance(looked.reserve(second, [Claim("streams", 1, 1)], AT), Refused)
    looked.settle(None, settled(), first, AT)
    assert isinstance(looked.reserve(second, [Claim("streams", 1, 1)], AT), Granted)


def test_a_window_for_some_models_counts_those_only() -> None:
    """By its glob; all windows of the key are charged, whether the request had asked for them or not."""
    looked = Windows([opened("k1", glob, "usd_total", AT) for glob in ("*", "claude-*", "gpt-*")])
    looked.settle(None, settled(model="claude-opus-4-5", cost=7), None, AT)
    assert {window.models: window.spent for window in looked._windows.values()} == {"*": 7, "claude-*": 7, "gpt-*": 0}


def test_an_account_that_was_estimated_is_replaced_not_added() -> None:
    """When a process that was taken for dead settles after all."""
    looked = windows("usd_total")
    estimate = settled(cost=500, state=1)
    looked.settle(None, estimate, None, AT)
    looked.settle(estimate, settled(cost=120), None, AT)
    assert only(looked).spent == 120


def test_a_clock_that_was_set_back_changes_nothing() -> None:
    """A moment before the window's beginning is within it."""
    looked = windows("usd_5h", spent=10)
    looked.reserve(lease(at=AT - HOUR), [Claim("usd_5h", 1000, 1)], AT - HOUR)
    assert (only(looked).began, only(looked).spent) == (AT, 10)


def test_the_request_that_begins_a_window_is_put_right_like_any_other() -> None:
    """It was asked a moment before the window began; its lease counts from the grant."""
    for ending in ("settled", "released"):
        looked, held = Windows([opened("k1", "*", "tokens_minute", AT)]), lease(at=AT - 1)
        looked.reserve(held, [Claim("tokens_minute", 1000, 400)], AT)
        if ending == "settled":
            looked.settle(None, settled(), held, AT + 5)
        else:
            looked.release(held)
        assert only(looked).spent == (15 if ending == "settled" else 0)


STEPS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 600), st.integers(0, 3), st.booleans()), max_size=40)


@given(STEPS)
def test_money_is_never_overspent_by_more_than_estimates_were_wrong(steps: list[tuple[int, int, int, bool]]) -> None:
    """Whatever is asked, settled and released, in whatever order."""
    looked, now, limit = Windows([opened("k1", "*", "usd_5h", AT)]), AT, 1000
    running: list[tuple[Lease, int, int, bool]] = []
    wrong = 0
    for number, (estimate, cost, hours, sent) in enumerate(steps):
        now += hours * HOUR
        held = lease(f"r{number}", now)
        if isinstance(looked.reserve(held, [Claim("usd_5h", limit, estimate)], now), Granted):
            running.append((held, estimate, cost, sent))
        assert only(looked).used() <= limit + wrong
        while number % 3 == 2 and running:
            wrong += ended(looked, *running.pop(), now)
        assert min(only(looked).spent, only(looked).held) >= 0
    while running:
        ended(looked, *running.pop(), now)
    assert only(looked).held == 0


def ended(looked: Windows, held: Lease, estimate: int, cost: int, sent: bool, now: int) -> int:
    """End a request; gives by how much its estimate was wrong."""
    if not sent:
        looked.release(held)
        return 0
    looked.settle(None, settled(held.id, cost=cost), held, now)
    return max(0, cost - estimate)
