"""Calls, reasoning, stops: the small tables between items and blocks."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events import Other, Stop, Text, Thinking, ToolUse
from stages.dialects.envelope import unwrap, wrap
from stages.dialects.responses import calls, items, reasoning, stops

ITEMS: list[dict[str, Any]] = [
    {"type": "function_call", "arguments": '{"a":1}', "call_id": "c", "name": "f"},
    {"type": "function_call", "arguments": "{}", "call_id": "c", "name": "f", "namespace": "ns"},
    {"type": "custom_tool_call", "input": 'x "y"\n', "call_id": "c", "name": "f"},
    {"type": "custom_tool_call", "input": "", "call_id": "c", "name": "f", "namespace": "ns"},
    {"type": "apply_patch_call", "operation": {"type": "delete_file", "path": "a"}, "call_id": "c"},
    {
        "type": "shell_call",
        "action": {"commands": ["ls"], "timeout_ms": None, "max_output_length": 9},
        "call_id": "c",
    },
    {"type": "tool_search_call", "arguments": {"query": "x"}, "execution": "client", "call_id": "c"},
]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item["type"])
def test_what_is_read_is_written(item: dict[str, Any]) -> None:
    """An item's block and input make the item again."""
    whole = {"id": "x_1", "status": "completed", **item}
    assert calls.called(whole)
    again = calls.item_of(calls.tool(whole), calls.given(whole), item_id="x_1", status="completed")
    assert again == whole


def test_what_is_no_call() -> None:
    """What a server runs itself is no call of the client's."""
    assert not calls.called({"type": "tool_search_call", "execution": "server"})
    assert not calls.called({"type": "web_search_call"})
    assert not calls.called({"type": ["function_call"]})


def test_marks() -> None:
    """Only kinds that there are items for count."""
    assert calls.mark_of(ToolUse("c", "f")) == ""
    assert calls.mark_of(ToolUse("c", "f", {"type": "shell"})) == "shell"
    assert calls.mark_of(ToolUse("c", "f", {"type": "made_up", "caller": {}})) == ""


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        ("apply_patch", '{"operation":{"type":"update_file","path":"a"}}'),
        ("apply_patch", '{"operation":{"type":["x"]}}'),
        ("apply_patch", "[1]"),
        ("shell", '{"commands":[1]}'),
        ("local_shell", "{}"),
        ("shell", '{"comm'),
    ],
)
def test_what_does_not_fit_is_a_functions(mark: str, text: str) -> None:
    """Input for which an item has no place is told as a function's arguments, as it is."""
    item = calls.item_of(ToolUse("c", mark, {"type": mark}), text, item_id="x", status="completed")
    assert (item["type"], item["arguments"], item["name"]) == ("function_call", text, mark)


# -- reasoning --------------------------------------------------------------------------------------------------------


@given(st.text(st.characters(codec="utf-8"), min_size=1), st.sampled_from(["gpt-5.5", "grok-5", ""]))
def test_reasoning_goes_and_comes(encrypted: str, model: str) -> None:
    """What a server encrypted is in an envelope for others, and itself again for its own."""
    signature = reasoning.sealed({"id": "rs_1", "encrypted_content": encrypted}, model)
    assert signature is not None
    if unwrap(encrypted) is None:
        assert reasoning.encrypted(signature, model) == encrypted


def test_claudes_signature_goes_and_comes() -> None:
    """Bare in the hub, in an envelope for clients of this protocol."""
    given = reasoning.encrypted("EqQB", "claude-opus-5")
    assert reasoning.sealed({"encrypted_content": given}, "gpt-5.5") == "EqQB"
    others = wrap("chat", "kimi", "x")
    assert reasoning.encrypted(others, "claude") == others
    assert reasoning.sealed({"encrypted_content": others}, "m") == others
    assert reasoning.sealed({"encrypted_content": None}, "m") is None


def test_words() -> None:
    """All parts, whatever a server makes of them."""
    item = {"summary": [{"text": "A"}, {"text": ""}, {"nothing": 1}], "content": ["B", 3]}
    assert reasoning.words(item) == "A\n\nB"
    assert reasoning.words({"summary": None}) == ""


# -- items ------------------------------------------------------------------------------------------------------------


def test_blocks_of_items() -> None:
    """Every item is a block but a message, whose parts are."""
    assert items.block_of({"type": "message"}) is None
    assert items.block_of({"type": "reasoning"}) == Thinking()
    unknown = {"type": "new_kind", "x": 1}
    assert items.block_of(unknown) == Other("responses", unknown)
    assert items.part_block({"type": "output_text"}) == Text()
    assert items.part_block({"type": "output_audio"}) == Other("responses", {"type": "output_audio"})


def test_ids_never_meet() -> None:
    """Ids that join those of an upstream, which may be a gateway like this one, are not among them."""
    first = items.Ids("msg_1")
    second = items.Ids(first.response)
    assert second.response == first.response
    assert not {first.item("msg", n) for n in range(1, 100)} & {second.item("msg", n) for n in range(1, 100)}


# -- stops ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "called", "refused", "stop"),
    [
        ({"status": "completed"}, False, False, "end_turn"),
        ({"status": "completed"}, True, False, "tool_use"),
        ({"status": "completed"}, False, True, "refusal"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, True, False, "max_tokens"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, False, False, "refusal"),
        ({"status": "incomplete", "incomplete_details": {"reason": "steered"}}, False, False, "end_turn"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_messages"}}, True, False, "tool_use"),
        ({"status": "incomplete", "incomplete_details": {"reason": "new_reason"}}, False, False, "max_tokens"),
        ({"status": "incomplete", "incomplete_details": None}, False, False, "max_tokens"),
        ({}, False, False, "end_turn"),
    ],
)
def test_stops(response: dict[str, Any], called: bool, refused: bool, stop: Stop) -> None:
    """Status and reason tell; where they tell nothing the blocks do."""
    assert stops.read(response, called=called, refused=refused) == stop


def test_how_it_broke() -> None:
    """An error where there is none told."""
    assert "cancelled" in stops.broken({"status": "cancelled"})["message"]
    assert stops.broken({"error": "text"})["message"] == "text"
    assert stops.broken({"error": {"code": "x"}}) == {"code": "x"}
