"""What observes is opened, or the configuration says why not."""

import sys
from pathlib import Path

import pytest

from pipeline.observe.opening import observing
from pipeline.problems import ConfigError
from tests.pipeline.configs import configured


async def test_by_default_there_are_figures_and_a_ring() -> None:
    """No traces, and nothing is captured."""
    async with observing(configured()) as observer:
        assert observer.metrics is not None
        assert (observer.recent.most, observer.traces) == (500, None)
        assert observer.archive is not None
        assert not observer.archive.settings.enabled


async def test_a_folder_that_can_not_be_made_is_a_problem(tmp_path: Path) -> None:
    """Found at start, with its place."""
    taken = tmp_path / "file"
    taken.write_text("")  # small, local
    config = configured(f'[capture]\nenabled = true\nfolder = "{taken}/captures"\n')
    with pytest.raises(ConfigError) as refused:
        async with observing(config):
            pass
    (line,) = refused.value.lines
    assert line.startswith("pipeline.toml: capture.folder: ")


async def test_an_extra_that_is_not_installed_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which one is said."""
    monkeypatch.delitem(sys.modules, "pipeline.observe.traces", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigError, match="traces need the extra otel"):
        async with observing(configured('[traces]\nendpoint = "http://127.0.0.1:1/v1/traces"\n')):
            pass
