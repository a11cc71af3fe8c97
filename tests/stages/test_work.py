"""Work: whoever's client it is, its sessions and agents are told apart."""

import json
from typing import Any

import pytest

from stages.work import Work, fields_of, work_of
from tests.doubles import exchange

DEVICE = '{"device_id":"d","account_uuid":"","session_id":"s-9"}'


@pytest.mark.parametrize(
    ("fields", "work"),
    [
        ({}, Work()),
        ({"x-claude-code-session-id": "s1"}, Work("s1")),
        (
            {
                "x-claude-code-session-id": "s1",
                "x-claude-code-agent-id": "a2",
                "x-claude-code-parent-agent-id": "a1",
            },
            Work("s1", "a2", "a1"),
        ),
        ({"session-id": "s1", "thread-id": "s1"}, Work("s1")),
        ({"session-id": "s1", "thread-id": "t2", "x-codex-parent-thread-id": "s1"}, Work("s1", "t2")),
        ({"session-id": "s1", "thread-id": "t3", "x-codex-parent-thread-id": "t2"}, Work("s1", "t3", "t2")),
        ({"session_id": "s1"}, Work("s1")),
        ({"x-session-id": "ses_1", "x-session-affinity": "ses_1"}, Work("ses_1")),
        ({"x-claude-code-session-id": "", "x-session-id": "s2"}, Work("s2")),
        ({"x-session-id": "a\x7fb" + "x" * 500}, Work(f"a\ufffdb{'x' * 197}")),
    ],
)
def test_fields_name_it(fields: dict[str, str], work: Work) -> None:
    """Each client's own; an agent with the session's name is the session's own; names are bounded and clean."""
    x = exchange()
    x.request.headers[:] = [(name.encode(), value.encode()) for name, value in fields.items()]
    assert work_of(x, fields_of(x)) == work


@pytest.mark.parametrize(
    ("metadata", "session"),
    [
        ({"user_id": DEVICE}, "s-9"),
        ({"user_id": "user_1f_account_2e_session_s-8"}, "s-8"),
        ({"user_id": "ada"}, ""),
        ({"user_id": "{broken"}, ""),
        ({"user_id": '{"session_id": 7}'}, ""),
        ({"user_id": 7}, ""),
        ({"session_id": "s-7"}, "s-7"),
        ("ada", ""),
        (None, ""),
    ],
)
def test_without_fields_the_prompt_may_tell(metadata: Any, session: str) -> None:
    """As coding agents write it there, and nothing else."""
    x = exchange(json.dumps({"model": "m", "metadata": metadata}).encode())
    assert work_of(x, fields_of(x)) == Work(session)


def test_a_field_counts_before_the_prompt() -> None:
    """It is the client's own word."""
    x = exchange(json.dumps({"model": "m", "metadata": {"user_id": DEVICE}}).encode())
    x.request.headers.append((b"x-claude-code-session-id", b"s1"))
    assert work_of(x, fields_of(x)) == Work("s1")


def test_of_what_is_not_a_prompt_nothing_is_read() -> None:
    """A relayed body is nobody's business."""
    x = exchange(json.dumps({"metadata": {"user_id": DEVICE}}).encode(), operation="relay")
    assert work_of(x, fields_of(x)) == Work()
