"""A command line with a store of its own."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs ``python -m pipeline`` with the given words."""
    config = tmp_path / "pipeline.toml"
    config.write_text('[store]\nfile = "pipeline.db"\npepper = "p"\n[upstreams.up]\npreset = "simulated"\n')

    def ran(*words: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(main, ["-c", str(config), *words], input=typed, catch_exceptions=False)

    return ran
