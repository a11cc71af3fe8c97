"""Whole messages: the very bytes, an edited copy, or a fresh one."""

from typing import Any

import msgspec
import pytest
from anthropic.types import Message
from hypothesis import given

from pipeline.errors import GatewayError, Overloaded, UpstreamFailed, UpstreamRefused, UpstreamTruncated
from pipeline.events import (
    Batch,
    BlockStarted,
    BlockStopped,
    Failed,
    Finished,
    Heartbeat,
    InputDelta,
    Opaque,
    Other,
    Refusal,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
    Usage,
)
from stages.dialects import anthropic
from tests.dialects.anthropic_oracle import BETA, BODIES, FAILING, REPLIES, bare, read, read_whole, write, write_whole
from tests.dialects.test_anthropic_decode import check_grammar
from tests.dialects.test_anthropic_encode import replies
from tests.doubles import asking


def parsed(body: bytes) -> Any:
    return msgspec.json.decode(body)


@pytest.mark.parametrize("name", BODIES)
def test_a_whole_reply_is_a_stream_that_arrives_at_once(name: str) -> None:
    """All events come in one batch and share the body's bytes."""
    events = read_whole(BODIES[name])
    check_grammar(events)
    assert [(event.nth, event.of, event.frame) for event in events] == [
        (number, len(events), BODIES[name]) for number in range(len(events))
    ]
    assert isinstance(events[0], Started)
    assert events[0].body == parsed(BODIES[name])


@pytest.mark.parametrize("name", BODIES)
def test_untouched_is_identical(name: str) -> None:
    """Exactly these events give exactly these bytes; a ping changes nothing."""
    events = read_whole(BODIES[name])
    assert write_whole(events) == BODIES[name]
    assert write_whole([events[0], Heartbeat(), *events[1:]]) == BODIES[name]


@pytest.mark.parametrize("name", BODIES)
def test_without_frames_the_copy_says_the_same(name: str) -> None:
    """Unknown fields stay, and every block is what it was."""
    assert parsed(write_whole(bare(read_whole(BODIES[name])))) == parsed(BODIES[name])


@pytest.mark.parametrize("name", BODIES)
def test_without_body_either_a_fresh_message_is_made(name: str) -> None:
    """Strictly valid, with the same content and every key that may be null."""
    started, *events = bare(read_whole(BODIES[name]))
    fresh = parsed(write_whole([started.replace(body=None), *events]))
    Message.model_validate(fresh, strict=True)
    assert fresh["content"] == parsed(BODIES[name])["content"]
    assert {"stop_sequence", "stop_details", "container", "diagnostics"} <= fresh.keys()


def test_one_changed_block_is_edited_and_the_rest_is_as_it_came() -> None:
    """Blocks whose events are untouched keep what nobody here knows."""
    body = parsed(BODIES["text"])
    body["content"] = [{"type": "text", "text": "a", "novel": 1}, {"type": "text", "text": "b", "novel": 2}]
    body["novel"] = 3
    events = read_whole(msgspec.json.encode(body))
    events[5] = events[5].replace(piece="B")
    edited = parsed(write_whole(events))
    assert edited["content"] == [
        {"type": "text", "text": "a", "novel": 1},
        {"type": "text", "text": "B", "citations": None},
    ]
    assert edited["novel"] == 3
    assert edited["usage"] == body["usage"]


def test_a_block_taken_away_or_put_in() -> None:
    """Hidden thoughts go, a notice comes first; what came untouched stays what it was."""
    events = read_whole(BODIES["thinking"])
    hidden = [event for event in events if getattr(event, "index", 2) == 2]
    notice: Batch = [BlockStarted(0, Text()), TextDelta(0, "Notice."), BlockStopped(0)]
    edited = parsed(write_whole([hidden[0], *notice, *hidden[1:]]))
    assert [block["text"] for block in edited["content"]] == ["Notice.", "Four."]


def test_a_call_taken_away_takes_its_stop_reason_with_it() -> None:
    """The stop reason agrees with what is left."""
    events = [event for event in read_whole(BODIES["tools"]) if getattr(event, "index", None) is None]
    edited = parsed(write_whole(events))
    assert (edited["content"], edited["stop_reason"]) == ([], "end_turn")


def test_a_changed_name_and_a_changed_end_are_told() -> None:
    """Model, stop reason and usage as the stages left them."""
    started, *events, finished = read_whole(BODIES["text"])
    end = finished.replace(stop="max_tokens", usage=Usage(1, 2, 3, 4, 5))
    edited = parsed(write_whole([started.replace(model="fast"), *events, end]))
    assert (edited["model"], edited["stop_reason"]) == ("fast", "max_tokens")
    assert (edited["usage"]["input_tokens"], edited["usage"]["output_tokens"]) == (1, 5)
    assert edited["usage"]["service_tier"] == "standard"
    assert edited["content"] == parsed(BODIES["text"])["content"]


def test_a_reply_of_another_dialect_is_told_in_this_one() -> None:
    """Blocks of others, further choices and empty texts are left out; a refusal is text and a reason."""
    foreign = b'{"object":"chat.completion","choices":[]}'
    events: Batch = [
        Started("c1", "gpt", None, body=parsed(foreign)),
        BlockStarted(0, Thinking()),
        ThinkingDelta(0, "Hm"),
        BlockStopped(0),
        BlockStarted(1, Text()),
        BlockStopped(1),
        BlockStarted(2, Other("chat", {"type": "audio"})),
        Opaque("chat", "audio", 1, 2),
        BlockStopped(2),
        BlockStarted(3, Refusal()),
        TextDelta(3, "No."),
        BlockStopped(3),
        BlockStarted(4, ToolUse("call_1", "f")),
        InputDelta(4, '{"x": '),
        BlockStarted(5, Text(), choice=1),
        TextDelta(5, "second"),
        Finished("end_turn", None, Usage(input=5, output=7)),
    ]
    for number, event in enumerate(events):
        event.frame, event.nth, event.of = foreign, number, len(events)
    message = Message.model_validate(parsed(write_whole(events)), strict=True)
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    assert (message.stop_reason, message.id, message.model) == ("refusal", "c1", "gpt")
    assert message.content[2].input == {"_raw": '{"x": '}  # type: ignore[union-attr]  # a tool_use
    assert (message.usage.input_tokens, message.usage.output_tokens) == (5, 7)


def test_nothing_is_written_before_the_end_and_nothing_for_a_failure() -> None:
    """A failure is told with its status, elsewhere."""
    encoder = anthropic.whole_encoder(asking("m"))
    assert encoder.feed([Started("a", "m"), BlockStarted(0, Text())]) == b""
    assert encoder.feed([Failed(Overloaded("no"))]) == b""
    assert encoder.feed([Finished()]) == b""


@pytest.mark.parametrize("name", sorted(set(REPLIES) - FAILING - BETA))
def test_a_stream_is_folded(name: str) -> None:
    """A client that wants it whole can have an upstream that streams, also where nobody read the deltas."""
    whole = Message.model_validate(parsed(write_whole(read(REPLIES[name]))), strict=True)
    skimmed = parsed(write_whole(read(REPLIES[name], kinds=frozenset({Started}))))
    assert Message.model_validate(skimmed, strict=True).content == whole.content


@given(replies())
def test_a_whole_reply_can_be_streamed(events: Batch) -> None:
    """A client that wants a stream can have an upstream that does not: the same blocks, once over."""
    again = read(write(read_whole(write_whole(events))))
    check_grammar(again)
    assert parsed(write_whole(again)) == parsed(write_whole(events))


# -- what is no message -----------------------------------------------------------------------------------------------


def failure(body: bytes) -> GatewayError:
    """The error that *body* is."""
    (event,) = read_whole(body)
    assert isinstance(event, Failed)
    return event.error


@pytest.mark.parametrize("name", BODIES)
def test_every_prefix_ends_exactly_once(name: str) -> None:
    """A body that was cut is truncated, whatever is there of it."""
    for length in range(len(BODIES[name].rstrip())):
        assert isinstance(failure(BODIES[name][:length]), UpstreamTruncated)


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b"{}", b'{"type":"message"}', b'{"content":[3]}', b"\xff\xff", b"3"]
)
def test_what_is_no_message_is_the_upstreams_failure(body: bytes) -> None:
    """Not JSON, not an object, without content."""
    assert isinstance(failure(body), UpstreamFailed)


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
        b'{"error":{"type":"overloaded_error","message":"Overloaded"}}',
    ],
)
def test_an_error_with_a_good_status_is_an_error(body: bytes) -> None:
    """Its bytes stay with it, for a client of this dialect."""
    error = failure(body)
    assert isinstance(error, UpstreamRefused)
    assert isinstance(error.means, Overloaded)
    assert error.body == body
