"""Holes in a conversation that stays in its dialect: filled in the same way every time, and told."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Unsupported
from stages.dialects.conversation import NO_RESULT
from stages.translation import Translation, translate_request

Body = dict[str, Any]

HI: Body = {"role": "user", "content": "Hi"}


def use(name: str) -> Body:
    return {"type": "tool_use", "id": name, "name": "f", "input": {}}


def result(name: str, content: Any = "ok") -> Body:
    return {"type": "tool_result", "tool_use_id": name, "content": content}


def text(words: str) -> Body:
    return {"type": "text", "text": words}


def said(*blocks: Body) -> Body:
    return {"role": "assistant", "content": [*blocks]}


def heard(*blocks: Body) -> Body:
    return {"role": "user", "content": [*blocks]}


def lost(name: str) -> Body:
    return {**result(name, NO_RESULT), "is_error": True}


def sent(*messages: Body, **more: Any) -> Translation:
    """A conversation on its way from a Messages client to an upstream that speaks it."""
    body = {"model": "claude-opus-5", "max_tokens": 100, "messages": [*messages]}
    return translate_request(body, source="anthropic", target="anthropic", **more)


def arrived(*messages: Body) -> list[Body]:
    return list(msgspec.json.decode(sent(*messages).body)["messages"])


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([HI, said(use("a")), HI], [HI, said(use("a")), heard(lost("a"), text("Hi"))]),
        ([HI, said(use("a"), use("b")), heard(result("b"), text("x"))],
         [HI, said(use("a"), use("b")), heard(lost("a"), result("b"), text("x"))]),
        ([HI, said(use("a"))], [HI, said(use("a")), heard(lost("a"))]),
        ([HI, said(use("a")), {"role": "system", "content": "s"}, HI],
         [HI, said(use("a")), {"role": "system", "content": "s"}, heard(lost("a"), text("Hi"))]),
        ([heard(result("z", "late"), text("x"))],
         [heard(text("[result of tool call z]"), text("late"), text("x"))]),
        ([HI, said(text("y")), heard(result("z", [text("late")]))],
         [HI, said(text("y")), heard(text("[result of tool call z]"), text("late"))]),
        ([HI, said(use("a")), said(text("y")), HI],
         [HI, said(use("a")), said(text("y")), heard(lost("a"), text("Hi"))]),
    ],
)  # fmt: skip
def test_holes(messages: list[Body], expected: list[Body]) -> None:
    """A call gets a result that says so, first in the turn; a result that nobody asked for is told as text."""
    assert arrived(*messages) == expected


def test_the_strict_are_told() -> None:
    """A repair loses nothing, and who wants none is refused."""
    made = sent(HI, said(use("a")), HI, fidelity="lossless")
    assert "repaired" in {edit.action for edit in made.edits}
    with pytest.raises(Unsupported, match="the call a has no result"):
        sent(HI, said(use("a")), HI, fidelity="strict")


def test_what_has_no_hole_keeps_its_bytes() -> None:
    """Words about calls and results are neither."""
    words = text('{"type": "tool_use"} and "type":"tool_result"')
    assert sent(HI, said(use("a")), heard(result("a"), words)).edits == ()
    assert sent(heard(words)).edits == ()


names = st.sampled_from(["a", "b", "c"])
uses = st.lists(names, max_size=2, unique=True).map(lambda found: [use(name) for name in found])
talks = st.lists(
    st.builds(lambda words, calls: said(*words, *calls), st.just([text("y")]), uses)
    | st.builds(lambda found: heard(*[result(name) for name in found], text("x")), st.lists(names, max_size=3)),
    max_size=7,
)


@given(talks)
def test_whatever_is_filled_is_legal(messages: list[Body]) -> None:
    """If anything was repaired, every call of a turn has one result in the next, and no result stands alone."""
    made = sent(HI, *messages)
    if not any(edit.action == "repaired" for edit in made.edits):
        return
    turns: list[Body] = []
    for message in msgspec.json.decode(made.body)["messages"]:
        content = message["content"] if isinstance(message["content"], list) else [text(message["content"])]
        if turns and turns[-1]["role"] == message["role"]:
            turns[-1]["content"] += content
        else:
            turns.append({"role": message["role"], "content": content})
    for before, after in pairwise([{"role": "", "content": []}, *turns, {"role": "", "content": []}]):
        calls = [block["id"] for block in before["content"] if block["type"] == "tool_use"]
        answers = [block["tool_use_id"] for block in after["content"] if block["type"] == "tool_result"]
        assert sorted(answers) == sorted(set(calls))


@given(talks, talks)
def test_what_was_repaired_stays_as_it_was_sent(before: list[Body], after: list[Body]) -> None:
    """A translation is a prefix of its continuation's, where both are repaired."""
    begun = sent(HI, *before, heard(text("turn")))
    whole = sent(HI, *before, heard(text("turn")), said(text("answer")), *after)
    if all(any(edit.action == "repaired" for edit in made.edits) for made in (begun, whole)):
        messages = msgspec.json.decode(begun.body)["messages"]
        assert msgspec.json.decode(whole.body)["messages"][: len(messages)] == messages


@pytest.mark.parametrize("content", [0, True, 1.5, {"a": 1}])
def test_a_turn_that_is_none_is_filled_all_the_same(content: Any) -> None:
    """What stands there is no content: the API may say of the rest what it likes."""
    assert arrived(HI, said(use("a")), {"role": "user", "content": content})[-1]["content"] == [lost("a")]
