"""Counts of tokens: the Messages API's fields and our disjoint classes.

    input_tokens ─ input          cache_read_input_tokens ─ cache_read
    cache_creation {ephemeral_5m…, ephemeral_1h…} ─ cache_write_5m, cache_write_1h
    output_tokens ─ output + reasoning           output_tokens_details.thinking_tokens ─ reasoning

Counts in a stream are cumulative: of each field the last that was told holds, nothing is ever summed over events.  With
``iterations`` (compaction, fallback, advisor) the fields at the top leave some out, and what is billed is their sum.
"""

from itertools import filterfalse
from typing import Any

from pipeline.events import Usage

Fields = dict[str, Any]  # usage as the wire has it

_READ = "cache_read_input_tokens"
_WRITTEN = "cache_creation_input_tokens"
_COUNTED = frozenset({"input_tokens", _READ, _WRITTEN, "cache_creation", "output_tokens", "output_tokens_details"})
# What else we write when we write usage ourselves; another dialect's extra counts would break a strict client.
_TOLD = frozenset({"server_tool_use", "inference_geo", "speed", "iterations", "fallback_credit"})
_TIERS = frozenset({"standard", "priority", "batch"})


def merged(earlier: Fields, later: Any) -> Fields:
    """*earlier* fields, and *later* ones over them where they are not null."""
    if not isinstance(later, dict):
        return earlier
    return {**earlier, **{name: value for name, value in later.items() if value is not None}}


def read_usage(fields: Any) -> Usage | None:
    """The counts in *fields*; None if there are none."""
    if not isinstance(fields, dict):
        return None
    iterations, counts = fields.get("iterations"), _counts(fields)
    if isinstance(iterations, list) and iterations:
        parts = [_counts(part) for part in iterations if isinstance(part, dict)]
        counts = {name: sum(part[name] or 0 for part in parts) for name in counts}
    output, thoughts = counts["O"], _thoughts(fields)
    if output is not None and thoughts is not None:
        thoughts = min(thoughts, output)
        output -= thoughts
    extra = {name: fields[name] for name in filterfalse(_COUNTED.__contains__, fields) if fields[name] is not None}
    return Usage(
        input=counts["I"],
        cache_read=counts["R"],
        cache_write_5m=counts["5m"],
        cache_write_1h=counts["1h"],
        output=output,
        reasoning=thoughts,
        extra=extra or None,
    )


def write_usage(usage: Usage | None) -> Fields:
    """The full set of fields, as the last message_delta of a stream has it; what is not known is null, or 0 where it
    must be a number.
    """
    usage = usage or Usage()
    short, long = usage.cache_write_5m, usage.cache_write_1h
    fields: Fields = {"input_tokens": usage.input or 0, _WRITTEN: None, _READ: usage.cache_read}
    if short is not None or long is not None:
        fields[_WRITTEN] = (short or 0) + (long or 0)
        fields["cache_creation"] = {"ephemeral_5m_input_tokens": short or 0, "ephemeral_1h_input_tokens": long or 0}
    fields["output_tokens"] = usage.produced
    if usage.reasoning is not None:
        fields["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    for name, value in (usage.extra or {}).items():
        if name in _TOLD or (name == "service_tier" and isinstance(value, str) and value in _TIERS):
            fields[name] = value
    return fields


def _counts(fields: Fields) -> dict[str, int | None]:
    """Input, read, written for 5 minutes and for an hour, output."""
    written, split = _number(fields.get(_WRITTEN)), fields.get("cache_creation")
    short = long = None
    if isinstance(split, dict):
        short, long = _number(split.get("ephemeral_5m_input_tokens")), _number(split.get("ephemeral_1h_input_tokens"))
    if written is not None:
        # Servers that do not split wrote for 5 minutes; what a split leaves out did so too.
        short = max(written - (long or 0), short or 0)
    return {
        "I": _number(fields.get("input_tokens")),
        "R": _number(fields.get(_READ)),
        "5m": short,
        "1h": long,
        "O": _number(fields.get("output_tokens")),
    }


def _thoughts(fields: Fields) -> int | None:
    details = fields.get("output_tokens_details")
    return _number(details.get("thinking_tokens")) if isinstance(details, dict) else None


def _number(value: Any) -> int | None:
    """*value* if it is a count."""
    return max(value, 0) if type(value) is int else None  # which true is not
