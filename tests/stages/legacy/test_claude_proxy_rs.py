"""claude-proxy-rs: every setting of it, and what it becomes."""

import pytest

from pipeline.problems import ConfigError
from pipeline.secret import Secret
from tests.stages.legacy.old import Old

EVERY = "0.0.0.0"  # noqa: S104  # an address they had, not one that is bound here
ADMIN = {"CLAUDE_PROXY_ADMIN_USERNAME": "ada", "CLAUDE_PROXY_ADMIN_PASSWORD": "long enough"}


def test_its_variables(old: Old) -> None:
    """All of them that have a meaning here."""
    config = old.config(
        ADMIN
        | {
            "CLAUDE_PROXY_HOST": EVERY,
            "CLAUDE_PROXY_PORT": "4097",
            "CLAUDE_PROXY_CORS_ORIGINS": "https://a.example.com/, http://localhost:5173",
            "CLAUDE_PROXY_CLOAK_MODE": "always",
            "RUST_LOG": "claude_proxy=debug",
            "ANTHROPIC_API_KEY": "sk-ant",
        }
    )
    assert (config.server.host, config.server.port) == (EVERY, 4097)
    assert config.server.cors == ("https://a.example.com", "http://localhost:5173")
    assert (config.admin.user, config.admin.password) == ("ada", Secret("long enough"))
    assert config.upstreams["anthropic"].client_identity == "always"
    assert config.upstreams["anthropic"].key == Secret("sk-ant")
    assert config.log.level == "debug"


def test_its_defaults(old: Old) -> None:
    """Nobody gets in without a key, and the upstream's stands in the store."""
    config = old.config(ADMIN)
    assert (config.server.host, config.server.port, config.server.cors) == ("127.0.0.1", 4096, "localhost")
    assert config.settings["auth"] == {"required": True}
    assert config.upstreams["anthropic"].keys == ()
    assert config.upstreams["anthropic"].client_identity == "never"


@pytest.mark.parametrize("origins", ["*", "localhost"])
def test_pages_that_may_ask(old: Old, origins: str) -> None:
    """Its two words are ours."""
    assert old.config(ADMIN | {"CLAUDE_PROXY_CORS_ORIGINS": origins}).server.cors == origins


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("CLAUDE_PROXY_PORT", "x", 'environment: CLAUDE_PROXY_PORT: expected a whole number, got "x"'),
        ("CLAUDE_PROXY_CLOAK_MODE", "x", "environment: CLAUDE_PROXY_CLOAK_MODE: expected one of"),
    ],
)
def test_what_it_passed_over_in_silence_is_told(old: Old, name: str, text: str, line: str) -> None:
    """It took its default for what it could not read."""
    with pytest.raises(ConfigError) as caught:
        old.config(ADMIN | {name: text})
    assert caught.value.lines[0].startswith(line)


def test_its_captures_go_where_they_went(old: Old) -> None:
    """Relative to where it was started, as there."""
    capture = old.config(ADMIN | {"CLAUDE_PROXY_CAPTURE_DIR": "kept"}).capture
    assert (capture.enabled, capture.folder) == (True, old.folder / "kept")


@pytest.mark.parametrize("name", ["CLAUDE_PROXY_DISABLE_AUTH", "CLAUDE_PROXY_DATABASE_URL"])
def test_what_has_no_meaning_is_told_with_its_reason(old: Old, name: str) -> None:
    """And changes nothing."""
    assert f"  {name} – " in old.said(ADMIN | {name: "1"})
    assert old.tree(ADMIN | {name: "1"}) == old.tree(ADMIN)


def test_its_database_is_not_touched(old: Old) -> None:
    """Neither under its own name nor under everybody's."""
    assert old.config(ADMIN | {"DATABASE_URL": "postgresql://x"}).store.url is None
    assert "its sign-in – does not come over" in old.said(ADMIN)
