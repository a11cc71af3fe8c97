"""Units: a prompt cut where turns differ, nothing decoded, each known again by its content."""

import json
from typing import Any

import pytest

from pipeline.errors import InvalidRequest
from pipeline.prompt import Prompt
from stages.tokens.units import Unit, members, units


def cut(body: Any) -> list[Unit]:
    return units(members(Prompt("any", body if isinstance(body, bytes) else json.dumps(body).encode())))


def test_a_prompt_is_cut_into_its_elements() -> None:
    """In all dialects; what says nothing about tokens is left out."""
    found = cut(
        {
            "model": "m",
            "max_tokens": 5,
            "system": [{"type": "text", "text": "a"}],
            "tools": [{"name": "b"}],
            "messages": [{"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}],
            "instructions": "e",
            "input": "f",
            "response_format": {"type": "json_object"},
        }
    )
    assert [unit.kind for unit in found] == ["text", "tool", "turn", "turn", "text", "turn", "schema"]
    assert found[3].raw == b'{"role": "assistant", "content": "d"}'
    assert found[4].raw == b'"e"'


def test_equal_units_have_one_digest() -> None:
    """By bytes and kind: a tool's JSON in a turn is something else."""
    one, two, three = cut({"messages": [1, 1, 2]})
    assert one.digest == two.digest != three.digest
    (tool,) = cut({"tools": [1]})
    assert tool.digest != one.digest


def test_a_later_turn_changes_no_earlier_unit() -> None:
    """What was counted need not be counted again."""
    turns = [{"role": "user", "content": str(number)} for number in range(9)]
    before, after = cut({"messages": turns[:8]}), cut({"messages": turns})
    assert [unit.digest for unit in before] == [unit.digest for unit in after[:8]]


def test_what_is_no_array_is_one_unit() -> None:
    """And an empty array is none."""
    assert [unit.raw for unit in cut({"messages": {"a": 1}})] == [b'{"a": 1}']
    assert cut({"messages": []}) == []


def test_a_broken_prompt_is_refused() -> None:
    """As everywhere else."""
    with pytest.raises(InvalidRequest):
        cut(b'{"messages": [1,')
