"""Reasoning: the Responses API's items ⇄ thinking with a signature.

    {"type": "reasoning", "id", "summary": [{summary_text}…], "content": [{reasoning_text}…], "encrypted_content"}
         words: the texts of all parts, a blank line between them          signature: encrypted_content, in an envelope

What the model thought is in ``encrypted_content``; the words are a summary of it for people.  It goes to clients of
another protocol in an envelope (``envelope``), as Claude's signature comes to clients of this one.
"""

from typing import Any

from stages.dialects.envelope import Kind, family, unwrap, wrap

NAME = "responses"
BETWEEN = "\n\n"  # parts


def words(item: dict[str, Any]) -> str:
    """All that *item* says in words."""
    return BETWEEN.join(text for _, text in parts(item))


def parts(item: dict[str, Any]) -> list[tuple[tuple[str, int], str]]:
    """The texts of *item* by place, those that are not empty."""
    found: list[tuple[tuple[str, int], str]] = []
    for field in ("summary", "content"):
        listed = item.get(field)
        for number, part in enumerate(listed if isinstance(listed, list) else ()):
            text = part.get("text") if isinstance(part, dict) else part
            if isinstance(text, str) and text:
                found.append(((field, number), text))
    return found


def sealed(item: dict[str, Any], model: str) -> str | None:
    """The signature for what *item*, made by *model*, has encrypted; None if it has nothing.

    What is in an envelope already was made for a client of this protocol, by us.  Claude's is given out bare: that is
    how the hub has it.
    """
    encrypted = item.get("encrypted_content")
    if not isinstance(encrypted, str) or not encrypted:
        return None
    known = unwrap(encrypted)
    if known is not None:
        return known.payload if known.dialect == "anthropic" and known.kind == "signature" else encrypted
    ref = item.get("id")
    return wrap(NAME, family(model), encrypted, ref=ref if isinstance(ref, str) else "")


def encrypted(signature: str, model: str, kind: Kind = "signature") -> str:
    """What a client of this protocol gets as encrypted_content for *signature*, which *model* made."""
    known = unwrap(signature)
    if known is None:
        return wrap("anthropic", family(model), signature, kind=kind)
    return known.payload if known.dialect == NAME else signature


def item_of(text: str, sealed: str | None, *, item_id: str) -> dict[str, Any]:
    """The item that says *text* and has encrypted *sealed*."""
    item: dict[str, Any] = {"id": item_id, "type": "reasoning"}
    item["summary"] = [{"type": "summary_text", "text": text}] if text else []
    if sealed:
        item["encrypted_content"] = sealed
    return item
