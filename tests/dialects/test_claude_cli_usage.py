"""Counts in camel case: disjoint classes, one turn's, all models'."""

from typing import Any

from pipeline.events import Usage
from stages.dialects.claude_cli.usage import added, read_result, total

ONE: dict[str, Any] = {"inputTokens": 3, "outputTokens": 25, "cacheReadInputTokens": 900, "webSearchRequests": 2,
       "cacheCreationInputTokens": 50, "cacheCreationEphemeral1hInputTokens": 10, "thinkingTokens": 20}  # fmt: skip
OTHER: dict[str, Any] = {"inputTokens": 1, "outputTokens": 2, "cacheReadInputTokens": 0, "cacheCreationInputTokens": 0}


def test_each_class_is_counted_once() -> None:
    """Thoughts are not output, what is kept an hour is not kept five minutes."""
    usage = read_result({"model_usage_since_last_result": {"claude-a": ONE}})
    assert usage is not None
    assert (usage.input, usage.cache_read, usage.cache_write_5m, usage.cache_write_1h) == (3, 900, 40, 10)
    assert (usage.output, usage.reasoning) == (5, 20)
    assert usage.extra == {"server_tool_use": {"web_search_requests": 2}}


def test_all_models_of_a_turn_are_summed() -> None:
    """With tools the CLI asks several."""
    usage = read_result({"model_usage_since_last_result": {"claude-a": ONE, "claude-b": OTHER}})
    assert usage is not None
    assert (usage.input, usage.output, usage.reasoning) == (4, 7, 20)


def test_a_resumed_session_is_not_billed_again() -> None:
    """``modelUsage`` counts all turns of a session; what counts this one holds, whatever it is called."""
    session = {"modelUsage": {"claude-a": {**ONE, "inputTokens": 10_000}}}
    turn = {"input_tokens": 7, "output_tokens": 2}
    usage = read_result({**session, "usage": turn, "model_usage_since_last_result": {"claude-a": ONE}})
    assert usage is not None
    assert usage.input == 3
    usage = read_result({**session, "usage": turn})
    assert usage is not None
    assert (usage.input, usage.output) == (7, 2)


def test_an_old_cli_tells_only_one_of_them() -> None:
    """It kept no session either, so that its sum is the turn's."""
    usage = read_result({"modelUsage": {"claude-a": OTHER}})
    assert usage == Usage(input=1, cache_read=0, cache_write_5m=0, cache_write_1h=0, output=2)


def test_what_makes_no_sense_counts_nothing() -> None:
    """Words, negative numbers and lists are no counts."""
    assert read_result({}) is None
    assert read_result({"modelUsage": [], "usage": None}) is None
    usage = read_result({"modelUsage": {"a": {"inputTokens": "3", "outputTokens": -1, "thinkingTokens": True}}})
    assert usage is not None
    assert (usage.prompt, usage.produced) == (0, 0)
    thoughts = read_result({"modelUsage": {"a": {"outputTokens": 5, "thinkingTokens": 9}}})
    assert thoughts is not None
    assert (thoughts.output, thoughts.reasoning) == (0, 5)


def test_sums_keep_what_nobody_told_untold() -> None:
    """None is not zero."""
    assert added(Usage(input=1), Usage(output=2)) == Usage(input=1, output=2)
    assert total([]) is None
    assert total([Usage(input=1), Usage(input=2), Usage(input=3, reasoning=4)]) == Usage(input=6, reasoning=4)
