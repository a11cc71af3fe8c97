"""Renaming: the name is another, and every other byte the same."""

import json
import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.document import Path
from stages.dialects import anthropic, chat, responses
from stages.dialects.renaming import in_body, in_frames

CHUNK = (
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"big-1","choices":[{"index":0,'
    b'"delta":{"content":"say \\"model\\":\\"big-1\\""},"finish_reason":null}]}\n\n'
)
START = (
    b'event: message_start\ndata: { "type":"message_start", "message": {"id":"m1", "model": "big-1", "new":[1.0]} }\n\n'
)
DELTA = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"big-1"}}\n\n'
)
CREATED = (
    b"event: response.created\n"
    b'data: {"type":"response.created","response":{"id":"r1","model":"big-1","tools":[{"model":"big-1"}]}}\n\n'
)


@pytest.mark.parametrize(
    ("dialect", "frame"),
    [(chat, CHUNK), (anthropic, START), (responses, CREATED)],
    ids=["chat", "messages", "responses"],
)
def test_the_name_is_changed_where_the_dialect_says_it_and_nothing_else_is(dialect: object, frame: bytes) -> None:
    """Not in the model's words, not in what else is called so; spacing and numbers as they were."""
    path: Path = dialect.MODEL  # type: ignore[attr-defined]  # a module with the names of a Dialect
    assert in_frames(frame, path, "fast") == frame.replace(b'"big-1"', b'"fast"', 1)
    assert in_frames(frame, path, "big-1") == frame


@pytest.mark.parametrize(
    "frame",
    [
        b'data: {"choices":[{"delta":{"model":"x"}}],"model":"big-1"}\n\n',  # behind what is nested
        b'data: {"id":"a\\"b\\\\","model" : "big-1"}\n\n',
        b'data:{"model":"big-1"}\r\n\r\n',
        b'data: {"usage":null,\ndata: "model":"big-1"}\n\n',  # in two lines
    ],
)
def test_a_chunk_may_be_spelled_in_any_way(frame: bytes) -> None:
    """What the pattern does not fit is parsed."""
    (before,) = payloads(frame)
    (after,) = payloads(
        in_frames(CHUNK + frame, chat.MODEL, "fast").removeprefix(CHUNK.replace(b'"big-1"', b'"fast"', 1))
    )
    assert after == {**before, "model": "fast"}


def payloads(data: bytes) -> list[dict[str, object]]:
    """What the frames of *data* say."""
    frames = data.replace(b"\r\n", b"\n").split(b"\n\n")
    return [json.loads(b"".join(line[5:] for line in frame.split(b"\n"))) for frame in frames if frame]


def test_what_says_no_name_is_left_alone() -> None:
    """Comments, ends, deltas, and what is no JSON."""
    for path in (chat.MODEL, anthropic.MODEL, responses.MODEL):
        for frame in (
            b": ping\n\n",
            b"data: [DONE]\n\n",
            DELTA,
            b'data: {"model"\n\n',
            b'data: {"model":5}\n\n',
            b"data: ",
        ):
            assert in_frames(frame, path, "fast") == frame


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_name_takes_the_place_of_any_other(old: str, new: str) -> None:
    """Also of quotes, backslashes and what looks like a group of the pattern."""
    chunk = b'data: {"id":"1","model":%b,"choices":[]}\n\n' % json.dumps(old).encode()
    assert payloads(in_frames(chunk * 2, chat.MODEL, new)) == [{"id": "1", "model": new, "choices": []}] * 2


def test_a_whole_reply_keeps_all_but_its_name() -> None:
    """Its order, spacing and numbers; one that is not the upstream's own spelling passes."""
    body = b'{ "id":"m1", "model" :"big-1", "content":[{"input":{"model":"big-1"}}], "n":1.0 }'
    assert in_body(body, "fast") == body.replace(b'"big-1"', b'"fast"', 1)
    assert in_body(body, "big-1") is body
    for odd in (b"{}", b"[1]", b"no", b'{"model":1,"model":2}'):
        assert in_body(odd, "fast") == odd


def test_chunks_are_renamed_in_a_microsecond_or_so() -> None:
    """A read of 64 KiB holds hundreds of them."""
    batch = CHUNK * 300
    seconds = min(timeit.repeat(lambda: in_frames(batch, chat.MODEL, "fast"), number=1, repeat=20))
    assert seconds / 300 < 10e-6
