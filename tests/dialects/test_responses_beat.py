"""Signs of life in a Responses stream: they come where nothing is said, and change nothing for any reader."""

from typing import Any

import pytest

from pipeline.events import (
    Batch,
    BlockStarted,
    BlockStopped,
    Finished,
    Heartbeat,
    InputDelta,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
)
from stages.dialects import responses
from tests.dialects.responses_oracle import (
    FAILING,
    INFORMAL,
    REPLIES,
    accumulate,
    bare,
    check_body,
    check_stream,
    read,
    told,
    write,
)
from tests.doubles import asking

LIFECYCLE = {"response.created", "response.in_progress"}
THINKING: Batch = [Started("r", "m"), BlockStarted(0, Thinking())]
CALLING: Batch = [BlockStarted(1, ToolUse("t", "f")), InputDelta(1, "{}")]


def kinds(stream: bytes) -> list[str]:
    return [value["type"].removeprefix("response.") for value in told(stream)]


def remembered(values: list[Any]) -> list[Any]:
    """The items that OpenAI's JavaScript helper has at the end, before it is told them all: each event finds its item.

    Its rules (ResponseAccumulator.js): a response replaces what was known, an item that is added goes to the end.
    """
    output: list[Any] = []
    for value in values:
        kind = value["type"]
        if kind in LIFECYCLE:
            output = list(value["response"]["output"])
        elif kind == "response.output_item.added":
            output.append(value["item"])
            assert output[value["output_index"]] is value["item"]
        elif kind == "response.output_item.done":
            assert output[value["output_index"]]["id"] == value["item"]["id"]
            output[value["output_index"]] = value["item"]
        elif "summary_index" in value and kind.endswith("delta"):
            assert output[value["output_index"]]["type"] == "reasoning"
        elif "item_id" in value:
            assert output[value["output_index"]]["id"] == value["item_id"]
    return output


@pytest.mark.parametrize("passes", [True, False], ids=["passing", "written"])
@pytest.mark.parametrize("name", sorted(REPLIES.keys() - FAILING - INFORMAL))
def test_a_beat_anywhere_changes_nothing(name: str, passes: bool) -> None:
    """After each event of each reply, passed on or written anew: strictly an event, and every reader ends with the same
    items."""
    events = read(REPLIES[name])
    events = events if passes else bare([event for event in events if not isinstance(event, Heartbeat)])
    for place in range(2, len(events)):
        if passes and events[place].nth:
            continue  # an engine beats between frames
        encoder = responses.stream_encoder(asking("m"))
        before, alive, after = (encoder.feed(part) for part in (events[:place], [Heartbeat()], events[place:]))
        values = told(before + alive + after)
        (sign,) = told(alive)
        assert sign.get("delta", "") == ""
        if "response" in sign:
            check_body(sign["response"])
        assert [item["id"] for item in remembered(values)] == [item["id"] for item in values[-1]["response"]["output"]]
        known = accumulate(before + alive + after)
        assert known is None or known.output == accumulate(write(events)).output  # None: it was cut off
        if not passes:
            check_stream(before + alive + after)


def test_frames_around_a_beat_stay_as_they_are() -> None:
    """Between frames that pass it repeats the last number."""
    events = read(REPLIES["text"])
    stream = write([*events[:5], Heartbeat(), *events[5:]])
    before = write(events[:5])
    (beat, *_) = told(stream.removeprefix(before))
    assert beat["sequence_number"] == told(before)[-1]["sequence_number"]
    assert stream.endswith(REPLIES["text"].removeprefix(before))


@pytest.mark.parametrize(
    ("events", "beats"),
    [
        (THINKING, "in_progress"),
        ([*THINKING, ThinkingDelta(0, "hm")], "reasoning_summary_text.delta"),
        ([*THINKING, BlockStopped(0)], "in_progress"),
        ([*THINKING, BlockStopped(0), *CALLING], "function_call_arguments.delta"),
        ([Started("r", "m"), BlockStarted(0, Text())], "output_text.delta"),
        ([Started("r", "m"), BlockStarted(0, Text()), TextDelta(0, "a"), BlockStopped(0)], "in_progress"),
        (
            [Started("r", "m"), BlockStarted(0, ToolUse("t", "f", {"type": "custom"}))],
            "custom_tool_call_input.delta",
        ),
    ],
)
def test_a_beat_is_of_what_is_open(events: Batch, beats: str) -> None:
    """An empty delta, if there are any of it; else the response so far."""
    before = write(events)
    assert kinds(write([*events, Heartbeat()]).removeprefix(before)) == [beats]


def test_frames_that_nobody_read_count_as_words() -> None:
    """Thoughts that passed in a Run are open, and the beat is one of them."""
    events = read(REPLIES["reasoning_tools"], kinds=frozenset({Started, Finished}))
    place = next(n for n, event in enumerate(events) if type(event).__name__ == "Run") + 1
    before = write(events[:place])
    assert kinds(write([*events[:place], Heartbeat()]).removeprefix(before)) == ["reasoning_summary_text.delta"]


def test_a_comment_before_the_response_and_nothing_after_it() -> None:
    """The numbers go on over beats."""
    encoder = responses.stream_encoder(asking("m"))
    assert encoder.feed([Heartbeat()]) == b": ping\n\n"
    begun = encoder.feed([Started("msg_1", "claude")])
    beats = encoder.feed([Heartbeat(), Heartbeat()])
    end = encoder.feed([Finished()])
    assert check_stream(begun + beats + end)[-1]["sequence_number"] == 4
    assert encoder.feed([Heartbeat()]) == b""


def test_an_upstreams_own_signs_are_no_new_response() -> None:
    """The API's keepalive passes as it came; to clients of another dialect it is a sign of life."""
    created = REPLIES["text"].partition(b"\n\n")[0] + b"\n\n"
    keepalive = b'event: keepalive\ndata: {"type":"keepalive","sequence_number":1}\n\n'
    events = read(created + keepalive)
    assert [type(event) for event in events[:2]] == [Started, Heartbeat]
    assert write(events[:2]) == created + keepalive
