"""anthropic-proxy-rs: every setting of it, and what it becomes."""

import pytest

from pipeline.secret import Secret
from tests.stages.legacy.old import Old

URL = {"UPSTREAM_BASE_URL": "http://127.0.0.1:9/v1"}


def test_its_variables(old: Old) -> None:
    """All of them, as its README has them."""
    config = old.config(
        {
            "UPSTREAM_BASE_URL": "https://openrouter.ai/api",
            "UPSTREAM_API_KEY": "sk-or",
            "PORT": "3001",
            "REASONING_MODEL": "thinker",
            "COMPLETION_MODEL": "talker",
            "DEBUG": "true",
        }
    )
    upstream = config.upstreams["openrouter"]
    assert (upstream.dialect, upstream.provider, upstream.url) == ("chat", "openrouter", "https://openrouter.ai/api")
    assert upstream.key == Secret("sk-or")
    assert (config.server.host, config.server.port) == ("127.0.0.1", 3001)
    assert config.settings["model_map"] == {"reasoning_model": "thinker", "completion_model": "talker"}
    assert (config.log.level, config.log.bodies) == ("debug", False)


def test_its_defaults(old: Old) -> None:
    """Port 3000, no key, names as they come."""
    config = old.config(URL)
    assert (config.server.port, config.upstreams["upstream"].key) == (3000, None)
    assert (config.settings, config.log.level) == ({}, "info")


def test_its_other_names(old: Old) -> None:
    """The first that is set counts; an empty key is none."""
    config = old.config(
        {"ANTHROPIC_PROXY_BASE_URL": "http://127.0.0.1:9", "UPSTREAM_API_KEY": "", "OPENROUTER_API_KEY": "other"}
    )
    assert config.upstreams["upstream"].key == Secret("other")
    assert old.config({**URL, "UPSTREAM_API_KEY": " ", "REASONING_MODEL": ""}).upstreams["upstream"].key is None


@pytest.mark.parametrize(
    ("variables", "level", "bodies"),
    [
        ({"VERBOSE": "1"}, "debug", True),
        ({"VERBOSE": "yes"}, "info", False),
        ({"DEBUG": "1", "RUST_LOG": "warn"}, "warning", False),
        ({"VERBOSE": "true", "RUST_LOG": "anthropic_proxy=error,debug"}, "error", True),
    ],
)
def test_what_it_logs(old: Old, variables: dict[str, str], level: str, bodies: bool) -> None:
    """RUST_LOG wins over the others, as it did."""
    log = old.config(URL | variables).log
    assert (log.level, log.bodies) == (level, bodies)


def test_what_it_did_without_being_asked_is_told(old: Old) -> None:
    """It was everybody's, on every address."""
    assert "its address – every address, and no key" in old.said(URL)
    assert "its CORS – every page" in old.said(URL)


def test_without_its_address_it_does_not_start(old: Old) -> None:
    """Where --legacy names it, and there is nothing to go by."""
    said = old.said(legacy="anthropic-proxy-rs")
    assert 'upstreams.upstream.url = ""' in said
