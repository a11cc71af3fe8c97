"""Messages streams, written: untouched is identical, anything else is what the vendor's own SDK reads without fault."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ContextTooLong, Overloaded, UpstreamRefused, UpstreamTruncated
from pipeline.events import (
    Batch,
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
    Stop,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
    Usage,
)
from stages.dialects import anthropic
from stages.dialects.names import raw_id, safe_id
from tests.dialects.anthropic_oracle import (
    BETA,
    FAILING,
    REPLIES,
    accumulate,
    bare,
    check_stream,
    read,
    said,
    told,
    write,
    write_whole,
)
from tests.dialects.test_anthropic_decode import KINDS, block
from tests.doubles import asking

GOOD = sorted(set(REPLIES) - FAILING)


def in_batches(events: Batch, sizes: list[int]) -> bytes:
    """*events*, written in batches of *sizes*."""
    encoder, written = anthropic.stream_encoder(asking("asked-for")), b""
    for size in sizes:
        written += encoder.feed(events[:size])
        events = events[size:]
    return written + encoder.feed(events)


# -- untouched --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("kinds", KINDS)
def test_untouched_is_identical(name: str, kinds: Any) -> None:
    """In and out of this dialect, whatever was read on the way, every byte is the same."""
    assert write(read(REPLIES[name], kinds=kinds)) == REPLIES[name]


@given(
    st.sampled_from(sorted(REPLIES)),
    st.lists(st.integers(0, 3000), max_size=9),
    st.lists(st.integers(0, 9), max_size=9),
)
def test_untouched_is_identical_however_it_was_cut(name: str, cuts: list[int], sizes: list[int]) -> None:
    """Neither the upstream's cuts nor our batches show."""
    assert in_batches(read(REPLIES[name], cuts), sizes) == REPLIES[name]


# -- rendered ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(GOOD) - BETA))
def test_what_is_rendered_is_strictly_valid_and_means_the_same(name: str) -> None:
    """Without frames, every frame passes the vendor's types, the SDK accumulates the same message."""
    original, rendered = accumulate(REPLIES[name]), write(bare(read(REPLIES[name])))
    check_stream(rendered)
    again = accumulate(rendered)
    assert [block.model_dump(exclude_none=True) for block in again.content] == [
        {key: value for key, value in block.model_dump(exclude_none=True).items() if value != []}
        for block in original.content
    ]
    for field in ("id", "model", "stop_reason", "stop_sequence", "stop_details"):
        assert getattr(again, field) == getattr(original, field)
    assert again.usage.output_tokens == original.usage.output_tokens
    assert again.usage.input_tokens == original.usage.input_tokens
    assert again.usage.cache_read_input_tokens == original.usage.cache_read_input_tokens


@pytest.mark.parametrize("name", GOOD)
def test_what_is_rendered_reads_as_the_same_events(name: str) -> None:
    """decode(encode(events)) == events."""
    events = bare(read(REPLIES[name]))
    assert read(write(events)) == events


def words() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


counts = st.integers(0, 10**9)
usages = st.builds(Usage, counts, counts, counts, counts, counts, st.none() | counts)
details = st.just({"type": "refusal", "category": None, "explanation": "no"})


ids = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True).filter(lambda raw: safe_id(raw) == raw)


@st.composite
def replies(draw: st.DrawFn) -> Batch:
    """Any good reply, in the grammar of events."""
    events: Batch = [Started(draw(words()), draw(words()), draw(usages))]
    called = False
    for index in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["text", "thinking", "redacted", "tool", "other"]))
        pieces = draw(st.lists(words(), max_size=3))
        if draw(st.booleans()):
            events.append(Heartbeat())
        if kind == "text":
            events += [BlockStarted(index, Text()), *(TextDelta(index, piece) for piece in pieces)]
        elif kind == "thinking":
            events += [BlockStarted(index, Thinking()), *(ThinkingDelta(index, piece) for piece in pieces)]
            events.append(SignatureDelta(index, draw(words())))
        elif kind == "redacted":
            events.append(BlockStarted(index, Redacted(draw(words()))))
        elif kind == "tool":
            called = True
            given = msgspec.json.encode({piece: [piece] for piece in pieces}).decode()
            cut = draw(st.integers(0, len(given)))
            events.append(BlockStarted(index, ToolUse(draw(ids), draw(words()))))
            events += [InputDelta(index, piece) for piece in (given[:cut], given[cut:])]
        else:
            events.append(BlockStarted(index, Other("anthropic", {"type": "novelty", "of": pieces})))
            events += [
                Opaque("anthropic", "novel_delta", {"type": "novel_delta", "x": piece}, index) for piece in pieces
            ]
        events.append(BlockStopped(index))
    stops: list[Stop] = ["max_tokens", "pause_turn", "refusal", "tool_use" if called else "end_turn"]
    stop = draw(st.sampled_from(stops))
    usage = draw(usages)
    return [*events, Finished(stop, None, usage, draw(details) if stop == "refusal" else None)]


def test_an_id_that_the_api_would_refuse_is_written_as_a_code() -> None:
    """The client sends it back with its result, and whoever made it gets the id it knows."""
    events: Batch = [Started("m", "x"), BlockStarted(0, ToolUse("call:1", "f")), BlockStopped(0), Finished("tool_use")]
    (block,) = [event.block for event in read(in_batches(events, [])) if isinstance(event, BlockStarted)]
    assert isinstance(block, ToolUse)
    assert block.id == safe_id("call:1")
    assert raw_id(block.id) == "call:1"


@given(replies(), st.lists(st.integers(0, 5), max_size=5))
def test_any_reply_survives_being_written_and_read(events: Batch, sizes: list[int]) -> None:
    """decode(encode(events)) == events, for every reply there can be; the SDK can accumulate it."""
    written = in_batches(events, sizes)
    back = read(written)
    assert back[1:-1] == events[1:-1]
    started, finished = events[0], events[-1]
    assert isinstance(started, Started)
    assert isinstance(finished, Finished)
    assert back[0] == started
    assert finished.usage is not None
    assert back[-1] == finished.replace(usage=finished.usage.over(started.usage))
    accumulate(written)


@pytest.mark.parametrize("name", [b"", b"event: ping\n", b"event: message_start\n"])
def test_foreign_frames_are_never_written(name: bytes) -> None:
    """Events of another dialect are rendered, whatever they came in, and whatever that was called."""
    foreign = name + b'data: {"choices":[]}\n\n'
    events: Batch = [
        Started("c1", "gpt", frame=foreign),
        BlockStarted(0, Text(), frame=foreign, nth=0, of=2),
        TextDelta(0, "Hi", frame=foreign, nth=1, of=2),
        Heartbeat(frame=foreign),
        BlockStopped(0, frame=foreign),
        Finished("end_turn", frame=foreign),
    ]
    for head in (events[:1], bare(events[:1])):
        written = write([*head, *events[1:]])
        assert b"choices" not in written
        assert accumulate(written).content[0].type == "text"
        check_stream(written)


def test_changed_events_are_rendered_and_their_neighbours_are_not() -> None:
    """A stage that changes one delta changes one frame."""
    events = read(REPLIES["text"])
    place = events.index(TextDelta(0, "! 日本"))
    events[place] = events[place].replace(piece="!")
    written = write(events)
    assert written == REPLIES["text"].replace("! 日本".encode(), b"!")


def test_siblings_share_a_frame_only_if_all_are_there() -> None:
    """Two events of one frame: both untouched, it is written once; one changed or gone, the other is rendered."""
    frame = block(0, '"type":"text","text":"Hi"')
    stream = write([Started("m", "m")]) + frame + write([Started("m", "m"), Finished()]).partition(b"\n\n")[2]
    events = read(stream)
    assert b"".join([write(events)]).count(b'"text":"Hi"') == 1
    assert write(events).startswith(write([Started("m", "m")]) + frame)
    kept = write([event for event in events if not isinstance(event, TextDelta)])
    assert b"Hi" not in kept
    changed = write([event.replace(piece="Ho") if isinstance(event, TextDelta) else event for event in events])
    assert b"Hi" not in changed
    assert b'"text":"Ho"' in changed


@pytest.mark.parametrize("kinds", [None, frozenset({Started, Finished})])
def test_a_block_taken_away_leaves_no_gap(kinds: Any) -> None:
    """Hidden thoughts: the blocks behind them move up, also where nobody read their deltas."""
    hidden, events = set[int](), list[Event]()
    for event in read(REPLIES["thinking"], kinds=kinds):
        if isinstance(event, BlockStarted) and isinstance(event.block, Thinking | Redacted):
            hidden.add(event.index)
        elif getattr(event, "index", None) not in hidden:
            events.append(event)
    written = write(events)
    check_stream(written)
    message = accumulate(written)
    assert [block.model_dump() for block in message.content] == [{"citations": None, "text": "Four.", "type": "text"}]


def test_a_notice_put_before_the_reply_moves_it() -> None:
    """A stage may begin with a block of its own and the number 0: the upstream's follow it."""
    first, *rest = read(REPLIES["tools"], kinds=frozenset({Started}))
    notice: Batch = [BlockStarted(0, Text()), TextDelta(0, "Notice."), BlockStopped(0)]
    written = write([first, *notice, *rest])
    check_stream(written)
    message = accumulate(written)
    original = accumulate(REPLIES["tools"])
    assert [block.model_dump() for block in message.content[1:]] == [block.model_dump() for block in original.content]


def test_overlapping_calls_are_told_one_after_the_other() -> None:
    """Clients append each block as it starts: calls that an upstream interleaves come in line."""
    events: Batch = [
        Started("c1", "gpt"),
        BlockStarted(0, ToolUse("a", "f")),
        BlockStarted(1, ToolUse("b", "g")),
        InputDelta(1, '{"y":'),
        InputDelta(0, '{"x":1}'),
        InputDelta(1, "2}"),
        BlockStopped(0),
        BlockStopped(1),
        Finished("tool_use"),
    ]
    written = write(events)
    check_stream(written)
    assert [getattr(block, "input", None) for block in accumulate(written).content] == [{"x": 1}, {"y": 2}]


# -- what clients rely on ---------------------------------------------------------------------------------------------


def test_usage_is_an_object_from_the_start_and_complete_at_the_end() -> None:
    """Nothing known: zeros; what comes late is told in message_delta, over what was told first."""
    first = told(write([Started("c", "m")]))[0]["message"]["usage"]
    assert (first["input_tokens"], first["output_tokens"]) == (0, 0)
    events: Batch = [
        Started("c", "m", Usage(input=90, cache_read=1)),
        Finished("end_turn", None, Usage(100, None, 7, 2, 30, 12)),
    ]
    last = told(write(events))[1]["usage"]
    assert last == {
        "input_tokens": 100,
        "cache_creation_input_tokens": 9,
        "cache_read_input_tokens": 1,
        "cache_creation": {"ephemeral_5m_input_tokens": 7, "ephemeral_1h_input_tokens": 2},
        "output_tokens": 42,
        "output_tokens_details": {"thinking_tokens": 12},
    }


def test_another_dialects_extra_counts_stay_out() -> None:
    """A strict client knows no service tier called default."""
    usage = Usage(
        1, extra={"service_tier": "default", "prompt_tokens": 3, "server_tool_use": {"web_search_requests": 1}}
    )
    written = write([Started("c", "m", usage), Finished("end_turn", None, usage)])
    assert b"default" not in written
    assert b"prompt_tokens" not in written
    assert b"web_search_requests" in written


@pytest.mark.parametrize(
    ("block", "stop", "expected"),
    [
        (ToolUse("a", "f"), "end_turn", "tool_use"),
        (ToolUse("a", "f"), "max_tokens", "max_tokens"),
        (Text(), "tool_use", "end_turn"),
        (Refusal(), "end_turn", "refusal"),
        (Text(), "pause_turn", "pause_turn"),
    ],
)
def test_the_stop_reason_agrees_with_the_content(block: Any, stop: Any, expected: str) -> None:
    """A client that waits for a call that never came, or overlooks one, is stuck."""
    written = write([Started("c", "m"), BlockStarted(0, block), BlockStopped(0), Finished(stop)])
    assert accumulate(written).stop_reason == expected
    check_stream(written)


def test_a_call_taken_away_takes_its_stop_reason_with_it() -> None:
    """Also where the ending came untouched from the upstream."""
    events = [event for event in read(REPLIES["cut_tool"]) if getattr(event, "index", None) is None]
    assert accumulate(write(events)).stop_reason == "max_tokens"
    events = [event for event in read(REPLIES["tools"]) if getattr(event, "index", 0) == 0]
    message = accumulate(write(events))
    assert (message.stop_reason, len(message.content)) == ("end_turn", 1)


def test_a_refusal_without_details_has_empty_ones() -> None:
    """stop_details is there whenever a reply was refused."""
    written = write([Started("c", "m"), Finished("refusal")])
    assert told(written)[1]["delta"]["stop_details"] == {"type": "refusal", "category": None, "explanation": None}


def test_blocks_of_other_dialects_and_further_choices_are_left_out() -> None:
    """There is no form for them here; the rest is numbered without them."""
    events: Batch = [
        Started("c", "m"),
        BlockStarted(0, Other("responses", {"type": "reasoning"})),
        Opaque("responses", "x", {}, 0),
        BlockStopped(0),
        Opaque("responses", "y"),
        BlockStarted(1, Text()),
        BlockStarted(2, Text(), choice=1),
        TextDelta(2, "second"),
        TextDelta(1, "first"),
        BlockStopped(1),
        BlockStopped(2),
        Finished(),
    ]
    written = write(events)
    assert [block.model_dump()["text"] for block in accumulate(written).content] == ["first"]
    check_stream(written)


def test_pings_are_comments_until_the_reply_has_begun() -> None:
    """Before message_start no client expects an event; after it Claude Code wants one."""
    encoder = anthropic.stream_encoder(asking("m"))
    assert encoder.feed([Heartbeat()]) == b": ping\n\n"
    encoder.feed([Started("c", "m")])
    assert encoder.feed([Heartbeat()]) == b'event: ping\ndata: {"type": "ping"}\n\n'
    assert encoder.feed([Finished(), Heartbeat()]).count(b"ping") == 0


def test_a_failure_ends_the_stream_with_an_error() -> None:
    """In the words clients look for, without message_stop, and nothing follows."""
    encoder = anthropic.stream_encoder(asking("m"))
    written = encoder.feed([Started("c", "m"), BlockStarted(0, Text()), Failed(ContextTooLong("9 tokens > 8 maximum"))])
    assert told(written)[-1] == {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8 maximum"},
    }
    assert b"message_stop" not in written
    assert encoder.feed([TextDelta(0, "x"), Finished()]) == b""
    check_stream(written)


def test_an_upstreams_own_error_is_told_in_its_words() -> None:
    """Of this dialect unchanged, also without its frame; of another as what it means."""
    own = read(REPLIES["error"])[-1]
    assert told(write([own.replace()]))[0]["request_id"] == "req_011CSHoEeqs5C35K2UUqR7Fy"
    foreign = UpstreamRefused(
        "slow down", dialect="chat", means=Overloaded("slow down"), code=503, fields=[], body=b"{}"
    )
    written = write([Failed(foreign, frame=b"data: {}\n\n")])
    assert told(written) == [{"type": "error", "error": {"type": "overloaded_error", "message": "slow down"}}]


def test_a_reply_that_a_stage_ends_before_it_began_is_a_reply() -> None:
    """message_start comes first whatever happens, and names the model that was asked for."""
    written = write([Finished("max_tokens")])
    check_stream(written)
    message = accumulate(written)
    assert (message.model, message.stop_reason, message.content) == ("asked-for", "max_tokens", [])
    assert message.id.startswith("msg_")


def test_a_second_start_is_not_told() -> None:
    """One message, one message_start."""
    assert write([Started("a", "m"), Started("b", "m")]).count(b"event: message_start") == 1


def test_empty_replies_have_no_block() -> None:
    """No text block is made up: clients would send it back, and the API refuses empty text."""
    assert b"content_block" not in write([Started("a", "m"), Finished()])


def test_a_stream_that_was_cut_says_so() -> None:
    """Every prefix of a reply becomes a proper stream: cut off with an error, never as if it had ended."""
    stream = REPLIES["tools"]
    for length in range(0, len(stream), 7):
        written = write(read(stream[:length]))
        assert check_stream(written)[-1]["type"] == "error"
        assert written.startswith(stream[:length].rpartition(b"\n\n")[0])


def test_whole_and_streamed_say_the_same() -> None:
    """The SDK's accumulation of a stream is the whole reply made of the same events."""
    for name in sorted(set(GOOD) - BETA):
        events = bare(read(REPLIES[name]))
        whole = type(accumulate(REPLIES[name])).model_validate(msgspec.json.decode(write_whole(events)))
        streamed = accumulate(write(events))
        left, right = whole.model_dump(exclude_none=True), streamed.model_dump(exclude_none=True)
        left.pop("usage"), right.pop("usage")
        if name != "cut_tool":  # the one is the text that was cut, the other what a lenient parser makes of it
            assert left == right


def test_runs_stand_for_their_frames() -> None:
    """A run is written as it is."""
    run = Run("anthropic", 1, frame=b"event: content_block_delta\ndata: {}\n\n")
    events: Batch = [Started("a", "m"), BlockStarted(0, Text()), run]
    assert write(events).endswith(run.frame or b"-")
    assert said(read(REPLIES["error"]))[-1][1] is UpstreamRefused
    assert said(read(b""))[-1][1] is UpstreamTruncated
