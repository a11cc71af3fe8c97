"""What can go wrong, as the Responses API says it.

    GatewayError ──encode_error──▶ status, fields, {"error": {"message", "type", "param", "code"}}   before anything
                 ──failure───────▶ {"code", "message"}, the ``error`` of a response that failed      within a stream
    status, fields, body ──decode_error──▶ UpstreamRefused                                           what was meant
    response.failed, ``error`` ──refusal──▶ UpstreamRefused

Outside of streams the words are Chat's: one vendor, one envelope, one list of codes.  Within a stream a code decides
what Codex does: it compacts on ``context_length_exceeded``, gives up on ``invalid_prompt`` and ``insufficient_quota``,
waits on ``rate_limit_exceeded`` as long as the message says ("try again in 3s"), and repeats the turn on anything else;
so what is permanent is told as ``invalid_prompt``.
"""

import re
from typing import Any

import msgspec

from pipeline.errors import (
    BudgetSpent,
    ContentRefused,
    ContextTooLong,
    Forbidden,
    GatewayError,
    InvalidRequest,
    NotFound,
    Overloaded,
    PaymentRequired,
    RateLimited,
    TooLarge,
    Unauthenticated,
    UpstreamRefused,
    meant,
)
from stages.dialects.chat import errors as chat
from stages.dialects.chat.refusals import decode_error as decode_chat_error
from stages.dialects.chat.refusals import error_in, frame_error
from transports.messages import Head, Headers

NAME = "responses"


class NotStored(InvalidRequest):
    """The request refers to what a server of this API keeps between requests, and nothing is kept here."""


FAILURES: dict[type[GatewayError], str] = {
    GatewayError: "server_error",
    InvalidRequest: "invalid_prompt",
    ContextTooLong: "context_length_exceeded",
    ContentRefused: "invalid_prompt",
    TooLarge: "invalid_prompt",
    NotFound: "invalid_prompt",
    Unauthenticated: "invalid_prompt",
    Forbidden: "invalid_prompt",
    PaymentRequired: "insufficient_quota",
    BudgetSpent: "insufficient_quota",
    RateLimited: "rate_limit_exceeded",
    Overloaded: "server_is_overloaded",
}

_WAIT = re.compile(r"try again in (\d+(?:\.\d+)?) ?(ms|s)", re.IGNORECASE)


# -- telling ----------------------------------------------------------------------------------------------------------


def encode_error(error: GatewayError, request_id: str) -> tuple[Head, bytes]:
    """Head and body that tell *error* when nothing was sent yet; an upstream's own, of this dialect, as it came."""
    if isinstance(error, NotStored):
        head, _ = chat.encode_error(error, request_id)
        return head, msgspec.json.encode({"error": {**chat.told(error), "code": "previous_response_not_found"}})
    if not isinstance(error, UpstreamRefused):
        return chat.encode_error(error, request_id)
    return chat.encode_error(_as(error, "chat") if error.dialect == NAME else error.means, request_id)


def failure(error: GatewayError) -> dict[str, Any]:
    """The ``error`` of a response that failed; an upstream's own, if it is of this dialect and has one."""
    if isinstance(error, UpstreamRefused) and error.dialect == NAME:
        own = error_in(error.body, error.fields)
        if isinstance(own, dict) and isinstance(own.get("message"), str) and isinstance(own.get("code"), str):
            return {"code": own["code"], "message": own["message"]}
    means = meant(error)
    code = next(FAILURES[kind] for kind in type(means).__mro__ if kind in FAILURES)
    message = error.message
    if isinstance(means, RateLimited) and means.retry_after is not None and not _WAIT.search(message):
        message = f"{message} Please try again in {max(means.retry_after, 0.001):g}s."
    return {"code": code, "message": message}


# -- understanding ----------------------------------------------------------------------------------------------------


def decode_error(status: int, headers: Headers, body: bytes) -> UpstreamRefused:
    """What an upstream meant by *status* and *body*, raw parts kept."""
    return _as(decode_chat_error(status, headers, body), NAME)


def refusal(found: Any) -> UpstreamRefused:
    """What an upstream meant by *found*: an ``error`` event, or the ``error`` of a response."""
    told = found.get("error") if isinstance(found, dict) and isinstance(found.get("error"), dict) else found
    told = told if isinstance(told, dict) else {"message": told if isinstance(told, str) else None}
    kind = told.get("type")
    error = {
        "message": told.get("message") or "the upstream failed while it answered",
        "type": None if kind == "error" else kind,  # the event's own type says nothing
        "param": told.get("param"),
        "code": told.get("code"),
    }
    refused = _as(frame_error(msgspec.json.encode({"error": error})), NAME)
    wait = _WAIT.search(refused.message)
    if wait is not None and isinstance(refused.means, RateLimited) and refused.means.retry_after is None:
        refused.means.retry_after = float(wait.group(1)) / (1000 if wait.group(2).lower() == "ms" else 1)
    return refused


def _as(error: UpstreamRefused, dialect: str) -> UpstreamRefused:
    """*error*, said to be of *dialect*."""
    return UpstreamRefused(
        error.message, dialect=dialect, means=error.means, code=error.code, fields=error.fields, body=error.body
    )
