"""Whole responses: one JSON object, exploded and folded."""

from typing import Any, TypeGuard

import msgspec
import pytest

from pipeline.errors import RateLimited, UpstreamFailed, UpstreamRefused, UpstreamTruncated
from pipeline.events import (
    Batch,
    BlockStarted,
    BlockStopped,
    Event,
    Failed,
    Finished,
    Heartbeat,
    InputDelta,
    Refusal,
    Started,
    Text,
    TextDelta,
    Thinking,
    ToolUse,
)
from stages.dialects.responses import encode_error
from tests.dialects.responses_oracle import (
    BODIES,
    FAILING,
    REPLIES,
    bare,
    check_body,
    check_grammar,
    read,
    read_whole,
    said,
    texts,
    write_whole,
)

SOUND = sorted(BODIES.keys() - FAILING)


def body(**fields: Any) -> bytes:
    return msgspec.json.encode({"id": "resp_1", "object": "response", "model": "m", "status": "completed", **fields})


def calls(event: Event) -> TypeGuard[BlockStarted]:
    return isinstance(event, BlockStarted) and isinstance(event.block, ToolUse)


def folded(events: Batch) -> Any:
    return msgspec.json.decode(write_whole(events))


@pytest.mark.parametrize("name", SOUND)
def test_untouched_means_identical(name: str) -> None:
    """A body that nobody touched is written byte for byte; its events share it as their frame."""
    events = read_whole(BODIES[name])
    check_grammar(events)
    assert {event.frame for event in events} == {BODIES[name]}
    assert write_whole(events) == BODIES[name]


@pytest.mark.parametrize("name", SOUND)
def test_events_without_frames_say_the_same(name: str) -> None:
    """Folded anew, a reply is valid and is read as the same events."""
    events = bare(read_whole(BODIES[name]))
    written = write_whole(events)
    check_body(msgspec.json.decode(written))
    assert said(read_whole(written)) == said(events)


@pytest.mark.parametrize("name", SOUND)
def test_changed_words_change_nothing_else(name: str) -> None:
    """An edited copy keeps what no event stands for, and every item that nobody touched."""
    events = [
        event.replace(piece="CHANGED") if isinstance(event, TextDelta) else event for event in read_whole(BODIES[name])
    ]
    original, edited = msgspec.json.decode(BODIES[name]), check_body(folded(events))
    assert edited.keys() == original.keys()
    for key in original.keys() - {"output"}:
        assert edited[key] == original[key]
    assert [item["id"] for item in edited["output"]] == [item["id"] for item in original["output"]]
    for before, after in zip(original["output"], edited["output"], strict=True):
        if before["type"] != "message":
            assert after == before
            continue
        assert after.get("phase") == before.get("phase")
        assert all(part.get("text", part.get("refusal")) == "CHANGED" for part in after["content"])


def test_blocks_taken_away_and_renamed() -> None:
    """Hidden thoughts are gone; a call under another name keeps its id and what else is in it."""
    kept = [event for event in read_whole(BODIES["reasoning_tools"]) if getattr(event, "index", None) != 0]
    events = [event.replace(block=ToolUse(event.block.id, "renamed")) if calls(event) else event for event in kept]
    output = check_body(folded(events))["output"]
    assert [item["type"] for item in output] == ["message", "function_call", "function_call"]
    assert output[1]["name"] == "renamed"
    assert output[1]["call_id"] == "call_Xa1"
    assert output[1]["arguments"] == '{"path":"a.py"}'


def test_one_part_changed_of_two() -> None:
    """The other part of the message stays as it came, annotations and all."""
    events = [event.replace(piece="!") if event == TextDelta(2, "See there.") else event
              for event in read_whole(BODIES["web_search"])]  # fmt: skip
    edited, original = folded(events)["output"], msgspec.json.decode(BODIES["web_search"])["output"]
    assert edited[0] == original[0]
    assert edited[1]["content"][0] == original[1]["content"][0]
    assert edited[1]["content"][1]["text"] == "!"


def test_a_block_that_a_stage_adds() -> None:
    """It is a message of its own, before the others."""
    events = read_whole(BODIES["reasoning_tools"])
    notice = [BlockStarted(99, Text()), TextDelta(99, "By the way."), BlockStopped(99)]
    output = check_body(folded([events[0], *notice, *events[1:]]))["output"]
    assert [item["type"] for item in output] == ["message", "reasoning", "message", "function_call", "function_call"]
    assert len({item["id"] for item in output}) == 5


@pytest.mark.parametrize("name", sorted(REPLIES.keys() & set(SOUND)))
def test_a_stream_folds_into_its_body(name: str) -> None:
    """The events of a stream fold into what the whole reply says."""
    whole, streamed = folded(bare(read_whole(BODIES[name]))), folded(bare(read(REPLIES[name])))
    for reply in (whole, streamed):
        for key in ("created_at", "completed_at"):
            reply.pop(key)
        for item in reply["output"]:
            item.pop("id")
    assert streamed == whole


def test_words_of_a_refusal_without_words() -> None:
    """Why a reply was refused is told in words, where it is known."""
    events: Batch = [Started("msg_1", "claude"), Finished("refusal", details={"explanation": "Not that."})]
    reply = check_body(folded(events))
    assert reply["status"] == "completed"
    assert reply["output"][0]["content"] == [{"type": "refusal", "refusal": "Not that."}]
    assert check_body(folded([Started("r", "m"), Finished("refusal")]))["status"] == "incomplete"


def test_nothing_until_the_end() -> None:
    """Nothing is written before the terminal event, and nothing where the reply failed."""
    assert write_whole([Started("r", "m"), Heartbeat(), BlockStarted(0, Text())]) == b""
    assert write_whole([Started("r", "m"), Failed(UpstreamFailed("no"))]) == b""


def test_texts_next_to_each_other_share_a_message() -> None:
    """Text, refusal, text: one message; a call between them parts it."""
    events: Batch = [Started("r", "m")]
    for index, block in enumerate([Text(), Refusal(), ToolUse("c", "f"), Text()]):
        events += [BlockStarted(index, block), BlockStopped(index)]
    output = check_body(folded([*events, Finished()]))["output"]
    assert [len(item.get("content", ())) for item in output] == [2, 0, 1]


# -- bodies that are no reply -----------------------------------------------------------------------------------------


def test_a_failed_response_is_passed_on_as_it_came() -> None:
    """The API answers 200 with a response that failed; its clients get exactly that, others its meaning."""
    (failed,) = read_whole(BODIES["failed"])
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, UpstreamRefused)
    assert isinstance(failed.error.means, RateLimited)
    head, answer = encode_error(failed.error, "req_1")
    assert head.status == 200
    assert answer == BODIES["failed"]


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"", UpstreamTruncated),
        (b'{"id": "resp_1", "outp', UpstreamTruncated),
        (b"<html>", UpstreamFailed),
        (b"[1]", UpstreamFailed),
        (b'{"object": "chat.completion"}', UpstreamFailed),
        (body(output=[1]), UpstreamFailed),
        (b'{"error": {"message": "no", "code": "server_error"}}', UpstreamRefused),
        (body(output=[], status="cancelled"), UpstreamRefused),
    ],
)
def test_what_is_no_response(raw: bytes, kind: type[Exception]) -> None:
    """A body that is no response fails, whatever its status was."""
    (failed,) = read_whole(raw)
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, kind)


def test_strings_for_lists() -> None:
    """Servers that give a message's content as a string are understood; unknown parts are kept."""
    output = [
        {"type": "message", "content": "Hi"},
        {"type": "message", "content": [{"type": "output_audio", "data": "x"}]},
    ]
    raw = body(output=output)
    assert texts(read_whole(raw)) == {0: "Hi"}
    assert write_whole(read_whole(raw)) == raw


def test_every_kind_of_item() -> None:
    """Items are blocks, a message's parts are; what calls is a call whatever its kind."""
    blocks = {
        name: [event.block for event in read_whole(BODIES[name]) if isinstance(event, BlockStarted)] for name in SOUND
    }
    assert blocks["custom_tools"][0] == Thinking()
    assert blocks["native_tools"][0] == ToolUse("call_S1", "shell", {"type": "shell"})
    inputs = [event.piece for event in read_whole(BODIES["custom_tools"]) if isinstance(event, InputDelta)]
    assert msgspec.json.decode(inputs[1]) == {"input": "await run('ls')"}


@pytest.mark.parametrize("odd", [5, True, {"a": 1}, "words"])
def test_annotations_that_are_no_list_are_none(odd: Any) -> None:
    """An upstream may say anything: its text is told all the same."""
    part = {"type": "output_text", "text": "It rains.", "annotations": odd}
    said_ = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
    assert texts(read_whole(body(output=[said_]))) == {0: "It rains."}
