"""What can go wrong, as Chat says it: ``{"error": {"message", "type", "param", "code"}}``.

    GatewayError ──encode_error──▶ status, fields, body       before anything was sent
                 ──error_frame───▶ data: {"error": …}          within a stream; no [DONE] follows
    status, fields, body ──decode_error──▶ UpstreamRefused     what an upstream meant, see ``refusals``

One table, class → (status, type, code); a subclass without a line of its own is told as its parent, but for its status,
if it says one.
"""

from typing import Any

import msgspec

from pipeline.errors import (
    BudgetSpent,
    Conflict,
    ContentRefused,
    ContextTooLong,
    FieldsTooLarge,
    Forbidden,
    GatewayError,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    PaymentRequired,
    RateLimited,
    ServerError,
    StoreUnavailable,
    TooLarge,
    TooSlow,
    Unauthenticated,
    UnknownModel,
    UnreadCoding,
    Unsupported,
    UpgradeRequired,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamTruncated,
    meant,
    row,
)
from stages.dialects.chat.refusals import error_in, is_error
from transports.messages import Head, Headers, end_to_end

TABLE: dict[type[GatewayError], tuple[int, str, str | None]] = {
    GatewayError: (500, "server_error", "server_error"),
    InvalidRequest: (400, "invalid_request_error", None),
    Unsupported: (400, "invalid_request_error", "unsupported_parameter"),
    ContextTooLong: (400, "invalid_request_error", "context_length_exceeded"),
    ContentRefused: (400, "invalid_request_error", "content_policy_violation"),
    TooLarge: (413, "invalid_request_error", "request_too_large"),
    UnreadCoding: (415, "invalid_request_error", "unsupported_media_type"),
    FieldsTooLarge: (431, "invalid_request_error", "request_too_large"),
    TooSlow: (408, "invalid_request_error", "request_timeout"),
    Unauthenticated: (401, "invalid_request_error", "invalid_api_key"),
    Forbidden: (403, "invalid_request_error", "permission_denied"),
    NotFound: (404, "invalid_request_error", "not_found"),
    UnknownModel: (404, "invalid_request_error", "model_not_found"),
    MethodNotAllowed: (405, "invalid_request_error", "method_not_allowed"),
    Conflict: (409, "invalid_request_error", "conflict"),
    UpgradeRequired: (426, "invalid_request_error", "upgrade_required"),
    RateLimited: (429, "requests", "rate_limit_exceeded"),
    BudgetSpent: (429, "insufficient_quota", "insufficient_quota"),
    PaymentRequired: (429, "insufficient_quota", "insufficient_quota"),
    Overloaded: (503, "server_error", "server_is_overloaded"),
    UpstreamFailed: (502, "server_error", "server_error"),
    StoreUnavailable: (503, "server_error", "store_unavailable"),
    UpstreamTimeout: (504, "server_error", "timeout"),
    UpstreamTruncated: (502, "server_error", "server_error"),
    ServerError: (500, "server_error", "server_error"),
    UpstreamRefused: (502, "server_error", "server_error"),  # never used: what it means is told
    InternalError: (500, "server_error", "server_error"),
}

# What an upstream says of its own site and next hop; its body keeps its content coding, so that field stays.
_SITE = frozenset({b"set-cookie", b"server", b"date", b"alt-svc", b"strict-transport-security", b"report-to", b"nel"})


def encode_error(error: GatewayError, request_id: str) -> tuple[Head, bytes]:
    """Head and body that tell *error* when nothing was sent yet.

    What an upstream of this dialect refused is passed on as it came: status, fields, body.  What is no error of this
    dialect, a page or nothing at all, keeps its status only.
    """
    own = isinstance(error, UpstreamRefused) and error.dialect == "chat"
    if isinstance(error, UpstreamRefused) and own and is_error(error.body, error.fields):
        fields = [(name, value) for name, value in end_to_end(error.fields) if name not in _SITE]
        return Head(error.code, _identified(fields, request_id)), error.body
    status = error.code if isinstance(error, UpstreamRefused) and own else row(meant(error), TABLE)[0]
    fields = [(b"content-type", b"application/json"), *meant(error).headers]
    if isinstance(meant(error), PaymentRequired) and not any(name == b"x-should-retry" for name, _ in fields):
        fields.append((b"x-should-retry", b"false"))  # told as 429, which clients would retry
    return Head(status, _identified(fields, request_id)), msgspec.json.encode({"error": told(error)})


def error_frame(error: GatewayError) -> bytes:
    """The frame that tells *error* within a stream."""
    return b"data: " + msgspec.json.encode({"error": told(error)}) + b"\n\n"


def told(error: GatewayError) -> dict[str, Any]:
    """The error object for *error*; an upstream's own, if it is of this dialect and has one."""
    if isinstance(error, UpstreamRefused) and error.dialect == "chat":
        own = error_in(error.body, error.fields)
        if isinstance(own, dict) and isinstance(own.get("message"), str):
            return {"type": None, "param": None, "code": None, **own}
    _, kind, code = row(meant(error), TABLE)
    return {"message": error.message, "type": kind, "param": meant(error).param, "code": code}


def _identified(fields: Headers, request_id: str) -> Headers:
    """*fields*, with both spellings of the request's id: SDKs of either family look for their own."""
    known = {name for name, _ in fields}
    ids = [(name, request_id.encode("latin-1", "replace")) for name in (b"x-request-id", b"request-id")]
    return [*fields, *((name, value) for name, value in ids if name not in known)]
