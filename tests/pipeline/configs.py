"""Configurations for tests: from TOML text, with an environment of their own."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.config import Config
from pipeline.layers import Layers
from pipeline.loading import Built, build
from pipeline.problems import ConfigError
from pipeline.reading import settle

NOTHING: Mapping[str, str] = {}


def layers(text: str = "", environ: Mapping[str, str] = NOTHING, *, beside: Path = Path()) -> Layers:
    """The layers of a pipeline.toml that says *text*."""
    tree, written = tomllib.loads(text), tomllib.loads(text)
    return Layers(tree=tree, written=written, file="pipeline.toml", environ=environ, beside=beside)


def configured(text: str = "", environ: Mapping[str, str] = NOTHING, *, upstream: str | None = None) -> Config:
    """The Config that *text* says."""
    return settle(layers(text, environ), upstream)


def built(text: str = "", environ: Mapping[str, str] = NOTHING) -> Built:
    """What *text* describes, constructed."""
    return build(configured(text, environ))


def refused(text: str, environ: Mapping[str, str] = NOTHING, *, upstream: str | None = None) -> list[str]:
    """The lines that say why *text* can't be used."""
    with pytest.raises(ConfigError) as caught:
        build(configured(text, environ, upstream=upstream))
    return caught.value.lines
