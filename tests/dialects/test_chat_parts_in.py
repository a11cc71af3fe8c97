"""Parts of Chat content: each has its block, or a refusal."""

from base64 import b64encode

import pytest

from pipeline.errors import InvalidRequest
from pipeline.prompt import Prompt
from stages.dialects.chat.parts_in import blocks, mark_of
from tests.dialects.chat_prompts import Body, legal_block


def made(part: Body) -> Body:
    (block,) = blocks([part], ("content",), Prompt("chat", b"{}"), role="user")
    legal_block({key: value for key, value in block.items() if key != "cache_control"})
    return block


def test_pictures() -> None:
    """A data URL is taken apart, any other URL is passed on; the URL may stand where its object should."""
    inline = {"type": "base64", "media_type": "image/jpeg", "data": "QUJD"}
    assert made({"type": "image_url", "image_url": {"url": "data:image/jpg;base64,QUJD"}})["source"] == inline
    assert made({"type": "image_url", "image_url": {"url": "data:IMAGE/JPEG;base64,QUJD"}})["source"] == inline
    assert made({"type": "image_url", "image_url": "https://e.com/a"})["source"] == {
        "type": "url",
        "url": "https://e.com/a",
    }


def test_files() -> None:
    """A PDF is a document, known by its type or its first bytes; text is one too, decoded."""
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    for given in ("data:application/pdf;base64,JVBERi0=", "JVBERi0="):
        assert made({"type": "file", "file": {"file_data": given, "filename": "a.pdf"}}) == {
            "type": "document", "source": pdf, "title": "a.pdf"
        }  # fmt: skip
    text = b64encode("Grüße".encode()).decode()
    for file in ({"file_data": f"data:text/markdown;base64,{text}"}, {"file_data": text, "filename": "a.txt"}):
        source = made({"type": "file", "file": file})["source"]
        assert source == {"type": "text", "media_type": "text/plain", "data": "Grüße"}


@pytest.mark.parametrize("part", [
    {"type": "image_url", "image_url": {"url": "ftp://example.com/a"}},
    {"type": "image_url", "image_url": {"url": "data:image/png,plain"}},
    {"type": "image_url"},
    {"type": "file", "file": {"file_data": "data:text/plain;base64,%%"}},
    {"type": "text", "text": None},
])  # fmt: skip
def test_broken_parts_are_invalid(part: Body) -> None:
    """What is not what it says is refused, by place."""
    with pytest.raises(InvalidRequest) as raised:
        made(part)
    assert (raised.value.param or "").startswith("content[0]")


def test_cache_marks() -> None:
    """A client's own mark stays; a breakpoint of OpenAI's becomes the lifetime nearest to its own."""
    ephemeral = {"type": "ephemeral"}
    assert mark_of({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, ()) == {**ephemeral, "ttl": "1h"}
    assert mark_of({"cache_control": {"type": "ephemeral", "x": 1}}, ()) == ephemeral
    assert mark_of({"prompt_cache_breakpoint": {"mode": "explicit"}}, ()) == ephemeral
    assert mark_of({"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}, ()) == {**ephemeral, "ttl": "1h"}
    assert mark_of({}, ()) is None
    assert made({"type": "text", "text": "a", "cache_control": ephemeral})["cache_control"] == ephemeral
