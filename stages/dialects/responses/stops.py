"""Why a reply ended: status and incomplete_details ⇄ our Stop.

completed                        end_turn, tool_use, stop_sequence, refusal told in words
incomplete, max_output_tokens    max_tokens
incomplete, content_filter       refusal without words
failed, cancelled                no end: an error
"""

from typing import Any

from pipeline.events import Stop

_REASONS: dict[str, Stop] = {
    "max_output_tokens": "max_tokens",
    "max_tokens": "max_tokens",  # some compatible servers
    "content_filter": "refusal",
    "max_messages": "end_turn",
    "steered": "end_turn",
}
_CUT: frozenset[Stop] = frozenset({"max_tokens", "model_context_window_exceeded"})
BROKEN = ("failed", "cancelled")


def read(response: dict[str, Any], *, called: bool, refused: bool) -> Stop:
    """What *response* ended with.  *called*: whether it calls tools; *refused*: whether its words refuse."""
    details = response.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    if response.get("status") == "incomplete" or isinstance(reason, str):
        stop = _REASONS.get(str(reason), "max_tokens")
        if stop != "end_turn":
            return stop
    if called:
        return "tool_use"
    return "refusal" if refused else "end_turn"


def write(stop: Stop, *, refused: bool) -> tuple[str, dict[str, str] | None]:
    """Status and incomplete_details for *stop*; *refused*: whether the words say so already."""
    if stop in _CUT:
        return "incomplete", {"reason": "max_output_tokens"}
    if stop == "refusal" and not refused:
        return "incomplete", {"reason": "content_filter"}
    return "completed", None


def broken(response: dict[str, Any]) -> dict[str, Any]:
    """The error of a *response* that failed."""
    error = response.get("error")
    if isinstance(error, dict):
        return error
    how = "cancelled" if response.get("status") == "cancelled" else "failed to give"
    return {"message": error if isinstance(error, str) else f"the upstream {how} its answer", "code": "server_error"}
