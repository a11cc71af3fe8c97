"""The classes, and the example that shows every key of them."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from pipeline.config import Config, Entry, Log, Server, Tls, Upstream
from pipeline.credentials.settings import OAuth
from pipeline.layers import Layers
from pipeline.loading import build
from pipeline.naming import built_in, load
from pipeline.observe.settings import Capture, Metrics, Traces
from pipeline.reading import OWN_KEYS, settle
from pipeline.store.settings import Settings
from stages import claude_cli

EXAMPLE = Path(__file__).parents[2] / "pipeline.example.toml"
ENVIRON = {"ANTHROPIC_API_KEY": "a", "OPENAI_API_KEY": "o", "WORK_OPENAI_KEY": "w", "ADA_KEY": "k"}
ENVIRON |= {"PIPELINE_DATABASE": "postgresql://", "PIPELINE_PEPPER": "p", "PIPELINE_ADMIN_PASSWORD": "a"}
ENVIRON |= {"PIPELINE_SECRET_KEY": "a key of many letters", "OLD_SECRET_KEY": "an old key of letters"}
ENVIRON |= {"PIPELINE_METRICS_TOKEN": "m", "COLLECTOR_KEY": "c"}
ENVIRON |= {"SECOND_KEY": "second", "COMPANY_CLIENT_SECRET": "c"}

STAGES = """
def house_rules(exchange):
    pass

def shout(exchange):
    pass
"""


def uncommented() -> str:
    """The example with every key taken out of its comment."""
    return re.sub(r"(?m)^#(?=[\w\[])", "", EXAMPLE.read_text())


@pytest.fixture
def beside(place_of_modules: Path) -> Path:
    """A directory with what the example names."""
    (place_of_modules / "my_stages.py").write_text(STAGES)
    return place_of_modules


def test_the_example_is_a_configuration() -> None:
    """As it is, it says nothing: the defaults."""
    tree = tomllib.loads(EXAMPLE.read_text())
    config = settle(Layers(tree=tree))
    assert attrs.evolve(config, settings={}) == settle(Layers())


def test_the_example_shows_valid_keys(beside: Path) -> None:
    """Taken out of their comments all together they make a configuration."""
    tree = tomllib.loads(uncommented())
    for files in (
        ("server", "tls"),
        ("upstreams", "local", "ca"),
        ("meter", "prices"),
    ):  # there are none of these names here
        table = tree
        for key in files[:-1]:
            table = table[key]
        del table[files[-1]]
    config = settle(Layers(tree=tree, environ=ENVIRON, beside=beside))
    assert set(config.upstreams) == {"anthropic", "openai", "local", "company", "cli", "pretend"}
    assert "rules" in dict(build(config).line.stages)


def test_the_example_shows_every_key() -> None:
    """Of every class of ours, and of every stage that comes with us."""
    tree = tomllib.loads(uncommented())
    entries = [*tree["stages"], *tree["upstreams"]["local"]["stages"]]
    shown: dict[type, set[str]] = {
        Server: set(tree["server"]),
        Tls: set(tree["server"]["tls"]),
        Log: set(tree["log"]),
        Settings: set(tree["store"]),
        Metrics: set(tree["metrics"]),
        Capture: set(tree["capture"]),
        Traces: set(tree["traces"]),
        Upstream: set().union(*tree["upstreams"].values()),
        OAuth: set(tree["upstreams"]["company"]["oauth"]),
        claude_cli.Settings: set(tree["upstreams"]["cli"]["settings"]),
        Entry: set().union(*entries) & OWN_KEYS,
        Config: set(tree) | {"settings", "unused", "layers"},  # these three are no keys
    }
    for kind, keys in shown.items():
        expected = {field.name for field in attrs.fields(kind)} - ({"settings"} if kind is Entry else set())
        assert expected <= keys, kind
    for name, kind in stage_classes():
        assert set(keys_of(kind)) <= set(tree.get(name, {})), name


def stage_classes() -> Iterator[tuple[str, Any]]:
    """The built-in stages that have settings."""
    for name in built_in():
        stage = load(name)
        if isinstance(stage, type) and attrs.has(stage):
            yield name, stage


def keys_of(kind: Any) -> list[str]:
    return [field.name for field in attrs.fields(kind) if field.init]


def test_the_example_tells_the_defaults() -> None:
    """Where there is one, the number shown is the one that holds."""
    tree = tomllib.loads(uncommented())
    told = {"names", "tls", "file"}  # without a default: an example
    config = settle(Layers())
    assert {key: value for key, value in tree["server"].items() if key not in told} == {
        key: value for key, value in attrs.asdict(config.server).items() if key not in told
    }
    assert {key: value for key, value in tree["log"].items() if key not in told} == {
        key: value for key, value in attrs.asdict(config.log).items() if key not in told
    }
    for key in ("spool", "patience", "stale"):
        assert tree["store"][key] == getattr(config.store, key)
    local = tree["upstreams"]["local"]
    for key in ("client_key", "connect", "first_byte", "idle", "proxy"):
        assert local[key] == attrs.fields_dict(Upstream)[key].default


def test_configuration_is_immutable() -> None:
    """What was read is what runs."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Config().server.port = 1  # type: ignore[misc]  # the point
