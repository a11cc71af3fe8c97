"""Which model takes what, by name."""

import pytest

from stages.dialects.chat.families import COMPATIBLE, TABLE, family
from stages.thinking import LEVELS


@pytest.mark.parametrize(
    "name", ["gpt-5", "gpt-5.1-codex-max", "gpt-6-sol", "o1", "o3-mini", "o4-mini", "codex-mini-latest"]
)
def test_openais_reasoning_models(name: str) -> None:
    """They hear developers, take max_completion_tokens, and refuse sampling and stops."""
    ways = family(name)
    assert (ways.role, ways.limit, ways.sampling, ways.stops) == ("developer", "max_completion_tokens", False, 0)
    assert ways.efforts


@pytest.mark.parametrize("name", ["gpt-4.1-mini", "gpt-4o", "gpt-5-chat-latest", "gpt-5.2-chat-latest"])
def test_openais_other_models(name: str) -> None:
    """They hear a system, take sampling and four stops, and refuse an effort."""
    ways = family(name)
    assert (ways.role, ways.sampling, ways.stops, ways.efforts) == ("system", True, 4, ())


@pytest.mark.parametrize("name", ["llama-3", "deepseek-v4-pro", "gpt-oss-120b", "openai/gpt-5", "olmo", "orca"])
def test_all_others_are_compatible(name: str) -> None:
    """Other servers' models, also OpenAI's behind another's door, get the oldest spelling."""
    assert family(name) is COMPATIBLE


def test_efforts_are_on_the_ladder() -> None:
    """Every word in the table is one, in rising order."""
    for _, ways in TABLE:
        places = [LEVELS.index(word) for word in ways.efforts or ()]
        assert places == sorted(places)
