"""Whole Chat replies, written: raw while untouched, an edited copy where it was changed, our own for other dialects."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from pipeline.errors import Overloaded
from pipeline.events import (
    BlockStarted,
    BlockStopped,
    Event,
    Failed,
    Finished,
    Heartbeat,
    InputDelta,
    Opaque,
    Refusal,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
)
from stages.dialects.chat.fold import WholeEncoder
from tests.dialects.chat_replies import BODIES, blocks, said, unfolded
from tests.dialects.test_chat_encoder import REPLY, encoded, finish

names = pytest.mark.parametrize("name", BODIES)


def folded(events: list[Event]) -> Any:
    return json.loads(WholeEncoder(model="asked").feed(events))


def changed(name: str, **pieces: str) -> Any:
    """A recorded body with the pieces of some kinds of delta replaced."""
    events: list[Event] = []
    for event in unfolded(BODIES[name]):
        replaced = pieces.get(type(event).__name__)
        events.append(event.replace(piece=replaced) if replaced is not None else event)
    return folded(events)


# -- of this dialect --------------------------------------------------------------------------------------------------


@names
def test_untouched_means_identical(name: str) -> None:
    """The body that came is the body that goes, byte for byte, also in two batches and with pings between."""
    events = unfolded(BODIES[name])
    assert WholeEncoder(model="m").feed(events) == BODIES[name]
    encoder = WholeEncoder(model="m")
    assert encoder.feed(events[:2]) == b""
    assert encoder.feed([Heartbeat(), *events[2:]]) == BODIES[name]


@names
def test_without_frames_it_is_the_same_body(name: str) -> None:
    """Events that lost their frames and changed nothing give the body's every field."""
    assert folded([event.replace() for event in unfolded(BODIES[name])]) == json.loads(BODIES[name])


def test_changed_text_leaves_all_else() -> None:
    """New words take the place of the old ones and of their probabilities; nothing else changes."""
    body = changed("text", TextDelta="****")
    expected = json.loads(BODIES["text"])
    expected["choices"][0]["message"]["content"] = "****"
    expected["choices"][0]["logprobs"] = None
    assert body == expected


def test_changed_thoughts_leave_no_copy() -> None:
    """Reasoning stands twice in some bodies: neither spelling keeps what was replaced."""
    body = changed("openrouter", ThinkingDelta="-")
    assert "one" not in json.dumps(body).replace("None", "")
    assert body["choices"][0]["message"]["reasoning_content"] == "--"
    assert body["provider"] == "Anthropic"


def test_a_changed_call_leaves_the_others() -> None:
    """A call nobody touched keeps the fields that only its own dialect knows."""
    events = unfolded(BODIES["tools"])
    calls = [event for event in events if isinstance(event, InputDelta)]
    other = [event.replace(piece='{"x":2}') if event is calls[1] else event for event in events]
    first, second = folded(other)["choices"][0]["message"]["tool_calls"]
    assert first["extra_content"] == {"google": {"thought_signature": "Cq=="}}
    assert second == {"id": "call_b", "type": "function", "function": {"name": "now", "arguments": '{"x":2}'}}


def test_a_dropped_block_is_gone() -> None:
    """Without its events a call is not in the body."""
    kept = [event for event in unfolded(BODIES["tools"]) if getattr(event, "index", None) != 1]
    assert [call["id"] for call in folded(kept)["choices"][0]["message"]["tool_calls"]] == ["call_b"]


def test_dropped_citations_are_gone() -> None:
    """An Opaque that a stage takes out is not in the body either."""
    kept = [event for event in unfolded(BODIES["search"]) if not isinstance(event, Opaque)]
    assert "annotations" not in folded(kept)["choices"][0]["message"]


def test_a_changed_end() -> None:
    """Reason and usage are written where they were changed."""
    *events, end = unfolded(BODIES["text"])
    assert isinstance(end, Finished)
    body = folded([*events, end.replace(stop="max_tokens", usage=None)])
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"] is None
    assert body["choices"][0]["logprobs"] is not None


def test_a_changed_name() -> None:
    """So are the model and the id."""
    first, *events = unfolded(BODIES["text"])
    assert folded([first.replace(model="alias"), *events])["model"] == "alias"


# -- of another dialect -----------------------------------------------------------------------------------------------


def test_a_body_of_our_own_is_valid() -> None:
    """The package takes it strictly, and every nullable key is there."""
    body = folded(REPLY)
    ChatCompletion.model_validate(body, strict=True)
    assert body.keys() == {"id", "object", "created", "model", "choices", "usage", "system_fingerprint"}
    (choice,) = body["choices"]
    assert choice.keys() == {"index", "message", "logprobs", "finish_reason"}
    assert choice["message"].keys() >= {"role", "content", "refusal"}
    assert body["id"] == "chatcmpl-01A"
    assert body["usage"]["prompt_tokens"] == 17


def test_a_body_of_our_own_says_it_all() -> None:
    """Read again, it holds the blocks that were written."""
    anew = unfolded(json.dumps(folded(REPLY)).encode())
    assert said(anew)[:-1] == said(REPLY)[:-1]


def test_content_is_null_beside_calls() -> None:
    """No words and a call: null; no words and no call: an empty text."""
    call = [BlockStarted(0, ToolUse("a", "f")), BlockStopped(0)]
    assert folded([REPLY[0], *call, Finished("tool_use")])["choices"][0]["message"]["content"] is None
    assert folded([REPLY[0], Finished()])["choices"][0]["message"]["content"] == ""


def test_unsigned_thoughts_are_words_only() -> None:
    """Details are for what was signed."""
    events = [REPLY[0], BlockStarted(0, Thinking()), ThinkingDelta(0, "x"), BlockStopped(0), Finished()]
    message = folded(events)["choices"][0]["message"]
    assert message["reasoning_content"] == "x"
    assert "reasoning_details" not in message


def test_an_explained_refusal_ends_as_in_a_stream() -> None:
    """An explanation becomes the refusal's words and the end stays a filter's; a refusal in words ends with "stop"."""
    cut = Finished("refusal", details={"type": "refusal", "explanation": "No."})
    (choice,) = folded([REPLY[0], cut])["choices"]
    assert (choice["message"]["refusal"], choice["finish_reason"]) == ("No.", "content_filter")
    words = [BlockStarted(0, Refusal()), TextDelta(0, "No."), BlockStopped(0), Finished("refusal")]
    (choice,) = folded([REPLY[0], *words])["choices"]
    assert (choice["message"]["refusal"], choice["finish_reason"]) == ("No.", "stop")


def test_texts_are_joined() -> None:
    """Several blocks of text are one content, as in the stream."""
    events = [REPLY[0], BlockStarted(0, Text()), TextDelta(0, "a"), BlockStopped(0), BlockStarted(1, Text()),
              TextDelta(1, "b"), BlockStopped(1), Finished()]  # fmt: skip
    assert folded(events)["choices"][0]["message"]["content"] == "ab"


def test_a_stream_of_this_dialect_folds_too() -> None:
    """A reply that came as a stream has no body to edit: it gets one of our own."""
    assert folded([Started("gen-1", "m"), Finished("end_turn")])["id"] == "gen-1"


def test_a_failure_has_no_body() -> None:
    """The engine tells it with a status of its own."""
    encoder = WholeEncoder(model="m")
    assert encoder.feed([REPLY[0], Failed(Overloaded("x"))]) == b""
    assert encoder.feed([Finished()]) == b""


def test_blocks_are_kept_by_index() -> None:
    """Calls that came interleaved are told one after the other."""
    events = [REPLY[0], BlockStarted(0, ToolUse("a", "f")), BlockStarted(1, ToolUse("b", "g")), InputDelta(1, "{}"),
              InputDelta(0, '{"x":1}'), BlockStopped(0), BlockStopped(1), Finished("tool_use")]  # fmt: skip
    assert blocks(unfolded(folded(events))) == [(ToolUse("a", "f"), '{"x":1}'), (ToolUse("b", "g"), "{}")]


def test_why_a_reply_was_refused_is_told_as_in_a_stream() -> None:
    """The explanation is the refusal's words, and the reason is the filter's: nothing that the model said refuses."""
    refused = Finished("refusal", details={"type": "refusal", "explanation": "No."})
    (choice,) = folded([*REPLY[:-1], refused])["choices"]
    assert choice["message"]["refusal"] == "No."
    assert [choice["finish_reason"]] == finish(encoded([*REPLY[:-1], refused])) == ["content_filter"]
