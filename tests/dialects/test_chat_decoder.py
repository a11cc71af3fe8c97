"""The Chat stream decoder: same events however cut, one terminal event, every byte accounted for."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Overloaded, RateLimited, ServerError, UpstreamFailed, UpstreamRefused, UpstreamTruncated
from pipeline.events import (
    BlockStarted,
    Event,
    Failed,
    Finished,
    Heartbeat,
    Opaque,
    Redacted,
    Refusal,
    Run,
    SignatureDelta,
    Started,
    Text,
    Thinking,
    ToolUse,
    Usage,
)
from stages.dialects.chat.decoder import LIMIT, StreamDecoder
from tests.dialects.chat_replies import DONE, REPLIES, blocks, decoded, frame, frames_of, grammatical, keys, trees

names = pytest.mark.parametrize("name", REPLIES)
METER = frozenset({Started, Finished, Failed})  # what is read where nobody looks at deltas


def last(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished), events[-1]
    return events[-1]


def error(events: list[Event]) -> Exception:
    assert isinstance(events[-1], Failed), events[-1]
    return events[-1].error


def alike(events: list[Event]) -> list[object]:
    """*events* in a form that compares errors by what they say."""
    return [(type(e.error), e.error.message) if isinstance(e, Failed) else e for e in events]


# -- what holds for every stream --------------------------------------------------------------------------------------


@names
def test_any_cut_gives_the_same_events(name: str) -> None:
    """Fed whole and byte by byte, a stream gives the same events, in frames that are the stream."""
    stream = REPLIES[name]
    whole = decoded(stream)
    bytewise = decoded(*(stream[n : n + 1] for n in range(len(stream))))
    assert alike(whole) == alike(bytewise)
    assert frames_of(whole) == frames_of(bytewise)
    assert stream.startswith(frames_of(whole))


@given(st.data())
def test_random_cuts_give_the_same_events(data: st.DataObject) -> None:
    """Where a stream is cut, also within a character, changes nothing."""
    stream = REPLIES[data.draw(st.sampled_from(sorted(REPLIES)))]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert alike(decoded(*pieces)) == alike(decoded(stream))


@names
@pytest.mark.parametrize("ending", [b"\r\n", b"\r"])
def test_line_endings_change_no_event(name: str, ending: bytes) -> None:
    """CRLF and CR end lines as LF does."""
    stream = REPLIES[name].replace(b"\n", ending)
    assert alike(decoded(stream)) == alike(decoded(REPLIES[name]))
    assert stream.startswith(frames_of(decoded(stream)))


@names
def test_the_grammar_holds(name: str) -> None:
    """Every stream becomes Started, blocks, one terminal event."""
    grammatical(decoded(REPLIES[name]))


@names
def test_every_prefix_ends_exactly_once(name: str) -> None:
    """A stream that breaks off after any byte gives one terminal event, the last, and keeps the grammar."""
    stream = REPLIES[name]
    for end in range(len(stream)):
        events = decoded(stream[:end])
        assert [event.terminal for event in events] == [False] * (len(events) - 1) + [True]
        grammatical(events)


@names
def test_a_prefix_without_finish_reason_is_truncated(name: str) -> None:
    """Before the frame that ends the reply, an end of the stream is a failure, never a proper end."""
    stream = REPLIES[name]
    end = max(stream.rfind(b'"finish_reason":"'), stream.rfind(b'"finish_reason": "'))
    for cut in range(0, end, 7) if end > 0 and name not in {"choices", "openrouter_error"} else ():
        assert isinstance(decoded(stream[:cut])[-1], Failed)


@names
def test_nothing_follows_the_terminal_event(name: str) -> None:
    """What a server sends after the end is not looked at."""
    decoder = StreamDecoder()
    ended = [*decoder.feed(REPLIES[name]), *decoder.close()]
    assert ended[-1].terminal
    assert decoder.feed(frame({"content": "more"}) + DONE) == []
    assert decoder.close() == []


@names
def test_skimming_keeps_all_bytes_and_the_end(name: str) -> None:
    """Where nobody reads deltas, frames travel as runs: the same bytes, the same usage, the same kind of end."""
    stream = REPLIES[name]
    skimmed, read = decoded(stream, kinds=METER), decoded(stream)
    assert frames_of(skimmed) == frames_of(read)
    assert type(skimmed[-1]) is type(read[-1])
    assert getattr(skimmed[-1], "usage", None) == getattr(read[-1], "usage", None)
    assert alike(decoded(*(stream[n : n + 1] for n in range(len(stream))), kinds=METER))[-1] == alike(skimmed)[-1]


@given(st.lists(st.binary(max_size=60) | st.sampled_from([b"data: ", b"\n\n", b"{", b'"choices":[{}]}', DONE])))
def test_no_bytes_make_it_raise(pieces: list[bytes]) -> None:
    """Whatever comes, the decoder ends with one terminal event."""
    events = decoded(*pieces)
    assert [event.terminal for event in events].count(True) == 1
    assert events[-1].terminal


@given(st.lists(trees, max_size=6))
def test_no_json_makes_it_raise(chunks: list[Any]) -> None:
    """Frames of any shape end in one terminal event, and the grammar holds up to it."""
    grammatical(decoded(*(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)))


def shaped(delta: Any) -> dict[str, Any]:
    return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta}]}


@given(st.lists(st.dictionaries(keys, trees, max_size=4), max_size=8))
def test_no_delta_makes_it_raise(deltas: list[Any]) -> None:
    """Deltas of any shape keep the grammar."""
    stream = b"".join(b"data: " + json.dumps(shaped(delta)).encode() + b"\n\n" for delta in deltas)
    grammatical(decoded(stream + frame({}, "stop") + DONE))


# -- what servers send ------------------------------------------------------------------------------------------------


def test_text_and_usage() -> None:
    """Words become one text block, and cached and written tokens are taken out of the prompt's total."""
    events = decoded(REPLIES["text"])
    assert events[0] == Started("chatcmpl-C9aZtext0000000000000000000", "gpt-4.1-2025-04-14")
    assert blocks(events) == [(Text(), "The capital of France is Paris 🗼.")]
    assert last(events) == Finished("end_turn", usage=Usage(262, 1024, 256, 0, 8, 0))


def test_interleaved_calls_keep_their_arguments_apart() -> None:
    """Fragments of several calls go where their index says; a call without fragments has none."""
    events = decoded(REPLIES["tools"])
    assert blocks(events) == [
        (Text(), "Let me look."),
        (ToolUse("call_aaa1", "read_file"), '{"path":"a.txt"}'),
        (ToolUse("call_bbb2", "list_dir"), '{"path":"/tmp"}'),
        (ToolUse("call_ccc3", "now"), ""),
    ]
    assert last(events).stop == "tool_use"
    assert last(events).usage == Usage(210, 0, 0, 0, 41, 20)


def test_reasoning_comes_before_the_text() -> None:
    """DeepSeek's reasoning_content is a block of thinking, and its cache counts are understood."""
    events = decoded(REPLIES["deepseek"])
    assert blocks(events) == [(Thinking(), "We need the sum."), (Text(), "4")]
    assert last(events).usage == Usage(2, 128, 0, 0, 4, 8)
    assert sum(isinstance(event, Heartbeat) for event in events) == 3


def test_claudes_signature_comes_through_openrouter() -> None:
    """A signature and sealed reasoning marked as Claude's belong to their blocks; prices are kept."""
    events = decoded(REPLIES["openrouter"])
    assert blocks(events) == [(Thinking(), "Let me think"), (Redacted("EmwKredacted=="), ""), (Text(), "Hello")]
    assert SignatureDelta(0, "EqQBCkYIBRgCKkDsigned==") in events
    usage = last(events).usage
    assert usage is not None
    assert usage.extra is not None
    assert usage.extra["cost"] == 0.00082


def test_sealed_reasoning_of_others_is_opaque() -> None:
    """What another maker encrypted is kept for this dialect and shown to no other."""
    events = decoded(REPLIES["openrouter_foreign"])
    assert [event.kind for event in events if isinstance(event, Opaque)] == ["reasoning"]
    assert not any(isinstance(event, SignatureDelta) for event in events)
    assert blocks(events) == [(Thinking(), "**Plan**"), (Text(), "Done.")]


def test_details_alone_are_reasoning() -> None:
    """Where reasoning comes only in details, they are its words (MiniMax)."""
    assert blocks(decoded(REPLIES["details_only"])) == [(Thinking(), "Counting."), (Text(), "3")]


def test_content_in_parts() -> None:
    """Mistral's lists of thinking and text are blocks of each."""
    assert blocks(decoded(REPLIES["mistral"])) == [(Thinking(), "So be it"), (Text(), "Yes!")]


def test_a_refusal_is_a_block_and_a_reason() -> None:
    """Words in ``refusal`` make the reply a refusal, though Chat calls it "stop"."""
    events = decoded(REPLIES["refusal"])
    assert blocks(events) == [(Refusal(), "I'm sorry, I can't help.")]
    assert last(events).stop == "refusal"


def test_azures_first_frame_waits_for_the_reply() -> None:
    """A frame about the prompt alone has no id: Started comes with the first that has."""
    events = decoded(REPLIES["azure"])
    assert events[0] == Started("chatcmpl-AzFilter", "gpt-4o-2024-11-20")
    assert last(events).stop == "refusal"


def test_calls_without_index_or_with_late_ids() -> None:
    """Calls are told apart without an index; parsed arguments become text; a call begins when its id is known."""
    events = decoded(REPLIES["odd_tools"])
    assert blocks(events) == [
        (ToolUse("functions.first:0", "first"), '{"a":1}'),
        (ToolUse("functions.second:1", "second"), "{}"),
        (ToolUse("functions.third:2", "third"), ""),
    ]
    assert last(events).stop == "tool_use"
    assert last(events).usage == Usage(2, 48, 0, 0, 5, 0)


def test_calls_that_share_a_number() -> None:
    """A second id with a name under the same index is another call, and later fragments are its own."""
    assert blocks(decoded(REPLIES["one_number"])) == [
        (ToolUse("call_1", "a"), '{"x":1}'),
        (ToolUse("call_2", "b"), '{"y":2}'),
    ]


def test_a_call_without_an_id_gets_one() -> None:
    """The id is made of the reply's, so it is the same when decoded again, and another in another reply."""
    (block, given), *_ = blocks(decoded(REPLIES["no_id"]))
    assert isinstance(block, ToolUse)
    assert block.id.startswith("call_")
    assert given == '{"x":1}'
    other = decoded(REPLIES["no_id"].replace(b"kimi-1", b"kimi-2"))
    assert block not in [found for found, _ in blocks(other)]


def test_a_call_without_a_name_fails() -> None:
    """Nobody can run a call of nothing."""
    call = {"tool_calls": [{"index": 0, "id": "call_1", "function": {"arguments": "{}"}}]}
    assert "without a name" in str(error(decoded(frame(call), frame({}, "tool_calls"), DONE)))


def test_an_empty_list_of_calls_is_none() -> None:
    """``tool_calls: []`` opens no block and does not disturb the text."""
    events = decoded(frame({"content": "a", "tool_calls": []}), frame({"content": "b", "tool_calls": []}),
                     frame({}, "stop"), DONE)  # fmt: skip
    assert blocks(events) == [(Text(), "ab")]
    assert last(events).stop == "end_turn"


def test_the_older_function_call() -> None:
    """``function_call`` is a call like any other, with an id of our own."""
    events = decoded(
        frame({"role": "assistant", "function_call": {"name": "f", "arguments": ""}}),
        frame({"function_call": {"arguments": "{}"}}),
        frame({}, "function_call"),
        DONE,
    )
    assert [given for _, given in blocks(events)] == ["{}"]
    assert last(events).stop == "tool_use"


def test_a_free_form_call_becomes_json() -> None:
    """A call with a text in place of arguments has the text as its one argument."""
    events = decoded(
        frame({"tool_calls": [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "sh", "input": 'ls "'}}]}),
        frame({"tool_calls": [{"index": 0, "custom": {"input": 'a"\n'}}]}),
        frame({}, "tool_calls"),
        DONE,
    )
    assert blocks(events) == [(ToolUse("c", "sh", {"type": "custom"}), '{"input":"ls \\"a\\"\\n"}')]


def test_text_after_a_call_is_a_block_of_its_own() -> None:
    """A call does not swallow the words that follow it."""
    call = {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]}
    events = decoded(frame({"content": "a"}), frame(call), frame({"content": "b"}), frame({}, "tool_calls"), DONE)
    assert [block for block, _ in blocks(events)] == [Text(), ToolUse("c", "f"), Text()]


@pytest.mark.parametrize(
    ("delta", "kind"),
    [({"refusal": "no"}, Refusal), ({"reasoning": "hm"}, Thinking), ({"reasoning_content": "hm"}, Thinking),
     ({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]}, ToolUse)],
)  # fmt: skip
def test_what_stands_beside_the_words_of_an_open_text_is_told(delta: dict[str, Any], kind: type) -> None:
    """A frame with words and something else is both; one with words alone is more of the text, with its counts."""
    counts = {"prompt_tokens": 9, "completion_tokens": 3}
    frames = [frame({"content": "a"}), frame({"content": "b", **delta}), frame({"content": "c"}, usage=counts)]
    events = decoded(*frames, frame({}, "stop"), DONE)
    assert kind in [type(block) for block, _ in blocks(events)]
    assert "".join(words for block, words in blocks(events) if block == Text()) == "abc"
    assert last(events).usage == Usage(9, 0, 0, 0, 3, 0)


def test_choices_end_one_by_one() -> None:
    """With n > 1 every choice has its blocks and its reason, and the end of the first one is told in its place."""
    events = decoded(REPLIES["choices"])
    assert [(event.index, event.choice) for event in events if isinstance(event, BlockStarted)] == [(0, 0), (1, 1)]
    assert last(events).stop == "end_turn"
    assert last(events).stops == {1: "max_tokens"}
    assert frames_of(events) == REPLIES["choices"]


# -- ends -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "stop"),
    [("stop", "end_turn"), ("eos", "end_turn"), ("end_turn", "end_turn"), ("length", "max_tokens"),
     ("content_filter", "refusal"), ("tool_calls", "end_turn"), ("made_up", "end_turn")],
)  # fmt: skip
def test_words_for_an_end(word: str, stop: str) -> None:
    """Each reason is understood; one that speaks of calls where there are none is an ordinary end."""
    assert last(decoded(frame({"content": "x"}), frame({}, word), DONE)).stop == stop


@pytest.mark.parametrize(("word", "kind"), [("error", UpstreamFailed), ("abort", UpstreamFailed),
                                            ("insufficient_system_resource", Overloaded)])  # fmt: skip
def test_words_for_a_breakdown(word: str, kind: type[Exception]) -> None:
    """A reason that says the reply broke off is a failure, and no frame pretends otherwise."""
    events = decoded(frame({"content": "x"}), frame({"content": "y"}, word), DONE)
    assert type(error(events)) is kind
    assert events[-1].frame is None


def test_an_empty_word_is_no_end() -> None:
    """Servers that write "" in every frame end with [DONE] alone; without it they are cut."""
    frames = [frame({"content": "x"}, ""), frame({"content": "y"}, "")]
    assert last(decoded(*frames, DONE)).stop == "end_turn"
    assert type(error(decoded(*frames))) is UpstreamTruncated


def test_done_without_a_reason_is_truncated() -> None:
    """[DONE] alone does not make an end: clients would ask again without end."""
    assert type(error(decoded(frame({"content": "x"}), DONE))) is UpstreamTruncated


def test_a_stream_may_end_without_done() -> None:
    """finish_reason is enough; the stop sequence that vLLM names is told."""
    events = decoded(REPLIES["bare"])
    assert last(events).stop == "stop_sequence"
    assert last(events).stop_sequence == "</b>"


def test_usage_is_the_last_told() -> None:
    """Counts that grow with every frame are not summed, and null takes nothing back."""
    counts = {"prompt_tokens": 9, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 4}}
    events = decoded(
        frame({"content": "a"}, usage=counts),
        frame({}, "stop", usage={**counts, "completion_tokens": 2, "prompt_tokens_details": None}),
        DONE,
    )
    assert last(events).usage == Usage(5, 4, 0, 0, 2, 0)


def test_an_error_in_the_stream_keeps_its_frame() -> None:
    """What the upstream says went wrong can be passed on as it said it."""
    failed = decoded(REPLIES["error"])[-1]
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, UpstreamRefused)
    assert isinstance(failed.error.means, ServerError)
    assert failed.frame is not None
    assert json.loads(failed.frame[6:])["error"]["message"].startswith("EngineCore")


def test_an_error_with_a_status_for_its_code() -> None:
    """OpenRouter's number is the status the error would have had."""
    failed = error(decoded(REPLIES["openrouter_error"]))
    assert isinstance(failed, UpstreamRefused)
    assert isinstance(failed.means, RateLimited)
    assert failed.code == 429
    assert failed.message == "Provider returned error: rate-limited upstream"


def test_a_frame_that_is_no_json_fails() -> None:
    """Nothing is guessed from a frame that makes no sense."""
    assert type(error(decoded(frame({"content": "x"}), b"data: {oops\n\n"))) is UpstreamFailed


def test_half_a_surrogate_pair_costs_a_character_only() -> None:
    """Servers that escape and cut in the midst of a character lose that character, not the reply."""
    cut = frame({"content": "ab"}).replace(b"ab", b"a\\ud83d")
    assert blocks(decoded(cut, frame({}, "stop"), DONE)) == [(Text(), "a?")]


def test_a_frame_over_a_megabyte_fails() -> None:
    """Memory is bounded: a frame that does not end is no stream."""
    events = decoded(b"data: " + b"x" * (LIMIT + 10))
    assert type(error(events)) is UpstreamFailed


def test_arguments_without_a_call_are_bounded() -> None:
    """A server that never names its call can't make us keep everything it says."""
    piece = frame({"tool_calls": [{"index": 0, "function": {"arguments": "x" * 60_000}}]})
    assert type(error(decoded(*[piece] * 40))) is UpstreamFailed


# -- what is kept for the same dialect --------------------------------------------------------------------------------


def test_what_nobody_understands_stays_in_its_frame() -> None:
    """Log probabilities and citations come in frames that stay as they are."""
    assert frames_of(decoded(REPLIES["logprobs"])) == REPLIES["logprobs"]
    citations = [event for event in decoded(REPLIES["search"]) if isinstance(event, Opaque)]
    assert [event.kind for event in citations] == ["annotations"]


def test_hidden_usage_takes_out_its_frame_only() -> None:
    """The usage we asked for is known to the meter and not shown to the client; all other bytes are."""
    events = decoded(REPLIES["text"], hide_usage=True)
    assert last(events).usage == Usage(262, 1024, 256, 0, 8, 0)
    frames = REPLIES["text"].split(b"\n\n")
    without = [part for part in frames if b'"choices":[]' not in part]
    assert frames_of(events) == b"\n\n".join(without)


def test_hidden_usage_on_the_last_chunk_stays() -> None:
    """Usage that comes with a choice is the server's own way: the frame can't be taken out."""
    assert frames_of(decoded(REPLIES["deepseek"], hide_usage=True)) == REPLIES["deepseek"]


def test_dataless_events_are_not_passed_on() -> None:
    """An event without data makes the openai package raise: it becomes a heartbeat without a frame."""
    events = decoded(frame({"content": "x"}), b"event: ping\n\n", frame({}, "stop"), DONE)
    (beat,) = [event for event in events if isinstance(event, Heartbeat)]
    assert beat.frame is None


# -- skimming ---------------------------------------------------------------------------------------------------------


def test_adjacent_frames_are_one_run() -> None:
    """What one read brings and nobody reads is one event, however many frames it is."""
    decoder = StreamDecoder(METER)
    decoder.feed(frame({"role": "assistant"}) + frame({"content": "a"}))
    batch = decoder.feed(b"".join(frame({"content": str(n)}) for n in range(9)))
    assert batch == [Run("chat", 9)]


SPELLINGS = {
    "compact": lambda data: data,
    "spaced": lambda data: data.replace(b":", b" : "),
    "in lines": lambda data: data.replace(b",", b",\n\t"),
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_spelling_hides_no_end(spell: Any) -> None:
    """However JSON is spaced, a run never swallows an end, usage or an error."""
    head = frame({"role": "assistant", "content": "a"})
    more = spell(frame({"content": 'finish_reason":null "usage":{'})[6:-2])
    end = spell(frame({}, "stop", usage={"prompt_tokens": 1, "completion_tokens": 2})[6:-2])
    lines = [b"".join(b"data: " + line + b"\n" for line in data.split(b"\n")) + b"\n" for data in (more, end)]
    events = decoded(head, *lines, DONE, kinds=METER)
    assert last(events).usage == Usage(1, 0, 0, 0, 2, 0)
    assert frames_of(events) == head + b"".join(lines) + DONE


def test_an_error_in_skimmed_frames_is_seen() -> None:
    """An error is never part of a run."""
    events = decoded(REPLIES["error"], kinds=METER)
    assert isinstance(error(events), UpstreamRefused)


def test_frames_before_the_first_block_are_not_skimmed() -> None:
    """A run says that content came: empty frames before it must not."""
    events = decoded(frame({"role": "assistant"}), frame({"content": ""}), frame({"content": ""}), kinds=METER)
    assert not any(isinstance(event, Run) for event in events)
