"""One intent, as each Chat model takes it."""

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.dialects.chat.effort import clamped, told
from stages.dialects.chat.families import COMPATIBLE, TABLE, Family
from stages.dialects.providers import names, provider
from stages.thinking import AS_FIT, LEVELS, OFF, Intent, Level


@pytest.mark.parametrize(
    ("wish", "efforts", "word"),
    [("max", ("low", "high"), "high"), ("minimal", ("low", "high"), "low"), ("medium", ("low", "high"), "low"),
     ("none", ("none", "low"), "none"), ("none", ("low",), "low"), ("low", ("none", "medium"), "medium"),
     ("low", (), None)],
)  # fmt: skip
def test_the_nearest_word(wish: Level, efforts: tuple[Level, ...], word: str | None) -> None:
    """The next lower, else the next higher; never none for who asked for some."""
    assert clamped(wish, efforts) == word


INTENTS = [OFF, AS_FIT, *(Intent(level) for level in LEVELS[1:]), Intent(budget=9000), Intent("low", 9000)]
ALL: list[Family] = [COMPATIBLE, *(ways for _, ways in TABLE)]
ALL += [ways for name in names() for ways in (provider(name).ways, *(ways for _, ways in provider(name).models))]


@given(st.sampled_from(INTENTS), st.sampled_from(ALL), st.booleans())
def test_no_model_is_told_what_it_refuses(intent: Intent, ways: Family, tools: bool) -> None:
    """A word that it has, none beside tools where it can't, and the provider's own switch; what is lost is said."""
    fields, lost = told(intent, ways, tools=tools)
    word = fields.get("reasoning_effort")
    switch = ways.quiet if intent.off else ways.awake
    if "reasoning_effort" not in (switch or {}):
        assert word is None or ways.efforts is None or word in ways.efforts
        assert ways.effort_with_tools or not tools or word in (None, "none")
        assert (word == "none") <= (intent.off or bool(tools))
    assert (switch or {}).items() <= fields.items()
    if not lost and intent.as_level() not in (None, word):
        assert intent.off or ways.quiet is not None  # off, by a switch or by nothing that it would understand


@pytest.mark.parametrize(
    ("intent", "ways", "fields", "lost"),
    [
        (OFF, COMPATIBLE, {}, False),
        (AS_FIT, COMPATIBLE, {}, False),
        (Intent(budget=9000), COMPATIBLE, {"reasoning_effort": "medium"}, False),
        (AS_FIT, attrs.evolve(COMPATIBLE, awake={"think": True}), {"think": True}, False),
        (Intent("high"), attrs.evolve(COMPATIBLE, awake={"think": True}, efforts=()), {"think": True}, True),
        (OFF, attrs.evolve(COMPATIBLE, quiet={"think": False}), {"think": False}, False),
        (Intent("high"), attrs.evolve(COMPATIBLE, efforts=()), {}, True),
    ],
)
def test_switches(intent: Intent, ways: Family, fields: Any, lost: bool) -> None:
    """A model of which nothing is known is told the word, and never "none", which it may refuse."""
    said, why = told(intent, ways, tools=False)
    assert (said, bool(why)) == (fields, lost)
