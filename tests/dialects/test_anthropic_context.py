"""context_management done here: what is cleared, when, and that nothing else ever moves."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import InvalidRequest
from pipeline.prompt import Prompt
from stages.dialects.anthropic.context import CLEARED, managed
from stages.notes import TOLD

Fields = dict[str, Any]
TOOLS, THOUGHTS = "clear_tool_uses_20250919", "clear_thinking_20251015"


def use(number: int, *, size: int = 400, name: str = "Read") -> list[Fields]:
    """A call of a tool, and its result of about *size* bytes."""
    call = {"type": "tool_use", "id": f"t{number}", "name": name, "input": {"path": "x"}}
    result = {"type": "tool_result", "tool_use_id": f"t{number}", "content": "word " * (size // 5)}
    return [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]


def story(uses: int, **fields: Any) -> list[Fields]:
    return [{"role": "user", "content": "go"}, *(m for n in range(uses) for m in use(n, **fields))]


def edited(messages: list[Fields], *edits: Fields) -> tuple[list[Fields], Prompt]:
    prompt = Prompt("anthropic", b"{}")
    body = managed({"model": "m", "messages": messages, "context_management": {"edits": list(edits)}}, prompt)
    assert "context_management" not in body
    return body["messages"], prompt


def tools(tokens: int = 1000, keep: int = 2, **fields: Any) -> Fields:
    return {
        "type": TOOLS,
        "trigger": {"type": "input_tokens", "value": tokens},
        "keep": {"type": "tool_uses", "value": keep},
        **fields,
    }


def cleared(messages: list[Fields]) -> list[str]:
    """The uses whose results are gone."""
    blocks = [block for message in messages if isinstance(message["content"], list) for block in message["content"]]
    return [block["tool_use_id"] for block in blocks if block.get("content") == CLEARED]


def test_old_results_go_when_the_prompt_is_over_its_trigger() -> None:
    """All but the newest; the calls stay, and what was done is told."""
    messages, prompt = edited(story(9), tools())
    gone = cleared(messages)
    assert gone
    assert gone == [f"t{number}" for number in range(len(gone))]
    assert not {"t7", "t8"} & set(gone)
    assert [message["role"] for message in messages] == [message["role"] for message in story(9)]
    told = prompt.notes.noted(TOLD)
    assert told is not None
    (applied,) = told["context_management"]["applied_edits"]
    assert (applied["type"], applied["cleared_tool_uses"]) == (TOOLS, len(gone))
    assert applied["cleared_input_tokens"] > 0
    (edit,) = prompt.edits
    assert not edit.lossy


def test_below_the_trigger_nothing_is_touched() -> None:
    """Nor with nothing asked; and that nothing was done is told."""
    for edits in ([tools(100_000)], [{"type": TOOLS}], []):
        messages, prompt = edited(story(9), *edits)
        assert messages == story(9)
        assert prompt.notes.noted(TOLD) == {"context_management": {"applied_edits": []}}
        assert prompt.edits == []


def test_tools_may_be_excluded_and_uses_be_the_trigger() -> None:
    """What an excluded tool said stays, however old."""
    messages = [*story(2, name="Keep"), *(message for n in range(2, 6) for message in use(n))]
    trigger = {"type": "tool_uses", "value": 4}
    left, _ = edited(messages, tools(trigger=trigger, exclude_tools=["Keep"]))
    assert cleared(left) == ["t2", "t3"]


@pytest.mark.parametrize(
    ("inputs", "left"), [(False, {"path": "x"}), (True, {}), (["Read"], {}), (["Other"], {"path": "x"})]
)
def test_inputs_of_cleared_calls_go_only_where_asked(inputs: Any, left: Any) -> None:
    """All of them, or those of the tools that are named."""
    messages, _ = edited(story(9), tools(clear_tool_inputs=inputs))
    assert cleared(messages)[0] == "t0"
    assert messages[1]["content"][0]["input"] == left


def test_nothing_goes_if_it_would_be_too_little() -> None:
    """Every clearing voids a cache."""
    assert cleared(edited(story(9), tools(clear_at_least={"type": "input_tokens", "value": 100_000}))[0]) == []


@settings(max_examples=60)
@given(st.lists(st.integers(5, 3000), min_size=1, max_size=25), st.integers(0, 3), st.integers(200, 3000))
def test_a_turn_more_moves_nothing_until_the_next_clearing(sizes: list[int], keep: int, trigger: int) -> None:
    """The prefix of the next turn is this turn's prompt; what is cleared once stays so."""
    messages = [{"role": "user", "content": "go"}]
    before: list[Fields] = []
    gone: list[str] = []
    for number, size in enumerate(sizes):
        messages = [*messages, *use(number, size=size)]
        now, _ = edited(messages, tools(trigger, keep))
        assert cleared(now)[: len(gone)] == gone
        assert not {f"t{newest}" for newest in range(number, number - keep, -1)} & set(cleared(now))
        assert cleared(now) != gone or now[: len(before)] == before
        before, gone = now, cleared(now)


def test_clearings_are_as_rare_as_the_trigger_allows() -> None:
    """Not one with every turn beyond it: each voids the cache behind it."""
    prompts = [edited(story(uses, size=2000), tools(20_000))[0] for uses in range(1, 101)]
    clearings = sum(cleared(one) != cleared(other) for one, other in itertools.pairwise(prompts))
    assert 2 <= clearings <= 6


def test_a_cache_is_not_voided_for_next_to_nothing() -> None:
    """When all that may go has gone, and the prompt is over its trigger all the same, results go in batches."""
    long = [{"role": "user", "content": "word " * 4000}]
    prompts = [edited([*long, *story(uses, size=50)], tools(4000))[0] for uses in range(1, 61)]
    clearings = sum(cleared(one) != cleared(other) for one, other in itertools.pairwise(prompts))
    assert 2 <= clearings <= 15


def thought(number: int) -> Fields:
    return {"type": "thinking", "thinking": f"hm {number}", "signature": "s"}


def turns(count: int) -> list[Fields]:
    """Turns of a question, a thought with a call, its result, and an answer that was thought about."""
    messages: list[Fields] = []
    for number in range(count):
        call, result = use(number)
        messages += [
            {"role": "user", "content": f"question {number}"},
            {"role": "assistant", "content": [thought(number), *call["content"]]},
            result,
            {"role": "assistant", "content": [thought(number), {"type": "text", "text": "answer"}]},
        ]
    return messages


def thoughts(messages: list[Fields]) -> list[str]:
    blocks = [block for message in messages if isinstance(message["content"], list) for block in message["content"]]
    return [block["thinking"] for block in blocks if block["type"] == "thinking"]


@pytest.mark.parametrize(
    ("keep", "left"),
    [(None, [2]), ({"type": "thinking_turns", "value": 2}, [1, 2]), ("all", [0, 1, 2]), ({"type": "all"}, [0, 1, 2])],
)
def test_thoughts_of_old_turns_go(keep: Any, left: list[int]) -> None:
    """A turn is all that follows a word of the user's: a loop of tools keeps its thoughts to its end."""
    edit = {"type": THOUGHTS} if keep is None else {"type": THOUGHTS, "keep": keep}
    messages, prompt = edited([*turns(3), {"role": "user", "content": "and?"}], edit)
    assert thoughts(messages) == [f"hm {number}" for number in left for _ in range(2)]
    told = prompt.notes.noted(TOLD)
    assert told is not None
    applied = told["context_management"]["applied_edits"]
    assert [one["cleared_thinking_turns"] for one in applied] == ([] if len(left) == 3 else [3 - len(left)])


def test_a_message_of_nothing_but_thoughts_goes_with_them() -> None:
    """An empty one would be refused."""
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": [thought(0)]}, *turns(1)]
    left, _ = edited(messages, {"type": THOUGHTS})
    assert left == [messages[0], *turns(1)]


def test_an_edit_that_needs_a_model_is_recorded_as_lost() -> None:
    """As is one that nobody knows."""
    for kind in ("compact_20260112", "new_20270101"):
        messages, prompt = edited(story(1), {"type": kind})
        assert messages == story(1)
        assert [(edit.path, edit.lossy) for edit in prompt.edits] == [("context_management.edits[0]", True)]


def test_a_prompt_that_asks_for_nothing_stays_the_same_object() -> None:
    """Most do not ask."""
    body = {"messages": story(1)}
    assert managed(body, Prompt("anthropic", b"{}")) is body


@pytest.mark.parametrize(
    "asked",
    [
        "x",
        {"edits": 3},
        {"edits": ["x"]},
        {"edits": [{"type": TOOLS, "trigger": 3}]},
        {"edits": [{"type": TOOLS, "keep": {"value": "x"}}]},
        {"edits": [{"type": THOUGHTS, "keep": {"type": "thinking_turns", "value": 0}}]},
    ],
)
def test_nonsense_is_refused_by_its_place(asked: Any) -> None:
    """As the API does."""
    with pytest.raises(InvalidRequest, match="context_management"):
        managed({"messages": story(1), "context_management": asked}, Prompt("anthropic", b"{}"))
