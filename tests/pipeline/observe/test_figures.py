"""Figures: what prometheus_client counts, counted with less."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest

from pipeline.observe.figures import Count, Counts, Spread

BOUNDS = (5e-6, 0.005, 0.25, 1, 30)
ADDED = st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 100) | st.sampled_from(BOUNDS)), max_size=30)


def told(registry: CollectorRegistry) -> set[str]:
    """The lines of all figures, but for the moments at which they were made."""
    lines = generate_latest(registry).decode().splitlines()
    return {line for line in lines if "_created" not in line}


@given(added=ADDED)
def test_they_tell_what_the_clients_own_do(added: list[tuple[str, float]]) -> None:
    """Names, labels, buckets with their bounds, sums: to the letter."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    count, spread = Count("c", "Some.", ["of"]), Spread("s", "Wide.", BOUNDS, ["of"])
    for figure in (count, spread):
        ours.register(figure)
    counter: Any = Counter("c", "Some.", ["of"], registry=theirs)
    histogram: Any = Histogram("s", "Wide.", ["of"], buckets=BOUNDS, registry=theirs)
    for label, value in added:
        count.add(label, by=value)
        spread.observe(value, label)
        counter.labels(label).inc(value)
        histogram.labels(label).observe(value)
    assert told(ours) == told(theirs)


@given(added=st.lists(st.tuples(st.sampled_from("ab"), st.tuples(*[st.integers(0, 3)] * 3)), max_size=30))
def test_counters_that_go_together_tell_what_single_ones_do(added: list[tuple[str, tuple[int, ...]]]) -> None:
    """Each that was added to, and nothing of the others."""
    ours, single = CollectorRegistry(), CollectorRegistry()
    counts, count = Counts("c", "Some.", ["of", "class"], "xyz"), Count("c", "Some.", ["of", "class"])
    ours.register(counts)
    single.register(count)
    for label, values in added:
        counts.add(values, label)
        for name, value in zip("xyz", values, strict=True):
            if value:
                count.add(label, name, by=value)
    assert told(ours) == told(single)


def test_without_labels_nothing_is_told_as_nothing() -> None:
    """As the client's own do: a rate over it is 0, not unknown."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    ours.register(Spread("s", "Wide.", BOUNDS, []))
    Histogram("s", "Wide.", buckets=BOUNDS, registry=theirs)
    assert told(ours) == told(theirs)
