"""Settings of a CLI upstream: what goes together, and what is no tool."""

from pathlib import Path

import pytest

from stages.claude_cli.settings import Settings
from tests.pipeline.configs import built, refused

UPSTREAM = '[upstreams.cli]\ndialect = "claude_cli"\n[upstreams.cli.settings]\n'


def test_nothing_needs_to_be_said() -> None:
    """No tool, no directory, a few at a time, a day's memory."""
    settings = Settings()
    assert (settings.command, settings.tools, settings.directory) == (("claude",), (), None)
    assert settings.complaints() == []


def test_tools_and_a_directory_belong_together() -> None:
    """Neither is of use, or harmless, without the other."""
    assert Settings(tools=("Read",), directory=Path("here")).complaints() == []
    assert "directory" in Settings(tools=("Read",)).complaints()[0]
    assert "tools" in Settings(directory=Path("here")).complaints()[0]
    assert Settings(command=("",)).complaints()
    assert Settings(command=()).complaints()


@pytest.mark.parametrize("tool", ["Read", "Bash(git log *)", "mcp__db__query", "WebFetch(domain:example.org)"])
def test_what_is_a_tool(tool: str) -> None:
    """A name, and what it may be used for."""
    (plan,) = built(f'{UPSTREAM}tools = ["{tool}"]\ndirectory = "."').plans
    assert plan.way.opener is not None


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ('tools = ["--dangerously-skip-permissions"]', "tools"),
        ('tools = ["Read,Bash"]', "tools"),
        ('tools = ["Bash(a,b)"]', "tools"),
        ('tools = ["Read"]', "settings"),
        ("concurrency = 0", "concurrency"),
        ("patience = -1", "patience"),
        ("sessions = -1", "sessions"),
        ("command = []", "settings"),
        ("comand = []", "comand"),
        ('environment = { A = { env = "NOT_THERE" } }', "environment"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(line: str, place: str) -> None:
    """Before anything is started."""
    (complaint,) = refused(UPSTREAM + line)
    assert complaint.startswith("pipeline.toml: upstreams.cli.settings")
    assert place in complaint


@pytest.mark.parametrize("line", ['url = "http://up.test"', 'serve = "stages.simulated:serve"', "client_key = true"])
def test_it_is_no_server(line: str) -> None:
    """An address, a server to be started, the caller's credential: none of them fits a program with a login."""
    (complaint,) = refused(f'[upstreams.cli]\ndialect = "claude_cli"\n{line}')
    assert complaint.startswith(f"pipeline.toml: upstreams.cli.{line.split()[0]}: claude_cli is a program")
