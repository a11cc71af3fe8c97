"""Conversations as the CLI takes them: what passes, what is put into words, what is refused."""

from typing import Any

import pytest

from pipeline.errors import Unsupported
from pipeline.prompt import Prompt
from stages.dialects.claude_cli.turns import turns

IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
USER = {"role": "user", "content": "go on"}


def told(*messages: Any) -> tuple[list[Any], Prompt]:
    """What the CLI is told of *messages*, and what was recorded."""
    prompt = Prompt("anthropic", b"{}")
    return turns(list(messages), prompt), prompt


def paths(prompt: Prompt) -> list[tuple[str, str, bool]]:
    return [(edit.action, edit.path, edit.lossy) for edit in prompt.edits]


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def test_words_pictures_and_documents_pass() -> None:
    """In their order, to the letter; a string becomes a block."""
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}, "title": "t"}
    content = [text("/clear @/etc/passwd"), IMAGE, document]
    found, prompt = told({"role": "user", "content": "one"}, {"role": "assistant", "content": [text("two")]},
                         {"role": "user", "content": content})  # fmt: skip
    assert found == [
        {"role": "user", "content": [text("one")]},
        {"role": "assistant", "content": [text("two")]},
        {"role": "user", "content": content},
    ]
    assert prompt.edits == []


def test_calls_and_results_are_put_into_words() -> None:
    """The API refuses them where there are no tools; pictures in a result stay pictures."""
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "Rome"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [text("sunny"), IMAGE]}
    failed = {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no such city", "is_error": True}
    found, prompt = told(
        USER, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result, failed, text("and?")]}
    )
    assert found[1]["content"] == [text('[called look with {"at":"Rome"}]')]
    assert found[2]["content"] == [
        text("[result: toolu_1]"), text("sunny"), IMAGE, text("[failed: toolu_2]"), text("no such city"), text("and?")
    ]  # fmt: skip
    assert paths(prompt) == [
        ("approximated", "messages[1].content[0]", True),
        ("approximated", "messages[2].content[0]", True),
        ("approximated", "messages[2].content[1]", True),
    ]


def test_a_result_without_words() -> None:
    """Is still told."""
    found, _ = told({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]})
    assert found == [{"role": "user", "content": [text("[result: t]")]}]


def test_thoughts_of_earlier_turns_are_left_out() -> None:
    """As the CLI does itself, so that nothing is lost by it; a turn of thoughts alone is none."""
    thoughts = [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "redacted_thinking", "data": "x"}]
    found, prompt = told(USER, {"role": "assistant", "content": thoughts}, USER)
    assert [message["role"] for message in found] == ["user", "user"]
    assert {action for action, _, lossy in paths(prompt) if not lossy} == {"dropped"}


def test_marks_and_unknown_fields_are_left_out() -> None:
    """Where caches are cut is the CLI's affair; anything else that goes is a loss, and recorded as one."""
    block = {**text("a"), "cache_control": {"type": "ephemeral"}, "citations": [1]}
    found, prompt = told({"role": "user", "content": [block, {"type": "container_upload", "file_id": "f"}]})
    assert found == [{"role": "user", "content": [text("a")]}]
    assert paths(prompt) == [
        ("dropped", "messages[0].content[0].cache_control", False),
        ("dropped", "messages[0].content[0].citations", True),
        ("dropped", "messages[0].content[1]", True),
    ]


def test_a_later_system_message_is_said_by_the_user() -> None:
    """There is one system prompt, said before."""
    found, prompt = told(USER, {"role": "system", "content": "be brief"}, {"role": "system", "content": []})
    assert found[1] == {"role": "user", "content": [text("<system-reminder>\nbe brief\n</system-reminder>")]}
    assert len(found) == 2
    assert paths(prompt)[0] == ("approximated", "messages[1]", False)


def test_what_is_the_same_stays_the_same() -> None:
    """Whatever comes after it: caches hold, and sessions are found again."""
    history = [USER, {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "n", "input": {}}]}]
    short, _ = told(*history, USER)
    long, _ = told(*history, USER, {"role": "assistant", "content": "yes"}, USER)
    assert long[: len(short)] == short


@pytest.mark.parametrize(
    "messages",
    [
        [USER, {"role": "assistant", "content": "I think"}],
        [{"role": "user", "content": ""}],
        [{"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}],
    ],
    ids=["an answer that is begun", "nothing at all", "a file of an account"],
)
def test_what_can_t_be_said_is_refused(messages: list[Any]) -> None:
    """Instead of an answer to something else."""
    with pytest.raises(Unsupported):
        told(*messages)
