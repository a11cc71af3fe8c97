"""Why a reply ended: Chat's words and ours."""

from typing import cast, get_args

import pytest

from pipeline.events import Stop
from stages.dialects.chat import stops

WORDS = {"stop", "length", "tool_calls", "content_filter", "function_call"}


@pytest.mark.parametrize("stop", get_args(Stop))
def test_every_reason_has_a_word_of_chats_own(stop: Stop) -> None:
    """Whatever the blocks were, only words of the schema are written."""
    for called in (True, False):
        for refused in (True, False):
            assert stops.write(stop, called=called, refused=refused) in WORDS


def test_a_reason_that_was_invented_since_is_an_end() -> None:
    """What no table knows is told as the plainest word there is."""
    assert stops.write(cast(Stop, "made_up"), called=False, refused=False) == "stop"


def test_blocks_decide_about_calls() -> None:
    """A reason that contradicts what was said is set right; if nobody looked, the word is believed."""
    assert stops.read("stop", called=True, refused=False, sequence=False) == "tool_use"
    assert stops.read("tool_calls", called=False, refused=False, sequence=False) == "end_turn"
    assert stops.read("tool_calls", called=None, refused=False, sequence=False) == "tool_use"
    assert stops.read("length", called=True, refused=False, sequence=False) == "max_tokens"


def test_more_than_the_word() -> None:
    """Refusing words and a named stop sequence make an ordinary end what it was."""
    assert stops.read("stop", called=False, refused=True, sequence=False) == "refusal"
    assert stops.read("STOP", called=False, refused=False, sequence=True) == "stop_sequence"


def test_breakdowns() -> None:
    """Some words are no ends."""
    assert stops.broken("stop") is None
    assert "ABORT" in str(stops.broken("ABORT"))
