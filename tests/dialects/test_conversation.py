"""What every translation of a conversation does alike: repairs, results that are errors, refusals with a word."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidRequest, Unsupported
from pipeline.prompt import Prompt
from stages.dialects import chat, responses
from stages.dialects.conversation import failed, unfailed

USE = {"type": "tool_use", "id": "a", "name": "f", "input": {}}


def there_and_back(dialect: Any, *blocks: Any, **result: Any) -> tuple[Any, Prompt]:
    """The blocks of the last turn after a translation into *dialect* and back, and what the way there recorded."""
    turn = [{"type": "tool_result", "tool_use_id": "a", **result}, *blocks]
    messages = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [USE]},
        {"role": "user", "content": turn},
    ]
    prompt = Prompt("anthropic", b"{}")
    made = dialect.from_messages({"model": "gpt-5.5", "messages": messages}, prompt)
    return dialect.to_messages(made, Prompt(dialect.NAME, b"{}"))["messages"][-1]["content"], prompt


@pytest.mark.parametrize("dialect", [chat, responses])
@pytest.mark.parametrize("words", ["", "boom", "line one\nline two", "a  b"])
@pytest.mark.parametrize("wrong", [True, False])
def test_errors_stay_errors(dialect: Any, words: str, wrong: bool) -> None:
    """Neither dialect has a field for it: the words say so, and are understood on the way back."""
    (back,), _ = there_and_back(dialect, content=words, is_error=wrong)
    assert back.get("is_error", False) is wrong
    assert back.get("content", "") == words


def test_an_error_with_a_picture() -> None:
    """The mark is a part of its own."""
    picture = {"type": "image", "source": {"type": "url", "url": "https://a.test/b.png"}}
    (back,), _ = there_and_back(responses, content=[picture], is_error=True)
    assert (back["is_error"], [block["type"] for block in back["content"]]) == (True, ["image"])


@given(st.text())
def test_what_failed_is_told_and_taken_off_again(words: str) -> None:
    """Whatever the words are; words that are no error are left alone."""
    blocks = [{"type": "text", "text": failed(words)}]
    assert unfailed(blocks) == ([{"type": "text", "text": words}] if words.strip() else [], True)
    assert unfailed([{"type": "text", "text": f"an {words}"}])[1] is False


@pytest.mark.parametrize("dialect", [chat, responses])
def test_holes_are_filled_in_the_same_way_every_time(dialect: Any) -> None:
    """A result that nobody asked for is text, a call without one gets one; both are repairs."""
    _, first = there_and_back(dialect, tool_use_id="z", content="late")
    _, again = there_and_back(dialect, tool_use_id="z", content="late")
    assert [edit.action for edit in first.edits] == ["repaired", "repaired"]
    assert first.edits == again.edits
    assert not any(edit.lossy for edit in first.edits)


@pytest.mark.parametrize("dialect", [chat, responses])
@pytest.mark.parametrize(
    ("block", "word"),
    [
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, "image_block"),
        ({"type": "document", "source": {"type": "file", "file_id": "f"}}, "document_block"),
        ({"type": "container_upload", "file_id": "f"}, None),
    ],
)
def test_refusals_carry_the_word_that_clients_act_on(dialect: Any, block: Any, word: str | None) -> None:
    """Claude Code sends no more pictures, or files, where it is told so."""
    with pytest.raises(Unsupported) as raised:
        there_and_back(dialect, block)
    assert raised.value.token == word
    assert (raised.value.param or "").startswith("messages[2].content[1]")


@pytest.mark.parametrize("dialect", [chat, responses])
@pytest.mark.parametrize("model", ["gpt-5.6", "some-model"])
@pytest.mark.parametrize("mark", [True, "ephemeral", ["ephemeral"]])
def test_a_mark_that_is_none_is_refused_with_its_place(dialect: Any, model: str, mark: Any) -> None:
    """As the API would, wherever it stands: on words, on a result, on instructions."""
    text = {"type": "text", "text": "x", "cache_control": mark}
    result = {"type": "tool_result", "tool_use_id": "a", "content": "ok", "cache_control": mark}
    for system, turn, place in (
        ([text], [], "system[0]"),
        ("", [text], "messages[2].content[0]"),
        ("", [result], "messages[2].content[0]"),
    ):
        messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": [USE]}]
        body = {"model": model, "system": system, "messages": [*messages, {"role": "user", "content": turn}]}
        with pytest.raises(InvalidRequest) as raised:
            dialect.from_messages(body, Prompt("anthropic", b"{}"))
        assert raised.value.param == f"{place}.cache_control"
