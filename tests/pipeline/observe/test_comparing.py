"""What is held against each other, and how a difference is told."""

from pipeline.errors import Overloaded
from pipeline.events import BlockStarted, Failed, Finished, InputDelta, Text, TextDelta, ToolUse, Usage
from pipeline.observe.comparing import LONG, WIDE, difference, loose, said

REPLY = [
    BlockStarted(0, Text()),
    TextDelta(0, "on"),
    TextDelta(0, "e"),
    BlockStarted(1, ToolUse("t1", "Bash")),
    InputDelta(1, "{}"),
    Finished("tool_use", usage=Usage(output=3)),
]


def test_a_reply_is_its_blocks_and_its_end() -> None:
    """However it was cut into pieces."""
    assert list(said(REPLY, words=True)) == [
        {"block": "Text", "text": "one"},
        {"block": "ToolUse", "id": "t1", "name": "Bash", "input": "{}"},
        {"stop": "tool_use", "output": 3},
    ]


def test_without_words_the_form_is_left() -> None:
    """What a model says is never the same twice."""
    assert list(said(REPLY, words=False)) == [{"block": "Text"}, {"block": "ToolUse"}, {"stop": "tool_use"}]


def test_what_came_before_an_error_counts() -> None:
    """And which error it was."""
    failed = [*REPLY[:2], Failed(Overloaded("busy"))]
    assert list(said(failed, words=True)) == [{"block": "Text", "text": "on"}, {"error": "Overloaded"}]


def test_identifiers_of_one_exchange_are_not_compared() -> None:
    """Each has its own."""
    one, other = (loose(b'{"request_id":"req_' + letter * 24 + b'"}') for letter in (b"a", b"b"))
    assert one == other == {"request_id": "req_"}
    assert loose(b"no json") == "no json"


def test_a_difference_is_short() -> None:
    """The lines that differ, some around them; nothing where there is none."""
    before = {"a": 1, "b": [1, 2], "c": "x"}
    assert difference(before, dict(before)) == []
    told = difference(before, before | {"c": "y" * 1000})
    assert '- "c": "x"' in told
    assert max(map(len, told)) <= WIDE + 1
    assert len(difference(list(range(1000)), [])) == LONG + 1
