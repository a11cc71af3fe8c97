"""Presets: providers as data.  One file, one provider: the keys of an upstream that are the same for everyone.

    [upstreams.mine]
    preset = "openai"          # stages/presets/openai.toml, under whatever is said here

A provider that speaks a known dialect is added by a file; no code knows its name.
"""

import tomllib
from importlib.resources import files
from typing import Any

_FOLDER = "stages.presets"


def names() -> list[str]:
    """The presets there are."""
    return sorted(file.name.removesuffix(".toml") for file in files(_FOLDER).iterdir() if file.name.endswith(".toml"))


def read(name: str) -> dict[str, Any]:
    """The keys of an upstream that preset *name* supplies.  Raises LookupError."""
    if name not in names():
        raise LookupError(name)
    return tomllib.loads(files(_FOLDER).joinpath(f"{name}.toml").read_text(encoding="utf-8"))
