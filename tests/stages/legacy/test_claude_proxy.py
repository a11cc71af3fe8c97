"""claude-proxy, the Python package: every setting of it, and what it becomes."""

import pytest

from pipeline.loading import build
from pipeline.secret import Secret
from tests.stages.legacy.old import Old

EVERY = "0.0.0.0"  # noqa: S104  # an address they had, not one that is bound here
KEYED = {"OPENAI_API_KEY": "sk-o", "CLAUDE_PROXY_BIG_MODEL": "gpt-4o"}


def test_its_variables(old: Old) -> None:
    """All of them that have a meaning here."""
    config = old.config(
        {
            "OPENAI_API_KEY": "sk-o",
            "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
            "CLAUDE_PROXY_BIG_MODEL": "large",
            "CLAUDE_PROXY_SMALL_MODEL": "little",
            "CLAUDE_PROXY_HOST": EVERY,
            "CLAUDE_PROXY_PORT": "8086",
            "CLAUDE_PROXY_LOG_LEVEL": "WARNING",
            "CLAUDE_PROXY_REQUEST_TIMEOUT": "90",
            "CLAUDE_PROXY_AUTH_KEY": "shown",
            "CLAUDE_PROXY_MAX_TOKENS_LIMIT": "4096",
        }
    )
    upstream = config.upstreams["upstream"]
    assert (upstream.dialect, upstream.url, upstream.key) == ("chat", "http://127.0.0.1:9/v1", Secret("sk-o"))
    assert (upstream.connect, upstream.first_byte, upstream.idle) == (90.0, 90.0, 90.0)
    models = {"small": "little", "reasoning_model": "large", "completion_model": "large"}
    assert config.settings["model_map"] == models
    assert (config.server.host, config.server.port, config.log.level) == (EVERY, 8086, "warning")
    assert [holder.key for holder in dict(build(config).line.stages)["auth"].keys] == [Secret("shown")]


def test_its_defaults(old: Old) -> None:
    """OpenAI, its models, port 8085."""
    config = old.config({"OPENAI_API_KEY": "sk-o"}, legacy="claude-proxy")
    assert config.upstreams["openai"].url == "https://api.openai.com/v1"
    assert config.settings["model_map"]["small"] == "gpt-4o-mini"
    assert config.settings["model_map"]["completion_model"] == "gpt-4o"
    assert config.server.port == 8085


def test_without_a_key_callers_bring_theirs(old: Old) -> None:
    """On every address, as there: a key that is not ours protects itself."""
    environ = {"CLAUDE_PROXY_BIG_MODEL": "m", "CLAUDE_PROXY_AUTH_KEY": "ignored"}
    config = old.config(environ)
    assert (config.upstreams["openai"].client_key, config.server.host) == (True, EVERY)
    assert "auth" not in config.settings
    assert "CLAUDE_PROXY_AUTH_KEY – goes with a key of its own" in old.said(environ)
    assert build(config)


@pytest.mark.parametrize("host", ["", EVERY, "10.0.0.7", "::"])
def test_its_own_key_is_not_everybodys(old: Old, host: str) -> None:
    """Without a key that callers show it listens on this machine alone, and says why."""
    environ = KEYED | {"CLAUDE_PROXY_HOST": host}
    assert old.config(environ).server.host == "127.0.0.1"
    assert f"was {host or EVERY}: set CLAUDE_PROXY_AUTH_KEY" in old.said(environ)


def test_a_host_of_this_machine_stays(old: Old) -> None:
    """It is nobody else's anyway."""
    assert old.config(KEYED | {"CLAUDE_PROXY_HOST": "::1"}).server.host == "::1"


def test_its_variables_in_lower_case(old: Old) -> None:
    """As it read them, and from the same .env."""
    (old.folder / ".env").write_text("claude_proxy_big_model=large\nopenai_api_key=sk-o\n")
    config = old.config()
    assert config.settings["model_map"]["completion_model"] == "large"
    assert config.upstreams["openai"].key == Secret("sk-o")


def test_what_it_never_applied_is_told(old: Old) -> None:
    """With what does so here."""
    said = old.said(KEYED | {"CLAUDE_PROXY_MAX_TOKENS_LIMIT": "4096"})
    assert "CLAUDE_PROXY_MAX_TOKENS_LIMIT – was never applied there; stages.examples.cap_tokens does that" in said
