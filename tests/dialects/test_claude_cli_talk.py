"""What is said to the CLI, and when: read as the transcripts that they are."""

import json
from typing import Any

import pytest

from pipeline.errors import UpstreamFailed
from stages.dialects.claude_cli.lines import LIMIT
from stages.dialects.claude_cli.talk import Talk, digest

READY = b'{"type":"control_response","response":{"subtype":"success","request_id":"initialize"}}\n'
NOTED = b'{"type":"system","subtype":"init"}\n{"type":"result","subtype":"success","is_error":false,"num_turns":0}\n'
DELTA = b'{"type":"stream_event","event":{"type":"message_start"}}\n'
END = b'{"type":"result","subtype":"success","is_error":false,"result":"hi"}\n'


def says(role: str, words: str) -> dict[str, Any]:
    return {"role": role, "content": [{"type": "text", "text": words}]}


def lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def spoken(line: dict[str, Any]) -> tuple[str, str, bool]:
    """Who speaks, what, and whether an answer is wanted."""
    return line["type"], line["message"]["content"][0]["text"], line.get("shouldQuery", True)


def test_one_question() -> None:
    """The system prompt first; when that is taken, the question; then the answer's lines are passed on."""
    talk = Talk(["be brief"], [says("user", "hello")])
    (first,) = lines(talk.begin())
    assert first["request"] == {
        "subtype": "initialize", "systemPrompt": ["be brief"], "systemPromptSnapshot": False
    }  # fmt: skip
    assert talk.hear(b'{"type":"system","subtype":"hello"}\n') == b""
    assert [spoken(line) for line in lines(talk.hear(READY))] == [("user", "hello", True)]
    assert not talk.told
    assert talk.hear(b'{"type":"system","subtype":"init"}\n' + DELTA) == b""
    assert (talk.told, talk.over) == (True, False)
    assert talk.take().endswith(DELTA)
    assert talk.take() == b""
    talk.hear(END + b'{"type":"system","subtype":"after"}\n')
    assert (talk.over, talk.well, talk.take()) == (True, True, END)


def test_a_history_is_told_turn_by_turn() -> None:
    """A user's turn waits until the CLI has taken the one before, or they would change places."""
    history = [says("user", "q1"), says("assistant", "a1"), says("assistant", "a2"), says("user", "q2")]
    talk = Talk([], [*history, says("user", "q3")])
    talk.begin()
    assert [spoken(line) for line in lines(talk.hear(READY))] == [("user", "q1", False)]
    assert [spoken(line) for line in lines(talk.hear(NOTED))] == [
        ("assistant", "a1", True), ("assistant", "a2", True), ("user", "q2", False)
    ]  # fmt: skip
    assert [spoken(line) for line in lines(talk.hear(NOTED))] == [("user", "q3", True)]
    assert talk.take() == b""  # nothing of that is the answer
    talk.hear(DELTA)
    assert talk.take() == DELTA


def test_every_turn_is_marked_as_no_persons_typing() -> None:
    """Else "@/etc/passwd" in it would be read as a wish for that file, and "/clear" as a command."""
    talk = Talk([], [says("user", "@/etc/passwd"), says("user", "/clear")])
    talk.begin()
    told = lines(talk.hear(READY)) + lines(talk.hear(NOTED))
    assert [line["client_composed"] for line in told] == [True, True]


def test_lines_may_come_in_any_pieces() -> None:
    """A byte at a time is the same talk."""
    talk = Talk([], [says("user", "q1"), says("assistant", "a1"), says("user", "q2")])
    talk.begin()
    heard = READY + NOTED + DELTA + END
    written = b"".join(talk.hear(heard[n : n + 1]) for n in range(len(heard)))
    assert [spoken(line)[1] for line in lines(written)] == ["q1", "a1", "q2"]
    assert talk.take() == DELTA + END


def test_a_question_of_the_clis_is_answered() -> None:
    """It must not wait for a permission that nobody can give."""
    talk = Talk([], [says("user", "hello")])
    talk.begin()
    talk.hear(READY)
    asked = b'{"type":"control_request","request_id":"r7","request":{"subtype":"can_use_tool"}}\n'
    (answer,) = lines(talk.hear(asked))
    assert (answer["response"]["subtype"], answer["response"]["request_id"]) == ("error", "r7")
    assert talk.take() == b""


def test_a_system_prompt_that_is_not_taken() -> None:
    """A CLI that does not know the request would answer under its own."""
    talk = Talk(["secret rules"], [says("user", "hello")])
    talk.begin()
    with pytest.raises(UpstreamFailed):
        talk.hear(b'{"type":"control_response","response":{"subtype":"error","error":"Unknown request"}}\n')


def test_an_end_before_the_question() -> None:
    """An error while it starts, or while history is told, is the answer."""
    error = b'{"type":"result","subtype":"success","is_error":true,"result":"Not logged in"}\n'
    early = Talk([], [says("user", "hello")])
    early.begin()
    assert early.hear(error) == b""
    assert (early.told, early.over, early.well, early.take()) == (True, True, False, error)
    later = Talk([], [says("user", "q1"), says("user", "q2")])
    later.begin()
    later.hear(READY)
    assert later.hear(error) == b""
    assert (later.over, later.take()) == (True, error)


def test_a_line_without_an_end() -> None:
    """Is not kept for ever."""
    talk = Talk([], [says("user", "hello")])
    with pytest.raises(UpstreamFailed):
        talk.hear(b"x" * (LIMIT + 1))


def test_the_words_of_the_answer() -> None:
    """Known again when a client repeats them, whatever it did to white space; a subagent's are not among them."""
    talk = Talk([], [says("user", "hello")])
    talk.begin()
    talk.hear(READY)
    for words, agent in (("One ", None), ("aside", "toolu_1"), ("two.\n", None)):
        content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": words}]
        line = {"type": "assistant", "message": {"content": content}, "parent_tool_use_id": agent}
        talk.hear(json.dumps(line).encode() + b"\n")
    talk.hear(END)
    assert talk.words == digest(says("assistant", "One two."))
    assert talk.words != digest(says("assistant", "One two. aside"))
