"""Counts of tokens, as the CLI tells them at the end: in camel case, by model, and in the Messages API's own fields.

    {"modelUsage": {"claude-…": {"inputTokens": 3, "cacheReadInputTokens": 900, "outputTokens": 25, "thinkingTokens": 9,
     "cacheCreationInputTokens": 40, "cacheCreationEphemeral1hInputTokens": 10, …}}}

All models of a turn are summed: with tools the CLI asks several.  ``modelUsage`` itself counts a whole session, also
over a resume, so that reading it would bill earlier turns again; ``model_usage_since_last_result`` counts the turn.  A
CLI that does not tell it tells ``usage``, the turn's own, of the model that was asked.
"""

from typing import Any

from pipeline.events import Usage
from stages.dialects.anthropic.usage import read_usage

Fields = dict[str, Any]


def read_result(result: Fields) -> Usage | None:
    """What the turn that ends with *result* has used; None if it does not say."""
    turn = result.get("model_usage_since_last_result")
    if isinstance(turn, dict) and turn:
        return total([read_model(fields) for fields in turn.values() if isinstance(fields, dict)])
    if isinstance(result.get("usage"), dict):
        return read_usage(result["usage"])
    session = result.get("modelUsage")
    models = session.values() if isinstance(session, dict) else ()
    return total([read_model(fields) for fields in models if isinstance(fields, dict)])


def read_model(fields: Fields) -> Usage:
    """The counts of one model."""
    output, thoughts = count(fields, "outputTokens"), count(fields, "thinkingTokens")
    written, hour = count(fields, "cacheCreationInputTokens"), count(fields, "cacheCreationEphemeral1hInputTokens")
    searches = count(fields, "webSearchRequests")
    thoughts = min(thoughts, output)
    return Usage(
        input=count(fields, "inputTokens"),
        cache_read=count(fields, "cacheReadInputTokens"),
        cache_write_5m=max(written - hour, 0),
        cache_write_1h=hour,
        output=output - thoughts,
        reasoning=thoughts if "thinkingTokens" in fields else None,
        extra={"server_tool_use": {"web_search_requests": searches}} if searches else None,
    )


def count(fields: Fields, name: str) -> int:
    """A count; 0 for what is none."""
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def total(usages: list[Usage]) -> Usage | None:
    """The sum of *usages*; None of none."""
    if len(usages) < 2:
        return usages[0] if usages else None
    first, *rest = usages
    for usage in rest:
        first = added(first, usage)
    return first


def added(one: Usage, other: Usage) -> Usage:
    """The sum of two; what neither tells stays untold."""
    return Usage(
        input=_sum(one.input, other.input),
        cache_read=_sum(one.cache_read, other.cache_read),
        cache_write_5m=_sum(one.cache_write_5m, other.cache_write_5m),
        cache_write_1h=_sum(one.cache_write_1h, other.cache_write_1h),
        output=_sum(one.output, other.output),
        reasoning=_sum(one.reasoning, other.reasoning),
        extra=other.extra or one.extra,
    )


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one + (other or 0)
