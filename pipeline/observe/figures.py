"""Figures: counters and histograms to which adding costs a look-up in a dictionary.

    add("reply", "200") · observe(0.2, "reply")  ──▶ values by their labels ──collect──▶ what Prometheus reads

What prometheus_client has for that takes a lock each time and walks the buckets: a request that moves twenty of them
pays as much as for its translation.  Here all of them live in one thread, trio's, which is also where they are read.
"""

from abc import abstractmethod
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate, compress
from operator import add

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

Labels = tuple[str, ...]


class Figure(Collector):
    """What both have in common: a registry asks for names before there are values."""

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        self._name, self._text, self._labelnames = name, text, labels

    def describe(self) -> Iterator[Metric]:
        """What ``collect`` gives, without values."""
        yield self._family()

    @abstractmethod
    def _family(self) -> Metric:
        """Its name, text and labels, without values."""


class Count(Figure):
    """A counter; its name is told with ``_total`` behind it."""

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        super().__init__(name, text, labels)
        self._values: defaultdict[Labels, float] = defaultdict(float)

    def add(self, *labels: str, by: float = 1.0) -> None:
        """Count *by* more under *labels*."""
        self._values[labels] += by

    def collect(self) -> Iterator[Metric]:
        """All of it at this moment."""
        family = self._family()
        for labels, value in self._values.items():
            family.add_metric(labels, value)
        yield family

    def _family(self) -> CounterMetricFamily:
        return CounterMetricFamily(self._name, self._text, labels=self._labelnames)


class Counts(Figure):
    """Counters that are added to together; the last label of each is one of *names*.  What is nothing is not told."""

    def __init__(self, name: str, text: str, labels: Sequence[str], names: Sequence[str]) -> None:
        super().__init__(name, text, labels)
        self._names = tuple(names)
        self._values: dict[Labels, Sequence[float]] = {}

    def add(self, values: Sequence[float], *labels: str) -> None:
        """Count so much more of each name under *labels*."""
        before = self._values.get(labels)
        self._values[labels] = values if before is None else tuple(map(add, before, values))

    def collect(self) -> Iterator[Metric]:
        """All of it at this moment."""
        family = self._family()
        for labels, values in self._values.items():
            for name, value in compress(zip(self._names, values, strict=True), values):
                family.add_metric((*labels, name), value)
        yield family

    def _family(self) -> CounterMetricFamily:
        return CounterMetricFamily(self._name, self._text, labels=self._labelnames)


class Spread(Figure):
    """A histogram with upper *bounds*, and what is above them.  Without labels it is told before anything is in it."""

    def __init__(self, name: str, text: str, bounds: Sequence[float], labels: Sequence[str]) -> None:
        super().__init__(name, text, labels)
        self._bounds = tuple(bounds)
        self._names = [str(float(bound)) for bound in self._bounds] + ["+Inf"]
        self._values: dict[Labels, list[int]] = {}  # how many in each bucket
        self._sums: dict[Labels, float] = {}
        if not labels:
            self._begin(())

    def observe(self, value: float, *labels: str) -> None:
        """Count *value* under *labels*."""
        buckets = self._values.get(labels) or self._begin(labels)
        buckets[bisect_left(self._bounds, value)] += 1
        self._sums[labels] += value

    def _begin(self, labels: Labels) -> list[int]:
        self._sums[labels] = 0.0
        buckets = self._values[labels] = [0] * (len(self._bounds) + 1)
        return buckets

    def collect(self) -> Iterator[Metric]:
        """All of it at this moment."""
        family = self._family()
        for labels, buckets in self._values.items():
            family.add_metric(labels, list(zip(self._names, accumulate(buckets), strict=True)), self._sums[labels])
        yield family

    def _family(self) -> HistogramMetricFamily:
        return HistogramMetricFamily(self._name, self._text, labels=self._labelnames)
