"""A place where another gateway's settings may stand, and what becomes of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from pipeline.config import Config
from pipeline.layers import Layers
from pipeline.layers import read as read_layers
from pipeline.naming import load
from pipeline.reading import ADOPT, settle


@attrs.frozen
class Old:
    """A working directory, and a home beside it; both are empty at first."""

    folder: Path
    home: Path

    def layers(self, environ: dict[str, str] | None = None, /, config: Path | None = None, **flags: str) -> Layers:
        """All layers, with the variables of *environ* and *flags* (``provider="groq"``)."""
        others = {f"--{name}": text for name, text in flags.items()}
        return read_layers(config, None, environ or {}, adopt=load(ADOPT), others=others)

    def tree(self, environ: dict[str, str] | None = None, /, **flags: Any) -> dict[str, Any]:
        """What they say."""
        return self.layers(environ, **flags).tree

    def config(self, environ: dict[str, str] | None = None, /, **flags: Any) -> Config:
        """The Config that they say."""
        return settle(self.layers(environ, **flags))

    def said(self, environ: dict[str, str] | None = None, /, **flags: Any) -> str:
        """What is reported."""
        return "\n".join(self.layers(environ, **flags).remarks)


def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Old]:
    """A fixture's body."""
    old = Old(tmp_path / "work", tmp_path / "home")
    for folder in (old.folder, old.home):
        folder.mkdir()
    monkeypatch.chdir(old.folder)
    monkeypatch.setenv("HOME", str(old.home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(old.home / "config"))
    yield old
