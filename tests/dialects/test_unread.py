"""What no translation reads is recorded: by place and name, once for all of a kind."""

from typing import Any

import pytest

from pipeline.prompt import Prompt
from stages.dialects.unread import KINDS, record_unread

PDF = {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}


def recorded(dialect: str, body: dict[str, Any], target: str = "chat") -> list[tuple[str, str, bool]]:
    """Path, reason and whether something is lost, of what is recorded."""
    prompt = Prompt(dialect, b"{}")
    record_unread(body, dialect, target, prompt)
    assert all(edit.action == "dropped" for edit in prompt.edits)
    return [(edit.path, edit.why, edit.lossy) for edit in prompt.edits]


def messages(*blocks: Any, **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [*blocks]}], **fields}


def test_what_is_known_is_not_recorded() -> None:
    """Whatever reads it, tells it, or refuses it, does so elsewhere."""
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "a"}], "is_error": True}
    known = messages({"type": "text", "text": "a", "citations": None}, PDF, result, {"type": "of_tomorrow", "x": 1})
    assert recorded("anthropic", {**known, "system": "a", "temperature": 1, "of_tomorrow": 1}) == []
    assert recorded("chat", {"messages": [{"role": "user", "content": "a", "name": "b"}]}) == []
    assert recorded("responses", {"input": "a"}) == []


def test_a_field_of_a_part_is_recorded_where_it_stands() -> None:
    """Also in a result of a tool, and in a call."""
    inner = {"type": "image", "source": {}, "transformations": {"oversized_image": "error"}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [inner]}
    path = "messages[0].content[0].content[0].transformations"
    assert recorded("anthropic", messages(result)) == [(path, "no equivalent", True)]
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}", "of_tomorrow": 1}}
    assert recorded("chat", {"messages": [{"role": "assistant", "tool_calls": [call]}]}) == [
        ("messages[0].tool_calls[0].function.of_tomorrow", "no equivalent", True)
    ]


def test_a_field_that_another_kind_reads_is_recorded_all_the_same() -> None:
    """Parts of many kinds are looked at together, each by its own table; what is no part stands in nobody's way."""
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "a"}]}
    text = {"type": "text", "text": "a", "tool_use_id": "t"}
    path = "messages[0].content[2].tool_use_id"
    assert recorded("anthropic", messages(result, "odd", text)) == [(path, "no equivalent", True)]
    path = "messages[0].content[1].tool_use_id"
    assert recorded("anthropic", messages(result, text)) == [(path, "no equivalent", True)]
    assert recorded("anthropic", messages(result, {"type": ["odd"]}, {"type": "text", "text": "a"})) == []


def test_many_of_a_kind_are_one_record() -> None:
    """At the first, with their number: a history has hundreds."""
    items = [{"type": "function_call", "id": f"fc_{n}", "call_id": "c", "name": "f", "arguments": "{}"} for n in "abc"]
    assert recorded("responses", {"input": items}) == [("input[0].id", "it is only a name for it (3 times)", False)]


@pytest.mark.parametrize("value", [None, False, [], {}, {"type": "direct"}])
def test_what_asks_for_nothing_is_not_recorded(value: Any) -> None:
    """A default that a client spells out is no loss."""
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": value}
    assert recorded("anthropic", messages(block)) == []


def test_what_only_one_target_has_no_place_for() -> None:
    """The others are not told of a loss that there is not."""
    body = messages({"type": "text", "text": "a"}, thinking={"type": "adaptive", "display": "summarized"})
    assert [path for path, _, _ in recorded("anthropic", body)] == ["thinking.display"]
    assert recorded("anthropic", body, "responses") == []


def test_what_replies_can_not_include() -> None:
    """Reasoning always comes; what nobody has is lost; words' chances are told of elsewhere."""
    asked = ["reasoning.encrypted_content", "file_search_call.results", "message.output_text.logprobs"]
    assert [(path, lossy) for path, _, lossy in recorded("responses", {"input": "a", "include": asked})] == [
        ("include[0]", False),
        ("include[1]", True),
    ]


@pytest.mark.parametrize("dialect", KINDS)
@pytest.mark.parametrize("odd", [None, 1, "a", [1, None], [[]], {"type": 1}, {"type": ["a"]}, [{"type": None}]])
def test_no_body_is_too_odd(dialect: str, odd: Any) -> None:
    """What makes no sense is refused by those who translate it."""
    for field in KINDS[dialect][""].inner:
        recorded(dialect, {field: odd})
    recorded(dialect, {"include": odd, "cache_control": odd})
    recorded(dialect, {"messages": [{"role": odd, "content": odd, "tool_calls": odd}], "input": [{"content": odd}]})
