"""Betas and their fields: what a refusal names, and what goes with it."""

from typing import Any

import msgspec
import pytest

from pipeline.prompt import Prompt
from stages.dialects.anthropic.pairs import Pair, betas_of, blamed, leave_out

BODY: dict[str, Any] = {
    "model": "m",
    "max_tokens": 9,
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]},
        {"role": "system", "content": "y", "output_config": {"effort": "low"}},
    ],
    "tools": [
        {"name": "a", "input_schema": {}, "defer_loading": True},
        {"name": "b", "input_schema": {}, "strict": True, "defer_loading": False},
    ],
    "context_management": {"edits": []},
    "thinking": {"type": "adaptive", "display": "updates"},
    "output_config": {"effort": "low"},
    "safeguards": [],
    "brand_new": {"type": "x"},
}
CONTEXT, TOOLS, EFFORT, TURN = (
    "context-management-2025-06-27",
    "advanced-tool-use-2025-11-20",
    "effort-2025-11-24",
    "per-turn-control-2026-07-01",
)
BETAS = frozenset({CONTEXT, TOOLS, EFFORT, TURN, "brand-new-2026-12-01"})
EXTRA = "Extra inputs are not permitted"

SAID = {
    f"context_management: {EXTRA}": (("context_management",), CONTEXT),
    'json: unknown field "context_management"': (("context_management",), CONTEXT),
    "Unrecognized request argument supplied: context_management": (("context_management",), CONTEXT),
    "[{'type': 'extra_forbidden', 'loc': ('body', 'safeguards'), 'msg': 'Extra inputs are not permitted'}]": (
        ("safeguards",),
        None,
    ),
    f"brand_new: {EXTRA}": (("brand_new",), None),
    f"tools.0.custom.defer_loading: {EXTRA}": (("tools", "*", "defer_loading"), TOOLS),
    "tools[1].strict: unknown parameter": (("tools", "*", "strict"), None),
    f"thinking.adaptive.display: {EXTRA}": (("thinking", "display"), None),
    f"messages.1.output_config: {EXTRA}": (("messages", "*", "output_config"), TURN),
    f"messages.0.content.0.text.cache_control: {EXTRA}": (
        ("messages", "*", "content", "*", "cache_control"),
        None,
    ),
    f"output_config: {EXTRA}": (("output_config",), EFFORT),
    f"Unexpected value(s) `{EFFORT}` for the `anthropic-beta` header.": ((), EFFORT),
    "Unexpected value(s) `brand-new-2026-12-01` for the `anthropic-beta` header.": ((), "brand-new-2026-12-01"),
}


def prompt() -> Prompt:
    return Prompt("anthropic", msgspec.json.encode(BODY))


@pytest.mark.parametrize(("message", "pair"), SAID.items())
def test_a_refusal_names_a_field_or_a_beta(message: str, pair: tuple[tuple[str, ...], str | None]) -> None:
    """In the words of many servers; with the beta that belongs to the field."""
    place, beta = pair
    assert blamed(message, prompt(), BETAS) == Pair(place, frozenset({beta} if beta else set()))


@pytest.mark.parametrize(
    "message",
    [
        "prompt is too long: 9 tokens > 8 maximum",
        f"model: {EXTRA}",
        f"messages: {EXTRA}",
        f"messages.0.role: {EXTRA}",
        f"messages.0.content.0.text.text: {EXTRA}",
        f"tools.0.custom.name: {EXTRA}",
        f"not_there: {EXTRA}",
        f"tools.7.strict: {EXTRA}",
        "messages.1.role: Input should be 'user' or 'assistant'",
        "context_management: a conversation can't be empty",
        "Unexpected value(s) `never-sent-2026-01-01` for the `anthropic-beta` header.",
        "",
        "unknown field " + "x_" * 100_000,
    ],
)
def test_anything_else_is_no_such_refusal(message: str) -> None:
    """What a request can't do without, what is not in it, what is wrong for another reason."""
    assert blamed(message, prompt(), BETAS) is None


def test_a_field_goes_everywhere_and_its_beta_with_it() -> None:
    """On every tool and message; nothing else changes; each is recorded as lost."""
    asked = prompt()
    leave_out(asked, Pair(("tools", "*", "defer_loading"), frozenset({TOOLS})), why="unknown there")
    body = asked.body()
    assert body == {
        **BODY,
        "tools": [{"name": "a", "input_schema": {}}, {"name": "b", "input_schema": {}, "strict": True}],
    }
    assert [(edit.path, edit.lossy) for edit in asked.edits] == [
        ("tools[0].defer_loading", True),
        ("tools[1].defer_loading", True),
    ]


def test_a_beta_takes_its_fields_with_it_and_what_they_leave_empty() -> None:
    """Half a pair would be the next refusal."""
    asked = prompt()
    leave_out(asked, Pair(betas=frozenset({EFFORT})), why="unknown there")
    assert not asked.has("output_config")
    assert asked.has("messages", 1, "output_config")


def test_betas_stand_in_any_number_of_fields() -> None:
    """As HTTP has lists."""
    assert betas_of(["a, b", " c ,,"]) == {"a", "b", "c"}
