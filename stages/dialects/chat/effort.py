"""How much to think, as a Chat model takes it: one word, a provider's switch, or both.

    Intent("high") + Family(efforts=("low", "high"))        ─▶  {"reasoning_effort": "high"}
    Intent("none") + Family(quiet={"thinking": {…}})        ─▶  {"thinking": {…}}
    Intent("max")  + Family(efforts=(), awake={"think": …}) ─▶  {"think": …}, and the level is lost

For prompts that are translated, for those that stay as they are, and for Responses, whose word is the same.
"""

from typing import Any

from stages.dialects.chat.families import Family
from stages.thinking import LEVELS, Intent, Level

FIELD = "reasoning_effort"
_ONE_OF = frozenset({"effort", "max_tokens", "enabled"})  # of OpenRouter's object: several are refused


def told(intent: Intent, ways: Family, *, tools: bool) -> tuple[dict[str, Any], str]:
    """The fields that say *intent* to a model of *ways*, and what of it is lost ("": nothing).

    *tools*: whether the prompt has any; some models do not reason beside them.
    """
    if intent.off and ways.quiet is not None:
        return dict(ways.quiet), ""
    fields = {} if intent.off else dict(ways.awake or {})
    level = intent.as_level()
    if level is None:
        return fields, ""
    if ways.efforts is None:  # a model of which nothing is known may refuse to be told "none"
        return (fields if intent.off else {**fields, FIELD: level}), ""
    if ways.efforts == () and ways.awake is not None and not intent.off:
        return fields, "this model thinks or does not: how much is its own affair"
    word, lost = clamped(level, ways.efforts), ""
    if word not in (None, "none") and tools and not ways.effort_with_tools:
        word, lost = ("none" if "none" in ways.efforts else None), "this model does not reason here while it has tools"
    elif word is None:
        lost = "" if intent.off else "this model does not reason"
    elif word != level:
        lost = f"the nearest effort that this model has is {word}"
    return (fields if word is None else {**fields, FIELD: word}), lost


def laid(value: Any, now: Any) -> Any:
    """*value* over what there is *now* in its place: what an object says of other things stays."""
    if not isinstance(value, dict) or not isinstance(now, dict) or "type" in value:
        return value
    rivals = _ONE_OF if _ONE_OF & value.keys() else frozenset()
    return {**{key: told for key, told in now.items() if key not in rivals}, **value}


def clamped(level: Level, efforts: tuple[Level, ...]) -> Level | None:
    """The word of *efforts* nearest to *level*: the next lower, else the next higher; None if there is none.

    Only who asked for no reasoning gets none, where there is a choice.
    """
    asked = LEVELS.index(level)
    known = [word for word in efforts if word != "none" or level == "none"]
    lower = [word for word in known if LEVELS.index(word) <= asked]
    return lower[-1] if lower else next(iter(known), None)
