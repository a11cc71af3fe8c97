"""Token counts: Chat's overlapping totals ⇄ our disjoint classes.

    P prompt_tokens = fresh + cached + written          Q completion_tokens = words + reasoning

        cache_read = min(C, P)    cache_write = min(V, P − cache_read)    input = P − cache_read − cache_write

Providers disagree on what Q holds: xAI leaves reasoning out (TT = P + Q + Z), Gemini's compatible endpoint leaves its
thoughts out of both (TT > P + Q).  The total tells.  Where a stream tells usage more than once, the last value that is
not null wins, field by field: ``merge`` first, ``read`` at the end.
"""

from typing import Any

from pipeline.events import Usage

# What read() understands; all else goes into Usage.extra under the name it came with.
_KNOWN = frozenset(
    {
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
        "prompt_cache_hit_tokens",
        "prompt_cache_miss_tokens",
        "cached_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
    }
)


def merge(told: dict[str, Any], more: dict[str, Any]) -> None:
    """Lay *more* over *told*: last value that is not null wins, inside of details too."""
    for key, value in more.items():
        before = told.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            merge(before, value)
        elif value is not None:
            told[key] = dict(value) if isinstance(value, dict) else value


def read(told: dict[str, Any]) -> Usage | None:
    """The counts in a ``usage`` object; None if it holds none."""
    prompt, output = _count(told, "prompt_tokens"), _count(told, "completion_tokens")
    if prompt is None and output is None:
        return None
    into, out = _details(told, "prompt_tokens_details"), _details(told, "completion_tokens_details")
    reasoning = _count(out, "reasoning_tokens") or 0
    usage = Usage(extra={key: value for key, value in told.items() if key not in _KNOWN} or None)
    if prompt is not None:
        cached = _first((into, "cached_tokens"), (told, "prompt_cache_hit_tokens"), (told, "cached_tokens"),
                        (told, "cache_read_input_tokens"))  # fmt: skip
        written = _first((into, "cache_write_tokens"), (told, "cache_creation_input_tokens"))
        usage.cache_read = min(cached, prompt)
        usage.cache_write_5m = min(written, prompt - usage.cache_read)
        usage.cache_write_1h = 0
        usage.input = prompt - usage.cache_read - usage.cache_write_5m
    if output is not None:
        produced = _produced(prompt or 0, output, reasoning, _count(told, "total_tokens"))
        usage.reasoning = min(reasoning, produced)
        usage.output = produced - usage.reasoning
    return usage


def write(usage: Usage) -> dict[str, Any]:
    """The ``usage`` object that tells *usage*; Anthropic's cache counts stand beside Chat's, for who reads them."""
    written = (usage.cache_write_5m or 0) + (usage.cache_write_1h or 0)
    cached = usage.cache_read or 0
    return {
        **(usage.extra or {}),
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.produced,
        "total_tokens": usage.prompt + usage.produced,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning or 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
    }


def _produced(prompt: int, output: int, reasoning: int, total: int | None) -> int:
    if total is None or total <= prompt + output:
        return output
    return output + reasoning if total == prompt + output + reasoning else total - prompt


def _first(*places: tuple[dict[str, Any], str]) -> int:
    for told, key in places:
        if key in told and (count := _count(told, key)) is not None:
            return count
    return 0


def _count(told: dict[str, Any], key: str) -> int | None:
    value = told.get(key)
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and value >= 0 else None


def _details(told: dict[str, Any], key: str) -> dict[str, Any]:
    details = told.get(key)
    return details if isinstance(details, dict) else {}
