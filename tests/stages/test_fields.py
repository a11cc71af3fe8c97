"""Which header fields travel: what a program on this machine is told, and nobody else."""

from typing import Any

import pytest

from pipeline.exchange import Caller
from stages.fields import request_fields
from tests.doubles import exchange, upstream


def sent(program: bool, caller: Caller | None = None, **fields: str) -> dict[bytes, bytes]:
    """The fields that go to an upstream of another dialect."""
    x = exchange(caller=caller or Caller("ada", "a1"))
    x.request.headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    other: Any = type("Other", (), {"NAME": "other", "defaults": lambda self: []})()
    return dict(request_fields(x, upstream("up", None, dialect=other, program=program)))


@pytest.mark.parametrize(
    ("fields", "session"),
    [
        ({"x_claude_code_session_id": "s1"}, b"s1/"),
        ({"x_claude_code_session_id": "s1", "x_claude_code_agent_id": "a7"}, b"s1/a7"),
        ({"session_id": "s2"}, b"s2/"),
        ({"x_session_id": "s3", "session_id": "s4"}, b"s3/"),
        ({"x_claude_code_agent_id": "a7"}, None),
        ({}, None),
    ],
)
def test_a_program_is_told_who_asks_and_in_which_conversation(fields: dict[str, str], session: bytes | None) -> None:
    """By the caller's id, and the names that clients have for their sessions and agents."""
    found = sent(True, **fields)
    assert found[b"x-pipeline-caller"] == b"a1"
    assert found.get(b"x-pipeline-session") == session


def test_nobody_else_is() -> None:
    """It goes no further than this machine; and nobody can say it in the caller's stead."""
    assert not {b"x-pipeline-caller", b"x-pipeline-session"} & sent(False, session_id="s").keys()
    forged = {"x_pipeline_caller": "eve", "x_pipeline_session": "eves"}
    assert sent(True, **forged)[b"x-pipeline-caller"] == b"a1"
    assert b"x-pipeline-session" not in sent(True, **forged)
