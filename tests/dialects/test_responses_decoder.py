"""Responses streams, read: events, however they were cut, and exactly one end."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidRequest, RateLimited, ServerError, UpstreamFailed, UpstreamRefused, UpstreamTruncated
from pipeline.events import (
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
from stages.dialects.envelope import unwrap
from stages.dialects.responses.items import UNREAD
from stages.dialects.responses.tray import LIMIT, MOST
from tests.dialects.responses_oracle import (
    BODIES,
    FAILING,
    INFORMAL,
    REPLIES,
    by_name,
    check_grammar,
    exact,
    frame,
    frames_of,
    read,
    read_whole,
    said,
    texts,
    write,
)

DELTAS: list[type[Event]] = [TextDelta, ThinkingDelta, InputDelta, Opaque]
KINDS: list[Kinds | None] = [None] + [frozenset(some) for size in range(5) for some in combinations(DELTAS, size)]
NOBODY: Kinds = frozenset({Started, Finished, Failed})

CREATED = frame("response.created", response={"id": "resp_1", "model": "gpt-5.5"})
COMPLETED = frame("response.completed", response={"id": "resp_1", "status": "completed", "output": []})
MESSAGE = frame("response.output_item.added", output_index=0, item={"type": "message", "id": "msg_1", "content": []})
PART = frame("response.content_part.added", output_index=0, content_index=0, part={"type": "output_text", "text": ""})


def text(piece: str, **place: int) -> bytes:
    return frame("response.output_text.delta", delta=piece, **({"output_index": 0, "content_index": 0} | place))


def anonymous(events: list[Event]) -> list[Event]:
    """*events*, without an id that was made up."""
    return [event.replace(id="") if isinstance(event, Started) else event for event in events]


# -- any stream -------------------------------------------------------------------------------------------------------


@given(st.sampled_from(sorted(REPLIES.keys() - INFORMAL)), st.lists(st.integers(0, 20_000)), st.sampled_from(KINDS))
def test_cuts_do_not_matter(name: str, cuts: list[int], kinds: Kinds | None) -> None:
    """The same events and frames come of a stream however it is cut; Runs alone may be shorter."""
    whole, cut = read(REPLIES[name], kinds=kinds), read(REPLIES[name], cuts, kinds)
    assert frames_of(cut) == frames_of(whole) == REPLIES[name]
    unread = [event for event in exact(cut) if not isinstance(event, Run)]
    assert unread == [event for event in exact(whole) if not isinstance(event, Run)]
    check_grammar(cut)


@pytest.mark.parametrize("name", sorted(REPLIES))
@pytest.mark.parametrize("line", [b"\r\n", b"\r"])
def test_line_ends_do_not_matter(name: str, line: bytes) -> None:
    """CRLF and CR end lines as LF does."""
    assert said(anonymous(read(REPLIES[name].replace(b"\n", line)))) == said(anonymous(read(REPLIES[name])))


@pytest.mark.parametrize("name", sorted(REPLIES))
def test_every_prefix_ends_once(name: str) -> None:
    """Cut off at any byte, a stream has one terminal event, a failure unless its own end was there."""
    stream = REPLIES[name]
    for length in range(0, len(stream), 7):
        events = read(stream[:length])
        check_grammar(events)
        if length < len(stream) - 2:
            assert isinstance(events[-1], Failed)


@pytest.mark.parametrize("name", sorted(REPLIES.keys() - INFORMAL))
@pytest.mark.parametrize("kinds", KINDS, ids=by_name)
def test_what_is_read_is_told_in_full(name: str, kinds: Kinds | None) -> None:
    """A reader of some kinds of events gets all of them, and the very same as a reader of everything."""
    full = read(REPLIES[name])
    some = [event for event in read(REPLIES[name], kinds=kinds) if getattr(event, "kind", "") != UNREAD]
    for kind in DELTAS if kinds is None else kinds:
        assert [event for event in some if type(event) is kind] == [event for event in full if type(event) is kind]
    always = (Started, BlockStarted, BlockStopped, SignatureDelta, Finished)
    assert [event for event in some if isinstance(event, always)] == [
        event for event in full if isinstance(event, always)
    ]


@pytest.mark.parametrize("name", sorted(REPLIES.keys() & BODIES.keys() - FAILING))
def test_a_stream_says_what_the_whole_says(name: str) -> None:
    """Accumulated, a stream is the whole reply's events."""
    streamed = [event for event in said(read(REPLIES[name])) if not isinstance(event, tuple)]
    whole = [event for event in said(read_whole(BODIES[name])) if not isinstance(event, tuple)]
    for event in (*streamed, *whole):
        if isinstance(event, BlockStarted) and isinstance(event.block, Other):
            event.block.body = {}  # as it was at its start, and at its end
    assert [e for e in streamed if not isinstance(e, BlockStopped)] == [
        e for e in whole if not isinstance(e, BlockStopped)
    ]
    assert texts(read(REPLIES[name])).keys() == texts(read_whole(BODIES[name])).keys()


# -- what fixtures say ------------------------------------------------------------------------------------------------


def test_text() -> None:
    """A message's part is a block; frames around it go with its beginning and its end."""
    events = read(REPLIES["text"])
    assert said(events) == [
        Started("resp_0a11f2c3", "gpt-5.5-2026-04-23"),
        BlockStarted(0, Text()),
        TextDelta(0, "Hello, wörld — 你好 🙂\nline two"),
        BlockStopped(0),
        Finished("end_turn", usage=Usage(25, 0, 0, 0, 12, 0)),
    ]
    begin = next(event.frame for event in events if isinstance(event, BlockStarted))
    assert begin is not None
    assert begin.count(b"event: ") == 2
    assert isinstance(events[1], Heartbeat)


def test_reasoning_and_calls() -> None:
    """Parts of a summary are parted by a blank line; what is encrypted is in an envelope that says whose it is."""
    events = read(REPLIES["reasoning_tools"])
    assert texts(events)[0] == "**Looking at files**\n\nI should read it.\n\n**Then** answering."
    assert texts(events)[2] == '{"path":"a.py"}'
    signature = next(event.piece for event in events if isinstance(event, SignatureDelta))
    envelope = unwrap(signature)
    assert envelope is not None
    assert (envelope.dialect, envelope.origin, envelope.ref) == ("responses", "gpt", "rs_0b2201")
    assert envelope.payload == "gAAAAABpZW5jcnlwdGVkLXJlYXNvbmluZy1vZi10aGUtbW9kZWw="
    assert [event.block for event in events if isinstance(event, BlockStarted)] == [
        Thinking(),
        Text(),
        ToolUse("call_Xa1", "read_file"),
        ToolUse("call_Xa2", "read_file"),
    ]
    assert said(events)[-1] == Finished("tool_use", usage=Usage(76, 1024, 60, 40, 82, 128))


def test_free_form_calls_have_one_text() -> None:
    """A free-form call's input is JSON with one text, its kind and namespace stay with it."""
    events = read(REPLIES["custom_tools"])
    blocks = [event.block for event in events if isinstance(event, BlockStarted)]
    assert blocks[1:] == [
        ToolUse("call_P1", "apply_patch", {"type": "custom"}),
        ToolUse("call_P2", "exec", {"type": "custom", "namespace": "functions"}),
        ToolUse("call_P3", "wait", {"namespace": "functions"}),
    ]
    assert [event for event in said(events) if isinstance(event, tuple) and isinstance(event[0], int)] == [
        (1, {"input": '*** Begin Patch\n*** Update File: "a.py"\n@@\n-x\n+ÿ\\n\n*** End Patch'}),
        (2, {"input": "await run('ls')"}),
    ]


def test_calls_of_the_clients_own_tools() -> None:
    """Shell, patch and local shell calls are calls, their kind stays with them."""
    events = read(REPLIES["native_tools"])
    blocks = [event.block for event in events if isinstance(event, BlockStarted)]
    assert [(block.name, block.extra) for block in blocks if isinstance(block, ToolUse)] == [
        ("shell", {"type": "shell"}),
        ("apply_patch", {"type": "apply_patch"}),
        ("local_shell", {"type": "local_shell"}),
    ]
    assert '"commands":["ls -l","pwd"]' in texts(events)[0]


def test_interleaved_calls_overlap() -> None:
    """Items that come interleaved are blocks that overlap, each with its own input."""
    events = read(REPLIES["interleaved"])
    assert texts(events) == {0: '{"a":1}', 1: '{"b":2}'}
    assert [type(event) for event in events if isinstance(event, BlockStarted | BlockStopped)] == [
        BlockStarted,
        BlockStarted,
        BlockStopped,
        BlockStopped,
    ]


def test_what_a_server_ran() -> None:
    """A hosted tool's item is kept for this dialect, with its steps and as it ended."""
    events = read(REPLIES["web_search"])
    assert isinstance(events[2], BlockStarted)
    assert isinstance(events[2].block, Other)
    notes = [(event.kind, event.index) for event in events if isinstance(event, Opaque)]
    assert notes == [
        ("response.web_search_call.in_progress", 0),
        ("response.web_search_call.searching", 0),
        ("response.web_search_call.completed", 0),
        ("response.output_item.done", 0),
        ("response.output_text.annotation.added", 1),
    ]


@pytest.mark.parametrize(
    ("name", "stop"), [("refusal", "refusal"), ("incomplete", "max_tokens"), ("open_model", "end_turn")]
)
def test_stops(name: str, stop: str) -> None:
    """Refusing words refuse, a limit is a limit."""
    last = read(REPLIES[name])[-1]
    assert isinstance(last, Finished)
    assert last.stop == stop


def test_failures_keep_their_frame() -> None:
    """What the upstream says of its failure passes on to clients of this dialect, and is understood for others."""
    for name, means in (("failed", RateLimited), ("error_event", ServerError)):
        last = read(REPLIES[name])[-1]
        assert isinstance(last, Failed)
        assert isinstance(last.error, UpstreamRefused)
        assert isinstance(last.error.means, means)
        assert last.frame is not None
        assert REPLIES[name].endswith(last.frame)


# -- servers that do less, or otherwise ------------------------------------------------------------------------------


def test_a_terse_server() -> None:
    """No created, no deltas, a message only at its end: all is told once."""
    events = read(REPLIES["terse"])
    assert isinstance(events[0], Started)
    assert events[0].id.startswith("resp_")
    assert texts(events) == {0: '{"all":true}', 1: "Only at the end."}
    assert frames_of(events) == REPLIES["terse"]


@pytest.mark.parametrize("deltas", [[], ['{"a"'], ['{"a"', ":1}"]])
def test_arguments_are_told_once(deltas: list[str]) -> None:
    """Each byte of the arguments is told once, be it in deltas, in their end or in the item's."""
    item = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f"}
    begin = frame("response.output_item.added", output_index=0, item={**item, "arguments": ""})
    some = [frame("response.function_call_arguments.delta", output_index=0, delta=piece) for piece in deltas]
    done = frame("response.function_call_arguments.done", output_index=0, arguments='{"a":1}')
    end = frame("response.output_item.done", output_index=0, item={**item, "arguments": '{"a":1}'})
    for ends in ([done, end], [end], [done]):
        events = read(b"".join([CREATED, begin, *some, *ends, COMPLETED]))
        assert texts(events) == {0: '{"a":1}'}
        check_grammar(events)


def test_numbers_may_be_missing() -> None:
    """Without output_index and content_index, what is meant is the item that came last."""
    stream = b"".join(
        [
            CREATED,
            frame("response.output_item.added", item={"type": "message", "content": []}),
            frame("response.content_part.added", part={"type": "output_text", "text": ""}),
            frame("response.output_text.delta", delta="Hi"),
            frame(
                "response.output_item.done",
                item={"type": "message", "content": [{"type": "output_text", "text": "Hi"}]},
            ),
            frame("response.output_item.added", item={"type": "function_call", "call_id": "c", "name": "f"}),
            frame("response.function_call_arguments.delta", delta="{}"),
            COMPLETED,
        ]
    )
    events = read(stream)
    assert texts(events) == {0: "Hi", 1: "{}"}
    check_grammar(events)


def test_parts_may_be_unannounced() -> None:
    """A delta of a part that never began begins it."""
    events = read(
        CREATED + text("Hi") + frame("response.refusal.delta", output_index=0, content_index=1, delta="No") + COMPLETED
    )
    assert [event.block for event in events if isinstance(event, BlockStarted)] == [Text(), Refusal()]
    check_grammar(events)


def test_a_name_may_stand_in_the_data_alone() -> None:
    """Frames without an event field are told by their type."""
    nameless = b"".join(line + b"\n" for line in REPLIES["text"].split(b"\n") if not line.startswith(b"event:"))
    assert said(read(nameless)) == said(read(REPLIES["text"]))
    assert isinstance(read(b'data: {"error": {"message": "no", "type": "invalid_request_error"}}\n\n')[-1], Failed)


def test_only_the_end_comes() -> None:
    """A server that streams nothing but the completed response is understood."""
    body = {"id": "resp_1", "model": "m", "status": "completed", "usage": None}
    output = [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}]
    events = read(frame("response.completed", response={**body, "output": output}))
    assert said(events) == [
        Started("resp_1", "m"),
        BlockStarted(0, Text()),
        TextDelta(0, "Hi"),
        BlockStopped(0),
        Finished(),
    ]


def test_both_a_summary_and_raw_reasoning() -> None:
    """A part of another kind is another part."""
    events = read(
        CREATED
        + frame("response.output_item.added", output_index=0, item={"type": "reasoning", "id": "rs", "summary": []})
        + frame("response.reasoning_summary_text.delta", output_index=0, summary_index=0, delta="Short")
        + frame("response.reasoning_text.delta", output_index=0, content_index=0, delta="Long")
        + COMPLETED
    )
    assert texts(events) == {0: "Short\n\nLong"}


def test_comments_and_progress_are_heartbeats() -> None:
    """Signs of life are told as such; an event without data, which SDKs choke on, is told anew."""
    stream = CREATED + b": hello\n\n" + frame("response.in_progress", response={"id": "resp_1"}) + b"event: ping\n\n"
    beats = [event for event in read(stream) if isinstance(event, Heartbeat)]
    assert [beat.frame is not None for beat in beats] == [True, True, False]


def test_half_a_surrogate_pair_costs_one_character() -> None:
    """A server that cuts a character in two loses that character, not the reply."""
    torn = text("x").replace(b'"x"', b'"a\\ud83d"')
    assert texts(read(CREATED + MESSAGE + PART + torn + COMPLETED))[0].startswith("a")


def test_foreign_terminators_are_swallowed() -> None:
    """[DONE] means nothing here: before the end it is no end."""
    done = b"data: [DONE]\n\n"
    assert said(read(REPLIES["text"] + done)) == said(read(REPLIES["text"]))
    assert isinstance(read(CREATED + done)[-1], Failed)


# -- ends -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [b"", CREATED, CREATED + MESSAGE + PART + text("Half")])
def test_an_end_without_the_terminal_is_truncation(stream: bytes) -> None:
    """Whatever came, without response.completed the reply is not whole."""
    last = read(stream)[-1]
    assert isinstance(last, Failed)
    assert isinstance(last.error, UpstreamTruncated)


def test_cancelled_is_failed() -> None:
    """A response that was cancelled is no answer."""
    stream = CREATED + frame("response.completed", response={"status": "cancelled", "output": [], "error": None})
    last = read(stream)[-1]
    assert isinstance(last, Failed)
    assert "cancelled" in last.error.message


def test_an_error_first() -> None:
    """An error event before anything else is what the reply is."""
    events = read(frame("error", code="invalid_prompt", message="No.", param="input"))
    assert len(events) == 1
    assert isinstance(events[0], Failed)
    assert isinstance(events[0].error, UpstreamRefused)
    assert isinstance(events[0].error.means, InvalidRequest)


@pytest.mark.parametrize(
    "bad",
    [
        b"event: response.output_text.delta\ndata: {\n\n",
        b'event: response.output_text.delta\ndata: {"a":' + b"[" * 9000 + b"]" * 9000 + b"}\n\n",
        frame("response.function_call_arguments.delta", output_index=5, delta="{}"),
        frame("response.output_text.delta", output_index=0, delta=None),
        frame("response.output_item.added", output_index=0, item=None),
        b"data: " + b"x" * (LIMIT + 10),
        b"".join(frame("response.content_part.done", part={"text": "x" * 10**6}) for _ in range(MOST // 10**6 + 1)),
    ],
    ids=["no json", "too deep", "no such call", "no text", "no item", "a frame too large", "too much of nothing"],
)
def test_nonsense_is_the_upstreams_failure(bad: bytes) -> None:
    """What makes no sense ends the reply, once."""
    events = read(CREATED + bad + COMPLETED)
    assert isinstance(events[-1], Failed)
    assert isinstance(events[-1].error, UpstreamFailed)
    check_grammar(events)


def test_a_frame_may_hold_a_picture() -> None:
    """Up to the limit of this dialect, which is far more than other dialects' frames need; it passes as it came."""
    item = {"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": ""}
    size = LIMIT - len(frame("response.output_item.done", output_index=0, item=item))
    added = frame("response.output_item.added", output_index=0, item=item)
    done = frame("response.output_item.done", output_index=0, item={**item, "result": "x" * size})
    assert len(done) == LIMIT
    stream = CREATED + added + done + COMPLETED
    events = read(stream)
    assert isinstance(events[-1], Finished)
    assert write(events) == stream


# -- what nobody reads ------------------------------------------------------------------------------------------------


def test_unread_frames_travel_as_runs() -> None:
    """Adjacent frames that nobody reads are one Run of one feed, with all their bytes."""
    events = read(REPLIES["text"], kinds=NOBODY)
    runs = [event for event in events if isinstance(event, Run)]
    assert len(runs) == 1
    assert runs[0].count == 7  # five deltas and two ends
    assert not any(isinstance(event, TextDelta) for event in events)


def test_a_block_that_is_read_is_read_whole() -> None:
    """While a block that somebody reads is open, nothing is passed by, also of other blocks."""
    events = read(REPLIES["reasoning_tools"], kinds=frozenset({ThinkingDelta}))
    thinking = [number for number, event in enumerate(events) if getattr(event, "index", None) == 0]
    assert not any(isinstance(event, Run) for event in events[thinking[0] : thinking[-1]])
    assert any(isinstance(event, Run) for event in events[thinking[-1] :])
