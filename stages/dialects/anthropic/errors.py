"""Errors: what happened, in the words of the Messages API, and back.

    RateLimited ─▶ 429 {"type": "error", "error": {"type": "rate_limit_error", "message": …}, "request_id": …}
    529 overloaded_error ─▶ UpstreamRefused(means=Overloaded)

Clients act on the wording: "prompt is too long" makes Claude Code compact its conversation, ``capability_rejected:``
makes it leave a feature off.  So the words of an upstream are kept, and an error of this dialect passes as it came.
"""

import math
import re
import zlib
from collections.abc import Callable
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
from stages.dialects.anthropic.blocks import NAME, Fields
from stages.dialects.anthropic.rejections import word_for
from transports.messages import Head, Headers, find

# Class → (status, error.type), the API's "Errors" page.  Subclasses not named here are told as their base is.
TABLE: dict[type[GatewayError], tuple[int, str]] = {
    GatewayError: (500, "api_error"),
    InvalidRequest: (400, "invalid_request_error"),
    Unsupported: (400, "invalid_request_error"),
    ContextTooLong: (400, "invalid_request_error"),
    ContentRefused: (400, "invalid_request_error"),
    Unauthenticated: (401, "authentication_error"),
    PaymentRequired: (402, "billing_error"),
    Forbidden: (403, "permission_error"),
    NotFound: (404, "not_found_error"),
    UnknownModel: (404, "not_found_error"),
    MethodNotAllowed: (405, "invalid_request_error"),
    Conflict: (409, "conflict_error"),
    TooLarge: (413, "request_too_large"),
    UnreadCoding: (415, "invalid_request_error"),
    UpgradeRequired: (426, "invalid_request_error"),
    FieldsTooLarge: (431, "invalid_request_error"),
    RateLimited: (429, "rate_limit_error"),
    BudgetSpent: (429, "billing_error"),  # what Claude Code expects of a gateway's spend limit
    ServerError: (500, "api_error"),
    InternalError: (500, "api_error"),
    UpstreamFailed: (502, "api_error"),
    UpstreamTruncated: (502, "api_error"),
    UpstreamRefused: (502, "api_error"),  # never used: it is told as what it means
    StoreUnavailable: (503, "api_error"),
    UpstreamTimeout: (504, "timeout_error"),
    TooSlow: (408, "timeout_error"),
    Overloaded: (529, "overloaded_error"),
}

_TOO_LONG = "prompt is too long"
_RETRY = (b"retry-after", b"retry-after-ms", b"x-should-retry")  # what the SDKs obey
_TEXT = 500  # characters of a body that is no JSON, shown to the client
_INFLATED = 256 * 1024  # bytes of a compressed body that are read for its words
_JSON = (b"content-type", b"application/json")


# -- telling ----------------------------------------------------------------------------------------------------------


def encode_error(error: GatewayError, request_id: str) -> tuple[Head, bytes]:
    """The answer that tells *error*: an upstream's own, of this dialect, as it came; any other in our words.

    What calls itself of this dialect and is not, a page or nothing at all, keeps its status only.
    """
    if isinstance(error, UpstreamRefused) and error.dialect == NAME and is_error(_inflated(error.body, error.fields)):
        named = {name for name, _ in error.fields}
        ours = [field for field in _identity(request_id) if field[0] not in named]
        return Head(error.code, [*error.fields, *ours]), error.body
    told = meant(error)
    status = error.code if isinstance(error, UpstreamRefused) and error.dialect == NAME else row(told, TABLE)[0]
    body = msgspec.json.encode({**envelope(told), "request_id": request_id})
    return Head(status, [_JSON, *_identity(request_id), *told.headers]), body


def envelope(error: GatewayError) -> Fields:
    """*error* as an object: the body of an answer, the data of an ``error`` event."""
    if isinstance(error, UpstreamRefused):
        if error.dialect == NAME and is_error(error.body) and (own := _object(error.body)).get("type") == "error":
            return own
        error = error.means
    return {"type": "error", "error": {"type": row(error, TABLE)[1], "message": wording(error)}}


def is_error(body: bytes) -> bool:
    """Whether *body* is an error that clients of this dialect can read."""
    error = _error(_object(body))
    return isinstance(error.get("type"), str) and isinstance(error.get("message"), str)


def wording(error: GatewayError) -> str:
    """The message, with the words that clients look for."""
    if isinstance(error, ContextTooLong):
        return error.message if error.message.lower().startswith(_TOO_LONG) else f"{_TOO_LONG}: {error.message}"
    word = error.token if isinstance(error, Unsupported) else None
    if word is None and type(error) in {InvalidRequest, Unsupported}:
        word = word_for(error.message)
    return f"{error.message} (capability_rejected: {word})" if word else error.message


def _identity(request_id: str) -> Headers:
    """Both names under which SDKs and people look for the id."""
    return [
        (b"request-id", request_id.encode("latin-1", "replace")),
        (b"x-request-id", request_id.encode("latin-1", "replace")),
    ]


# -- understanding ----------------------------------------------------------------------------------------------------


def decode_error(status: int, headers: Headers, body: bytes) -> UpstreamRefused:
    """What an upstream meant by *status* and *body*, whatever the body is.  *headers* are kept for the same dialect."""
    plain = _inflated(body, headers)
    fields = _object(plain)
    message = _message(fields) or _plain(plain) or f"the upstream answered {status}"
    means = meaning(status, _error(fields), message, headers)
    return UpstreamRefused(message, dialect=NAME, means=means, code=status, fields=headers, body=body)


def told_in_stream(data: bytes) -> UpstreamRefused:
    """What an ``error`` event says; there is no status, so its type decides."""
    fields = _object(data)
    message = _message(fields) or "the upstream failed while it answered"
    error = _error(fields)
    status = _STATUS.get(str(error.get("type")), 500)
    means = meaning(status, error, message, [])
    body = data if is_error(data) else msgspec.json.encode(envelope(means))
    return UpstreamRefused(message, dialect=NAME, means=means, code=status, fields=[_JSON], body=body)


def meaning(status: int, error: Fields, message: str, headers: Headers) -> GatewayError:
    """The error of ours that says the same: by (status, type), then type, then status."""
    kind = str(error.get("type"))
    make = _BY_BOTH.get((status, kind)) or _BY_TYPE.get(kind) or _BY_STATUS.get(status) or _beyond(status)
    if make is RateLimited and _spent(error):
        make = BudgetSpent
    elif make is InvalidRequest:
        make = next((made for words, made in _PHRASES if words.search(message)), InvalidRequest)
    elif make is NotFound and message.startswith("model:"):
        make = UnknownModel
    means = make(message)
    told = [(name, value) for name, value in headers if name in _RETRY]
    if told:
        names = {name for name, _ in told}
        means.headers = [*(field for field in means.headers if field[0] not in names), *told]
    if isinstance(means, RateLimited | BudgetSpent):
        means.retry_after = _seconds(find(headers, b"retry-after"))
    return means


Made = Callable[[str], GatewayError]

_STATUS = {kind: status for status, kind in reversed(TABLE.values())}  # of types that several have, the first in TABLE
_BY_BOTH: dict[tuple[int, str], Made] = {(429, "billing_error"): BudgetSpent}
_BY_TYPE: dict[str, Made] = {  # those that say more than any status
    "authentication_error": Unauthenticated,
    "billing_error": PaymentRequired,
    "permission_error": Forbidden,
    "not_found_error": NotFound,
    "conflict_error": Conflict,
    "request_too_large": TooLarge,
    "rate_limit_error": RateLimited,
    "timeout_error": UpstreamTimeout,
    "overloaded_error": Overloaded,
}
_BY_STATUS: dict[int, Made] = {
    401: Unauthenticated,
    402: PaymentRequired,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    408: UpstreamTimeout,
    409: Conflict,
    413: TooLarge,
    426: UpgradeRequired,
    429: RateLimited,
    502: UpstreamFailed,
    503: Overloaded,
    504: UpstreamTimeout,
    529: Overloaded,
}
_PHRASES: tuple[tuple[re.Pattern[str], Made], ...] = (
    (re.compile(r"prompt is too long|exceed(s|ed)? (the )?context (limit|window)", re.IGNORECASE), ContextTooLong),
    (re.compile(r"credit balance is too low", re.IGNORECASE), PaymentRequired),
)
_SPENT = frozenset({"enforced_spend_limit_reached", "contract_spend_limit_reached"})


def _beyond(status: int) -> Made:
    if status >= 500:
        return ServerError
    return InvalidRequest if status >= 400 else UpstreamFailed  # a redirect or a success that is none


def _spent(error: Fields) -> bool:
    details = error.get("details")
    return isinstance(details, dict) and details.get("error_code") in _SPENT


def _inflated(body: bytes, headers: Headers) -> bytes:
    """*body* without the content coding that servers put on it unasked; one we can't undo gives an error no words."""
    coding = (find(headers, b"content-encoding") or "identity").strip().lower()
    if coding not in {"gzip", "x-gzip", "deflate"}:
        return body
    try:
        return zlib.decompressobj(47).decompress(body, _INFLATED)  # 47: a header of gzip or of zlib, whichever is there
    except zlib.error:
        return b""


def _object(body: bytes) -> Fields:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _error(fields: Fields) -> Fields:
    error = fields.get("error")
    return error if isinstance(error, dict) else {}


def _message(fields: Fields) -> str:
    """The message in any of the shapes that servers of this dialect, and those in front of them, use."""
    error: Any = fields.get("error")
    for said in (_error(fields).get("message"), error, fields.get("message"), fields.get("detail")):
        if isinstance(said, str) and said:
            return said
    return ""


def _plain(body: bytes) -> str:
    """A short text for people; nothing of a page in HTML or of what is no text."""
    text = body[: 4 * _TEXT].decode("utf-8", "replace").strip()
    return "" if text[:1] in {"<", "{", "["} or "\ufffd" in text or not text.isprintable() else text[:_TEXT]


def _seconds(value: str | None) -> float | None:
    """A Retry-After in seconds; a date is kept in the field and not read."""
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
