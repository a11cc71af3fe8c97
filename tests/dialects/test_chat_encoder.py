"""The Chat stream encoder, judged by the openai package: strict types frame by frame, its accumulator, its errors."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Overloaded, UpstreamRefused, UpstreamTruncated
from pipeline.events import (
    BlockStarted,
    BlockStopped,
    Event,
    Failed,
    Finished,
    Heartbeat,
    InputDelta,
    Opaque,
    Other,
    Redacted,
    Refusal,
    Run,
    SignatureDelta,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
    Usage,
)
from stages.dialects.chat.encoder import StreamEncoder
from stages.dialects.chat.fold import WholeEncoder
from stages.dialects.envelope import wrap
from tests.dialects.chat_replies import DONE, REPLIES, accumulated, decoded, frame, payloads, said, validated

names = pytest.mark.parametrize("name", REPLIES)

USAGE = Usage(input=10, cache_read=5, cache_write_5m=2, cache_write_1h=0, output=20, reasoning=3)
REPLY: list[Event] = [
    Started("msg_01A", "claude-opus-5-5", Usage(input=10, cache_read=5, cache_write_5m=2, cache_write_1h=0, output=1)),
    BlockStarted(0, Thinking()),
    ThinkingDelta(0, "hm"),
    SignatureDelta(0, "EqSig=="),
    BlockStopped(0),
    BlockStarted(1, Redacted("EmRed==")),
    BlockStopped(1),
    BlockStarted(2, Text()),
    TextDelta(2, "Hé "),
    TextDelta(2, "🙂\n"),
    BlockStopped(2),
    BlockStarted(3, ToolUse("toolu_1", "f")),
    InputDelta(3, ""),
    InputDelta(3, '{"a":'),
    InputDelta(3, "1}"),
    BlockStopped(3),
    BlockStarted(4, ToolUse("toolu_2", "g")),
    BlockStopped(4),
    Finished("tool_use", usage=Usage(output=20, reasoning=3)),
]


def encoded(events: list[Event], *, show_usage: bool = False, model: str = "asked") -> bytes:
    return StreamEncoder(model=model, show_usage=show_usage).feed(events)


def deltas(stream: bytes) -> list[dict[str, Any]]:
    return [choice["delta"] for chunk in payloads(stream) if chunk != "[DONE]" for choice in chunk["choices"]]


def finish(stream: bytes) -> Any:
    return [
        choice["finish_reason"]
        for chunk in payloads(stream)
        if chunk != "[DONE]" and "choices" in chunk
        for choice in chunk["choices"]
        if choice["finish_reason"]
    ]


# -- events of another dialect ----------------------------------------------------------------------------------------


def test_every_frame_is_valid_and_adds_up() -> None:
    """The package takes each frame strictly, and its helper puts together what was said."""
    final = accumulated(encoded(REPLY, show_usage=True))
    message = final.choices[0].message
    assert final.id == "chatcmpl-01A"
    assert final.model == "claude-opus-5-5"
    assert message.role == "assistant"
    assert message.content == "Hé 🙂\n"
    assert message.reasoning_content == "hm"  # type: ignore[attr-defined]  # an extension
    assert message.tool_calls is not None
    assert [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls] == [  # type: ignore[union-attr]
        ("toolu_1", "f", '{"a":1}'),
        ("toolu_2", "g", "{}"),
    ]
    assert final.choices[0].finish_reason == "tool_calls"


def test_role_ids_and_names_are_said_once() -> None:
    """The helper concatenates strings: what is said twice is wrong."""
    said = deltas(encoded(REPLY))
    assert said[0] == {"role": "assistant", "content": "", "refusal": None}
    assert sum("role" in delta for delta in said) == 1
    calls = [call for delta in said for call in delta.get("tool_calls", ())]
    assert [call["index"] for call in calls if "id" in call] == [0, 1]
    assert sum("id" in call for call in calls) == sum("name" in call["function"] for call in calls) == 2
    assert all(call["type"] == "function" for call in calls if "id" in call)


def test_nullable_keys_are_there() -> None:
    """Frames have the keys that the vendor's own have, null where there is nothing."""
    for chunk in payloads(encoded(REPLY, show_usage=True))[:-2]:
        assert chunk.keys() == {"id", "object", "created", "model", "system_fingerprint", "choices", "usage"}
        assert chunk["usage"] is None
        assert all(choice.keys() == {"index", "delta", "logprobs", "finish_reason"} for choice in chunk["choices"])


def test_envelope_is_the_same_in_all_frames() -> None:
    """id, created and model never change within a stream."""
    chunks = payloads(encoded(REPLY, show_usage=True))[:-1]
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1


def test_usage_comes_last_if_asked_for() -> None:
    """The usage frame has no choices, counts all input, and holds what the start had told and the end did not."""
    *_, usage, done = payloads(encoded(REPLY, show_usage=True))
    assert done == "[DONE]"
    assert usage["choices"] == []
    assert usage["usage"] == {
        "prompt_tokens": 17,
        "completion_tokens": 23,
        "total_tokens": 40,
        "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 2, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 0, "accepted_prediction_tokens": 0,
                                      "rejected_prediction_tokens": 0},
        "cache_creation_input_tokens": 2,
        "cache_read_input_tokens": 5,
    }  # fmt: skip


def test_usage_is_not_shown_unasked() -> None:
    """Strict clients break on a frame without choices."""
    assert all("usage" not in chunk for chunk in payloads(encoded(REPLY))[:-1])


def test_signatures_come_with_their_words() -> None:
    """Details have a running index, the words that were signed, and whose the signature is."""
    details = [entry for delta in deltas(encoded(REPLY)) for entry in delta.get("reasoning_details", ())]
    assert details == [
        {"type": "reasoning.text", "text": "hm", "signature": "EqSig==", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "EmRed==", "format": "anthropic-claude-v1", "index": 1},
    ]


def test_an_envelope_is_not_called_claudes() -> None:
    """What another maker signed is not passed off as Anthropic's."""
    sealed = wrap("responses", "gpt", "gAAAA")
    events = [Started("resp_1", "gpt"), BlockStarted(0, Thinking()), SignatureDelta(0, sealed), BlockStopped(0)]
    (detail,) = [entry for delta in deltas(encoded(events)) for entry in delta.get("reasoning_details", ())]
    assert detail["signature"] == sealed
    assert not detail["format"].startswith("anthropic")


def test_a_heartbeat_is_a_comment() -> None:
    """It reaches the client and is nothing to its parser."""
    assert encoded([Heartbeat()]) == b": ping\n\n"
    assert payloads(encoded([REPLY[0], Heartbeat(frame=b"event: ping\ndata: {}\n\n")]))[1:] == []


def test_what_has_no_place_is_left_out() -> None:
    """Blocks and events of another dialect leave no trace, and do no harm to what follows."""
    events = [
        REPLY[0],
        BlockStarted(0, Other("anthropic", {"type": "server_tool_use"})),
        InputDelta(0, '{"q":1}'),
        Opaque("anthropic", "citations_delta", {}, 0),
        BlockStopped(0),
        BlockStarted(1, Text()),
        TextDelta(1, "x"),
        Finished(),
    ]
    assert accumulated(encoded(events)).choices[0].message.content == "x"


@pytest.mark.parametrize(
    ("stop", "word"),
    [("end_turn", "stop"), ("max_tokens", "length"), ("stop_sequence", "stop"), ("tool_use", "stop"),
     ("pause_turn", "stop"), ("refusal", "content_filter"), ("model_context_window_exceeded", "length"),
     ("compaction", "stop")],
)  # fmt: skip
def test_reasons_without_a_call(stop: Any, word: str) -> None:
    """Each reason has its word; "tool_calls" is never said where there was no call."""
    assert finish(encoded([REPLY[0], Finished(stop)])) == [word]


def test_a_call_makes_the_reason() -> None:
    """Where a tool was called, an ordinary end is "tool_calls"."""
    call = [BlockStarted(0, ToolUse("a", "f")), BlockStopped(0)]
    assert finish(encoded([REPLY[0], *call, Finished("end_turn")])) == ["tool_calls"]
    assert finish(encoded([REPLY[0], *call, Finished("max_tokens")])) == ["length"]


def test_why_a_reply_was_refused() -> None:
    """An explanation becomes the refusal's words."""
    stream = encoded([REPLY[0], Finished("refusal", details={"type": "refusal", "explanation": "No."})])
    assert accumulated(stream).choices[0].message.refusal == "No."
    assert finish(stream) == ["content_filter"]


def test_refusing_words_end_with_stop() -> None:
    """A refusal in words is told as OpenAI does: in its own field, and "stop"."""
    events = [REPLY[0], BlockStarted(0, Refusal()), TextDelta(0, "No."), BlockStopped(0), Finished("refusal")]
    assert accumulated(encoded(events)).choices[0].message.refusal == "No."
    assert finish(encoded(events)) == ["stop"]


def test_the_stop_sequence_is_told_beside() -> None:
    """Chat has no field for it; ours is the one that vLLM has."""
    chunk = payloads(encoded([REPLY[0], Finished("stop_sequence", "</b>")]))[-2]
    assert chunk["choices"][0]["stop_reason"] == "</b>"


def test_finished_closes_what_is_open() -> None:
    """A reply that ends early ends in the grammar: calls have arguments."""
    stream = encoded([REPLY[0], BlockStarted(0, ToolUse("a", "f")), Finished("end_turn")])
    calls = accumulated(stream).choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].function.arguments == "{}"  # type: ignore[union-attr]


def test_a_free_form_call_is_written_as_one() -> None:
    """A call of a tool that takes a text has the text, not JSON."""
    block = ToolUse("a", "sh", {"type": "custom"})
    events = [REPLY[0], BlockStarted(0, block), InputDelta(0, '{"input":"ls '), InputDelta(0, '\\"a\\""}'),
              BlockStopped(0), Finished("tool_use")]  # fmt: skip
    (call,) = [call for delta in deltas(encoded(events)) for call in delta.get("tool_calls", ())]
    assert call == {"index": 0, "id": "a", "type": "custom", "custom": {"name": "sh", "input": 'ls "a"'}}


def test_choices_have_their_roles_and_reasons() -> None:
    """With several choices each begins with its role and ends with its reason."""
    events = [REPLY[0], BlockStarted(0, Text()), TextDelta(0, "a"), BlockStarted(1, Text(), 1), TextDelta(1, "b"),
              Finished("end_turn", stops={1: "max_tokens"})]  # fmt: skip
    final = accumulated(encoded(events))
    assert [(choice.message.role, choice.message.content, choice.finish_reason) for choice in final.choices] == [
        ("assistant", "a", "stop"),
        ("assistant", "b", "length"),
    ]


def test_the_asked_model_stands_in() -> None:
    """Where the reply names no model or id, the frames still have both."""
    chunk = payloads(encoded([Started("", ""), Finished()], model="asked"))[0]
    assert chunk["model"] == "asked"
    assert chunk["id"].startswith("chatcmpl-")


# -- failures ---------------------------------------------------------------------------------------------------------


def client(stream: bytes) -> openai.OpenAI:
    """The package's own client, in front of *stream*."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)

    transport = httpx2.MockTransport(answer)
    return openai.OpenAI(api_key="k", base_url="http://test/v1", max_retries=0,
                         http_client=openai.DefaultHttpxClient(transport=transport))  # fmt: skip


def iterate(stream: bytes) -> Iterator[Any]:
    with client(stream) as asking:
        yield from asking.chat.completions.create(model="m", messages=[], stream=True)


def test_a_failure_raises_in_the_client() -> None:
    """The package raises what went wrong, after what came before; there is no [DONE]."""
    stream = encoded([*REPLY[:9], Failed(Overloaded("too many"))])
    assert DONE not in stream
    seen = iterate(stream)
    with pytest.raises(openai.APIError) as raised:
        list(seen)
    assert raised.value.message == "too many"
    assert raised.value.code == "server_is_overloaded"
    assert raised.value.type == "server_error"


def test_a_failure_may_come_first() -> None:
    """Also where nothing else was said."""
    stream = encoded([Failed(UpstreamTruncated("cut"))])
    assert [chunk["error"]["message"] for chunk in payloads(stream)] == ["cut"]


def test_nothing_follows_the_end() -> None:
    """A ping that was queued behind the end is not written."""
    for end in (Finished(), Failed(Overloaded("x"))):
        encoder = StreamEncoder(model="m", show_usage=False)
        written = encoder.feed([REPLY[0], end, Heartbeat(), TextDelta(0, "x")])
        assert written.count(b"\n\n") == encoded([REPLY[0], end]).count(b"\n\n")
        assert b"ping" not in written
        assert encoder.feed([Heartbeat()]) == b""


def test_a_whole_reply_runs_through_the_client() -> None:
    """Iterating the package's own stream raises nothing and ends."""
    chunks = list(iterate(encoded(REPLY, show_usage=True)))
    assert chunks[-1].usage.total_tokens == 40


# -- events of this dialect -------------------------------------------------------------------------------------------


@names
def test_untouched_means_identical(name: str) -> None:
    """What nobody touched is written byte for byte, however the stream was cut."""
    stream = REPLIES[name]
    encoder = StreamEncoder(model="m", show_usage=False)
    events = decoded(stream)
    end = stream.find(DONE) if isinstance(events[-1], Failed) else len(stream)
    assert encoder.feed(events) == (stream[:end] if end > 0 else stream)


@names
def test_runs_are_written_as_they_came(name: str) -> None:
    """So is what nobody read."""
    events = decoded(REPLIES[name], kinds=frozenset({Finished}))
    expected = encoded(decoded(REPLIES[name]))
    assert encoded(events) == expected


@names
def test_rendered_anew_it_says_the_same(name: str) -> None:
    """Events of this dialect that lost their frames mean what they meant."""
    events = decoded(REPLIES[name])
    anew = decoded(encoded([event.replace() for event in events], show_usage=True))
    assert said(anew) == said(events)


@names
def test_rendered_frames_are_valid(name: str) -> None:
    """What is rendered from events of this dialect is as strict as from any other."""
    events = decoded(REPLIES[name])
    if isinstance(events[-1], Finished):
        validated(encoded([event.replace() for event in events if not isinstance(event, Opaque)], show_usage=True))


def test_touched_text_does_not_leak_through_a_sibling() -> None:
    """A frame is written only if all its events are untouched: replaced words are nowhere in the stream."""
    stream = frame({"role": "assistant", "content": "secret"}) + frame({}, "stop") + DONE
    events = [event.replace(piece="****") if isinstance(event, TextDelta) else event for event in decoded(stream)]
    written = encoded(events)
    assert b"secret" not in written
    assert accumulated(written).choices[0].message.content == "****"


def test_a_dropped_sibling_takes_its_frame_along() -> None:
    """Without one of its events a frame says too much."""
    call = {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]}
    stream = frame({"content": "x", **call}) + frame({}, "tool_calls") + DONE
    events = [event for event in decoded(stream) if not isinstance(event, TextDelta)]
    message = accumulated(encoded(events)).choices[0].message
    assert not message.content
    assert message.tool_calls is not None


def test_rendered_frames_fit_among_those_that_came() -> None:
    """A changed event has the id, time and model of the frames around it, and calls keep counting."""
    events = [
        event.replace(piece="x") if isinstance(event, InputDelta) else event for event in decoded(REPLIES["tools"])
    ]
    chunks = payloads(encoded(events))[:-1]
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1
    calls = [call for chunk in chunks for choice in chunk["choices"] for call in choice["delta"].get("tool_calls", ())]
    assert [call["index"] for call in calls] == [0, 0, 1, 1, 0, 1, 2]


def test_an_early_end_after_runs() -> None:
    """A reply whose frames nobody read can be ended early, in the grammar."""
    events = decoded(REPLIES["text"], kinds=frozenset({Finished}))
    begun = [event for event in events if not isinstance(event, Finished | BlockStopped)]
    assert any(isinstance(event, Run) for event in begun)
    final = accumulated(encoded([*begun, Finished("end_turn")]))
    assert final.choices[0].finish_reason == "stop"


def test_an_upstreams_own_error_passes_as_it_came() -> None:
    """In its own dialect a refusal within a stream is the upstream's frame, and the end."""
    events = decoded(REPLIES["openrouter_error"])
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, UpstreamRefused)
    assert encoded(events).endswith(failed.frame or b"?")
    assert b"rate-limited upstream" in encoded([failed.replace()])


# -- round trips ------------------------------------------------------------------------------------------------------

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)
sealed = st.text("ABCDEFGHxyz0189+/", min_size=4, max_size=12).map(lambda text: text + "==")


@st.composite
def replies(draw: st.DrawFn) -> list[Event]:
    """A reply that Chat can say: thoughts all signed or none, no two texts side by side, calls at the end."""
    signed = draw(st.booleans())
    kinds = draw(st.lists(st.sampled_from(["think", "redacted", "text"] if signed else ["think", "text"]), max_size=5))
    events: list[Event] = [Started("chatcmpl-9", "m")]
    before = ""
    index = 0
    for kind in [*kinds, *["call"] * draw(st.integers(0, 3))]:
        if kind == before and (kind == "text" or (kind == "think" and not signed)):
            continue
        before = kind
        pieces = draw(st.lists(words, min_size=1, max_size=3))
        if kind == "think":
            events += [BlockStarted(index, Thinking()), *(ThinkingDelta(index, piece) for piece in pieces)]
            events += [SignatureDelta(index, draw(sealed))] if signed else []
        elif kind == "redacted":
            events.append(BlockStarted(index, Redacted(draw(sealed))))
        elif kind == "text":
            events += [BlockStarted(index, Text()), *(TextDelta(index, piece) for piece in pieces)]
        else:
            events += [BlockStarted(index, ToolUse(f"call_{index}", f"f{index}"))]
            events += [InputDelta(index, piece) for piece in draw(st.sampled_from([[], ["{}"], ['{"a":', "1}"]]))]
        events.append(BlockStopped(index))
        index += 1
    stop = "tool_use" if before == "call" else draw(st.sampled_from(["end_turn", "max_tokens"]))
    return [*events, Finished(stop, usage=draw(st.none() | st.just(USAGE)))]  # type: ignore[arg-type]  # one of Stop


@given(replies())
def test_decoding_what_was_encoded(events: list[Event]) -> None:
    """A reply that is written and read again says the same."""
    assert said(decoded(encoded(events, show_usage=True))) == said(events)


@given(replies())
def test_the_stream_adds_up_to_the_whole(events: list[Event]) -> None:
    """What the package accumulates from the stream is what the whole encoder writes."""
    stream = accumulated(encoded(events, show_usage=True)).to_dict()
    whole = json.loads(WholeEncoder(model="asked").feed(events))
    assert normal(stream) == normal(whole)


def normal(body: Any) -> Any:
    """*body* without what differs by nature: times, nulls, indexes of calls, empty content beside calls."""
    if isinstance(body, list):
        return [normal(item) for item in body]
    if not isinstance(body, dict):
        return body
    skipped = {"created", "parsed", "object", "system_fingerprint"} | ({"index"} if "function" in body else set())
    return {
        key: normal(value)
        for key, value in body.items()
        if key not in skipped and value is not None and not (key == "content" and value == "")
    }
