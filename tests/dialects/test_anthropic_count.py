"""The local estimate: in the right range, monotonous, cheap, never fooled by base64."""

import timeit
from typing import Any

import msgspec
import pytest
from anthropic.types import MessageTokensCount
from hypothesis import given
from hypothesis import strategies as st

from pipeline.prompt import Prompt
from stages.dialects import anthropic
from stages.dialects.anthropic.count import IMAGE, PDF_LEAST

ENGLISH = "The quick brown fox jumps over the lazy dog, and then it sleeps in the warm sun all afternoon. " * 40


def estimate(content: Any, model: str = "claude-sonnet-4-5", **fields: Any) -> int:
    body = {"model": model, "messages": [{"role": "user", "content": content}], **fields}
    return anthropic.count(Prompt("anthropic", msgspec.json.encode(body)))


def test_a_text_counts_about_its_tokens() -> None:
    """English prose is about 4.3 characters a token: the estimate is at that or a little above, never half of it."""
    true = len(ENGLISH) / 4.3
    assert true * 0.95 < estimate(ENGLISH) < true * 1.4


def test_newer_models_cut_finer() -> None:
    """The tokenizer since 4.7 makes about 1.3 times the tokens; what is unknown is counted so."""
    assert estimate(ENGLISH, "claude-sonnet-5") == pytest.approx(1.3 * estimate(ENGLISH), rel=0.01)
    assert estimate(ENGLISH, "unknown") == estimate(ENGLISH, "claude-sonnet-5")


def test_scripts_other_than_latin_cost_more() -> None:
    """A Japanese character is more than a token, not a quarter of one."""
    assert 0.9 * 1000 < estimate("語" * 1000) < 2 * 1000


@pytest.mark.parametrize("size", [400, 40_000, 4_000_000])
def test_a_picture_is_a_constant(size: int) -> None:
    """However many bytes it has, or none."""
    source = {"type": "base64", "media_type": "image/png", "data": "iVBO" * (size // 4)}
    assert abs(estimate([{"type": "image", "source": source}]) - IMAGE) < 60
    assert abs(estimate([{"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}}]) - IMAGE) < 60


def test_a_picture_in_a_result_counts_and_words_about_pictures_do_not() -> None:
    """Blocks are looked for, not the word."""
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO" * 500}}
    assert estimate([{"type": "tool_result", "tool_use_id": "t", "content": [image, image]}]) > 2 * IMAGE
    assert estimate('{"type": "image"}') < 40


def test_a_pdf_counts_by_its_size_and_a_text_by_its_words() -> None:
    """At least a page."""
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBE" * 1000}
    assert PDF_LEAST < estimate([{"type": "document", "source": pdf}]) < PDF_LEAST + 80
    big = estimate([{"type": "document", "source": {**pdf, "data": "JVBE" * 100_000}}])
    assert 5_000 < big < 20_000
    plain = {"type": "text", "media_type": "text/plain", "data": ENGLISH}
    assert estimate([{"type": "document", "source": plain}]) == pytest.approx(estimate(ENGLISH), rel=0.1)


def test_a_signature_is_not_read_as_words() -> None:
    """Thoughts that only their maker reads count by what they hold."""
    thinking = {"type": "thinking", "thinking": "", "signature": "EqQB" * 1000}
    assert 300 < estimate([thinking]) < 700


def test_system_and_tools_count() -> None:
    """All that is sent to the model; not what is said about the request."""
    tool = {"name": "f", "description": ENGLISH, "input_schema": {"type": "object"}}
    alone = estimate("x")
    assert estimate("x", system=ENGLISH) > alone + 500
    assert estimate("x", tools=[tool]) > alone + 346 + 500
    assert estimate("x", metadata={"user_id": ENGLISH}) == alone


@given(st.text(max_size=200), st.text(max_size=50))
def test_more_text_is_never_fewer_tokens(text: str, more: str) -> None:
    """Monotonous, as long as the text is words."""
    assert estimate(text + more) >= estimate(text) >= 1


def test_megabytes_are_counted_in_no_time() -> None:
    """A turn of 3.5 MB must not hold up the others for long: it is searched, not decoded."""
    body = {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": ENGLISH}] * 900}]}
    prompt = Prompt("anthropic", msgspec.json.encode(body))
    assert len(prompt.encode()) > 3_400_000
    assert min(timeit.repeat(lambda: anthropic.count(prompt), number=1, repeat=3)) < 0.25


def test_the_answer_is_strictly_valid() -> None:
    """One number."""
    MessageTokensCount.model_validate(msgspec.json.decode(anthropic.encode_count(7)), strict=True)
