"""Blocks one after another, numbered without gaps, whatever order they came in."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Overloaded, UpstreamFailed
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
    Run,
    Started,
    Text,
    TextDelta,
    ToolUse,
)
from stages.dialects.serial import LIMIT, Serial


def all_wanted(event: BlockStarted) -> bool:
    return True


def unread(run: Run) -> list[Event]:
    """What is in the runs of these tests: frames that say "index:piece"."""
    spoken = [line.split(b":") for line in (run.frame or b"").splitlines()]
    return [TextDelta(int(index), piece.decode()) for index, piece in spoken]


def line_up(*batches: Batch) -> Batch:
    serial = Serial(all_wanted, unread)
    return [event for batch in batches for event in serial.feed(list(batch))]


def tool(index: int) -> BlockStarted:
    return BlockStarted(index, ToolUse(f"t{index}", "f"))


def test_blocks_in_order_pass_as_the_very_same_objects() -> None:
    """Nothing is copied where nothing must change."""
    events: Batch = [Started("m", "m"), tool(0), InputDelta(0, "a"), Heartbeat(), BlockStopped(0), Finished()]
    assert [id(event) for event in line_up(events)] == [id(event) for event in events]


def test_a_later_block_waits_until_the_earlier_one_stops() -> None:
    """Interleaved calls are told one after the other, as soon as that can be."""
    serial = Serial(all_wanted, unread)
    assert serial.feed([tool(0), tool(1), InputDelta(1, "x"), InputDelta(0, "y")]) == [tool(0), InputDelta(0, "y")]
    assert serial.feed([BlockStopped(0)]) == [BlockStopped(0), tool(1), InputDelta(1, "x")]
    assert serial.feed([InputDelta(1, "z"), BlockStopped(1)]) == [InputDelta(1, "z"), BlockStopped(1)]


def test_what_is_open_is_stopped_before_the_end() -> None:
    """The end closes the open block, then tells those that waited, whole."""
    assert line_up([tool(0), tool(1), InputDelta(1, "x"), Finished()]) == [
        tool(0),
        BlockStopped(0),
        tool(1),
        InputDelta(1, "x"),
        BlockStopped(1),
        Finished(),
    ]


def test_a_failure_is_told_at_once() -> None:
    """Nothing is made up for a reply that failed."""
    failed = Failed(Overloaded("too many"))
    assert line_up([tool(0), tool(1), failed]) == [tool(0), failed]


def test_gaps_are_closed() -> None:
    """A block that a stage took away leaves no gap, and one it put in has a place."""
    events = line_up([tool(3), InputDelta(3, "x"), Opaque("d", "k", 1, 3), BlockStopped(3), tool(3), BlockStopped(3)])
    expected: Batch = [
        tool(0).replace(block=tool(3).block),
        InputDelta(0, "x"),
        Opaque("d", "k", 1, 0),
        BlockStopped(0),
    ]
    assert events[:4] == expected
    assert [event.index for event in events[4:]] == [1, 1]  # type: ignore[attr-defined]  # both are of a block


def test_unwanted_blocks_go_with_all_that_is_theirs() -> None:
    """Deltas and stop of a block that the encoder can't tell go with it."""
    serial = Serial(lambda event: event.choice == 0, unread)
    other = BlockStarted(1, Text(), choice=1)
    events: Batch = [
        BlockStarted(0, Text()),
        other,
        TextDelta(1, "no"),
        TextDelta(0, "yes"),
        BlockStopped(1),
        BlockStopped(0),
    ]
    assert serial.feed(events) == [BlockStarted(0, Text()), TextDelta(0, "yes"), BlockStopped(0)]


def test_a_block_that_begins_again_is_stopped_first() -> None:
    """An upstream that forgot the stop of a block still gives a proper reply."""
    assert line_up([tool(0), tool(0)]) == [tool(0), BlockStopped(0), BlockStarted(1, ToolUse("t0", "f"))]


def test_a_run_passes_where_its_numbers_are_right() -> None:
    """Frames that nobody read hold their block's number: as long as it holds, they are not read here either."""
    run = Run("d", 1, frame=b"0:x\n")
    assert line_up([tool(0), run])[1] is run


def test_a_run_is_read_where_its_numbers_are_not() -> None:
    """A changed number, an overlap or a block taken away: the frames are told one by one, or left out."""
    run = Run("d", 2, frame=b"5:x\n6:y\n")
    assert line_up([tool(5), run])[1:] == [TextDelta(0, "x")]
    waiting = line_up([tool(5), tool(6), run, BlockStopped(5), BlockStopped(6)])
    assert [event for event in waiting if isinstance(event, TextDelta)] == [TextDelta(0, "x"), TextDelta(1, "y")]
    assert line_up([run]) == []


def test_what_waits_is_bounded() -> None:
    """An upstream that never stops its first block can't fill the memory: the reply fails."""
    serial = Serial(all_wanted, unread)
    events = serial.feed([tool(0), tool(1), *[InputDelta(1, "x" * 1000)] * (LIMIT // 1000)])
    assert events[0] == tool(0)
    assert isinstance(events[-1], Failed)
    assert isinstance(events[-1].error, UpstreamFailed)


def test_what_was_written_waits_no_longer() -> None:
    """The bound is on what waits now, not on what ever has."""
    serial = Serial(all_wanted, unread)
    for number in range(0, 20, 2):
        piece = "x" * (LIMIT // 4)
        events = serial.feed([tool(number), tool(number + 1), InputDelta(number + 1, piece), BlockStopped(number)])
        assert not any(isinstance(event, Failed) for event in events)
        serial.feed([BlockStopped(number + 1)])


@given(
    st.lists(st.lists(st.text(max_size=3), max_size=4), max_size=6), st.randoms(use_true_random=False), st.booleans()
)
def test_any_interleaving_becomes_the_same_line(blocks: list[list[str]], dice: random.Random, stopped: bool) -> None:
    """However blocks are mixed, each comes whole, in the order of the starts, with its own words."""
    queues = [
        [tool(number), *(InputDelta(number, piece) for piece in pieces), *([BlockStopped(number)] if stopped else [])]
        for number, pieces in enumerate(blocks)
    ]
    mixed: Batch = []
    started = 0
    while any(queues):
        ready = [queue for number, queue in enumerate(queues) if queue and number <= started]
        queue = dice.choice(ready)
        event = queue.pop(0)
        started += isinstance(event, BlockStarted)
        mixed.append(event)
    cut = dice.randint(0, len(mixed))
    straight = [
        event
        for number, pieces in enumerate(blocks)
        for event in (tool(number), *(InputDelta(number, piece) for piece in pieces), BlockStopped(number))
    ]
    assert line_up(mixed[:cut], mixed[cut:], [Finished()]) == [*straight, Finished()]


@pytest.mark.parametrize("events", [[TextDelta(0, "x")], [BlockStopped(0)], [Opaque("d", "k", 1, 7)]])
def test_events_of_no_block_are_left_out(events: Batch) -> None:
    """What belongs to no block that was begun is nothing a client could place."""
    assert line_up(events) == []


def hollow(*batches: Batch) -> Batch:
    """What becomes of *batches* where texts are nothing without words."""
    serial = Serial(all_wanted, unread, lambda event: isinstance(event.block, Text))
    return [event for batch in batches for event in serial.feed(list(batch))]


def text(index: int) -> BlockStarted:
    return BlockStarted(index, Text())


def test_a_hollow_block_begins_with_its_first_word() -> None:
    """Whenever that comes; what is no word yet is not told."""
    first: Batch = [text(0), TextDelta(0, "")]
    assert hollow(first) == []
    said: Batch = [TextDelta(0, "a"), TextDelta(0, "b"), BlockStopped(0)]
    assert hollow(first, said) == [text(0), *said]
    cited = Opaque("anthropic", "citations_delta", {}, 0)
    assert hollow(first, [cited, BlockStopped(0)]) == [text(0), cited, BlockStopped(0)]


def test_a_block_that_stays_hollow_is_left_out() -> None:
    """The blocks behind it are numbered as if it had never been, also those that waited for it."""
    call: Batch = [tool(1), InputDelta(1, "x"), BlockStopped(1)]
    told: Batch = [tool(1).replace(index=0), InputDelta(0, "x"), BlockStopped(0)]
    assert hollow([text(0), BlockStopped(0)], call, [Finished()]) == [*told, Finished()]
    assert hollow([text(0)], call, [BlockStopped(0), Finished()]) == [*told, Finished()]
    assert hollow([text(0)], [Finished()]) == [Finished()]


@given(st.data())
def test_whatever_comes_in_which_order_the_blocks_are_in_line(data: st.DataObject) -> None:
    """Hollow or not, interleaved or not: numbered from 0 without gaps, each begun once before it is told of."""
    events: Batch = []
    for index in data.draw(st.permutations(range(4))):
        block = text(index) if data.draw(st.booleans()) else tool(index)
        kind = TextDelta if isinstance(block.block, Text) else InputDelta
        pieces: Batch = [kind(index, piece) for piece in data.draw(st.lists(st.sampled_from(["", "a"]), max_size=3))]
        events = mixed(data, events, [block, *pieces, BlockStopped(index)])
    out = hollow(events, [Finished()])
    begun = [event.index for event in out if isinstance(event, BlockStarted)]
    assert begun == list(range(len(begun)))
    open_ = -1
    for event in out[:-1]:
        if isinstance(event, BlockStarted):
            open_ = event.index
        assert event.index == open_  # type: ignore[attr-defined]  # all of them are of a block
    words = "".join(event.piece for event in events if isinstance(event, TextDelta))
    assert "".join(event.piece for event in out if isinstance(event, TextDelta)) == words


def mixed(data: st.DataObject, one: Batch, other: Batch) -> Batch:
    """*one* and *other* as one, each in its order."""
    turns = data.draw(st.permutations([True] * len(one) + [False] * len(other)))
    ones, others = iter(one), iter(other)
    return [next(ones) if turn else next(others) for turn in turns]
