"""The report of a run: tables in Markdown, plots, and the figures themselves for whoever wants to compare.

bench/results/report.md      one table for each pair of protocols: what was measured, system by system
bench/results/figures.json   the same, and what they were measured on
bench/results/*.png          one bar chart for each kind of cost, and the curve; with matplotlib
"""

import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs

from bench.programs import ROOT
from bench.scenarios import CURVE, Figures

Pair = tuple[str, str]
CHARTED = ("1 KB: CPU, µs", "105 KB: CPU, µs", "560 KB: CPU, µs", "event, burst: CPU, µs", "event, paced: CPU, µs",
           "open stream, KiB")  # fmt: skip
OURS, THEIRS = "#2563eb", "#94a3b8"  # the colours of bars


@attrs.define
class Report:
    """Figures by pair of protocols, system, and name; why others are missing; what a run took itself."""

    figures: dict[Pair, dict[str, Figures]] = attrs.field(factory=dict)
    skipped: dict[str, str] = attrs.field(factory=dict)
    took: list[str] = attrs.field(factory=list)

    def add(self, pair: Pair, system: str, figures: Figures) -> None:
        """Put down what was measured."""
        self.figures.setdefault(pair, {}).setdefault(system, {}).update(figures)

    def write(self, folder: Path) -> None:
        """Write all of it into *folder*."""
        folder.mkdir(parents=True, exist_ok=True)
        told = {" → ".join(pair): systems for pair, systems in self.figures.items()}
        (folder / "figures.json").write_text(
            json.dumps({"on": machine(), "figures": told}, indent=1, ensure_ascii=False)
        )
        (folder / "report.md").write_text(self.markdown())
        plots(self.figures, folder)

    def markdown(self) -> str:
        """All tables."""
        lines = ["# Measured side by side", "", *(f"- {name}: {value}" for name, value in machine().items()), ""]
        lines += [f"- not measured: {name}: {why}" for name, why in self.skipped.items()]
        lines += [f"- {text}" for text in self.took]
        for pair, systems in self.figures.items():
            lines += ["", f"## {pair[0]} → {pair[1]}", "", *table(systems)]
        return "\n".join(lines) + "\n"


def table(systems: dict[str, Figures]) -> Iterable[str]:
    """What was measured of *systems*, a row for each figure; beside each, how many times ours it is."""
    yield "| | " + " | ".join(systems) + " |"
    yield "|---|" + "--:|" * len(systems)
    ours = systems.get("ours", {})
    for name in dict.fromkeys(name for figures in systems.values() for name in figures):
        cells = []
        for system, figures in systems.items():
            cell = "" if name not in figures else spelled(figures[name])
            if cell and system not in {"ours", "direct", "bare"} and ours.get(name) and "CPU" in name:
                cell += f" ({figures[name] / ours[name]:.2g}×)"
            cells.append(cell)
        yield f"| {name} | " + " | ".join(cells) + " |"


def spelled(figure: float) -> str:
    """*figure* with as many digits as mean something."""
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


def machine() -> dict[str, Any]:
    """What it was measured on."""
    versions = {name: importlib.metadata.version(name) for name in ("trio", "h11", "h2", "msgspec")}
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {
        "date": subprocess.run(["date", "+%F"], capture_output=True, text=True, check=True).stdout.strip(),
        "commit": commit.stdout.strip() or "?",
        "machine": f"{processor()}, {len_of_cores()} cores, {platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "with": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "load before": Path("/proc/loadavg").read_text().split()[0],
    }


def processor() -> str:
    """The processor's name."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def len_of_cores() -> int:
    """How many cores there are."""
    return Path("/proc/cpuinfo").read_text().count("processor\t")


def plots(figures: dict[Pair, dict[str, Figures]], folder: Path) -> None:
    """Draw them, if matplotlib is here."""
    try:
        from matplotlib.figure import Figure  # optional, and takes half a second
    except ImportError:
        return
    for pair, systems in figures.items():
        named = {name: each for name, each in systems.items() if name != "direct"}
        figure = Figure(figsize=(12, 6), layout="constrained")
        for axes, name in zip(figure.subplots(2, 3).flat, CHARTED, strict=True):
            bars = {system: each[name] for system, each in named.items() if name in each}
            drawn = axes.barh(list(bars), list(bars.values()), color=[OURS if s == "ours" else THEIRS for s in bars])
            axes.bar_label(drawn, list(map(spelled, bars.values())), padding=3)
            axes.set(title=name, xscale="log" if bars else "linear", visible=bool(bars))
            axes.margins(x=0.3)  # room for the figure of the longest
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(axis="x", which="both", labelbottom=False)  # each bar says what it stands for
            axes.invert_yaxis()
        figure.savefig(folder / f"{pair[0]}-{pair[1]}.png", dpi=100)
        curves = {system: points for system, each in systems.items() if (points := at_connections(each))}
        if not curves:
            continue
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        axes = figure.subplots()
        for system, points in curves.items():
            axes.plot(*zip(*points, strict=True), marker="o", label=system)
        axes.set(
            title=f"{pair[0]} → {pair[1]}: small answers a second", xlabel="connections", xscale="log", yscale="log"
        )
        axes.legend()
        figure.savefig(folder / f"{pair[0]}-{pair[1]}-curve.png", dpi=100)


def at_connections(figures: Figures) -> list[tuple[int, float]]:
    """The curve in *figures*: answers a second at each number of connections."""
    return [(c, figures[name]) for c in CURVE if (name := f"c={c}: answers a second") in figures]
