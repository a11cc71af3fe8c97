"""The report: every figure beside ours, and what is missing with its reason."""

from pathlib import Path

from bench.report import Report
from bench.systems import SYSTEMS


def test_figures_stand_side_by_side(tmp_path: Path) -> None:
    """A cost of another system says how many times ours it is; of a latency nothing is said."""
    report = Report(skipped={"portkey": "node is not installed"})
    pair = ("anthropic", "chat")
    report.add(pair, "ours", {"1 KB: CPU, µs": 500.0, "1 KB: p50, ms": 1.0})
    report.add(pair, "litellm", {"1 KB: CPU, µs": 20_000.0, "1 KB: p50, ms": 18.0})
    report.write(tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "| 1 KB: CPU, µs | 500 | 20,000 (40×) |" in text
    assert "| 1 KB: p50, ms | 1 | 18 |" in text
    assert "not measured: portkey: node is not installed" in text
    assert (tmp_path / "figures.json").exists()


def test_each_system_says_what_it_lacks() -> None:
    """One that can be installed names the command."""
    lacking = [system for system in SYSTEMS if system.install and system.missing]
    assert all(f"--install {system.name}" in system.missing for system in lacking)
    assert {"ours", "direct"} <= {system.name for system in SYSTEMS if not system.missing}
