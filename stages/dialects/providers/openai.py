"""OpenAI's own Chat Completions.  Its newer models reason beside tools on /responses only.

gpt-5.4 and later take tools here with an effort of "none" alone: that is recorded (``chat.prompt_out``).  Those that
can't but reason, and so can't be asked here at all, are refused with a word about where they can.
"""

from typing import Any

from pipeline.errors import Unsupported
from pipeline.prompt import Prompt
from stages.dialects.chat.families import TABLE, Family
from stages.dialects.provider import Provider

WAYS = Family(limit="max_completion_tokens", parts=True, anywhere=True, top_k=False, strict=True, tiers=True)


def finish(made: dict[str, Any], hub: dict[str, Any], prompt: Prompt) -> None:
    """Refuse tools for a model that has them on /responses only.  Raises Unsupported."""
    ways = PROVIDER.family(made["model"])
    if made.get("tools") and not ways.effort_with_tools and ways.efforts is not None and "none" not in ways.efforts:
        why = 'this model takes tools through /responses only: an upstream with dialect = "responses" has it'
        raise Unsupported(f"tools: {why}", param="tools")


PROVIDER = Provider(ways=WAYS, models=TABLE, finish=finish)
