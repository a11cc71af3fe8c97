"""How the CLI is started: what stands on its command line and in its environment, and what never does."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.secret import Secret
from stages.claude_cli.invocation import arguments, environment
from stages.claude_cli.settings import Settings
from stages.dialects.claude_cli.prompt import Asked

SECRET = "what the caller said"


def line(settings: Settings | None = None, **fields: Any) -> tuple[str, ...]:
    asked = Asked("sonnet", [{"role": "user", "content": [{"type": "text", "text": SECRET}]}], [SECRET], **fields)
    return arguments(settings or Settings(), asked, ("--no-session-persistence",))


def test_nothing_a_caller_wrote_is_on_the_command_line() -> None:
    """Anyone on the machine can read it there, and it may hold 128 KiB."""
    assert SECRET not in " ".join(line(session=SECRET))


def test_every_option_is_one_word() -> None:
    """A value that begins with a hyphen can't become an option, nor a list swallow what follows it."""
    first, *options = line(
        Settings(command=("claude",), tools=("Read", "Bash(ls *)"), directory=Path(".")), effort="low"
    )
    assert first == "claude"
    assert all(option.startswith("--") for option in options)


def test_without_tools_there_is_nothing_to_permit() -> None:
    """No tool, no file that a prompt mentions, no settings or hooks of the user's."""
    options = set(line())
    assert {"--tools=", "--disallowedTools=Read(//**)", "--restricted", "--safe-mode", "--strict-mcp-config",
            "--disable-slash-commands", "--setting-sources=", "--permission-mode=dontAsk"} <= options  # fmt: skip
    assert not any(option.startswith("--allowedTools") for option in options)


def test_tools_are_those_of_the_operators_list() -> None:
    """And anything else is denied: permissions are never bypassed."""
    options = line(Settings(tools=("Read", "Bash(git log *)", "Bash(ls *)"), directory=Path(".")))
    assert "--tools=Read,Bash" in options
    assert "--allowedTools=Read,Bash(git log *),Bash(ls *)" in options
    assert {"--permission-mode=dontAsk", "--restricted"} <= set(options)
    assert not any("bypass" in option or "skip-permissions" in option for option in options)


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({}, {"--thinking-display=summarized"}),
        ({"effort": "xhigh", "thinking": {"type": "adaptive"}}, {"--effort=xhigh", "--thinking-display=summarized"}),
        ({"effort": "--evil"}, {"--thinking-display=summarized"}),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2000, "display": "omitted"}},
            {"--max-thinking-tokens=2000", "--thinking-display=omitted"},
        ),
        ({"thinking": {"type": "disabled"}}, {"--thinking=disabled", "--thinking-display=summarized"}),
        ({"thinking": {"budget_tokens": "--evil"}}, {"--thinking-display=summarized"}),
    ],
)
def test_how_much_to_think(fields: dict[str, Any], options: set[str]) -> None:
    """As the prompt says."""
    found = {option for option in line(**fields) if "think" in option or "effort" in option}
    assert found == options


def test_its_environment_is_not_ours() -> None:
    """Neither keys of other upstreams nor an address that leads back to the gateway; what it needs for its login."""
    ours = {
        "PATH": "/bin", "HOME": "/h", "LC_ALL": "C", "https_proxy": "http://p", "XDG_CONFIG_HOME": "/c",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:4096", "ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k", "PATHS": "x",
        "CLAUDE_CODE_USE_BEDROCK": "1",
    }  # fmt: skip
    made = environment(Settings(), ours, [])
    assert {name for name in made if name in ours} == {"PATH", "HOME", "LC_ALL", "https_proxy", "XDG_CONFIG_HOME"}
    assert made["CLAUDE_CODE_MAX_RETRIES"] == "0"


def test_what_the_operator_sets_wins() -> None:
    """Over what is passed on, over what we set, over the upstream's key; secrets as they are."""
    settings = Settings(environment={"PATH": "/mine", "CLAUDE_CODE_MAX_RETRIES": "3", "TOKEN": Secret("t")})
    made = environment(settings, {"PATH": "/bin"}, [(b"x-api-key", b"k")], 77)
    assert (made["PATH"], made["CLAUDE_CODE_MAX_RETRIES"], made["TOKEN"]) == ("/mine", "3", "t")
    assert (made["ANTHROPIC_API_KEY"], made["CLAUDE_CODE_MAX_OUTPUT_TOKENS"]) == ("k", "77")
