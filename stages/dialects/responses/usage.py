"""Token counts: the Responses API's overlapping totals ⇄ our disjoint classes.

    input_tokens          = fresh + cached + written       input_tokens_details.{cached_tokens, cache_write_tokens}
    output_tokens         = words + reasoning              output_tokens_details.reasoning_tokens
    cache_write_tokens    = 30 minutes + 12 hours          the longer is told as our hour, the shorter as our 5 minutes

The arithmetic is Chat's: both are one vendor's, only the names differ.
"""

from typing import Any

from pipeline.events import Usage
from stages.dialects.chat import usage as chat

_INPUT, _OUTPUT = "input_tokens_details", "output_tokens_details"
_LONG = "ttl_12h_tokens"


def read(told: Any) -> Usage | None:
    """The counts in a ``usage`` object; None if it holds none."""
    if not isinstance(told, dict):
        return None
    renamed = {key: value for key, value in told.items() if key not in _NAMES}
    renamed |= {_NAMES[key]: told[key] for key in _NAMES if key in told}
    usage = chat.read(renamed)
    if usage is not None and usage.cache_write_5m:
        usage.cache_write_1h = min(_long(told.get(_INPUT)), usage.cache_write_5m)
        usage.cache_write_5m -= usage.cache_write_1h
    return usage


def write(usage: Usage) -> dict[str, Any]:
    """The ``usage`` object that tells *usage*; both details are demanded by strict clients."""
    short, long = usage.cache_write_5m or 0, usage.cache_write_1h or 0
    into: dict[str, Any] = {"cached_tokens": usage.cache_read or 0, "cache_write_tokens": short + long}
    if long:
        into["cache_write_tokens_details"] = {"ttl_30m_tokens": short, _LONG: long}
    return {
        **(usage.extra or {}),
        "input_tokens": usage.prompt,
        _INPUT: into,
        "output_tokens": usage.produced,
        _OUTPUT: {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": usage.prompt + usage.produced,
    }


def _long(into: Any) -> int:
    details = into.get("cache_write_tokens_details") if isinstance(into, dict) else None
    long = details.get(_LONG) if isinstance(details, dict) else None
    return max(long, 0) if isinstance(long, int) and not isinstance(long, bool) else 0


_NAMES = {
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "total_tokens": "total_tokens",
    _INPUT: "prompt_tokens_details",
    _OUTPUT: "completion_tokens_details",
}
