"""What else is told at the end of a reply: verdicts on calls, what was left out of the context.

A stream has it in message_delta, partly in its delta; a whole message has it at its top.
"""

from typing import Any

import msgspec
import pytest

from pipeline.events import Batch, Event, Finished, Started, Usage
from tests.dialects.anthropic_oracle import (
    BETA,
    BODIES,
    REPLIES,
    accumulate,
    check_stream,
    read,
    read_whole,
    told,
    write,
    write_whole,
)

VERDICT = [{"type": "dangerous_tool_use", "status": {"type": "available", "tool_uses": {}}}]
CLEARED = {"applied_edits": [{"type": "clear_tool_uses_20250919", "cleared_tool_uses": 2}]}
EXTRA = {"safeguard_results": VERDICT, "context_management": CLEARED}
ENDED = Finished("end_turn", usage=Usage(output=3), extra=EXTRA)


def ending(stream: bytes) -> Any:
    """message_delta, parsed."""
    return next(value for value in told(stream) if value["type"] == "message_delta")


def test_a_stream_tells_verdicts_in_its_delta_and_the_rest_beside_it() -> None:
    """Where Claude Code and the SDKs look; the frames stay what the vendor's types take."""
    stream = write([Started("m", "claude"), ENDED])
    check_stream(stream)
    end = ending(stream)
    assert end["delta"]["safeguard_results"] == VERDICT
    assert end["context_management"] == CLEARED
    assert "safeguard_results" not in end
    assert "context_management" not in end["delta"]


def test_a_whole_message_tells_all_at_its_top() -> None:
    """Made from nothing, or added to one that came."""
    fresh: Batch = [Started("m", "claude"), ENDED]
    *events, end = read_whole(BODIES["text"])
    assert isinstance(end, Finished)
    for batch in (fresh, [*events, end.replace(extra=EXTRA)]):
        body = msgspec.json.decode(write_whole(batch))
        assert {key: body[key] for key in EXTRA} == EXTRA


@pytest.mark.parametrize("extra", [EXTRA, {"safeguard_results": VERDICT}, None])
def test_what_is_told_is_read_again(extra: Any) -> None:
    """Streamed and whole: a stage sees whether there is a verdict, and what replaces the end keeps it."""
    events: list[Event] = [Started("m", "claude"), ENDED.replace(extra=extra)]
    for end in (read(write(events))[-1], read_whole(write_whole(events))[-1]):
        assert isinstance(end, Finished)
        assert end.extra == extra
        again = read(write([Started("m", "claude"), end.replace(stop="max_tokens")]))[-1]
        assert isinstance(again, Finished)
        assert again.extra == extra


@pytest.mark.parametrize("name", sorted(set(REPLIES) - BETA))
def test_usual_replies_tell_nothing_else(name: str) -> None:
    """Reason and usage have places of their own."""
    end = read(REPLIES[name])[-1]
    assert not isinstance(end, Finished) or not end.extra


def test_another_dialects_words_are_told_as_they_are() -> None:
    """The encoder has no list of what may be told: tomorrow there is more."""
    assert ending(write([Started("m", "claude"), Finished(extra={"brand_new": 1})]))["brand_new"] == 1
    assert accumulate(write([Started("m", "claude"), ENDED])).stop_reason == "end_turn"
