"""Token counts: Chat's totals and our disjoint classes, provider by provider."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events import Usage
from stages.dialects.chat import usage


def told(prompt: int, output: int, **more: Any) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "completion_tokens": output, **more}


def details(**counts: int) -> dict[str, Any]:
    """Details of the prompt, or of what was produced."""
    key = "completion_tokens_details" if "reasoning_tokens" in counts else "prompt_tokens_details"
    return {key: counts}


READ: dict[str, tuple[dict[str, Any], Usage]] = {
    "plain": (told(10, 4, total_tokens=14), Usage(10, 0, 0, 0, 4, 0)),
    "written and read": (told(10, 1, **details(cached_tokens=6, cache_write_tokens=9)), Usage(0, 6, 4, 0, 1, 0)),
    "more read than there is": (told(5, 1, **details(cached_tokens=9)), Usage(0, 5, 0, 0, 1, 0)),
    "null details": (told(5, 3, prompt_tokens_details=None, completion_tokens_details=None), Usage(5, 0, 0, 0, 3, 0)),
    "xAI: reasoning beside": (told(5, 3, total_tokens=15, **details(reasoning_tokens=7)), Usage(5, 0, 0, 0, 3, 7)),
    "Gemini: thoughts in the total": (told(5, 3, total_tokens=20), Usage(5, 0, 0, 0, 15, 0)),
    "reasoning within": (told(5, 3, total_tokens=8, **details(reasoning_tokens=9)), Usage(5, 0, 0, 0, 0, 3)),
    "DeepSeek": (told(9, 1, prompt_cache_hit_tokens=8, prompt_cache_miss_tokens=1), Usage(1, 8, 0, 0, 1, 0)),
    "Kimi": (told(9, 1, cached_tokens=8), Usage(1, 8, 0, 0, 1, 0)),
    "ours": (told(9, 1, cache_read_input_tokens=5, cache_creation_input_tokens=3), Usage(1, 5, 3, 0, 1, 0)),
    "prices": ({"prompt_tokens": 9.0, "completion_tokens": 1, "cost": 0.1}, Usage(9, 0, 0, 0, 1, 0, {"cost": 0.1})),
    "half": ({"completion_tokens": 2}, Usage(output=2, reasoning=0)),
}


@pytest.mark.parametrize(("given_", "counts"), READ.values(), ids=READ)
def test_reading(given_: dict[str, Any], counts: Usage) -> None:
    """Whatever the provider's way, each token is counted once."""
    assert usage.read(given_) == counts


@pytest.mark.parametrize("given_", [{}, {"cost": 1}, {"prompt_tokens": None}, {"prompt_tokens": True},
                                  {"prompt_tokens": -1, "completion_tokens": "7"}])  # fmt: skip
def test_nothing_told(given_: dict[str, Any]) -> None:
    """What is no count is no usage."""
    assert usage.read(given_) is None


def test_merging() -> None:
    """The last value that is not null wins, also within details; nothing is summed, no frame is changed."""
    sum_: dict[str, Any] = {}
    first = {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 2, "audio_tokens": 1}}
    usage.merge(sum_, first)
    usage.merge(sum_, {"prompt_tokens": None, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 3}})
    usage.merge(sum_, {"prompt_tokens_details": None})
    assert sum_ == told(5, 1, prompt_tokens_details={"cached_tokens": 3, "audio_tokens": 1})
    assert first["prompt_tokens_details"] == {"cached_tokens": 2, "audio_tokens": 1}


counts = st.integers(0, 10**6)


@given(st.builds(Usage, counts, counts, counts, st.just(0), counts, counts))
def test_there_and_back(given_: Usage) -> None:
    """What is written is read again, and prompt and completion add up to the total."""
    said = usage.write(given_)
    assert usage.read(said) == given_
    assert said["prompt_tokens"] == given_.prompt
    assert said["completion_tokens"] == given_.produced
    assert said["total_tokens"] == given_.prompt + given_.produced
