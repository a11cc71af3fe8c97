"""claude-proxy with a TOML file: every key of it, and what it becomes."""

from pathlib import Path

import pytest

from pipeline.loading import build
from pipeline.problems import ConfigError
from pipeline.secret import Secret
from stages.presets import reading as presets
from tests.stages.legacy.old import Old

KEYS = {"API_KEY": "k"}
ITS_PRESETS = ["openai", "openrouter", "fireworks", "grok", "together", "groq", "deepseek", "anthropic"]


def put(old: Old, text: str) -> Path:
    file = old.folder / "claude-proxy.toml"
    file.write_text(text)
    return file


def test_its_keys(old: Old) -> None:
    """All of them."""
    put(
        old,
        """
        port = 4223
        [provider]
        name = "mine"
        base_url = "http://127.0.0.1:9/v1"
        api_key_env = "MINE"
        format = "openai"
        [models]
        "claude-sonnet-4-5" = "large"
        """,
    )
    config = old.config({"MINE": "k"})
    upstream = config.upstreams["mine"]
    assert (upstream.dialect, upstream.url, upstream.key) == ("chat", "http://127.0.0.1:9/v1", Secret("k"))
    assert config.settings["model_map"] == {"aliases": {"claude-sonnet-4-5": "large"}}
    assert (config.server.host, config.server.port) == ("127.0.0.1", 4223)


@pytest.mark.parametrize("name", ITS_PRESETS)
def test_its_providers_are_ours(old: Old, name: str) -> None:
    """In upper and lower case; the variable was API_KEY, unless a flag chose the provider."""
    put(old, f'[provider]\nname = "{name.upper()}"\n')
    [(ours, upstream)] = old.config(KEYS).upstreams.items()
    preset = presets.read(ours)
    assert (upstream.url, upstream.dialect, upstream.key) == (preset["url"], preset["dialect"], Secret("k"))
    own = {preset["key"]["env"]: "own"}
    assert old.config(own).upstreams[ours].key == Secret("own")
    assert old.config(KEYS | own, provider=name).upstreams[ours].key == Secret("own")


def test_a_flag_needs_no_file(old: Old) -> None:
    """The provider's own variable is its key; port 4222."""
    config = old.config({"GROQ_API_KEY": "g"}, provider="Groq")
    assert (config.upstreams["groq"].key, config.server.port) == (Secret("g"), 4222)


def test_the_files_address_survives_the_flag(old: Old) -> None:
    """As it did."""
    put(old, '[provider]\nname = "openai"\nbase_url = "http://127.0.0.1:9"\n')
    upstream = old.config({"GROQ_API_KEY": "g"}, provider="groq").upstreams["groq"]
    assert (upstream.url, upstream.key) == ("http://127.0.0.1:9", Secret("g"))


def test_a_key_in_the_file(old: Old) -> None:
    """Is not shown."""
    put(old, '[provider]\nname = "openai"\napi_key = "hunter2"\n')
    assert old.config().upstreams["openai"].key == Secret("hunter2")
    assert "hunter2" not in old.said()


def test_another_format_than_the_presets(old: Old) -> None:
    """Its address and its key are still known."""
    put(old, '[provider]\nname = "deepseek"\nformat = "anthropic"\nbase_url = "https://api.deepseek.com/anthropic"\n')
    upstream = old.config({"DEEPSEEK_API_KEY": "d"}).upstreams["deepseek"]
    assert (upstream.dialect, upstream.url, upstream.key) == (
        "anthropic",
        "https://api.deepseek.com/anthropic",
        Secret("d"),
    )


def test_what_it_was_told_to_drop_is_dropped(old: Old) -> None:
    """It read that, and never did it; names are rules then, since one rule holds for a request."""
    put(old, '[provider]\nname = "groq"\n[models]\na = "b"\n[params]\ndrop = ["top_k", "metadata"]\n')
    config = old.config(KEYS)
    rules = dict(build(config).line.stages)["model_map"].rules
    assert [(rule.match, rule.model, rule.drop) for rule in rules] == [
        ("a", "b", ("top_k", "metadata")),
        ("*", None, ("top_k", "metadata")),
    ]


def test_it_is_known_by_what_it_says_wherever_it_is(old: Old) -> None:
    """-c names it, too; one of ours with a stage called provider is ours."""
    file = put(old, 'port = 1\n[provider]\nname = "groq"\n').rename(old.home / "config.toml")
    assert old.config(KEYS, config=file).server.port == 1
    assert f"known by {file}" in old.said(KEYS, config=file)
    file.write_text('[server]\nport = 1\n[provider]\nname = "groq"\n')
    assert old.said(KEYS, config=file) == ""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[provider]\nname = "nobody"\napi_key = "k"\n', "claude-proxy.toml: provider.name: required, but missing"),
        ('[provider]\nname = "groq"\n', "preset groq takes its key from the environment variable GROQ_API_KEY"),
        ('[provider]\nname = "groq"\napi_key_env = "X"\n', "claude-proxy.toml: provider.api_key_env: the environment"),
        ('port = "x"\n[provider]\nname = "groq"\napi_key = "k"\n', "claude-proxy.toml: port: expected a whole number"),
        ('[provider]\nname = "groq"\napi_key = "k"\nformat = "soap"\n', "claude-proxy.toml: provider.format: unknown"),
    ],
)
def test_what_is_wrong_is_told_as_its_file_has_it(old: Old, text: str, line: str) -> None:
    """Its words, its file."""
    put(old, text)
    with pytest.raises(ConfigError) as caught:
        build(old.config())
    assert any(line in each for each in caught.value.lines), caught.value.lines


def test_keys_that_it_did_not_have_are_told(old: Old) -> None:
    """None goes by in silence."""
    put(old, 'colour = 1\n[provider]\nname = "groq"\nshape = 2\n')
    assert "colour – is no setting of it" in old.said(KEYS)
    assert "provider.shape – is no setting of it" in old.said(KEYS)
