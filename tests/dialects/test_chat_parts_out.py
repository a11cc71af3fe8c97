"""Blocks as parts of a Chat message."""

import pytest

from pipeline.errors import Unsupported
from pipeline.prompt import Prompt
from stages.dialects.chat.parts_out import parts
from stages.dialects.conversation import Tally
from tests.dialects.chat_prompts import Body


def made(block: Body) -> list[Body]:
    return parts(block, ("block",), Tally())


def test_documents() -> None:
    """A PDF is a file; text is text under a heading; context comes with it."""
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}
    assert made({"type": "document", "source": pdf, "title": "a.pdf"}) == [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}}
    ]
    plain = {"type": "text", "media_type": "text/plain", "data": "body"}
    assert made({"type": "document", "source": plain, "title": "T", "context": "C"}) == [
        {"type": "text", "text": "[document: T]\nC\nbody"}
    ]
    mixed = {"type": "content", "content": [{"type": "text", "text": "x"}]}
    assert [part["text"] for part in made({"type": "document", "source": mixed})] == ["[document: untitled]", "x"]


def test_a_search_result() -> None:
    """Its title, source and text, in one."""
    block = {
        "type": "search_result",
        "source": "https://e.com",
        "title": "T",
        "content": [{"type": "text", "text": "x"}],
    }
    assert made(block) == [{"type": "text", "text": "[search result: T]\nhttps://e.com\nx"}]


def test_what_is_lost_is_counted() -> None:
    """Citations are asked for in a document and kept in a text: both are told once, with their number."""
    tally, prompt = Tally(), Prompt("anthropic", b"{}")
    parts({"type": "text", "text": "x", "citations": [{}]}, (), tally)
    plain = {"type": "text", "media_type": "text/plain", "data": "body"}
    parts({"type": "document", "source": plain, "citations": {"enabled": True}}, (), tally)
    tally.record(prompt)
    assert [(edit.why[:2], edit.lossy) for edit in prompt.edits] == [("2 ", True), ("1 ", False)]


def test_unknown_blocks_are_refused() -> None:
    """By their type."""
    with pytest.raises(Unsupported, match="made_up"):
        made({"type": "made_up"})
