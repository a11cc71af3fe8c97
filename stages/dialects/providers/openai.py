"""OpenAI's own Chat Completions.  Its newer models reason beside tools on /responses only.

gpt-5.4 and later take tools here with an effort of "none" alone, also when none is said: so that is said, and recorded.
Those that can't but reason, and so can't be asked here at all, are refused with a word about where they can.  What is
to be had is an upstream with dialect = "responses": preset openai_responses.
"""

from typing import Any

from pipeline.errors import Unsupported
from pipeline.prompt import Prompt
from stages.dialects.chat.families import TABLE, Family
from stages.dialects.provider import Provider

WAYS = Family(limit="max_completion_tokens", parts=True, anywhere=True, top_k=False, strict=True, tiers=True)


def finish(made: dict[str, Any], hub: dict[str, Any], prompt: Prompt) -> None:
    """Ask for no reasoning beside tools, where that is a condition.  Raises Unsupported for models that always do."""
    ways = PROVIDER.family(made["model"])
    if ways.effort_with_tools or not made.get("tools") or "reasoning_effort" in made:
        return
    if "none" not in (ways.efforts or ()):
        why = 'this model takes tools through /responses only: an upstream with dialect = "responses" has it'
        raise Unsupported(f"tools: {why}", param="tools")
    made["reasoning_effort"] = "none"
    prompt.record("added", ("output_config", "effort"), "beside tools this model reasons through /responses only")


PROVIDER = Provider(ways=WAYS, models=TABLE, finish=finish)
