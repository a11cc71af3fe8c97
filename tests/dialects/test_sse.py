"""Frames: any bytes, however cut."""

import timeit
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.dialects.sse import LIMIT, Frame, Frames

TYPICAL = b'event: ping\ndata: {"type": "ping"}\n\nevent: content_block_stop\ndata: {"type":"content_block_stop"}\n\n'


def split(stream: bytes, cuts: list[int]) -> list[Frame]:
    """All frames of *stream*, fed in pieces that end at *cuts*."""
    frames, edges = Frames(), sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [frame for begin, end in pairwise(edges) for frame in frames.feed(stream[begin:end])]


def by_the_book(stream: str) -> list[tuple[str, str]]:
    """What is dispatched, as the living standard's algorithm has it, one character at a time."""
    lines, line, characters = [], "", list(stream.removeprefix("\ufeff"))
    while characters:
        character = characters.pop(0)
        if character not in "\r\n":
            line += character
            continue
        if character == "\r" and characters[:1] == ["\n"]:
            characters.pop(0)
        lines.append(line)
        line = ""
    dispatched: list[tuple[str, str]] = []
    event, data = "", list[str]()
    for line in lines:
        name, _, value = line.partition(":")
        if line == "":
            if "\n".join(data):
                dispatched.append((event, "\n".join(data)))
            event, data = "", list[str]()
        elif name == "data":
            data.append(value.removeprefix(" "))
        elif name == "event":
            event = value.removeprefix(" ")
    return dispatched


pieces = st.sampled_from(
    ["event: a", "event:b", "data: {}", "data:x", "data: é", "data", "data:", ": hi", "id: 7", "\n", "\n", "\r\n", "\r"]
)
streams = st.lists(pieces, max_size=30).map("".join)
cuts = st.lists(st.integers(0, 200), max_size=12)


def test_frames_come_with_their_bytes_their_name_and_their_data() -> None:
    """A frame is told as it came, what it is called, and what it says."""
    assert split(TYPICAL + b": thinking\n\ndata: one\ndata:two\nid: 3\n\n", []) == [
        (b'event: ping\ndata: {"type": "ping"}\n\n', b"ping", b'{"type": "ping"}'),
        (
            b'event: content_block_stop\ndata: {"type":"content_block_stop"}\n\n',
            b"content_block_stop",
            b'{"type":"content_block_stop"}',
        ),
        (b": thinking\n\n", b"", b""),
        (b"data: one\ndata:two\nid: 3\n\n", b"", b"one\ntwo"),
    ]


@given(streams, cuts)
def test_cuts_change_nothing(stream: str, places: list[int]) -> None:
    """Whole, in pieces, byte by byte: the same frames, whichever signs end the lines."""
    raw = stream.encode()
    whole = split(raw, [])
    assert split(raw, places) == whole
    assert split(raw, list(range(len(raw)))) == whole


@given(streams, cuts)
def test_what_is_dispatched_is_what_the_standard_says(stream: str, places: list[int]) -> None:
    """Frames with data are those of the standard's own algorithm."""
    stream += ":"  # a CR that ends all could still become CRLF: the splitter waits
    spoken = [(event.decode(), data.decode()) for _, event, data in split(stream.encode(), places) if data]
    assert spoken == by_the_book(stream)


@given(streams, cuts)
def test_no_byte_is_lost(stream: str, places: list[int]) -> None:
    """The raws and the rest are the stream."""
    raw, frames = stream.encode(), Frames()
    edges = sorted({0, len(raw), *(cut % (len(raw) + 1) for cut in places)})
    got = [frame[0] for a, b in pairwise(edges) for frame in frames.feed(raw[a:b])]
    assert b"".join(got) + frames.rest == raw


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    """A mark at the start is passed on and not read."""
    mark = b"\xef\xbb\xbf"
    assert split(mark + TYPICAL, [1, 2, 3])[0] == (
        mark + b'event: ping\ndata: {"type": "ping"}\n\n',
        b"ping",
        b'{"type": "ping"}',
    )


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n", b"\r"])
def test_the_last_frame_may_lack_its_blank_line(ending: bytes) -> None:
    """What a server left off is added, so that a client can read the frame."""
    frames = Frames()
    assert frames.feed(b"data: [DONE]" + ending) == []
    ((raw, event, data),) = frames.last()
    assert (event, data) == (b"", b"[DONE]")
    assert Frames().feed(raw) == [(raw, event, data)]
    assert frames.last() == []


def test_nothing_is_left_of_a_stream_that_ended_well() -> None:
    """There is no last frame where all were complete."""
    frames = Frames()
    frames.feed(TYPICAL)
    assert frames.last() == []


@pytest.mark.parametrize("limit", [5000, LIMIT, 2 * LIMIT])
@pytest.mark.parametrize("size", [1000, 64 * 1024, 4 * LIMIT])
@pytest.mark.parametrize("over", [0, 1])
def test_a_frame_may_be_as_long_as_the_limit(limit: int, size: int, over: int) -> None:
    """One byte more overflows, however it comes; what came before it is still told."""
    frames, got = Frames(limit), []
    stream = TYPICAL + b"data: " + b"x" * (limit - 8 + over) + b"\n\n"
    for place in range(0, len(stream), size):
        got += frames.feed(stream[place : place + size])
        if frames.overflowing:
            break
    assert frames.overflowing == bool(over)
    assert [len(data) > 100 for _, _, data in got if data] == [False, False] + [True] * (1 - over)


def test_a_frame_of_the_limit_in_small_pieces_costs_no_more_than_its_length() -> None:
    """Growing is linear: twice the bytes cost about twice the time, not four times."""

    def cost(length: int) -> float:
        def run() -> None:
            frames = Frames()
            for _ in range(length // 64):
                frames.feed(b"data" * 16)

        return min(timeit.repeat(run, number=1, repeat=5))

    assert cost(LIMIT // 2) < 6 * cost(LIMIT // 4)
