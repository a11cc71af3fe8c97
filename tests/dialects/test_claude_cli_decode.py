"""What the CLI writes, read: transcripts of the real program, and what no program should write."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import (
    BudgetSpent,
    ContextTooLong,
    GatewayError,
    InvalidRequest,
    Overloaded,
    RateLimited,
    ServerError,
    UpstreamFailed,
    UpstreamTruncated,
)
from pipeline.events import (
    BlockStarted,
    BlockStopped,
    Event,
    Failed,
    Finished,
    Redacted,
    SignatureDelta,
    Started,
    Text,
    TextDelta,
    Thinking,
    Usage,
)
from stages.dialects.claude_cli.decode import StreamDecoder, WholeDecoder
from stages.dialects.claude_cli.lines import LIMIT

FIXTURES = Path(__file__).parent / "fixtures" / "claude_cli" / "replies"
REPLIES = {file.stem: file.read_bytes() for file in sorted(FIXTURES.glob("*.ndjson"))}
names = pytest.mark.parametrize("name", REPLIES)


def decoded(*pieces: bytes) -> list[Event]:
    decoder = StreamDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()


def alike(events: list[Event]) -> list[object]:
    """*events* in a form that compares errors by what they say."""
    return [(type(e.error), e.error.message) if isinstance(e, Failed) else e for e in events]


def words(events: list[Event]) -> str:
    return "".join(event.piece for event in events if isinstance(event, TextDelta))


def error(events: list[Event]) -> GatewayError:
    assert isinstance(events[-1], Failed), events[-1]
    return events[-1].error


def last(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished), events[-1]
    return events[-1]


def kinds(events: list[Event]) -> list[str]:
    return [type(event.block).__name__ for event in events if isinstance(event, BlockStarted)]


def grammatical(events: list[Event]) -> None:
    """Started once and first, blocks numbered on and not overlapping, one terminal event at the end."""
    assert [event.terminal for event in events] == [False] * (len(events) - 1) + [True]
    if isinstance(events[0], Failed):
        return
    assert [type(event) for event in events].count(Started) == 1
    assert isinstance(events[0], Started)
    count, open_ = 0, None
    for event in events[1:-1]:
        match event:
            case BlockStarted():
                assert (event.index, open_) == (count, None)
                count, open_ = count + 1, event.index
            case BlockStopped():
                assert event.index == open_
                open_ = None
            case _:
                assert getattr(event, "index", None) == open_
    assert open_ is None or isinstance(events[-1], Failed)
    assert all(event.frame is None for event in events)


# -- what holds for every transcript ----------------------------------------------------------------------------------


@names
def test_any_cut_gives_the_same_events(name: str) -> None:
    """Whole, byte by byte, and with the line ends of another system."""
    whole = decoded(REPLIES[name])
    grammatical(whole)
    assert alike(decoded(*(REPLIES[name][n : n + 1] for n in range(len(REPLIES[name]))))) == alike(whole)
    assert alike(decoded(REPLIES[name].replace(b"\n", b"\r\n"))) == alike(whole)


@given(st.data())
def test_random_cuts_give_the_same_events(data: st.DataObject) -> None:
    """Where it is cut, also within a character, changes nothing."""
    reply = REPLIES[data.draw(st.sampled_from(sorted(REPLIES)))]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(reply)), max_size=8)))
    pieces = [reply[a:b] for a, b in zip([0, *cuts], [*cuts, len(reply)], strict=True)]
    assert alike(decoded(*pieces)) == alike(decoded(reply))


@names
def test_every_prefix_ends_once(name: str) -> None:
    """Cut anywhere (each line's middle and end), it ends with one terminal event, and never well before its time."""
    reply = REPLIES[name]
    whole = decoded(reply)
    ends = [n + 1 for n, byte in enumerate(reply) if byte == 10]
    for place in sorted({0, *ends, *(end - 20 for end in ends), *range(0, len(reply), 997)}):
        events = decoded(reply[:place])
        grammatical(events)
        if alike(events) != alike(whole):
            assert type(error(events)) is (UpstreamTruncated if kinds(events) else UpstreamFailed)


@names
def test_a_whole_reply_is_the_stream_at_once(name: str) -> None:
    """Nothing before the end; a failure comes alone."""
    decoder, stream = WholeDecoder(), decoded(REPLIES[name])
    half = len(REPLIES[name]) // 8
    told = decoder.feed(REPLIES[name][:half]) or decoder.feed(REPLIES[name][half:])
    assert alike(told) == alike(stream[-1:] if isinstance(stream[-1], Failed) else stream)
    assert decoder.close() == []


@names
def test_noise_between_lines_is_left_out(name: str) -> None:
    """Warnings of a runtime, blank lines, kinds of lines that nobody knows yet."""
    noisy = REPLIES[name].replace(b"\n", b'\n\n(node:7) Warning\n{"type":"brand_new","event":3}\n')
    assert alike(decoded(noisy)) == alike(decoded(REPLIES[name]))


# -- the real program's transcripts -----------------------------------------------------------------------------------


def test_thoughts_and_words_come_as_they_are_written() -> None:
    """Piece by piece, signature included; usage is the turn's, in disjoint classes."""
    events = decoded(REPLIES["thinking"])
    assert kinds(events) == ["Thinking", "Text"]
    assert words(events) == "hello there, ü€😀"
    assert sum(isinstance(event, TextDelta) for event in events) > 1
    assert sum(isinstance(event, SignatureDelta) for event in events) == 1
    assert last(events).stop == "end_turn"
    usage = last(events).usage
    assert usage is not None
    assert (usage.prompt > 0, (usage.output or 0) > 0, (usage.reasoning or 0) > 0) == (True, True, True)
    assert isinstance(events[0], Started)
    assert (events[0].id[:4], events[0].model) == ("msg_", "claude-haiku-5-5")


def test_thoughts_that_only_their_maker_reads() -> None:
    """They are complete at their start."""
    block = next(event.block for event in decoded(REPLIES["redacted"]) if isinstance(event, BlockStarted))
    assert isinstance(block, Redacted)
    assert block.data


def test_a_limit_of_tokens_ends_the_reply() -> None:
    """The CLI would tell the model to go on, three times; the first message is the answer, with its own usage."""
    events = decoded(REPLIES["max_tokens"])
    assert words(events) == "one two three four "
    assert last(events).stop == "max_tokens"
    assert last(events).usage is not None


def test_a_refusal_ends_the_reply() -> None:
    """The CLI would try again with words of its own; why it was refused is kept."""
    events = decoded(REPLIES["refusal"])
    assert (last(events).stop, (last(events).details or {}).get("category")) == ("refusal", "general_harms")


def test_tools_that_the_cli_uses_itself() -> None:
    """Two messages become one reply; the call between them is not the client's, and not a reason to stop."""
    events = decoded(REPLIES["tools"])
    assert kinds(events) == ["Thinking", "Text", "Thinking", "Text"]
    assert words(events) == "First this.Done."
    assert last(events).stop == "end_turn"
    assert last(events).usage == Usage(
        input=0, cache_read=1460, cache_write_5m=1527, cache_write_1h=0, output=11, reasoning=26
    )
    assert words(decoded(REPLIES["denied"])) == "Denied."


def test_a_message_that_did_not_come_as_a_stream() -> None:
    """After a broken stream the CLI asks for the whole; its blocks come line by line."""
    events = decoded(REPLIES["fallback"])
    assert kinds(events) == ["Thinking", "Text"]
    assert words(events) == "all of it"
    assert last(events).stop == "end_turn"


def test_an_answer_that_the_cli_let_resume() -> None:
    """Its connection broke in the middle: the model was told to go on where it stopped, and did."""
    events = decoded(REPLIES["again"])
    assert words(events) == "begunbegunok"  # the simulated model repeats its script
    assert last(events).stop == "end_turn"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("limit_429", RateLimited),
        ("overloaded", Overloaded),
        ("overflow", ContextTooLong),
        ("invalid_400", InvalidRequest),
        ("key_401", UpstreamFailed),
        ("quota", BudgetSpent),
        ("cut", ServerError),
    ],
)
def test_a_failure_is_no_answer(name: str, kind: type[GatewayError]) -> None:
    """The CLI says it in the model's place; it comes as what it is, and alone."""
    events = decoded(REPLIES[name])
    assert len(events) == 1
    assert type(error(events)) is kind


# -- what no transcript has -------------------------------------------------------------------------------------------


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def event(agent: str | None = None, **fields: Any) -> bytes:
    return line(type="stream_event", event=fields, parent_tool_use_id=agent)


def begun(agent: str | None = None, id_: str = "msg_1") -> bytes:
    message = {"id": id_, "model": "m", "usage": {"input_tokens": 1}}
    return event(agent, type="message_start", message=message)


def said(text: str, agent: str | None = None) -> bytes:
    return (
        event(agent, type="content_block_start", index=0, content_block={"type": "text", "text": ""})
        + event(agent, type="content_block_delta", index=0, delta={"type": "text_delta", "text": text})
        + event(agent, type="content_block_stop", index=0)
    )


def ended(agent: str | None = None, stop: str = "end_turn", output: int = 5) -> bytes:
    delta = {"stop_reason": stop, "stop_sequence": None}
    return event(agent, type="message_delta", delta=delta, usage={"output_tokens": output}) + event(
        agent, type="message_stop"
    )


GOOD = line(type="result", subtype="success", is_error=False, result="x", modelUsage={})


def test_a_subagents_words_are_not_the_answer() -> None:
    """They are told with the call that it works for."""
    agent = begun("toolu_1", "msg_2") + said("aside", "toolu_1") + ended("toolu_1")
    events = decoded(begun() + said("the answer") + agent + ended() + GOOD)
    grammatical(events)
    assert words(events) == "the answer"


def test_usage_without_a_total_is_the_sum_of_messages() -> None:
    """Where the last line tells none, and where the reply ends before it."""
    two = begun() + said("a") + ended(stop="tool_use") + begun(id_="msg_2") + said("b")
    for rest in (ended() + GOOD, ended(stop="max_tokens")):
        usage = last(decoded(two + rest)).usage
        assert usage is not None
        assert (usage.input, usage.output) == (2, 10)


def test_a_last_call_is_no_reason_to_stop() -> None:
    """No call is left for the client to answer."""
    assert last(decoded(begun() + said("a") + ended(stop="tool_use") + GOOD)).stop == "end_turn"


def test_an_answer_begun_anew_has_failed() -> None:
    """What was told can't be taken back; if nothing was told, the second is the answer."""
    assert type(error(decoded(begun() + said("once") + begun(id_="msg_2") + said("twice") + ended() + GOOD))) is (
        UpstreamTruncated
    )
    events = decoded(begun() + begun(id_="msg_2") + said("once") + ended() + GOOD)
    grammatical(events)
    assert words(events) == "once"


def test_a_message_that_broke_off_is_no_answer() -> None:
    """Not even if the CLI calls it a success."""
    broken = begun() + said("half") + event(type="message_stop")
    assert type(error(decoded(broken + GOOD))) is UpstreamTruncated
    assert type(error(decoded(begun() + event(type="message_stop") + GOOD))) is UpstreamFailed


def test_a_success_without_an_answer_has_failed() -> None:
    """A result alone says nothing of the model."""
    assert type(error(decoded(GOOD))) is UpstreamFailed
    assert type(error(decoded(b""))) is UpstreamFailed
    assert type(error(decoded(begun() + said("half")))) is UpstreamTruncated


def test_blocks_without_a_stream_come_to_their_end() -> None:
    """A message that stops for want of tokens comes in several lines, each of which says so."""
    whole = [
        line(type="assistant", message={"id": "msg_1", "model": "m", "stop_reason": "max_tokens", "content": [block]})
        for block in ({"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "cut of"})
    ]
    for after in (GOOD, line(type="user", message={"content": "Go on."}) + begun(id_="msg_2") + said("more")):
        events = decoded(b"".join(whole) + after)
        grammatical(events)
        assert [type(e.block) for e in events if isinstance(e, BlockStarted)] == [Thinking, Text]
        assert words(events) == "cut of"
        assert last(events).stop == "max_tokens"


@pytest.mark.parametrize(
    "bad",
    [
        b'{"type":"stream_event","event":{\n',
        b'{"type":"stream_event","event":7}\n',
        event(type="content_block_delta", index=9, delta={"type": "text_delta", "text": "lost"}),
        b'{"type":"result"\n',
        b"x" * (LIMIT + 1),
    ],
    ids=["no JSON", "no event", "no such block", "half a result", "too long"],
)
def test_what_makes_no_sense_ends_the_reply(bad: bytes) -> None:
    """It may have been part of the answer; nothing comes after it."""
    events = decoded(begun() + said("a") + bad + said("b") + ended() + GOOD)
    grammatical(events)
    assert type(error(events)) is UpstreamFailed


def test_nothing_comes_after_the_end() -> None:
    """Whatever the CLI goes on to write."""
    decoder = StreamDecoder()
    assert decoder.feed(begun() + said("a") + ended() + GOOD)[-1].terminal
    assert decoder.feed(begun(id_="msg_2") + said("b") + GOOD) == []
    assert decoder.close() == []


def test_a_whole_reply_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that never ends is not kept for ever."""
    monkeypatch.setattr("stages.dialects.claude_cli.decode.WHOLE", 1000)
    decoder = WholeDecoder()
    assert decoder.feed(begun() + said("x" * 900)) == []
    (failed,) = decoder.feed(said("x" * 200))
    assert isinstance(failed, Failed)
