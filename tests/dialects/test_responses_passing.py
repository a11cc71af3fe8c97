"""Streams of this dialect that stages change: what was changed or taken away stands nowhere, the rest stays."""

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.events import (
    Batch,
    BlockStarted,
    BlockStopped,
    Event,
    Failed,
    Finished,
    InputDelta,
    Kinds,
    Opaque,
    SignatureDelta,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
)
from tests.dialects.responses_oracle import (
    FAILING,
    INFORMAL,
    REPLIES,
    accumulate,
    by_name,
    check_stream,
    frame,
    frames_of,
    read,
    said,
    told,
    write,
)

SOUND = sorted(REPLIES.keys() - FAILING - INFORMAL)
Change = Callable[[Event], list[Event]]


def changed(name: str, change: Change, kinds: Kinds | None = None) -> Batch:
    """The events of a stream as a stage passes them on."""
    return [out for event in read(REPLIES[name], kinds=kinds) for out in change(event)]


def final(stream: bytes) -> Any:
    return told(stream)[-1]["response"]


def shouting(event: Event) -> list[Event]:
    return [event.replace(piece=event.piece.upper()) if isinstance(event, TextDelta) else event]


def muting(event: Event) -> list[Event]:
    return [] if isinstance(event, TextDelta) else [event]


def renaming(event: Event) -> list[Event]:
    if isinstance(event, BlockStarted) and isinstance(event.block, ToolUse):
        return [event.replace(block=ToolUse(event.block.id, "renamed", event.block.extra))]
    return [event]


def hiding() -> Change:
    """Without thoughts."""
    hidden = set[int]()

    def change(event: Event) -> list[Event]:
        if isinstance(event, BlockStarted) and isinstance(event.block, Thinking):
            hidden.add(event.index)
        return [] if getattr(event, "index", None) in hidden else [event]

    return change


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("kinds", [None, frozenset({TextDelta})], ids=by_name)
def test_replaced_words_stand_nowhere_else(name: str, kinds: Kinds | None) -> None:
    """A text that a stage replaced is replaced in deltas, ends and the response; all is valid and says the same."""
    events = changed(name, shouting, kinds)
    stream = write(events)
    check_stream(stream)
    words = "".join(event.piece for event in read(REPLIES[name]) if isinstance(event, TextDelta))
    if words:
        assert words not in stream.decode()
    if kinds is None:
        replaced = [event for event in said(read(stream)) if not isinstance(event, tuple)]
        assert replaced == [event for event in said(events) if not isinstance(event, tuple)]
    if final(stream)["status"] == "completed":
        assert accumulate(stream).output_text == accumulate(REPLIES[name]).output_text.upper()


@pytest.mark.parametrize("name", SOUND)
def test_words_taken_away_are_gone(name: str) -> None:
    """Nothing but the events shows that deltas are missing: the end is compared with what passed."""
    stream = write(changed(name, muting))
    check_stream(stream, gaps=True)
    texts = [part.get("text", part.get("refusal")) for item in final(stream)["output"] if item["type"] == "message"
             for part in item["content"]]  # fmt: skip
    assert not any(texts)
    for event in read(REPLIES[name]):
        if isinstance(event, TextDelta) and len(event.piece) > 3:
            assert event.piece not in stream.decode()


@pytest.mark.parametrize("name", ["reasoning_tools", "open_model", "custom_tools"])
@pytest.mark.parametrize("kinds", [None, frozenset({BlockStarted, ThinkingDelta, SignatureDelta})], ids=by_name)
def test_blocks_taken_away_are_gone(name: str, kinds: Kinds | None) -> None:
    """Hidden thoughts are in no frame and not in the response; the items after them keep their ids."""
    stream = write(changed(name, hiding(), kinds))
    check_stream(stream)
    assert b"reasoning_summary_text" not in stream
    assert b"reasoning_text" not in stream
    kept = [item["id"] for item in final(REPLIES[name])["output"] if item["type"] != "reasoning"]
    assert [item["id"] for item in final(stream)["output"]] == kept
    assert accumulate(stream) is not None


@pytest.mark.parametrize("name", ["reasoning_tools", "interleaved", "custom_tools"])
@pytest.mark.parametrize("kinds", [None, frozenset({BlockStarted})], ids=by_name)
def test_a_renamed_call_keeps_its_input(name: str, kinds: Kinds | None) -> None:
    """A changed beginning is a changed item; its input is told once, read or not."""
    stream = write(changed(name, renaming, kinds))
    check_stream(stream)
    calls = [item for item in final(stream)["output"] if "name" in item]
    assert {item["name"] for item in calls} == {"renamed"}
    given = [(item["call_id"], item.get("arguments", item.get("input"))) for item in calls]
    original = [item for item in final(REPLIES[name])["output"] if "name" in item]
    expected = [(item["call_id"], item.get("arguments", item.get("input"))) for item in original]
    assert [(id_, text or "{}") for id_, text in given] == [(id_, text or "{}") for id_, text in expected]
    assert accumulate(stream) is not None


@pytest.mark.parametrize("name", SOUND)
def test_a_block_that_a_stage_adds(name: str) -> None:
    """A block before all others is an item of its own; the others follow, numbered on."""
    events = read(REPLIES[name])
    notice = [BlockStarted(99, Text()), TextDelta(99, "By the way."), BlockStopped(99)]
    stream = write([events[0], *notice, *events[1:]])
    check_stream(stream)
    assert final(stream)["output"][0]["content"][0]["text"] == "By the way."
    assert len(final(stream)["output"]) == len(final(REPLIES[name])["output"]) + 1
    if final(stream)["status"] == "completed":
        assert accumulate(stream).output_text == "By the way." + accumulate(REPLIES[name]).output_text


@pytest.mark.parametrize("name", SOUND)
def test_another_model_in_the_beginning(name: str) -> None:
    """A changed beginning changes the end, too; unknown fields of the response stay."""
    events = [event.replace(model="alias") if isinstance(event, Started) else event for event in read(REPLIES[name])]
    stream = write(events)
    check_stream(stream)
    assert {value["response"]["model"] for value in told(stream) if "response" in value} == {"alias"}
    assert final(stream)["reasoning"] == final(REPLIES[name])["reasoning"]
    assert final(stream)["usage"] == final(REPLIES[name])["usage"]


@pytest.mark.parametrize("name", SOUND)
def test_a_reply_that_a_stage_ends(name: str) -> None:
    """Wherever a stage ends the reply, what is open is closed, and what had passed is in the response."""
    events = read(REPLIES[name])
    for cut in range(1, len(events)):
        if events[cut].nth:
            continue
        stream = write([*events[:cut], Finished("max_tokens")])
        check_stream(stream)
        items = [value["item"] for value in told(stream) if value["type"] == "response.output_item.done"]
        assert sorted(item["id"] for item in items) == sorted(item["id"] for item in final(stream)["output"])
        assert stream.startswith(frames_of(events[:cut]))


def test_siblings_pass_together_or_not_at_all() -> None:
    """Without one of the events that came in a frame, the frame is not written."""
    events = [event for event in read(REPLIES["reasoning_tools"]) if not isinstance(event, SignatureDelta)]
    stream = write(events)
    check_stream(stream)
    assert "encrypted_content" not in final(stream)["output"][0]
    assert b"gAAAAABpZW5j" not in stream


def test_annotations_taken_away_are_gone() -> None:
    """An annotation that a stage drops is not in the part's end either."""
    stream = write(
        [event for event in read(REPLIES["web_search"]) if not (isinstance(event, Opaque) and event.index == 1)]
    )
    check_stream(stream)
    assert b"url_citation" not in stream


def test_an_item_at_the_end_taken_away() -> None:
    """The response must not have more than what passed."""
    events = [event for event in read(REPLIES["web_search"]) if getattr(event, "index", None) != 2]
    stream = write(events)
    check_stream(stream)
    assert "See there." not in stream.decode()


def test_what_a_server_ran_goes_on_after_a_change() -> None:
    """Steps of a hosted tool keep their item, under the numbers that hold now."""
    events = read(REPLIES["web_search"])
    notice = [BlockStarted(99, Text()), TextDelta(99, "x"), BlockStopped(99)]
    values = told(write([events[0], *notice, *events[1:]]))
    steps = [value for value in values if value["type"].startswith("response.web_search_call")]
    assert [value["output_index"] for value in steps] == [1, 1, 1]
    assert {value["item_id"] for value in steps} == {"ws_0e5501"}


def test_a_failure_after_a_change_is_told_anew() -> None:
    """The upstream's own failure may hold what was taken away: only its code and words go on."""
    stream = write(changed("failed", shouting))
    check_stream(stream)
    assert b"Half an answer" not in stream
    assert final(stream)["error"]["code"] == "rate_limit_exceeded"
    assert "1.898s" in final(stream)["error"]["message"]


def test_frames_of_others_never_pass() -> None:
    """A frame of another dialect is no frame here, whatever is in it."""
    alien = b'event: message_start\ndata: {"text":"\\"type\\":\\"response.created\\""}\n\n'
    stream = write([Started("r", "m", frame=alien), TextDelta(0, "x", frame=alien), Finished(frame=alien)])
    assert alien not in stream
    check_stream(stream)


def test_a_server_that_leaves_things_off_passes() -> None:
    """Ends without texts and a response without output contradict nothing."""
    stream = (
        frame("response.created", response={"id": "resp_1", "model": "m"})
        + frame("response.output_item.added", output_index=0, item={"type": "message", "id": "m1"})
        + frame("response.content_part.added", output_index=0, content_index=0, part={"type": "output_text"})
        + frame("response.output_text.delta", output_index=0, content_index=0, delta="Hi")
        + frame("response.output_item.done", output_index=0, item={"type": "message", "id": "m1"})
        + frame("response.completed", response={"id": "resp_1", "output": []})
    )
    assert write(read(stream)) == stream


def test_untouched_failures_pass() -> None:
    """A failure of this dialect's own passes as it came, also as the first thing."""
    error = frame("error", code="server_error", message="No.", param=None)
    (event,) = read(error)
    assert isinstance(event, Failed)
    assert write([event]) == error


def test_pieces_of_unknown_blocks_do_not_pass() -> None:
    """A delta whose block a stage took away is not written either."""
    events = [event for event in read(REPLIES["text"]) if not isinstance(event, BlockStarted)]
    stream = write(events)
    assert b"output_text" not in stream
    assert final(stream)["output"] == []
    assert not any(isinstance(event, ThinkingDelta | InputDelta) for event in read(stream))
