"""Log probabilities: of each token of a text how likely it was, and what else might have stood there.

    Chat           choices[].logprobs.content  [{token, bytes, logprob, top_logprobs: [{token, bytes, logprob}]}]
    Responses      in deltas and output_text.done    the same without bytes
                   in a part of an item              the same, bytes demanded

A TextDelta has those of its piece in Chat's form, the fullest.  What is no such list is left out, never an error: an
answer is worth more than its weights.
"""

from collections.abc import Sequence
from typing import Any

Tokens = Sequence[dict[str, Any]]

_UNSPEAKABLE = "bytes:"  # how a token is spelled that is only part of a character


def tokens(told: Any) -> list[dict[str, Any]] | None:
    """The tokens of the list *told*, in Chat's form; None if there are none."""
    if not told or not isinstance(told, list):
        return None
    found = []
    for one in told:
        if _is_token(one):
            likely = one.get("top_logprobs")
            others = [_full(other) for other in likely if _is_token(other)] if isinstance(likely, list) else []
            found.append({**_full(one), "top_logprobs": others})
    return found or None


def brief(told: Tokens) -> list[dict[str, Any]]:
    """Tokens as a Responses delta tells them."""
    return [{**_short(one), "top_logprobs": [_short(other) for other in one["top_logprobs"]]} for one in told]


def spelled(told: Tokens) -> list[dict[str, Any]]:
    """Tokens as a part of a Responses item has them: none without its bytes."""
    return [{**_bytes(one), "top_logprobs": [_bytes(other) for other in one["top_logprobs"]]} for one in told]


def _is_token(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return isinstance(value.get("token"), str) and isinstance(value.get("logprob"), float | int)


def _full(one: dict[str, Any]) -> dict[str, Any]:
    given, token = one.get("bytes"), one["token"]
    if not isinstance(given, list):
        given = None if token.startswith(_UNSPEAKABLE) else list(token.encode("utf-8", "replace"))
    return {"token": token, "bytes": given, "logprob": float(one["logprob"])}


def _short(one: dict[str, Any]) -> dict[str, Any]:
    return {"token": one["token"], "logprob": one["logprob"]}


def _bytes(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "bytes": one["bytes"] or []}
