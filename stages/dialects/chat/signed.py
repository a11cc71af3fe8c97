"""Signatures of calls: what Gemini wants back with a call that it made, and clients of other protocols can't give.

    tool_calls[0]  {id, …, extra_content: {google: {thought_signature: "Ci…"}}}     Gemini 3 refuses a history without
        ──▶  Redacted(envelope(chat, gemini, "Ci…", ref=id))  ToolUse(id, …)        a block that every client gives back
        ──▶  on the next turn: the call of that id has its signature again

To Chat clients it goes as it came, on the call; elsewhere it is a block of reasoning that nobody can read, in an
envelope (``envelope``), since that is what clients of the other protocols return untouched beside their calls.
"""

from typing import Any

from stages.dialects.envelope import Envelope, family, unwrap, wrap

Fields = dict[str, Any]

FIELD = "extra_content"
_DIALECT = "chat"


def signature(told: Any) -> str:
    """The signature in the ``extra_content`` of a call; "" if there is none."""
    google = told.get("google") if isinstance(told, dict) else None
    found = google.get("thought_signature") if isinstance(google, dict) else None
    return found if isinstance(found, str) else ""


def sealed(told: str, call: str, model: str) -> str:
    """The envelope for *told*, the signature of the *call* that *model* made."""
    return wrap(_DIALECT, family(model), told, kind="redacted", ref=call)


def opened(block: Fields, model: str) -> Envelope | None:
    """What a block of reasoning that came back says of a call, if *model* made it; None if it is another's."""
    data = block.get("data" if block.get("type") == "redacted_thinking" else "signature")
    envelope = unwrap(data) if isinstance(data, str) else None
    return envelope if envelope is not None and envelope.ref and envelope.fits(_DIALECT, model) else None


def of_a_call(data: str) -> bool:
    """Whether the sealed reasoning *data* is what stands on a call here."""
    envelope = unwrap(data)
    return envelope is not None and envelope.dialect == _DIALECT


def signing(told: str) -> Fields:
    """The field of a call that has its signature *told*."""
    return {FIELD: {"google": {"thought_signature": told}}}
