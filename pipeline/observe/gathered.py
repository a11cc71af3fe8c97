"""Gathered: the figures of all processes of one gateway, for whoever asks one of them.

    families(registry) ──JSON──▶ the one that was asked ──▶ Gathered ──▶ each figure with the label ``worker``

Each process counts for itself and writes nothing down; nothing is added up here, either: a worker that is started again
begins at zero, which Prometheus sees of a series of its own, and would mistake in a sum.  Queries add up.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

Family = list[Any]  # name, help, type, samples: name, labels, value


def families(collector: Collector) -> list[Family]:
    """What *collector* tells at this moment, as JSON can."""
    told = []
    for family in collector.collect():
        samples = [[each.name, each.labels, each.value] for each in family.samples]
        told.append([family.name, family.documentation, family.type, samples])
    return told


class Gathered(Collector):
    """What several processes told: pairs of a worker's name and its families."""

    def __init__(self, told: Iterable[Sequence[Any]]) -> None:
        self._told = told

    def collect(self) -> Iterator[Metric]:
        """Each family once, with the figures of all workers."""
        found: dict[str, Metric] = {}
        for worker, told in self._told:
            for name, text, kind, samples in told:
                family = found.setdefault(name, Metric(name, text, kind))
                family.samples += [Sample(of, {**labels, "worker": worker}, value) for of, labels, value in samples]
        yield from found.values()
