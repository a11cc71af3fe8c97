"""Where the older systems looked for their files."""

from pathlib import Path

import pytest

from stages.legacy.files import candidates
from tests.stages.legacy.old import Old

TOML = '[provider]\nname = "ollama"\n'
DOTENV = "UPSTREAM_BASE_URL=http://127.0.0.1:9\n"


@pytest.mark.parametrize(
    "place", ["config/claude-proxy/config.toml", ".config/claude-proxy/config.toml", ".claude-proxy.toml"]
)
def test_their_toml_is_found_in_the_home(old: Old, place: str) -> None:
    """In each of the places that had its name."""
    file = old.home / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(TOML)
    environ = {"XDG_CONFIG_HOME": str(old.home / "config")}
    assert f"known by {file}" in old.said(environ)


def test_what_was_read_is_watched(old: Old) -> None:
    """As files of ours are: what changes in them is taken over."""
    (old.folder / "claude-proxy.toml").write_text(TOML)
    assert old.layers().files == (Path("claude-proxy.toml"),)
    (old.folder / "claude-proxy.toml").unlink()
    (old.home / ".anthropic-proxy.env").write_text(DOTENV)
    assert old.layers().files == (old.home / ".anthropic-proxy.env",)


def test_the_nearest_toml_counts(old: Old) -> None:
    """That of the working directory before the home's."""
    (old.folder / "claude-proxy.toml").write_text("port = 1\n" + TOML)
    (old.home / ".claude-proxy.toml").write_text("port = 2\n" + TOML)
    assert old.tree()["server"]["port"] == 1


def test_their_dotenv_is_found_above_and_in_the_home(old: Old) -> None:
    """Above the working directory first; its variables can be named by settings."""
    (old.home / ".anthropic-proxy.env").write_text(DOTENV + "UPSTREAM_API_KEY=home\n")
    assert old.config().upstreams["upstream"].key is not None
    assert f"({old.home / '.anthropic-proxy.env'})" in old.said()
    (old.folder.parent / ".env").write_text(DOTENV + "PORT=1\n")
    assert old.config().server.port == 1


def test_a_dotenv_here_ends_their_search(old: Old) -> None:
    """The first file counts, also where it says nothing of them."""
    (old.home / ".anthropic-proxy.env").write_text(DOTENV)
    (old.folder / ".env").write_text("PORT=1\n")
    assert old.tree() == {}


@pytest.mark.parametrize("text", ["nonsense\n", "PORT=1\n", "UPSTREAM_BASE_URL=\n"])
def test_a_file_above_that_is_somebody_elses_is_left_alone(old: Old, text: str) -> None:
    """It may be broken, for all we care."""
    (old.folder.parent / ".env").write_text(text)
    assert old.tree() == {}


@pytest.mark.parametrize(
    "text", ["no toml", "[provider]\n", "provider = 1\n", '[server]\nport = 1\n[provider]\nname = "x"']
)
def test_a_toml_that_only_bears_their_name_is_left_alone(old: Old, text: str) -> None:
    """What says no provider is none of theirs."""
    (old.folder / "claude-proxy.toml").write_text(text)
    assert old.tree() == {}


def test_what_is_looked_at_can_be_shown(old: Old) -> None:
    """As --show-config-paths does."""
    assert Path("claude-proxy.toml") in candidates()
    assert old.home / ".anthropic-proxy.env" in candidates()
