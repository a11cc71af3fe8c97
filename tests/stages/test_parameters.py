"""Parameters: dropped and set in place, each change told."""

import json
from typing import Any

from stages.parameters import Parameters
from tests.doubles import exchange


def applied(body: dict[str, Any], drop: tuple[str, ...] = (), put: dict[str, Any] | None = None) -> Any:
    """The prompt *body* after it."""
    prompt = exchange(json.dumps(body).encode()).prompt
    parameters = Parameters.of("rules[0]", drop, put or {})
    assert parameters is not None
    parameters.apply(prompt)
    return prompt


def test_what_is_dropped_is_gone_and_told_as_a_loss() -> None:
    """Also within a table; what is not there is no change."""
    prompt = applied({"model": "m", "top_k": 5, "a": {"b": 1, "c": 2}}, ("top_k", "a.b", "gone"))
    assert prompt.body() == {"model": "m", "a": {"c": 2}}
    assert [(edit.stage, edit.path, edit.action, edit.lossy) for edit in prompt.edits] == [
        ("model_map", "top_k", "dropped", True),
        ("model_map", "a.b", "dropped", True),
    ]


def test_what_is_set_is_told_and_is_a_loss_where_something_else_was_said() -> None:
    """Tables are made on the way; what is so already is no change."""
    prompt = applied(
        {"model": "m", "temperature": 0.5, "n": 1, "stop": None, "reasoning": "odd"},
        put={"temperature": 0, "n": 1, "stop": None, "a.b": {"c": [1]}, "reasoning.effort": "low"},
    )
    assert prompt.body() == {
        "model": "m", "temperature": 0, "n": 1, "stop": None, "a": {"b": {"c": [1]}}, "reasoning": {"effort": "low"}
    }  # fmt: skip
    assert [(edit.path, edit.action, edit.lossy) for edit in prompt.edits] == [
        ("temperature", "set", True),
        ("a.b", "added", False),
        ("reasoning", "dropped", True),
        ("reasoning.effort", "added", False),
    ]


def test_a_rule_that_changes_nothing_has_no_parameters() -> None:
    """So that nothing is done for it."""
    assert Parameters.of("rules[0]", (), {}) is None
