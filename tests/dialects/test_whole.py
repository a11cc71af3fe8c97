"""Replies that come whole: what is kept of them, and when they are read."""

import pytest

from pipeline.dialect import Dialect
from pipeline.errors import UpstreamFailed, UpstreamTruncated
from pipeline.events import Batch, Failed, Finished
from stages.dialects import anthropic, chat, responses
from stages.dialects.whole import WholeDecoder

SPOKEN = pytest.mark.parametrize("dialect", [anthropic, chat, responses], ids=lambda dialect: dialect.NAME)


@SPOKEN
def test_a_body_without_end_is_not_kept(dialect: Dialect) -> None:
    """Far beyond what any model writes, an answer is refused: once, and as soon as that is known."""
    decoder = dialect.whole_decoder()
    told = [event for _ in range(66) for event in decoder.feed(b"x" * 1024 * 1024)]
    assert isinstance(told[0], Failed)
    assert "larger" in told[0].error.message
    assert told[1:] == decoder.close() == []


@SPOKEN
def test_an_empty_body_is_a_reply_that_was_cut_short(dialect: Dialect) -> None:
    """Nothing at all is told as such, and once."""
    decoder = dialect.whole_decoder()
    (told,) = decoder.close()
    assert isinstance(told, Failed)
    assert isinstance(told.error, UpstreamTruncated)
    assert decoder.close() == []


def test_the_body_is_the_frame_of_all_its_events() -> None:
    """What nobody touches can be written again as it came, in whatever pieces that was."""
    decoder = WholeDecoder(lambda body: [Finished(), Finished()])
    assert decoder.feed(b"on") == decoder.feed(b"e") == []
    assert [(event.frame, event.nth, event.of) for event in decoder.close()] == [(b"one", 0, 2), (b"one", 1, 2)]


def test_a_body_that_can_not_be_read_is_nobodys_frame() -> None:
    """What is told in its place is written anew: nobody is to get a page in the place of an answer."""

    def broken(body: bytes) -> Batch:
        raise UpstreamFailed("no")

    decoder = WholeDecoder(broken)
    decoder.feed(b"<html>")
    assert [event.frame for event in decoder.close()] == [None]
