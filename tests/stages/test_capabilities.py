"""The table of models: found under any spelling, and true to itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.capabilities import LADDER, TABLE, Capability, Effort, capability


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("claude-opus-4-5", "claude-opus-4-5"),
        ("claude-opus-4-5-20251101", "claude-opus-4-5"),
        ("claude-opus-4.5", "claude-opus-4-5"),
        ("Claude-Sonnet-5", "claude-sonnet-5"),
        ("claude-sonnet-5-20260630", "claude-sonnet-5"),
        ("claude-sonnet-5-5", "claude-sonnet-5-5"),
        ("claude-sonnet-5-5-20261001", "claude-sonnet-5-5"),
        ("claude-sonnet-5-latest", "claude-sonnet-5"),
        ("claude-opus-5-5[1m]", "claude-opus-5-5"),
        ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("us.anthropic.claude-opus-4-5-20251101-v1:0", "claude-opus-4-5"),
        ("anthropic/claude-fable-5.2", "claude-fable-5-2"),
        ("claude-mythos-preview", "claude-mythos-preview"),
    ],
)
def test_a_model_is_found_under_any_spelling(spelling: str, name: str) -> None:
    """Dated, prefixed by a cloud, dotted, with a variant behind."""
    assert capability(spelling) is TABLE[name]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "gpt-6-sol",
        "claude",
        "claude-opus-9",
        "my-claude-opus-4-5",
        "claude-opus-4-5x",
        "claude-sonnet-50",
        "x" * 9999,
    ],
)
def test_a_model_that_is_not_there_is_unknown(name: str) -> None:
    """Nothing is guessed from a part of a name."""
    assert capability(name) is None


@pytest.mark.parametrize("name", TABLE)
def test_a_row_agrees_with_itself(name: str) -> None:
    """What is on when nothing is said can be said; what can't be turned off has no way to."""
    row = TABLE[name]
    assert row.thinking <= {"adaptive", "enabled", "disabled", "between_tools"}
    assert (row.default == "always") == row.thinking.isdisjoint({"disabled", "between_tools"})
    assert row.effort is None or row.effort in row.efforts
    assert list(row.efforts) == [level for level in LADDER if level in row.efforts]
    assert row.cacheable in {512, 1024, 2048, 4096}
    assert 1024 < row.output < row.context
    assert row.prefill <= ("adaptive" not in row.thinking)


@pytest.mark.parametrize(
    ("name", "effort", "nearest"),
    [
        ("claude-sonnet-5", "xhigh", "xhigh"),
        ("claude-opus-4-6", "xhigh", "max"),
        ("claude-opus-4-5", "max", "high"),
        ("claude-haiku-5-5", "low", "low"),
        ("claude-sonnet-4-5", "high", None),
    ],
)
def test_the_nearest_level_is_given(name: str, effort: Effort, nearest: Effort | None) -> None:
    """Of two equally near the higher; none where the model takes none."""
    assert TABLE[name].nearest(effort) == nearest


@given(st.sets(st.sampled_from(LADDER), min_size=1), st.sampled_from(LADDER))
def test_no_other_level_is_nearer(efforts: set[Effort], effort: Effort) -> None:
    """The nearest level is one of the model's, and none of them is nearer."""
    row = Capability(
        thinking=frozenset(), default="on", efforts=tuple(sorted(efforts, key=LADDER.index)), cacheable=512
    )
    nearest = row.nearest(effort)
    assert nearest in efforts
    away = abs(LADDER.index(nearest) - LADDER.index(effort))
    assert all(abs(LADDER.index(level) - LADDER.index(effort)) >= away for level in efforts)
