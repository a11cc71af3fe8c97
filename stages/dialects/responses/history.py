"""Reasoning in a conversation's history that this API would not take back.

    encrypted_content "gAAAA…"         its own                              stays
    encrypted_content "Z3cx…" (ours)   its own, kept in an envelope         unwrapped
                                       another maker's                      the item is dropped, and that is recorded

For clients of this dialect whose next turn goes to an upstream of this dialect, after one that went elsewhere.  What
becomes of an item depends on it and on the model alone, so that the history is the same in every turn.
"""

from typing import Any

from pipeline.prompt import Prompt
from stages.dialects.envelope import MARK, unwrap
from stages.dialects.responses.errors import NAME

_WHY_DROPPED = "another maker's reasoning: this API would refuse the request"
_WHY_UNWRAPPED = "the API's own reasoning, taken out of its envelope"


def mend(prompt: Prompt) -> None:
    """Take strange reasoning out of a prompt that is in this dialect already, and leave all other bytes alone."""
    if b'"' + MARK.encode() not in prompt.encode():
        return
    items: Any = prompt.get("input")
    for number in reversed(range(len(items) if isinstance(items, list) else 0)):
        sealed = items[number].get("encrypted_content") if isinstance(items[number], dict) else None
        envelope = unwrap(sealed) if isinstance(sealed, str) else None
        if envelope is None:
            continue
        if envelope.fits(NAME, prompt.model):
            prompt.set("input", number, "encrypted_content", to=envelope.payload, why=_WHY_UNWRAPPED)
        else:
            prompt.drop("input", number, why=_WHY_DROPPED, lossy=True)
