"""Translate: what goes up in the upstream's words, and what is done on the way down in its stead."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from pipeline.events import BlockStarted, Event, Finished, Text, TextDelta, ToolUse
from pipeline.exchange import Exchange
from stages.dialects import anthropic, chat, responses
from stages.notes import EFFORT, WITHOUT
from stages.translate import Translate, in_a_row, telling
from tests.doubles import exchange, upstream

CLEAR = {"edits": [{"type": "clear_thinking_20251015"}]}


def translated(source: Any, target: Any, *, effort: Any = None, **fields: Any) -> tuple[Exchange, Any]:
    """The exchange of a client of *source* before an upstream of *target*, and the transform."""
    body = {"model": "m", "max_tokens": 9000, "messages": [{"role": "user", "content": "x"}], **fields}
    x = exchange(msgspec.json.encode(body), dialect=source, upstream=upstream("up", None, dialect=target))
    if effort is not None:
        x.note(EFFORT, effort)
    return x, Translate()(x)


def passed(transform: Any, *events: Event) -> list[Event]:
    """What *transform* makes of *events*."""
    made: list[Event] = []
    for event in events:
        left: Iterable[Event] | None = transform(event)
        made += [event] if left is None else left
    return made


def test_the_same_dialect_keeps_the_clients_bytes() -> None:
    """And nothing is left to do on the way down."""
    for dialect in (anthropic, chat, responses):
        x, transform = translated(dialect, dialect)
        assert transform is None
        assert x.prompt.edits == []
        assert x.noted(WITHOUT) == frozenset()


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "said"),
    [
        ("claude-sonnet-5", "high", {"type": "adaptive", "display": "summarized"}, "high"),
        ("claude-sonnet-5", 9000, {"type": "adaptive", "display": "summarized"}, "medium"),
        ("claude-sonnet-4-5", "low", {"type": "enabled", "budget_tokens": 1024, "display": "summarized"}, None),
        ("claude-sonnet-5", "none", {"type": "disabled"}, None),
    ],
)
def test_a_suffix_of_a_chat_client_reaches_claude(model: str, effort: Any, thinking: Any, said: Any) -> None:
    """As one intent, and as the model takes it; what a Chat client asks to think it is shown."""
    x, _ = translated(chat, anthropic, effort=effort, model=model)
    assert (x.prompt.get("thinking"), x.prompt.get("output_config", "effort")) == (thinking, said)


@pytest.mark.parametrize(("target", "path"), [(chat, ("reasoning_effort",)), (responses, ("reasoning", "effort"))])
def test_a_suffix_of_a_claude_client_holds_against_what_its_prompt_says(target: Any, path: Any) -> None:
    """Claude Code always says an effort; the model's name was chosen by its user."""
    said = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}}
    x, _ = translated(anthropic, target, effort="high", model="gpt-5.1", **said)
    assert x.prompt.get(*path) == "high"
    assert not any(edit.lossy for edit in x.prompt.edits)


@pytest.mark.parametrize(("target", "model"), [(chat, "gpt-5.1"), (responses, "gpt-5.1")])
def test_stop_sequences_that_the_upstream_does_not_know_end_the_reply_here(target: Any, model: str) -> None:
    """The upstream sees none; the words are cut, the reason is the true one."""
    x, transform = translated(anthropic, target, model=model, stop_sequences=["</severity>"])
    assert not {"stop", "stop_sequences"} & set(x.prompt.keys())
    made = passed(transform, BlockStarted(0, Text()), TextDelta(0, "low</sever"), TextDelta(0, "ity> because"))
    assert [event.piece for event in made if isinstance(event, TextDelta)] == ["low"]
    assert x.ending == Finished("stop_sequence", "</severity>")


def test_what_was_cleared_is_told_at_the_end() -> None:
    """context_management, done here, in the vendor's form."""
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    text = {"type": "text", "text": "a"}
    turns = [
        m
        for _ in range(2)
        for m in ({"role": "user", "content": "q"}, {"role": "assistant", "content": [thought, text]})
    ]
    x, transform = translated(
        anthropic, chat, messages=[*turns, {"role": "user", "content": "q"}], context_management=CLEAR
    )
    assert not x.prompt.has("context_management")
    (end,) = passed(transform, Finished())
    assert isinstance(end, Finished)
    assert end.extra is not None
    (applied,) = end.extra["context_management"]["applied_edits"]
    assert applied["cleared_thinking_turns"] == 1


def test_an_imitation_of_the_vendor_is_asked_in_the_clients_bytes() -> None:
    """It may know context_management, and says so if it does not."""
    x, transform = translated(anthropic, anthropic, context_management=CLEAR)
    assert x.prompt.get("context_management") == CLEAR
    assert (transform, x.prompt.edits) == (None, [])


def test_steps_in_a_row_see_what_the_one_before_left() -> None:
    """Dropped is dropped, two are two; one alone is itself."""
    only = telling({"a": 1})
    assert in_a_row(None, only, None) is only
    assert in_a_row(None, None) is None

    def twice(event: Event) -> list[Event]:
        return [event, event]

    def no_tools(event: Event) -> tuple[Event, ...] | None:
        return () if isinstance(event, BlockStarted) else None

    row = in_a_row(twice, no_tools, only)
    made = passed(row, BlockStarted(0, ToolUse("t", "f")), Finished())
    assert made == [Finished(extra={"a": 1})] * 2


def test_what_is_told_does_not_hide_what_the_upstream_told() -> None:
    """It knows better."""
    (end,) = passed(telling({"a": 1, "b": 1}), Finished(extra={"b": 2}))
    assert end == Finished(extra={"a": 1, "b": 2})
