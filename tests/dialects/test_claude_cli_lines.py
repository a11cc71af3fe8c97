"""Lines of JSON: the same ones however they are cut, and a bound on each."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UpstreamFailed
from stages.dialects.claude_cli.lines import LIMIT, Lines, parsed, read

TEXTS = st.lists(st.text(max_size=20), max_size=6)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """*data* in pieces."""
    places = sorted({place % (len(data) + 1) for place in places})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


@given(TEXTS, st.lists(st.integers(0, 1000), max_size=8), st.sampled_from([b"\n", b"\r\n"]))
def test_lines_are_the_same_however_they_come(texts: list[str], places: list[int], end: bytes) -> None:
    """Also cut within a character."""
    written = [json.dumps({"type": text}, ensure_ascii=False).encode() for text in texts]
    lines = Lines()
    found = [line for piece in cut(b"".join(line + end for line in written), places) for line in lines.feed(piece)]
    assert found == written
    assert lines.last() == []


def test_a_line_that_lacks_only_its_end() -> None:
    """It is told when nothing more comes."""
    lines = Lines()
    assert lines.feed(b'{"type":"a"}\n{"type":"b"}') == [b'{"type":"a"}']
    assert lines.last() == [b'{"type":"b"}']
    assert lines.last() == []
    lines.feed(b'{"type":"c"')
    assert lines.last() == []


def test_a_line_without_an_end_is_bounded() -> None:
    """One that is too long is seen while it comes; many short ones are not too long."""
    lines = Lines()
    piece = b"x" * (LIMIT // 4)
    for _ in range(4):
        assert lines.feed(piece) == []
        assert not lines.overflowing
    lines.feed(b"x")
    assert lines.overflowing
    short = Lines()
    assert len(short.feed((b"y" * 1000 + b"\n") * (LIMIT // 1000 + 1))) == LIMIT // 1000 + 1
    assert not short.overflowing


def test_what_a_line_says_of_itself() -> None:
    """Its type, an event in it, and whether a subagent speaks; what is no object says nothing."""
    line = read(b'{"type":"stream_event","event":{"type":"ping"},"parent_tool_use_id":"toolu_1","more":[1]}')
    assert line is not None
    assert (line.type, bytes(line.event), line.parent_tool_use_id) == ("stream_event", b'{"type":"ping"}', "toolu_1")
    assert read(b"(node:7) Warning: a warning") is None
    assert read(b"") is None


@pytest.mark.parametrize("line", [b'{"type":', b'{"type":7}', b'{"type":"\xff"}', b"{" * 5000])
def test_a_broken_line_is_an_error(line: bytes) -> None:
    """It may have been part of the answer."""
    with pytest.raises(UpstreamFailed):
        read(line)
    with pytest.raises(UpstreamFailed):
        parsed(line if line != b'{"type":7}' else b"[7]")
