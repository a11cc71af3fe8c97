"""Estimates of a Chat prompt's tokens: within reach of the truth, and cheap."""

import json
from typing import Any

import pytest

from pipeline.prompt import Prompt
from stages.dialects.chat import count, encode_count


def estimate(content: Any, model: str = "gpt-5.1", **fields: Any) -> int:
    body = {"model": model, "messages": [{"role": "user", "content": content}], **fields}
    return count(Prompt.parse("chat", json.dumps(body, ensure_ascii=False).encode()))


def test_words_count() -> None:
    """English has some four letters to a token; other scripts fewer."""
    assert 800 < estimate("word " * 1000) - estimate("") < 1600
    assert estimate("語" * 300) > estimate("a" * 300)


def test_pictures_count_as_pictures() -> None:
    """Not by their bytes: a megabyte of base64 is a picture like one by URL."""
    inline = [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_000_000}}]
    remote = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    assert abs(estimate(inline) - estimate(remote)) < 50
    assert estimate(inline) > 1500


def test_files_count_by_their_size() -> None:
    """A PDF of a megabyte is some twenty thousand tokens, not a quarter of a million."""
    file = [{"type": "file", "file": {"file_data": "data:application/pdf;base64," + "A" * 1_000_000}}]
    assert 15_000 < estimate(file) < 40_000


def test_tools_count() -> None:
    """They are part of the prompt; settings are not."""
    tools = [{"type": "function", "function": {"name": "f", "description": "x " * 500}}]
    assert estimate("a", tools=tools) > estimate("a", user="x" * 5000) + 200


@pytest.mark.parametrize(("model", "more"), [("claude-opus-5", True), ("claude-sonnet-4-5", False), ("llama", True)])
def test_newer_tokenizers_count_more(model: str, more: bool) -> None:
    """Models that cut finer, and those that nobody knows, are counted higher."""
    assert (estimate("word " * 500, model) > estimate("word " * 500, "gpt-5.1")) == more


def test_the_answer() -> None:
    """A number under the name that clients of the other protocol read."""
    assert json.loads(encode_count(7)) == {"input_tokens": 7}
