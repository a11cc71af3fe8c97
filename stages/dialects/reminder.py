"""Reminder: instructions that stand where no system may speak, told in the user's turn.

    {"role": "system", "content": "Be brief."}   ─▶   <system-reminder>\nBe brief.\n</system-reminder>

In place, never hoisted to the front: a change there voids the cache of all that follows.  The tag tells the model that
these are not the user's own words.
"""

from typing import Any


def reminder(part: dict[str, Any]) -> dict[str, Any]:
    """*part*, a block or part with a text, as a user's; one without is left as it is."""
    if "text" not in part:
        return part
    return {**part, "text": f"<system-reminder>\n{part['text']}\n</system-reminder>"}
