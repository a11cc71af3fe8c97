"""Abilities: what a list of models says of thinking; what it does not say is not a no."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.dialects.anthropic import decode_models
from stages.dialects.anthropic.abilities import efforts, ways_of_thinking

YES, NO = {"supported": True}, {"supported": False}


def entry(**capabilities: Any) -> dict[str, Any]:
    return {"id": "m", "capabilities": capabilities}


def test_what_is_supported_is_read() -> None:
    """Types of thinking and levels of effort, each with a word of its own."""
    told = entry(
        thinking={"supported": True, "types": {"adaptive": YES, "enabled": NO, "disabled": YES, "new": YES}},
        effort={"supported": True, "low": YES, "high": YES, "max": NO},
    )
    assert ways_of_thinking(told) == {"adaptive", "disabled", "new"}
    assert efforts(told) == ("low", "high")


def test_what_is_not_supported_at_all_is_nothing() -> None:
    """Which is something that is said."""
    told = entry(thinking={"supported": False, "types": {"adaptive": YES}}, effort=NO)
    assert (ways_of_thinking(told), efforts(told)) == (frozenset(), ())


@pytest.mark.parametrize(
    "told",
    [{}, {"capabilities": None}, entry(), entry(thinking=None, effort=[]), entry(thinking={"types": "adaptive"})],
)
def test_what_is_not_said_is_not_known(told: dict[str, Any]) -> None:
    """Missing, null, or of another form."""
    assert (ways_of_thinking(told), efforts(told)) == (None, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["capabilities", "thinking", "types", "effort", "supported", "low"]), inner)
    ),
)


@given(JSON)
def test_nothing_is_raised(value: Any) -> None:
    """Whatever an upstream lists."""
    body = msgspec.json.encode({"data": [{"id": "m", "capabilities": value}, {"id": "n"}]})
    assert [model.id for model in decode_models(body)] == ["m", "n"]
