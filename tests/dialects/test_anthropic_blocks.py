"""Content blocks: what opens them, what is in them, what becomes of them whole."""

from typing import Any

import msgspec
import pytest
from anthropic.types import TextBlock, ThinkingBlock, ToolUseBlock

from pipeline.events import (
    Block,
    BlockStarted,
    BlockStopped,
    Event,
    InputDelta,
    Opaque,
    Other,
    Redacted,
    Refusal,
    SignatureDelta,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
)
from stages.dialects.anthropic.blocks import complete, folded, opened, opening, parsed_input

CITATION = {"type": "char_location", "cited_text": "x", "document_index": 0}

WHOLE: list[dict[str, Any]] = [
    {"type": "text", "text": "Hi", "citations": None},
    {"type": "text", "text": "Hi", "citations": [CITATION]},
    {"type": "thinking", "thinking": "Hm", "signature": "Eq=="},
    {"type": "thinking", "thinking": "", "signature": "Eq=="},
    {"type": "redacted_thinking", "data": "Em=="},
    {"type": "tool_use", "id": "t1", "name": "Read", "input": {"path": "ä", "deep": [{"n": 1.0}]}},
    {"type": "tool_use", "id": "t1", "name": "Read", "input": {}, "caller": {"type": "direct"}},
    {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}},
    {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"type": "web_search_result"}]},
    {"type": "tool_use", "id": 7, "name": "broken", "input": {}},
    {"unheard": "of"},
]


def spoken(fields: Any) -> Any:
    """*fields* as plain JSON."""
    return msgspec.json.decode(msgspec.json.encode(fields))


@pytest.mark.parametrize("fields", WHOLE)
def test_a_whole_block_survives_events(fields: dict[str, Any]) -> None:
    """folded(complete(block)) == block, whatever it is."""
    start, *deltas, stop = complete(fields, 4)
    assert isinstance(start, BlockStarted)
    assert stop == BlockStopped(4)
    assert spoken(folded(start.block, deltas)) == fields


@pytest.mark.parametrize(
    ("fields", "block"),
    [
        ({"type": "text", "text": ""}, Text()),
        ({"type": "thinking", "thinking": "", "signature": ""}, Thinking()),
        ({"type": "redacted_thinking", "data": "E"}, Redacted("E")),
        ({"type": "tool_use", "id": "t", "name": "f", "input": {}}, ToolUse("t", "f")),
        ({"type": "mcp_tool_use", "id": "t", "name": "f", "input": {}},
         Other("anthropic", {"type": "mcp_tool_use", "id": "t", "name": "f", "input": {}})),
    ],
)  # fmt: skip
def test_a_block_opens_with_what_it_must_have(fields: dict[str, Any], block: Block) -> None:
    """opened and opening are each other's way back."""
    assert opened(fields) == block
    assert opening(block) == fields


def test_openings_are_strictly_valid() -> None:
    """Strict clients demand the empty fields."""
    TextBlock.model_validate(opening(Refusal()), strict=True)
    ThinkingBlock.model_validate(opening(Thinking()), strict=True)
    ToolUseBlock.model_validate(opening(ToolUse("t", "f", {"index": 3, "caller": {"type": "direct"}})), strict=True)
    assert "index" not in opening(ToolUse("t", "f", {"index": 3})), "another dialect's fields of a call stay out"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", {}),
        (" ", {}),
        ("{}", {}),
        ('{"a": 1.50}', {"a": 1.5}),
        ('{"path": "a', {"_raw": '{"path": "a'}),
        ("[1]", {"_raw": "[1]"}),
        ("[" * 5000, {"_raw": "[" * 5000}),
    ],
)
def test_a_tools_input_is_an_object(text: str, value: Any) -> None:
    """What was cut or is something else is told as it stands, for the client to see."""
    assert spoken(parsed_input(text)) == value


def test_a_tools_input_keeps_its_spelling() -> None:
    """Numbers are not rewritten on their way."""
    deltas: list[Event] = [InputDelta(0, '{"n": 1.50'), InputDelta(0, ', "big": 123456789012345678901234567890}')]
    assert b'{"n": 1.50, "big": 123456789012345678901234567890}' in msgspec.json.encode(
        folded(ToolUse("t", "f"), deltas)
    )


def test_only_the_words_of_a_blocks_own_kind_are_in_it() -> None:
    """A delta that strayed into a block is not told as its words."""
    deltas: list[Event] = [
        TextDelta(0, "a"),
        ThinkingDelta(0, "b"),
        SignatureDelta(0, "c"),
        Opaque("anthropic", "new", None, 0),
    ]
    assert folded(Text(), deltas)["text"] == "a"
    assert folded(Thinking(), deltas) == {"type": "thinking", "thinking": "b", "signature": "c"}


def test_blocks_we_do_not_know_grow_by_what_their_deltas_say() -> None:
    """Texts are told in pieces, input as JSON, anything else as it is."""
    body = {"type": "compaction", "content": None}
    deltas: list[Event] = [
        Opaque(
            "anthropic", "compaction_delta", {"type": "compaction_delta", "content": "a", "encrypted_content": "E"}, 0
        ),
        Opaque("anthropic", "compaction_delta", {"type": "compaction_delta", "content": "b"}, 0),
    ]
    assert folded(Other("anthropic", body), deltas) == {"type": "compaction", "content": "ab", "encrypted_content": "E"}
    assert body == {"type": "compaction", "content": None}, "the event is not changed"
    search = Other("anthropic", {"type": "server_tool_use", "id": "s", "name": "n", "input": {}})
    asked: list[Event] = [
        Opaque("anthropic", "input_json_delta", {"type": "input_json_delta", "partial_json": piece}, 0)
        for piece in ('{"q":', '"x"}')
    ]
    assert spoken(folded(search, asked))["input"] == {"q": "x"}


@pytest.mark.parametrize("odd", [5, True, {"a": 1}, "words"])
def test_what_an_upstream_says_in_another_type_is_not_told(odd: Any) -> None:
    """Of citations that are no list, and of a piece of input that is no text, there is nothing to tell."""
    assert complete({"type": "text", "text": "a", "citations": odd}, 0) == complete({"type": "text", "text": "a"}, 0)
    piece: list[Event] = [Opaque("anthropic", "input_json_delta", {"type": "input_json_delta", "partial_json": odd}, 0)]
    if not isinstance(odd, str):
        search = {"type": "server_tool_use", "id": "s", "name": "n", "input": {}}
        assert folded(Other("anthropic", search), piece) == search
