"""What stages take: counted together as if one by one, however many there are, and whenever someone looks."""

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from pipeline.spent import STEPS, TOGETHER, Spent

SECONDS = st.floats(0, 1) | st.sampled_from(STEPS)
EXCHANGES = st.lists(st.dictionaries(st.sampled_from(("auth", "meter", "forward")), SECONDS), max_size=3 * TOGETHER)


@given(exchanges=EXCHANGES, looks=st.integers(1, 2 * TOGETHER))
def test_every_run_is_counted_once(exchanges: list[dict[str, float]], looks: int) -> None:
    """By its stage, in the step that it is no longer than; looking changes nothing."""
    spent = Spent()
    for number, seconds in enumerate(exchanges):
        spent.add(seconds)
        if number % looks == 0:
            assert sum(taken.times for taken in spent.stages.values()) == sum(map(len, exchanges[: number + 1]))
    assert spent.stages.keys() == {name for seconds in exchanges for name in seconds}
    for name, taken in spent.stages.items():
        values = [seconds[name] for seconds in exchanges if name in seconds]
        steps = [0] * (len(STEPS) + 1)
        for value in values:
            steps[bisect_left(STEPS, value)] += 1
        assert (taken.times, taken.steps) == (len(values), steps)
        assert abs(taken.seconds - sum(values)) < 1e-9


def test_what_is_kept_is_bounded() -> None:
    """Also where nobody ever looks."""
    spent = Spent()
    for _ in range(10 * TOGETHER):
        spent.add({"auth": 1.0})
        assert len(spent._kept) < TOGETHER
