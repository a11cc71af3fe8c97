"""Responses streams, written: what the vendor's types and helper accept, whoever the reply came from."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import (
    ContextTooLong,
    GatewayError,
    InvalidRequest,
    Overloaded,
    RateLimited,
    UpstreamTruncated,
)
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
from pipeline.prompt import Prompt
from stages.dialects import anthropic, chat, responses
from stages.dialects.envelope import unwrap, wrap
from tests.dialects.responses_oracle import (
    FAILING,
    INFORMAL,
    PROMPTS,
    REPLIES,
    accumulate,
    bare,
    check_body,
    check_stream,
    parsed,
    pieces,
    read,
    said,
    told,
    write,
    write_whole,
)
from tests.doubles import asking

ELSEWHERE = Path(__file__).parent / "fixtures"
FOREIGN: dict[str, Batch] = {}
for dialect in (anthropic, chat):
    for path in sorted((ELSEWHERE / dialect.NAME / "replies").glob("*.sse")):
        decoder = dialect.stream_decoder(None)
        FOREIGN[f"{dialect.NAME}/{path.stem}"] = decoder.feed(path.read_bytes()) + decoder.close()


def kinds_of(stream: bytes) -> list[str]:
    """The types of all frames of *stream*, without what they share."""
    return [value["type"].removeprefix("response.") for value in told(stream)]


def last(stream: bytes) -> Any:
    return told(stream)[-1]["response"]


# -- untouched --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(REPLIES))
def test_untouched_means_identical(name: str) -> None:
    """A stream of this dialect that nobody touched is written byte for byte, read or not."""
    assert write(read(REPLIES[name])) == REPLIES[name]
    assert write(read(REPLIES[name], kinds=frozenset({Started, Finished, Failed}))) == REPLIES[name]
    assert write(read(REPLIES[name], kinds=frozenset({TextDelta}))) == REPLIES[name]


@given(st.sampled_from(sorted(REPLIES)), st.lists(st.integers(0, 20_000)))
def test_batches_do_not_matter(name: str, cuts: list[int]) -> None:
    """Written batch by batch, a stream is the same bytes."""
    decoder, encoder = responses.stream_decoder(None), responses.stream_encoder(asking("m"))
    out = [encoder.feed(decoder.feed(piece)) for piece in pieces(REPLIES[name], cuts)]
    assert b"".join(out) + encoder.feed(decoder.close()) == REPLIES[name]


# -- written anew -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(REPLIES))
def test_events_without_frames_say_the_same(name: str) -> None:
    """Written anew, a stream is read as the same events: decode(encode(events)) == events."""
    events = bare(read(REPLIES[name]))
    expected = said(events)
    expected[0] = expected[0].replace(model=expected[0].model or "asked-for")
    assert said(read(write(events))) == expected
    check_stream(write(events))


@pytest.mark.parametrize("name", sorted(REPLIES.keys() - FAILING - {"incomplete"}))
def test_the_vendors_helper_accumulates(name: str) -> None:
    """The vendor's helper makes of a stream written anew what it makes of the original."""
    ours = accumulate(write(bare(read(REPLIES[name]))))
    whole = msgspec.json.decode(write_whole(bare(read(REPLIES[name]))))
    assert ours.output_text == "".join(
        part["text"] for item in whole["output"] if item["type"] == "message" for part in item["content"]
        if part["type"] == "output_text"
    )  # fmt: skip
    if name not in INFORMAL:
        theirs = accumulate(REPLIES[name])
        assert ours.output_text == theirs.output_text
        assert [item.type for item in ours.output] == [item.type for item in theirs.output]
        assert ours.usage == theirs.usage


@pytest.mark.parametrize("name", sorted(FOREIGN))
def test_replies_of_other_dialects(name: str) -> None:
    """Whatever comes of another protocol's stream is valid to the last frame, and accumulates."""
    stream = write(FOREIGN[name])
    values = check_stream(stream)
    assert values[0]["type"] == "response.created"
    assert values[1]["type"] == "response.in_progress"
    final = values[-1]["response"]
    if isinstance(FOREIGN[name][-1], Failed):
        assert values[-1]["type"] == "response.failed"
        assert final["error"]["message"]
        return
    assert final["usage"]["total_tokens"] == final["usage"]["input_tokens"] + final["usage"]["output_tokens"]
    done = [value["item"] for value in values if value["type"] == "response.output_item.done"]
    places = [value["output_index"] for value in values if value["type"] == "response.output_item.done"]
    assert final["output"] == [item for _, item in sorted(zip(places, done, strict=True), key=lambda pair: pair[0])]
    assert len({item["id"] for item in final["output"]}) == len(final["output"])
    if values[-1]["type"] == "response.completed":
        assert accumulate(stream) is not None


@pytest.mark.parametrize("name", sorted(name for name in FOREIGN if isinstance(FOREIGN[name][-1], Finished)))
def test_a_stream_and_a_body_say_the_same(name: str) -> None:
    """The response at the end of a stream is the body that the same events fold into."""
    whole = check_body(msgspec.json.decode(write_whole(bare(FOREIGN[name]))))
    final = last(write(bare(FOREIGN[name])))
    for key in ("created_at", "completed_at", "id"):
        whole.pop(key), final.pop(key)
    assert [{**item, "id": ""} for item in final.pop("output")] == [{**item, "id": ""} for item in whole.pop("output")]
    assert final == whole


def test_the_whole_lifecycle() -> None:
    """Every item is added, told, ended; every part, too; in the order that clients insist on."""
    stream = write(
        [
            Started("msg_01", "claude-opus-5"),
            BlockStarted(0, Thinking()),
            ThinkingDelta(0, "Hm"),
            SignatureDelta(0, "EqQB"),
            BlockStopped(0),
            BlockStarted(1, Text()),
            TextDelta(1, "A"),
            BlockStopped(1),
            BlockStarted(2, Text()),
            TextDelta(2, "B"),
            BlockStopped(2),
            BlockStarted(3, ToolUse("toolu_1", "ls")),
            InputDelta(3, '{"a":'),
            InputDelta(3, "1}"),
            BlockStopped(3),
            Finished("tool_use", usage=Usage(1, 2, 3, 4, 5, 6)),
        ]
    )
    check_stream(stream)
    assert kinds_of(stream) == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    final = last(stream)
    assert [item["type"] for item in final["output"]] == ["reasoning", "message", "function_call"]
    assert final["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {
            "cached_tokens": 2,
            "cache_write_tokens": 7,
            "cache_write_tokens_details": {"ttl_30m_tokens": 3, "ttl_12h_tokens": 4},
        },
        "output_tokens": 11,
        "output_tokens_details": {"reasoning_tokens": 6},
        "total_tokens": 21,
    }
    envelope = unwrap(final["output"][0]["encrypted_content"])
    assert envelope is not None
    assert (envelope.dialect, envelope.origin, envelope.payload) == ("anthropic", "claude", "EqQB")


def test_ids_are_of_the_reply() -> None:
    """The same reply has the same ids, another has others; the id of an item is the same in all its frames."""
    events: Batch = [
        Started("chatcmpl-1", "m"),
        BlockStarted(0, Text()),
        TextDelta(0, "x"),
        BlockStopped(0),
        Finished(),
    ]
    other = [Started("chatcmpl-2", "m"), *events[1:]]
    ids = [last(write(one))["output"][0]["id"] for one in (events, events, other)]
    assert ids[0] == ids[1] != ids[2]
    frames = told(write(events))
    assert {value.get("item_id", value.get("item", {}).get("id")) for value in frames[2:-1]} == {ids[0]}
    assert last(write(events))["id"].startswith("resp_")


def test_blocks_may_overlap() -> None:
    """Items go on side by side, each under its own index; a text that is open is not closed by a call."""
    stream = write(
        [
            Started("r", "m"),
            BlockStarted(0, Text()),
            BlockStarted(1, ToolUse("a", "f")),
            BlockStarted(2, ToolUse("b", "g")),
            InputDelta(2, '{"b":'),
            InputDelta(1, "{}"),
            TextDelta(0, "Hi"),
            BlockStopped(1),
            InputDelta(2, "2}"),
            BlockStopped(0),
            BlockStopped(2),
            Finished("tool_use"),
        ]
    )
    check_stream(stream)
    assert accumulate(stream).output_text == "Hi"
    assert [item.get("arguments") for item in last(stream)["output"]] == [None, "{}", '{"b":2}']


def test_what_is_open_is_closed() -> None:
    """The end of a reply ends its blocks."""
    stream = write(
        [Started("r", "m"), BlockStarted(0, ToolUse("a", "f")), InputDelta(0, '{"x'), Finished("max_tokens")]
    )
    check_stream(stream)
    final = last(stream)
    assert final["status"] == "incomplete"
    assert final["incomplete_details"] == {"reason": "max_output_tokens"}
    assert final["output"][0]["arguments"] == '{"x'


def test_nothing_after_the_end() -> None:
    """What comes after the terminal event is not written."""
    events = [Started("r", "m"), Finished(), TextDelta(0, "x"), Finished()]
    assert kinds_of(write(events)) == ["created", "in_progress", "completed"]


def test_a_reply_that_a_stage_ends_before_it_begins() -> None:
    """created comes first, whatever comes first."""
    assert kinds_of(write([Finished()])) == ["created", "in_progress", "completed"]
    assert kinds_of(write([BlockStarted(0, Text()), Finished()]))[0] == "created"


def test_second_choices_have_no_place() -> None:
    """Only the first choice is told."""
    stream = write([Started("r", "m"), BlockStarted(0, Text(), 1), TextDelta(0, "x"), BlockStopped(0), Finished()])
    assert last(stream)["output"] == []


# -- calls of the client's own kinds ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extra", "given", "expected"),
    [
        ({"type": "custom"}, '{ "input" : "*** Begin" }', {"type": "custom_tool_call", "input": "*** Begin"}),
        ({"type": "custom", "namespace": "n"}, "plain", {"type": "custom_tool_call", "input": "plain"}),
        ({"namespace": "ns"}, "{}", {"type": "function_call", "arguments": "{}", "namespace": "ns"}),
        (
            {"type": "apply_patch"},
            '{"operation":{"type":"create_file","path":"a","diff":"+x"}}',
            {"type": "apply_patch_call", "operation": {"type": "create_file", "path": "a", "diff": "+x"}},
        ),
        (
            {"type": "shell"},
            '{"commands":["ls"],"timeout_ms":5}',
            {"type": "shell_call", "action": {"commands": ["ls"], "timeout_ms": 5, "max_output_length": None}},
        ),
        (
            {"type": "local_shell"},
            '{"command":["ls"],"env":{"A":1}}',
            {
                "type": "local_shell_call",
                "action": {"type": "exec", "command": ["ls"], "env": {"A": "1"}, "timeout_ms": None},
            },
        ),
        ({"type": "tool_search"}, '{"query":"x"}', {"type": "tool_search_call", "execution": "client"}),
        ({"type": "shell"}, '{"commands":7}', {"type": "function_call", "arguments": '{"commands":7}'}),
        ({"type": "apply_patch"}, '{"operation":{"type":"move"}}', {"type": "function_call", "name": "t"}),
    ],
    ids=str,
)  # fmt: skip
def test_calls_are_told_as_the_tool_was_given(extra: dict[str, Any], given: str, expected: dict[str, Any]) -> None:
    """A call of a tool of a kind of its own is an item of that kind, if the input fits; else a function's."""
    events: Batch = [Started("r", "m"), BlockStarted(0, ToolUse("call_1", "t", extra))]
    events += [InputDelta(0, piece) for piece in (given[:3], given[3:])]
    stream = write([*events, BlockStopped(0), Finished("tool_use")])
    check_stream(stream)
    item = last(stream)["output"][0]
    assert item["call_id"] == "call_1"
    assert item | expected == item
    assert last(stream)["output"] == [value["item"] for value in told(stream) if value["type"].endswith("item.done")]


def test_a_call_without_input() -> None:
    """No piece at all is an empty object, or an empty text."""
    for extra, field, value in ((None, "arguments", "{}"), ({"type": "custom"}, "input", "")):
        stream = write([Started("r", "m"), BlockStarted(0, ToolUse("c", "f", extra)), BlockStopped(0), Finished()])
        check_stream(stream)
        assert last(stream)["output"][0][field] == value


# -- reasoning --------------------------------------------------------------------------------------------------------


def test_sealed_reasoning_travels_in_envelopes() -> None:
    """Redacted reasoning has no words; another maker's envelope stays one; our own is opened."""
    own = wrap("responses", "gpt", "gAAA", ref="rs_9")
    others = wrap("chat", "kimi", "abc")
    stream = write(
        [
            Started("r", "claude-opus-5"),
            BlockStarted(0, Redacted("ErUB")),
            BlockStopped(0),
            BlockStarted(1, Thinking()),
            SignatureDelta(1, own),
            BlockStopped(1),
            BlockStarted(2, Thinking()),
            SignatureDelta(2, others),
            BlockStopped(2),
            BlockStarted(3, Thinking()),
            ThinkingDelta(3, "unsigned"),
            BlockStopped(3),
            Finished(),
        ]
    )
    check_stream(stream)
    items = last(stream)["output"]
    redacted = unwrap(items[0]["encrypted_content"])
    assert redacted is not None
    assert (redacted.kind, redacted.payload) == ("redacted", "ErUB")
    assert items[1]["encrypted_content"] == "gAAA"
    assert items[2]["encrypted_content"] == others
    assert "encrypted_content" not in items[3]
    assert [len(item["summary"]) for item in items] == [0, 0, 0, 1]


def test_what_claudes_servers_did_is_carried() -> None:
    """Blocks that only their maker understands go with the history, in envelopes; a search is shown as one."""
    use = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    result = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"encrypted_content": "x"}]}
    delta = {"type": "input_json_delta", "partial_json": '{"query":"trio"}'}
    cited = {"type": "web_search_result_location", "url": "https://x.test", "title": "X", "cited_text": "y"}
    stream = write(
        [
            Started("r", "claude-opus-5"),
            BlockStarted(0, Other("anthropic", use)),
            Opaque("anthropic", "input_json_delta", delta, 0),
            BlockStopped(0),
            BlockStarted(1, Other("anthropic", result)),
            BlockStopped(1),
            BlockStarted(2, Text()),
            Opaque("anthropic", "citations_delta", {"type": "citations_delta", "citation": cited}, 2),
            TextDelta(2, "Found."),
            BlockStopped(2),
            Finished(),
        ]
    )
    check_stream(stream)
    items = last(stream)["output"]
    assert [item["type"] for item in items] == ["reasoning", "web_search_call", "reasoning", "message"]
    assert items[1]["action"] == {"type": "search", "query": "trio"}
    carried = [unwrap(item["encrypted_content"]) for item in (items[0], items[2])]
    assert [parsed(envelope.payload) for envelope in carried if envelope] == [
        {**use, "input": {"query": "trio"}},
        result,
    ]
    note = {"type": "url_citation", "url": "https://x.test", "title": "X", "start_index": 0, "end_index": 6}
    assert items[3]["content"][0]["annotations"] == [note]


# -- ends, errors, life -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop", "details", "status", "reason"),
    [
        ("end_turn", None, "completed", None),
        ("stop_sequence", None, "completed", None),
        ("pause_turn", None, "completed", None),
        ("max_tokens", None, "incomplete", "max_output_tokens"),
        ("model_context_window_exceeded", None, "incomplete", "max_output_tokens"),
        ("refusal", None, "incomplete", "content_filter"),
        ("refusal", {"explanation": "Not that."}, "completed", None),
    ],
)
def test_stops(stop: Stop, details: dict[str, Any] | None, status: str, reason: str | None) -> None:
    """Each reason is told as its status; a refusal with words is told in words."""
    stream = write([Started("r", "m"), Finished(stop, details=details)])
    check_stream(stream)
    final = last(stream)
    assert final["status"] == status
    assert (final["incomplete_details"] or {}).get("reason") == reason
    refused = [part["refusal"] for item in final["output"] for part in item["content"]]
    assert refused == ([details["explanation"]] if details else [])


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ContextTooLong("prompt is too long"), "context_length_exceeded", "prompt is too long"),
        (InvalidRequest("bad field"), "invalid_prompt", "bad field"),
        (RateLimited("slow down", retry_after=12), "rate_limit_exceeded", "try again in 12s"),
        (Overloaded("busy"), "server_is_overloaded", "busy"),
        (UpstreamTruncated("cut"), "server_error", "cut"),
    ],
    ids=str,
)
def test_failures(error: GatewayError, code: str, words: str) -> None:
    """A failure in a stream has the code that Codex acts on; what was complete is in the response."""
    events = [Started("r", "m"), BlockStarted(0, Text()), TextDelta(0, "Half"), BlockStopped(0), Failed(error)]
    stream = write(events)
    check_stream(stream)
    final = last(stream)
    assert final["status"] == "failed"
    assert final["error"]["code"] == code
    assert words in final["error"]["message"]
    assert [item["type"] for item in final["output"]] == ["message"]
    assert kinds_of(write([Failed(error)])) == ["created", "in_progress", "failed"]


def test_requests_are_repeated() -> None:
    """The fields of the request that a response repeats are its own; others have their defaults."""
    prompt = Prompt.parse("responses", PROMPTS["codex"])
    stream = responses.stream_encoder(prompt).feed([Started("r", "claude"), Heartbeat(), Finished()])
    created, beat = (check_stream(stream)[place]["response"] for place in (0, 2))
    assert created["tools"] == prompt.get("tools")
    assert created["prompt_cache_key"] == "0199-session"
    assert created["store"] is False
    assert "include" not in created
    assert beat["tools"] == []  # it only shows that it is alive
    whole = responses.whole_encoder(prompt).feed([Started("r", "claude"), Finished()])
    assert check_body(msgspec.json.decode(whole))["tools"] == prompt.get("tools")


# -- any reply --------------------------------------------------------------------------------------------------------

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
CALL = st.builds(
    lambda name, extra: ToolUse("", name, extra),
    st.from_regex(r"[a-z_]{1,9}", fullmatch=True),
    st.sampled_from([None, {"type": "custom"}, {"namespace": "ns"}, {"type": "custom", "namespace": "ns"}]),
)


@st.composite
def blocks(draw: st.DrawFn, index: int) -> Batch:
    """All events of one block."""
    block = draw(st.one_of(st.just(Text()), st.just(Refusal()), st.just(Thinking()), CALL))
    if isinstance(block, ToolUse):
        block = ToolUse(f"call_{index}", block.name, block.extra)
    events: list[Event] = [BlockStarted(index, block)]
    if isinstance(block, ToolUse):
        value = {"input": draw(WORDS)} if (block.extra or {}).get("type") else draw(st.dictionaries(WORDS, WORDS))
        text = msgspec.json.encode(value).decode()
        cut = draw(st.integers(0, len(text)))
        events += [InputDelta(index, piece) for piece in (text[:cut], text[cut:]) if piece]
    elif isinstance(block, Thinking):
        events += [ThinkingDelta(index, piece) for piece in draw(st.lists(WORDS, max_size=3))]
        events += [SignatureDelta(index, wrap("responses", "", draw(WORDS), ref=f"rs_{index}"))]
    else:
        events += [TextDelta(index, piece) for piece in draw(st.lists(WORDS, max_size=3))]
    return [*events, BlockStopped(index)]


@st.composite
def replies(draw: st.DrawFn) -> Batch:
    """All events of one reply, as this dialect can tell it."""
    told = [event for index in range(draw(st.integers(0, 5))) for event in draw(blocks(index))]
    kinds = {type(event.block) for event in told if isinstance(event, BlockStarted)}
    stop: Stop = "tool_use" if ToolUse in kinds else "refusal" if Refusal in kinds else "end_turn"
    stop = draw(st.sampled_from(["max_tokens", stop]))
    counts = st.integers(0, 1000)
    usage = Usage(*[draw(counts) for _ in range(6)])
    return [Started("resp_1", ""), *told, Finished(stop, usage=usage)]


@given(replies())
def test_any_reply_survives(events: Batch) -> None:
    """decode(encode(events)) == events, whatever is in them; every frame is valid, and the helper accumulates it."""
    stream = responses.stream_encoder(asking("")).feed(events)
    check_stream(stream)
    assert said(read(stream)) == said(events)
    if kinds_of(stream)[-1] == "completed":
        assert accumulate(stream) is not None


@given(replies())
def test_a_foreign_reply_never_runs(events: Batch) -> None:
    """Runs of other dialects can't be written, and are not."""
    run = Run("anthropic", 1, frame=b"event: content_block_delta\ndata: {}\n\n")
    assert b"content_block" not in write([events[0], run, *events[1:]])


def test_too_strange_to_be_told() -> None:
    """Events of blocks that never began are left out."""
    stream = write([Started("r", "m"), TextDelta(7, "x"), BlockStopped(7), Opaque("chat", "audio", {}), Finished()])
    assert kinds_of(stream) == ["created", "in_progress", "completed"]
