"""Whole Chat replies, read: the events a stream would have had, in one batch."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import RateLimited, UpstreamFailed, UpstreamRefused, UpstreamTruncated
from pipeline.events import (
    Batch,
    BlockStarted,
    Failed,
    Finished,
    InputDelta,
    Opaque,
    Redacted,
    Refusal,
    SignatureDelta,
    Started,
    Text,
    Thinking,
    ToolUse,
    Usage,
)
from stages.dialects import chat
from tests.dialects.chat_replies import BODIES, blocks, grammatical, trees, unfolded

names = pytest.mark.parametrize("name", BODIES)


def error(events: Batch) -> Exception:
    assert isinstance(events[-1], Failed)
    return events[-1].error


@names
def test_all_events_share_the_body(name: str) -> None:
    """One batch, in the grammar, every event a sibling in the raw body; Started keeps it parsed."""
    events = unfolded(BODIES[name])
    grammatical(events)
    assert [(event.nth, event.of, event.frame) for event in events] == [
        (nth, len(events), BODIES[name]) for nth in range(len(events))
    ]
    assert isinstance(events[0], Started)
    assert events[0].body == json.loads(BODIES[name])


@given(st.sampled_from(sorted(BODIES)), st.integers(1, 50))
def test_nothing_comes_before_the_end(name: str, size: int) -> None:
    """However the body arrives, its events come at close(), once."""
    decoder, body = chat.whole_decoder(), BODIES[name]
    assert all(decoder.feed(body[n : n + size]) == [] for n in range(0, len(body), size))
    assert [type(event) for event in decoder.close()] == [type(event) for event in unfolded(body)]
    assert decoder.close() == []


def test_text_and_usage() -> None:
    """Content is a block of text."""
    events = unfolded(BODIES["text"])
    assert blocks(events) == [(Text(), "Grüße aus Paris 🗼")]
    assert events[-1] == Finished("end_turn", usage=Usage(19, 0, 0, 0, 10, 0))


def test_calls() -> None:
    """Calls have their ids, names and arguments as they came; what one is signed with stands before it."""
    events = unfolded(BODIES["tools"])
    signature, first, second = blocks(events)
    assert isinstance(signature[0], Redacted)
    assert first == (
        ToolUse("call_a", "read", {"extra_content": {"google": {"thought_signature": "Cq=="}}}),
        '{"path": "a"}',
    )
    assert second == (ToolUse("call_b", "now"), "{}")
    assert isinstance(events[-1], Finished)
    assert events[-1].stop == "tool_use"


def test_parsed_arguments_without_an_id() -> None:
    """A call without an id gets one; arguments that are an object become text; "stop" with a call is a call."""
    (block, given), *_ = blocks(unfolded(BODIES["one_call"]))
    assert isinstance(block, ToolUse)
    assert block.id.startswith("call_")
    assert given == '{"x":1}'
    finished = unfolded(BODIES["one_call"])[-1]
    assert isinstance(finished, Finished)
    assert finished.stop == "tool_use"


def test_a_free_form_call() -> None:
    """Its text is the one member of its input."""
    assert blocks(unfolded(BODIES["custom"])) == [
        (ToolUse("call_c", "sh", {"type": "custom"}), '{"input":"ls \\"a\\""}')
    ]


def test_reasoning_block_by_block() -> None:
    """Where details say which words were signed, they are the blocks; the words beside them only repeat."""
    events = unfolded(BODIES["openrouter"])
    assert blocks(events) == [(Thinking(), "one"), (Redacted("EmR=="), ""), (Thinking(), " two"), (Text(), "Hello")]
    assert [event for event in events if isinstance(event, SignatureDelta)] == [
        SignatureDelta(0, "EqOne=="),
        SignatureDelta(2, "EqTwo=="),
    ]


def test_reasoning_in_words() -> None:
    """Without details the words are one block, and the cache counts are DeepSeek's."""
    events = unfolded(BODIES["reasoning"])
    assert blocks(events) == [(Thinking(), "2+2"), (Text(), "4")]
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.usage == Usage(2, 8, 0, 0, 3, 9)


def test_a_refusal() -> None:
    """Words that refuse are a block of their own, and the reason."""
    events = unfolded(BODIES["refusal"])
    assert blocks(events) == [(Refusal(), "I can't.")]
    assert isinstance(events[-1], Finished)
    assert events[-1].stop == "refusal"


def test_choices() -> None:
    """Each choice has its blocks and its reason."""
    events = unfolded(BODIES["choices"])
    assert [(event.choice, event.index) for event in events if isinstance(event, BlockStarted)] == [(0, 0), (1, 1)]
    assert isinstance(events[-1], Finished)
    assert (events[-1].stop, events[-1].stops) == ("end_turn", {1: "max_tokens"})


def test_citations_are_opaque() -> None:
    """What no event stands for is told as this dialect's own."""
    assert [event.kind for event in unfolded(BODIES["search"]) if isinstance(event, Opaque)] == ["annotations"]


def test_an_error_with_status_200() -> None:
    """An error is one, whatever the status said."""
    raised = error(unfolded({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}))
    assert isinstance(raised, UpstreamRefused)
    assert isinstance(raised.means, RateLimited)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'"x"', b'{"choices": []}', b'{"choices": 5}', b"\xff"])
def test_what_is_no_reply(body: bytes) -> None:
    """Anything else is a failure of the upstream."""
    assert type(error(unfolded(body))) is UpstreamFailed


def test_no_body_is_truncated() -> None:
    """An answer that never came is not an empty reply."""
    assert type(error(unfolded(b""))) is UpstreamTruncated


def test_a_reply_that_broke_off() -> None:
    """A reason that says so makes it a failure."""
    choice: dict[str, Any] = {"index": 0, "message": {"content": "half"}, "finish_reason": "error"}
    assert type(error(unfolded({"id": "x", "choices": [choice]}))) is UpstreamFailed


@given(st.dictionaries(st.sampled_from(["id", "model", "usage"]), trees), st.lists(trees, max_size=3))
def test_no_body_makes_it_raise(envelope: dict[str, Any], choices: list[Any]) -> None:
    """Bodies of any shape end in one terminal event, in the grammar."""
    grammatical(unfolded({**envelope, "choices": choices}))


@given(trees)
def test_no_message_makes_it_raise(message: Any) -> None:
    """Messages of any shape, too."""
    grammatical(unfolded({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}))


def test_arguments_stay_together() -> None:
    """A whole call has its arguments in one piece."""
    assert sum(isinstance(event, InputDelta) for event in unfolded(BODIES["tools"])) == 2
