"""Stop sequences kept by the gateway: the same end, in whatever pieces the words come."""

from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Overloaded, Unsupported
from pipeline.events import (
    BlockStarted,
    BlockStopped,
    Event,
    Failed,
    Finished,
    InputDelta,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
    Usage,
)
from pipeline.exchange import Exchange
from pipeline.heartbeat import Heart
from pipeline.line import Line, conduct
from stages.stops import LONGEST, MOST, begun, first, watching
from tests.doubles import Kept, Recorder, exchange

OPEN = BlockStarted(0, Text())


async def ended(batches: list[list[Event]], *sequences: str) -> tuple[list[Event], Exchange]:
    """What is left of *batches* when they have passed the watch, as the line passes them."""
    kept, x = Kept(), exchange()

    async def source(exchange: Any, out: Any) -> None:
        for batch in batches:
            await out.send(batch)
        await trio.sleep_forever()

    line = Line((("watch", lambda x: watching(x, sequences)),), source, lambda exchange, response: kept)
    with trio.fail_after(5):
        await conduct(x, line, Recorder(), Heart(10))
    return kept.events, x


def text(events: list[Event]) -> str:
    return "".join(event.piece for event in events if isinstance(event, TextDelta))


def pieces(*words: str) -> list[list[Event]]:
    return [[Started("r", "m"), OPEN], *([TextDelta(0, word)] for word in words)]


async def test_a_sequence_across_pieces_ends_the_reply() -> None:
    """The words before it, the true reason, the sequence; nothing after, and the source is cancelled."""
    events, _ = await ended(pieces("yes</bl", "oc", "k> because"), "</block>")
    assert text(events) == "yes"
    assert events[-1] == Finished("stop_sequence", "</block>")


async def test_words_that_begin_a_sequence_and_go_on_otherwise_are_said() -> None:
    """What is held comes with the next piece, with the block's end, or with the reply's."""
    batches = [*pieces("a</b", "><", "/b"), [BlockStopped(0)], [BlockStarted(1, Text()), TextDelta(1, "<"), Finished()]]
    events, _ = await ended(batches, "</block>")
    assert text(events) == "a</b></b<"
    assert [type(event) for event in events[-5:]] == [TextDelta, BlockStopped, BlockStarted, TextDelta, Finished]


async def test_what_is_held_is_told_before_a_failure() -> None:
    """It was said, and the client may see it."""
    events, _ = await ended([*pieces("ab"), [Failed(Overloaded("busy"))]], "bc")
    assert text(events) == "ab"
    assert isinstance(events[-1], Failed)


async def test_a_whole_reply_keeps_its_usage() -> None:
    """It was generated, so it is billed: the upstream's counts hold, its later blocks and its reason do not."""
    whole: list[Event] = [
        Started("r", "m"),
        OPEN,
        TextDelta(0, "a STOP b"),
        BlockStopped(0),
        BlockStarted(1, ToolUse("t", "f")),
        InputDelta(1, "{}"),
        BlockStopped(1),
        Finished("tool_use", usage=Usage(output=9)),
    ]
    events, _ = await ended([whole], "STOP")
    assert events == [whole[0], OPEN, TextDelta(0, "a "), Finished("stop_sequence", "STOP", Usage(output=9))]


async def test_thoughts_and_tool_inputs_are_not_watched() -> None:
    """As with the vendor: only the words of the answer end it."""
    batch: list[Event] = [
        Started("r", "m"),
        BlockStarted(0, Thinking()),
        ThinkingDelta(0, "STOP"),
        BlockStopped(0),
        BlockStarted(1, ToolUse("t", "f")),
        InputDelta(1, '{"a":"STOP"}'),
        BlockStopped(1),
        Finished("tool_use"),
    ]
    events, _ = await ended([batch], "STOP")
    assert events == batch


async def test_an_event_that_is_free_stays_the_same_object() -> None:
    """So that its frame may be written as it came."""
    (started, block), (free,) = pieces("free words")
    events, _ = await ended([[started, block], [free], [Finished()]], "STOP")
    assert events[2] is free


def test_the_sequence_that_is_complete_first_counts() -> None:
    """Not the one that begins first; of two that are complete together the longer."""
    assert first("xabcd", ["abcd", "bc"]) == (2, "bc")
    assert first("xabc", ["bc", "abc"]) == (1, "abc")
    assert first("x", ["a"]) is None


LETTERS = st.text("ab<", max_size=12)


@given(st.lists(LETTERS, max_size=8), st.lists(st.text("ab<", min_size=1, max_size=4), min_size=1, max_size=4))
def test_pieces_make_no_difference(words: list[str], sequences: list[str]) -> None:
    """The words before the end, and the end, are those of the whole text; what is held is less than a sequence."""
    x, whole = exchange(), "".join(words)
    see = watching(x, sequences)
    said, most = "", max(map(len, sequences))
    assert see(OPEN) is None
    for number, word in enumerate(words):
        event = TextDelta(0, word)
        made = see(event)
        said += text([event] if made is None else list(made))
        if x.ending is not None:
            break
        assert len("".join(words[: number + 1])) - len(said) < most
    met = first(whole, sequences)
    if met is None:
        said += text(list(see(BlockStopped(0)) or ()))
        assert (said, x.ending) == (whole, None)
    else:
        assert (said, x.ending) == (whole[: met[0]], Finished("stop_sequence", met[1]))


@given(st.text("ab", max_size=20), st.lists(st.text("ab", min_size=1, max_size=6), min_size=1, max_size=3))
def test_no_more_is_held_than_may_matter(words: str, sequences: list[str]) -> None:
    """The longest end that begins a sequence and is none yet."""
    ends = [
        size for one in sequences for size in range(1, len(one)) if size <= len(words) and words.endswith(one[:size])
    ]
    assert begun(words, sequences) == max(ends, default=0)


@pytest.mark.parametrize("sequences", [["a" * (LONGEST + 1)], [str(number) for number in range(MOST + 1)]])
def test_too_much_to_watch_for_is_refused(sequences: list[str]) -> None:
    """Before anything is sent, naming the field."""
    with pytest.raises(Unsupported, match="stop_sequences"):
        watching(exchange(), sequences)


def test_empty_sequences_never_end_a_reply() -> None:
    """Nothing is in every text."""
    see = watching(exchange(), ["", "b"])
    see(OPEN)
    assert see(TextDelta(0, "aa")) is None
