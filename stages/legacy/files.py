"""Files: where the older systems looked for theirs, beyond where ours are looked for.

    .env of a folder above            claude-proxy-rs and anthropic-proxy-rs looked there
    ~/.anthropic-proxy.env, /etc/anthropic-proxy/.env
    claude-proxy.toml, the user's configuration directory, ~/.claude-proxy.toml

The first that is there counts, and only if it is what its name says: one that can't be read, or is somebody else's, is
as good as none.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from os.path import isfile  # where Path.is_file raises: for a folder that is closed to us
from pathlib import Path
from typing import Any

import attrs

from pipeline.layers import Asked, read_dotenv, read_toml
from pipeline.problems import ConfigError
from stages.legacy import claude_proxy_toml
from stages.legacy.anthropic_proxy_rs import SYSTEM as ANTHROPIC_PROXY_RS
from stages.legacy.claude_proxy_rs import SYSTEM as CLAUDE_PROXY_RS

FOLDER = "claude-proxy"
TOML = "claude-proxy.toml"
MARKS = (*CLAUDE_PROXY_RS.marks, *ANTHROPIC_PROXY_RS.marks)


@attrs.frozen
class Files:
    """What they hold; empty where there is none."""

    toml: Mapping[str, Any] = attrs.field(factory=dict)
    toml_name: str = ""
    dotenv: Mapping[str, str] = attrs.field(factory=dict)
    dotenv_name: str = ""

    @classmethod
    def found(cls, asked: Asked, *, toml: bool) -> "Files":
        """Look for them.  *toml*: what *asked* brings is such a file, so that no other is looked for."""
        tree, name = (asked.toml, asked.ours) if toml else first_toml(asked.environ)
        held, dotenv = ({}, "") if asked.dotenv_file else first_dotenv()
        return cls(tree, name, held, dotenv)


def candidates() -> list[Path]:
    """The files that bear a system's own name."""
    return [*toml_files(os.environ), *own_dotenv()]


def first_toml(environ: Mapping[str, str]) -> tuple[Mapping[str, Any], str]:
    """The first TOML file of the system that has one."""
    for file in toml_files(environ):
        try:
            tree = read_toml(file) if isfile(file) else {}
        except ConfigError:
            continue
        if claude_proxy_toml.owns(tree):
            return tree, str(file)
    return {}, ""


def toml_files(environ: Mapping[str, str]) -> Iterator[Path]:
    """Where it would be, in its order."""
    home = Path.home()
    yield Path(TOML)
    if sys.platform == "darwin":
        yield home / "Library" / "Application Support" / FOLDER / "config.toml"
    else:
        if folder := environ.get("XDG_CONFIG_HOME"):
            yield Path(folder) / FOLDER / "config.toml"
        yield home / ".config" / FOLDER / "config.toml"
    yield home / f".{TOML}"


def first_dotenv() -> tuple[Mapping[str, str], str]:
    """The first .env file that is one system's own, or has what identifies it."""
    for file in dotenv_files():
        try:
            held = read_dotenv(file) if isfile(file) else {}
        except ConfigError:
            continue
        if any(held.get(name) for name in MARKS):
            return held, str(file)
    return {}, ""


def dotenv_files() -> Iterator[Path]:
    """Where it would be, in its order; the working directory's is ours as well, and was looked at."""
    yield from (folder / ".env" for folder in Path.cwd().parents)
    yield from own_dotenv()


def own_dotenv() -> Iterator[Path]:
    """Those of them that bear a name of their own."""
    yield Path.home() / ".anthropic-proxy.env"
    yield Path("/etc/anthropic-proxy/.env")
