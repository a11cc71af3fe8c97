"""Resolved: what came out of all layers, without a secret."""

import tomllib

import pytest

from pipeline.resolved import resolved
from pipeline.secret import Secret
from tests.pipeline.configs import built

TEXT = """
without = ["thinking_suffix"]
[server]
names = ["a"]
[upstreams."my own"]
preset = "openai"
key = { env = "K" }
headers = { x-team = "tools", authorization = "Basic hunter2", x-secret = { env = "K" } }
proxy = "http://user:hunter2@proxy:3128"
stages = [{ use = "cache_breakpoints", ttl = "1h" }]
[upstreams.b]
preset = "simulated"
[auth]
keys = [{ name = "ada", key = "hunter2" }]
[model_map]
aliases = { fast = "gpt-6-sol" }
"""


def test_it_is_toml_and_says_what_is_in_force() -> None:
    """Presets, defaults and settings of stages included."""
    tree = tomllib.loads(resolved(built(TEXT, {"K": "hunter2"})))
    assert tree["without"] == ["thinking_suffix"]
    assert tree["server"]["port"] == 4096
    assert tree["upstreams"]["my own"]["url"] == "https://api.openai.com/v1"
    assert tree["upstreams"]["my own"]["stages"] == [{"use": "cache_breakpoints", "ttl": "1h"}]
    assert tree["auth"]["keys"] == [{"name": "ada", "key": "***", "models": ["*"]}]
    assert tree["model_map"] == {"aliases": {"fast": "gpt-6-sol"}, "answer_as": "asked"}
    assert tree["cache_breakpoints"]["ttl"] == "5m"


def test_no_secret_is_in_it() -> None:
    """Neither one of our type, nor one that a header, a proxy or a stranger's setting holds."""
    text = resolved(built(TEXT, {"K": "hunter2"}))
    assert "hunter2" not in text
    assert 'headers = { x-team = "tools", authorization = "***", x-secret = "***" }' in text
    assert 'proxy = "http://proxy:3128"' in text


@pytest.mark.parametrize("how", [str, repr, "{}".format, "{!r:>9}".format])
def test_a_secret_never_shows_itself(how: object) -> None:
    """However it is printed."""
    assert "hunter2" not in how(Secret("hunter2"))  # type: ignore[operator]  # each is a way to print
