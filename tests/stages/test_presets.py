"""Presets: each file is an upstream, but for what is the user's."""

import attrs
import pytest

from pipeline.config import Upstream
from pipeline.layers import Layers
from pipeline.loading import build
from pipeline.reading import settle
from stages.presets.reading import names, read


def test_there_are_those_of_the_readme() -> None:
    """Two providers, and the built-in model."""
    assert {"anthropic", "openai", "simulated"} <= set(names())


@pytest.mark.parametrize("name", names())
def test_a_preset_holds_keys_of_an_upstream(name: str) -> None:
    """And says which protocol it speaks, and where it is."""
    preset = read(name)
    assert set(preset) <= {field.name for field in attrs.fields(Upstream)} - {"preset"}
    assert "dialect" in preset
    assert ("url" in preset) != ("serve" in preset)


@pytest.mark.parametrize("name", names())
def test_a_preset_and_a_key_are_enough(name: str) -> None:
    """``--upstream NAME`` with the key in the environment."""
    key = read(name)["key"]
    environ = {key["env"]: "sk"} if isinstance(key, dict) else {}
    (plan,) = build(settle(Layers(environ=environ), name)).plans
    assert plan.name == name


@pytest.mark.parametrize("name", ["nobody", "../presets/openai", ""])
def test_there_are_no_others(name: str) -> None:
    """A name is no path."""
    with pytest.raises(LookupError):
        read(name)
