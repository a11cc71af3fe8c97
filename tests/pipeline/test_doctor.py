"""The command: upstreams of a configuration, a step a line, and an exit code."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.commands import doctor
from pipeline.loading import Built

TEXT = """
[store]
file = "pipeline.db"
[upstreams.well]
preset = "simulated"
[upstreams.ill]
dialect = "chat"
url = "http://127.0.0.1:9"
"""


def run(folder: Path, *args: str) -> Result:
    file = folder / "pipeline.toml"
    file.write_text(TEXT)
    return CliRunner().invoke(main, ["doctor", "-c", str(file), *args], catch_exceptions=False)


def test_one_that_is_well(tmp_path: Path) -> None:
    """Every step is ok, and so is the exit code; the other is left alone."""
    result = run(tmp_path, "well")
    assert result.exit_code == 0, result.output
    assert [line.split()[:2] for line in result.output.splitlines()[1:]] == [
        ["ok", step] for step in ("dns", "connect", "key", "model", "stream")
    ]
    assert "ill" not in result.output


def test_all_of_them(tmp_path: Path) -> None:
    """One that is ill makes the exit code 1, and does not keep the others from being examined."""
    result = run(tmp_path)
    assert result.exit_code == 1
    assert "FAIL  connect" in result.output
    assert "ok    stream" in result.output


def test_a_name_that_is_none(tmp_path: Path) -> None:
    """A line, and exit code 2."""
    result = run(tmp_path, "wel")
    assert result.exit_code == 2
    assert "did you mean well?" in result.output


def test_one_that_is_named_is_opened_alone(tmp_path: Path) -> None:
    """What another one needs may be missing: its authorities, its program."""
    file = tmp_path / "pipeline.toml"
    file.write_text(TEXT)
    opened: list[str] = []

    @asynccontextmanager
    async def noted(built: Built, store: Any) -> AsyncIterator[list[Any]]:
        opened.extend(plan.name for plan in built.plans)
        yield []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "opened", noted)
        CliRunner().invoke(main, ["doctor", "-c", str(file), "ill"], catch_exceptions=False)
    assert opened == ["ill"]
