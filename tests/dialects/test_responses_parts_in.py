"""Content of Responses items, as blocks; and what tools gave."""

from typing import Any

import pytest

from pipeline.errors import InvalidRequest, Unsupported
from pipeline.prompt import Prompt
from stages.dialects.responses.parts_in import blocks
from stages.dialects.responses.results import result

PNG = "iVBORw0KGgo="
PDF = "JVBERi0xLjQK"


def read(*parts: Any, role: str = "user") -> list[dict[str, Any]]:
    return blocks([*parts], ("input", 0, "content"), Prompt("responses", b"{}"), role=role)


@pytest.mark.parametrize(
    ("part", "block"),
    [
        ({"type": "input_text", "text": "Hi"}, {"type": "text", "text": "Hi"}),
        (
            {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "high"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        ),
        (
            {"type": "input_image", "image_url": "https://x.test/a.jpg"},
            {"type": "image", "source": {"type": "url", "url": "https://x.test/a.jpg"}},
        ),
        (
            {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                "title": "a.pdf",
            },
        ),
        (
            {"type": "input_file", "file_url": "https://x.test/a.pdf", "filename": "a"},
            {"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}, "title": "a"},
        ),
        (
            {"type": "input_file", "filename": "b.md", "file_data": "data:text/plain;base64,SGk="},
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "Hi"},
                "title": "b.md",
            },
        ),
        (
            {"type": "input_text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}},
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}},
        ),
        (
            {"type": "input_file", "file_url": "https://x.test/a", "prompt_cache_breakpoint": {"ttl": "12h"}},
            {
                "type": "document",
                "source": {"type": "url", "url": "https://x.test/a"},
                "cache_control": {"type": "ephemeral", "ttl": "1h"},
            },
        ),
    ],
)
def test_parts(part: Any, block: Any) -> None:
    """Every part is the block that says the same."""
    assert read(part) == [block]
    assert read(part, role="tool") == [block]  # results of tools hold pictures and files, too


def test_the_assistants_parts() -> None:
    """What it said and what it refused are texts; what says nothing is left out."""
    parts = [{"type": "output_text", "text": "A", "annotations": []}, {"type": "refusal", "refusal": "B"},
             {"type": "output_text", "text": " "}]  # fmt: skip
    assert [block["text"] for block in read(*parts, role="assistant")] == ["A", "B"]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "data": "x"},
        {"type": "input_image", "file_id": "file_1"},
        {"type": "input_file", "file_id": "file_1"},
        {"type": "input_file", "file_data": "data:application/zip;base64,AA=="},
        {"type": "input_image", "image_url": "data:image/tiff;base64,AA=="},
        {"type": "computer_screenshot"},
    ],
)
def test_what_has_no_block_is_refused(part: Any) -> None:
    """A model that answers without the picture is worse than an error."""
    with pytest.raises(Unsupported, match=r"input\[0\].content\[0\]"):
        read(part)


@pytest.mark.parametrize(
    "part",
    [
        {"text": "no type"},
        {"type": "input_text"},
        {"type": "input_image"},
        {"type": "input_image", "image_url": "ftp://x"},
        {"type": "input_image", "image_url": "https://x", "detail": 3},
        {"type": "input_file", "file_url": "file:///etc/passwd"},
        "text",
    ],
)
def test_broken_parts(part: Any) -> None:
    """What is no part is refused by its place."""
    with pytest.raises(InvalidRequest, match=r"input\[0\].content\[0\]"):
        read(part)


def test_strings_are_texts() -> None:
    """A string is one text, nothing is none."""
    prompt = Prompt("responses", b"{}")
    assert blocks("Hi", ("x",), prompt, role="user") == [{"type": "text", "text": "Hi"}]
    assert blocks(None, ("x",), prompt, role="user") == []


# -- what tools gave --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "item", "expected"),
    [
        ("function_call_output", {"output": "x"}, "x"),
        ("custom_tool_call_output", {"output": [{"type": "input_text"}]}, [{"type": "input_text"}]),
        ("local_shell_call_output", {"output": "x"}, "x"),
        (
            "shell_call_output",
            {
                "output": [
                    {"stdout": "a\n", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}},
                    {"stdout": "b", "stderr": "c\n", "outcome": {"type": "exit", "exit_code": 2}},
                    {"stdout": "", "stderr": "", "outcome": {"type": "timeout"}},
                ]
            },
            "a\nb\nc\n[exit code 2]\n[timed out]",
        ),
        ("apply_patch_call_output", {"status": "failed", "output": "no such file"}, "failed: no such file"),
        ("apply_patch_call_output", {"status": "completed"}, "completed"),
        ("tool_search_output", {"tools": [{"name": "a"}, {"name": "n", "tools": [{"name": "b"}]}]}, "found: a, b"),
        ("tool_search_output", {"tools": []}, "found: nothing"),
    ],
)
def test_results(kind: str, item: Any, expected: Any) -> None:
    """Whatever a tool gave can be read by a model."""
    assert result(kind, item, ("input", 1)) == expected


def test_broken_results() -> None:
    """What is no result is refused by its place."""
    for kind, item in (("function_call_output", {"output": 3}), ("shell_call_output", {"output": "x"})):
        with pytest.raises(InvalidRequest, match=r"input\[1\].output"):
            result(kind, item, ("input", 1))
