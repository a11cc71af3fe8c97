"""The dashboard asks for nothing that is not told."""

import json
import re
from pathlib import Path
from typing import Any

from prometheus_client.registry import CollectorRegistry

from pipeline.observe.metrics import Metrics
from pipeline.observe.now import Now
from pipeline.upstream import Quota
from tests.pipeline.observe.conftest import Watched

DASHBOARD = Path(__file__).parents[3] / ".grafana" / "dashboard.json"
BEHIND = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "info": ("_info",), "gauge": ("",)}


def series(registry: CollectorRegistry) -> dict[str, set[str]]:
    """The names under which figures are told, each with its labels."""
    told: dict[str, set[str]] = {}
    labels = {name: set(metric._labelnames) for metric, names in registry._collector_to_names.items()
              for name in names if hasattr(metric, "_labelnames")}  # fmt: skip
    for family in registry.collect():
        for suffix in BEHIND.get(family.type, ("",)):
            name = f"{family.name}{suffix}"
            told[name] = labels.get(family.name, set()).union(*(sample.labels for sample in family.samples))
    return told


def expressions(dashboard: Any) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


async def test_every_figure_it_shows_is_told(watched: Watched) -> None:
    """By its name, and with the labels it is looked at by."""
    async with watched("") as at:
        metrics = Metrics()
        metrics.ask(Now(at.gateway))
        at.gateway.upstreams[0].windows["5h"] = Quota("5h", 0.5, 0, 0)
        at.gateway.live.spent.add({"auth": 1e-5})
        told = series(metrics.registry)
    asked = expressions(json.loads(DASHBOARD.read_text(encoding="utf-8")))
    assert len(asked) > 20
    for text in asked:
        names = re.findall(r"\b(?:pipeline|process)_\w+", text)
        assert names, text
        assert set(names) <= told.keys(), text
        by = [word for group in re.findall(r"by \(([^)]*)\)", text) for word in group.split(", ")]
        by += re.findall(r'(\w+)(?:=~|!=)"', text)
        for name in names:
            assert set(by) <= told[name] | {"le"}, text


def test_every_figure_of_ours_is_shown() -> None:
    """What is counted for nobody to see is not worth its price."""
    text = DASHBOARD.read_text(encoding="utf-8")
    ours = {name for name in series(Metrics().registry) if name.startswith("pipeline_")} | {"pipeline_stage_seconds"}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in ours}
    assert [name for name in sorted(families) if name not in text] == []


def test_panels_stand_beside_each_other() -> None:
    """None over another, none beyond the edge."""
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
