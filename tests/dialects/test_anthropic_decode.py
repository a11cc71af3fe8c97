"""Messages streams, read: events, however they were cut, and exactly one end."""

import sys
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Overloaded, ServerError, UpstreamFailed, UpstreamRefused, UpstreamTruncated
from pipeline.events import (
    Batch,
    BlockStarted,
    BlockStopped,
    Event,
    Failed,
    Finished,
    Heartbeat,
    InputDelta,
    Kinds,
    Opaque,
    Other,
    Redacted,
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
from stages.dialects.anthropic.decode import StreamDecoder
from tests.dialects.anthropic_oracle import FAILING, REPLIES, frames_of, read, runs, said

DELTAS: list[type[Event]] = [TextDelta, ThinkingDelta, SignatureDelta, InputDelta, Opaque]
KINDS: list[Kinds | None] = [None] + [frozenset(some) for size in range(6) for some in combinations(DELTAS, size)]
NOBODY: Kinds = frozenset({Started, Finished, Failed})

START = b'event: message_start\ndata: {"type":"message_start","message":{"id":"m1","model":"m","usage":{}}}\n\n'
END = b"""event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}

"""
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def block(index: int, kind: str = '"type":"text","text":""') -> bytes:
    return b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":{%b}}\n\n' % (
        index,
        kind.encode(),
    )


def delta(index: int, kind: str) -> bytes:
    return b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{%b}}\n\n' % (
        index,
        kind.encode(),
    )


def end(events: Batch) -> Any:
    """How a reply ended: the stop reason, or the error."""
    last = events[-1]
    return last.error if isinstance(last, Failed) else last.stop if isinstance(last, Finished) else last


def check_grammar(events: Batch) -> None:
    """Started (BlockStarted delta* BlockStopped)* terminal; Heartbeat, Opaque and Run anywhere."""
    assert [event.terminal for event in events] == [False] * (len(events) - 1) + [True]
    begun, open_blocks = False, set[int]()
    for event in events:
        if isinstance(event, Started):
            assert not begun
            begun = True
        elif isinstance(event, BlockStarted):
            assert begun
            assert event.index not in open_blocks
            open_blocks.add(event.index)
        elif isinstance(event, BlockStopped):
            open_blocks.remove(event.index)
        elif isinstance(event, TextDelta | ThinkingDelta | SignatureDelta | InputDelta):
            assert event.index in open_blocks


def test_a_reply_of_text_is_told_event_by_event() -> None:
    """Start, words, stop and end, with the pings between them."""
    assert [event for event in read(REPLIES["text"]) if not isinstance(event, Started | Finished)] == [
        BlockStarted(0, Text()),
        Heartbeat(),
        TextDelta(0, "Grüße"),
        TextDelta(0, "! 日本"),
        TextDelta(0, '語 🙂 "quoted"\n'),
        TextDelta(0, "and a back\\slash."),
        BlockStopped(0),
    ]


def test_thoughts_and_tools_and_blocks_of_the_dialects_own_are_told() -> None:
    """Every kind of block has its event, and those that only this dialect knows are kept as they came."""
    thoughts = [event for event in read(REPLIES["thinking"]) if getattr(event, "index", None) in {0, 1}]
    assert thoughts[:3] == [BlockStarted(0, Thinking()), ThinkingDelta(0, "The user "), ThinkingDelta(0, "wants 2+2.")]
    assert [type(event) for event in thoughts[3:]] == [SignatureDelta, BlockStopped, BlockStarted, BlockStopped]
    assert isinstance(thoughts[5], BlockStarted)
    assert isinstance(thoughts[5].block, Redacted)

    tools = [event.block for event in read(REPLIES["tools"]) if isinstance(event, BlockStarted)]
    direct = {"caller": {"type": "direct"}}
    assert tools[1:] == [
        ToolUse("toolu_01A", "Read", direct),
        ToolUse("toolu_01B", "Bash", direct),
        ToolUse("toolu_01C", "Now"),
    ]

    searched = read(REPLIES["server_tools"])
    assert [type(event.block) for event in searched if isinstance(event, BlockStarted)] == [Text, Other, Other, Text]
    assert [(event.kind, event.index) for event in searched if isinstance(event, Opaque)] == [
        ("input_json_delta", 1),
        ("input_json_delta", 1),
        ("citations_delta", 3),
    ]


def test_the_end_tells_why_and_what_it_took() -> None:
    """Stop reason, sequence, details and usage are those of the last message_delta over the start."""
    refused = read(REPLIES["refusal"])[-1]
    assert isinstance(refused, Finished)
    assert refused.stop == "refusal"
    assert refused.details == {"type": "refusal", "category": "cyber", "explanation": "That is not for me."}
    stopped = read(REPLIES["omitted_thinking"])[-1]
    assert isinstance(stopped, Finished)
    assert (stopped.stop, stopped.stop_sequence) == ("stop_sequence", "END")


def test_usage_is_cumulative_and_the_last_that_was_told_holds() -> None:
    """Several message_deltas: of each field the last that is not null, never a sum."""
    events = read(REPLIES["usage"])
    started, finished = events[0], events[-1]
    assert isinstance(started, Started)
    assert isinstance(finished, Finished)
    extra = {"service_tier": "standard", "inference_geo": "global"}
    assert started.usage == Usage(4, 20_000, 1000, 500, 1, None, extra)
    assert finished.usage == Usage(6, 20_010, 1000, 500, 11, None, extra)
    assert finished.stop == "end_turn"


@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("kinds", KINDS)
def test_frames_are_the_stream(name: str, kinds: Kinds | None) -> None:
    """Whatever is read of it, the frames of the events are the very bytes, in order, and the grammar holds."""
    events = read(REPLIES[name], kinds=kinds)
    assert frames_of(events) == REPLIES[name]
    if kinds is None:
        check_grammar(events)


@pytest.mark.parametrize("name", REPLIES)
def test_byte_by_byte_is_the_same(name: str) -> None:
    """No cut changes what is told."""
    stream = REPLIES[name]
    assert said(read(stream, list(range(len(stream))))) == said(read(stream))


@given(
    st.sampled_from(sorted(REPLIES)),
    st.lists(st.integers(0, 3000), max_size=20),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
)
def test_cuts_and_line_ends_change_nothing(name: str, cuts: list[int], line_end: bytes) -> None:
    """LF, CRLF or CR, cut anywhere: the same events."""
    stream = REPLIES[name].replace(b"\n", line_end)
    events = read(stream, cuts)
    for event in events:
        event.frame = event.frame and event.frame.replace(line_end, b"\n")
    assert said(events) == said(read(REPLIES[name]))


@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("kinds", [None, NOBODY])
def test_every_prefix_ends_exactly_once(name: str, kinds: Kinds | None) -> None:
    """Cut at any byte, a reply has one terminal event, the last; only the whole one succeeds."""
    stream = REPLIES[name]
    for length in range(len(stream) + 1):
        events = read(stream[:length], kinds=kinds)
        assert [event.terminal for event in events] == [False] * (len(events) - 1) + [True]
        if kinds is None:
            check_grammar(events)
        if length < len(stream.rstrip()):
            assert isinstance(end(events), UpstreamTruncated | UpstreamFailed)
        elif name not in FAILING:
            assert isinstance(events[-1], Finished), "only the last blank line is missing"


def test_a_reply_that_lacks_its_last_blank_line_is_complete_and_its_frame_is_completed() -> None:
    """What a client needs to read the last frame is added to it."""
    events = read(REPLIES["text"].rstrip())
    assert frames_of(events) == REPLIES["text"]


@pytest.mark.parametrize("name", REPLIES)
def test_nothing_is_told_after_the_end(name: str) -> None:
    """Whatever follows the terminal event is ignored, also when it comes with it."""
    assert said(read(REPLIES[name] + START + b"junk\n\n" + STOP)) == said(read(REPLIES[name]))


@pytest.mark.parametrize("missing", [STOP, END + STOP])
def test_an_end_without_message_stop_is_truncation(missing: bytes) -> None:
    """A clean end of the connection is no end of the reply; what was told of an ending is still passed on."""
    stream = (START + block(0) + END + STOP).removesuffix(missing)
    events = read(stream)
    assert isinstance(end(events), UpstreamTruncated)
    assert frames_of(events) == stream


def test_frames_that_nobody_reads_travel_together() -> None:
    """Adjacent deltas of one read are one Run, unparsed; what has meaning for all is decoded all the same."""
    events = read(REPLIES["tools"], kinds=NOBODY)
    assert [type(event) for event in events] == [
        Started,
        *([BlockStarted, Run, BlockStopped] * 3),
        BlockStarted,
        BlockStopped,
        Finished,
    ]
    assert [run.count for run in runs(events)] == [1, 4, 2]


def test_broken_json_in_a_delta_that_nobody_reads_does_not_matter() -> None:
    """What is not read is not judged."""
    stream = START + block(0) + delta(0, '"type":"text_delta",!') + STOP
    assert end(read(stream, kinds=NOBODY)) == "end_turn"
    assert isinstance(end(read(stream)), UpstreamFailed)


def test_only_the_deltas_that_are_read_are_decoded() -> None:
    """One kind that is read comes decoded, its neighbours in runs."""
    events = read(REPLIES["thinking"], kinds=frozenset({ThinkingDelta}))
    assert [type(event) for event in events if type(event) in {ThinkingDelta, Run, TextDelta}] == [
        ThinkingDelta,
        ThinkingDelta,
        Run,
        Run,
    ]


def test_an_error_in_the_stream_is_the_upstreams_refusal() -> None:
    """Its type says what it means; its frame stays with it; what was held comes before it."""
    failure = end(read(REPLIES["error"]))
    assert isinstance(failure, UpstreamRefused)
    assert isinstance(failure.means, Overloaded)
    assert (failure.message, failure.code, failure.dialect) == ("Overloaded", 529, "anthropic")
    assert failure.retryable

    late = read(START + END + b"event: error\ndata: <html>\n\n")
    assert isinstance(end(late), UpstreamRefused)
    assert isinstance(end(late).means, ServerError)
    assert late[-1].frame == END + b"event: error\ndata: <html>\n\n"


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        (block(0), "out of order"),
        (START + START, "out of order"),
        (START + delta(0, '"type":"text_delta","text":"x"'), "not open"),
        (START + block(0) + block(0), "twice"),
        (START + block(0) + delta(0, '"type":"thinking_delta","thinking":"x"'), "does not fit"),
        (START + block(0) + delta(0, '"type":"text_delta","text":3'), "does not fit"),
        (START + b'event: content_block_stop\ndata: {"type":"content_block_stop","index":7}\n\n', "not open"),
        (START + b'event: content_block_stop\ndata: {"type":"content_block_stop"}\n\n', "number"),
        (START + b"event: content_block_start\ndata: nonsense\n\n", "not JSON"),
        (START + b'event: content_block_start\ndata: {"index":0}\n\n', "content_block"),
        (START + b"event: content_block_delta\ndata: " + b"[" * 3000 + b"\n\n", "not JSON"),
        (
            START + block(0) + b'event: content_block_delta\ndata: {"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}\n\n",
            "not JSON",
        ),
        (b"event: message_start\ndata: []\n\n", "message"),
        (START + END + START, "out of order"),
        (START + b"event: ping\ndata: " + b"x" * (1024 * 1024 + 1), "more than"),
        (START + END + (b"event: ping\ndata: " + b"x" * 60_000 + b"\n\n") * 20, "did not end"),
    ],
)
def test_what_makes_no_sense_is_the_upstreams_failure(frames: bytes, why: str) -> None:
    """Out of order, not JSON, without its parts, too large: the reply fails, once, and says why."""
    events = read(frames + STOP, cuts=list(range(0, len(frames), 65536)))
    assert [event.terminal for event in events] == [False] * (len(events) - 1) + [True]
    assert isinstance(end(events), UpstreamFailed)
    assert why in end(events).message


def test_servers_may_be_sloppy() -> None:
    """Comments, blank lines, no space after the colon, no usage, no stop of a block, no reason: all are understood."""
    stream = (
        b"\xef\xbb\xbf: hello\n\n\n" + START.replace(b": ", b":").replace(b'"usage":{}', b'"usage":null')
        + block(0) + b": keep-alive\n\n" + delta(0, '"type":"text_delta","text":"x"') + STOP
    )  # fmt: skip
    events = read(stream)
    assert [event for event in events if not isinstance(event, Heartbeat)] == [
        Started("m1", "m"),
        BlockStarted(0, Text()),
        TextDelta(0, "x"),
        Finished("end_turn"),
    ]
    assert sum(isinstance(event, Heartbeat) for event in events) == 3
    assert frames_of(events) == stream


def test_events_without_a_name_are_named_by_their_data() -> None:
    """Clients skip frames without a name: those of servers that leave it off are named before they are passed on."""
    stream = (START + block(0) + END + STOP).replace(b"event: ", b"junk: ") + b"data: [DONE]\n\n"
    events = read(stream)
    assert events == read(START + block(0) + END + STOP)
    assert frames_of(events) == START + block(0) + END + STOP


def test_another_familys_terminator_is_swallowed() -> None:
    """[DONE] has no place in a Messages stream and is no end of it."""
    assert frames_of(read(START + b"data: [DONE]\n\n" + END + STOP)) == START + END + STOP


def test_text_and_input_at_a_blocks_start_are_not_lost() -> None:
    """What compatible servers say already at the start comes as deltas, once, in the frame it came in."""
    tool = block(1, '"type":"tool_use","id":"t","name":"Read","input":{"path":"a"}')
    stop = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":1}\n\n'
    stream = START + block(0, '"type":"text","text":"Hi"') + tool + stop + END + STOP
    events = read(stream)
    assert events[1:6] == [
        BlockStarted(0, Text()),
        TextDelta(0, "Hi"),
        BlockStarted(1, ToolUse("t", "Read")),
        InputDelta(1, '{"path":"a"}'),
        BlockStopped(1),
    ]
    assert frames_of(events) == stream

    both = read(START + tool + delta(1, '"type":"input_json_delta","partial_json":"{}"') + stop + STOP)
    assert [event.piece for event in both if isinstance(event, InputDelta)] == ["{}"]
    never_stopped = read(START + tool + STOP)
    assert [event.piece for event in never_stopped if isinstance(event, InputDelta)] == ['{"path":"a"}']
    assert end(never_stopped) == "tool_use"


def test_an_ending_that_was_none_is_passed_on() -> None:
    """A block after message_delta: what was held goes on as it is, and the reply goes on."""
    stream = START + END + block(0) + END + STOP
    events = read(stream)
    assert [type(event) for event in events] == [Started, Opaque, BlockStarted, Finished]
    assert frames_of(events) == stream


def test_unknown_events_and_deltas_are_kept_for_the_dialect() -> None:
    """What is newer than we are is opaque, also where it is not even JSON."""
    events = read(REPLIES["beta"])
    opaque = [(event.kind, event.index, event.value) for event in events if isinstance(event, Opaque)]
    assert opaque == [
        (
            "compaction_delta",
            0,
            {"type": "compaction_delta", "content": "Summary of all before.", "encrypted_content": "Eo8B"},
        ),
        ("message_annotation", None, {"type": "message_annotation", "note": {"of": "the future"}}),
        ("wonder_delta", 2, {"type": "wonder_delta", "wonder": 1}),
    ]
    strange = read(START + b"event: new\ndata: not JSON\n\n" + STOP)
    assert strange[1] == Opaque("anthropic", "new", None)


def test_half_a_character_does_not_fail_a_reply() -> None:
    """Servers that cut a text between the halves of a character: the piece is told with a sign in its place."""
    stream = START + block(0) + delta(0, '"type":"text_delta","text":"a\\ud83d"') + STOP
    events = read(stream)
    assert events[2] == TextDelta(0, "a?")
    assert frames_of(events) == stream


def test_what_was_read_is_not_held() -> None:
    """The next frame of a stream may be a long time coming."""
    decoder = StreamDecoder(None)
    [event] = decoder.feed(b'event: ping\ndata: {"type": "ping"}\n\n')
    assert sys.getrefcount(event) == 2
