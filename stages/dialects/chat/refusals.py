"""What an upstream means by an error: many shapes and words, one of our classes.

    {"error": {"message", "type", "code"}}     OpenAI and most
    {"error": {"code": 429, "metadata", …}}    OpenRouter: the code is a status
    {"error": "text"}                          Ollama and small servers
    [{"error": {…}}]                           Gemini's compatible endpoint
    {"object": "error", "message", …}          older vLLM
    {"detail": …}, a page, nothing             what stands before them

The code decides first, then the status, then the words of the message: servers that invent codes still write
"maximum context length".  Raw parts are kept for clients of this dialect; ``retry-after`` is kept for all.
"""

import math
import re
import zlib
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from pipeline.errors import (
    Conflict,
    ContentRefused,
    ContextTooLong,
    Forbidden,
    GatewayError,
    InvalidRequest,
    NotFound,
    Overloaded,
    PaymentRequired,
    RateLimited,
    ServerError,
    TooLarge,
    Unauthenticated,
    UnknownModel,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
)
from transports.messages import Headers, find

_LENGTH = 2000  # characters of a message that are passed on
_INFLATED = 1024 * 1024
_LONGEST = 30 * 86400.0  # seconds; nobody waits longer

_CODES: dict[str, type[GatewayError]] = {
    "context_length_exceeded": ContextTooLong,
    "context_window_exceeded": ContextTooLong,
    "exceed_context_size_error": ContextTooLong,  # llama.cpp
    "insufficient_quota": PaymentRequired,
    "billing_hard_limit_reached": PaymentRequired,
    "billing_not_active": PaymentRequired,
    "content_policy_violation": ContentRefused,
    "content_filter": ContentRefused,  # Azure
    "responsibleaipolicyviolation": ContentRefused,  # Azure, within innererror
    "data_inspection_failed": ContentRefused,  # Qwen
    "invalid_prompt": ContentRefused,
    "model_not_found": UnknownModel,
    "invalid_api_key": Unauthenticated,
    "rate_limit_exceeded": RateLimited,
    "server_is_overloaded": Overloaded,
    "slow_down": Overloaded,
}

_STATUSES: dict[int, type[GatewayError]] = {
    400: InvalidRequest,
    401: Unauthenticated,
    402: PaymentRequired,
    403: Forbidden,
    404: NotFound,
    408: UpstreamTimeout,
    409: Conflict,
    413: TooLarge,
    422: InvalidRequest,
    429: RateLimited,
    500: ServerError,
    502: UpstreamFailed,
    503: Overloaded,
    504: UpstreamTimeout,
    529: Overloaded,
}

_PHRASES: tuple[tuple[frozenset[int], re.Pattern[str], type[GatewayError]], ...] = (
    (
        frozenset({400, 413, 422, 500}),
        re.compile(
            r"maximum context length|context (?:length|window|size)|prompt is too long|maximum prompt length"
            r"|input token count .{0,40}exceed|reduce the length of the (?:messages|prompt)|range of input length",
            re.IGNORECASE,
        ),
        ContextTooLong,
    ),
    (
        frozenset({400, 402, 403, 429}),
        re.compile(
            r"exceeded your current quota|insufficient (?:balance|credit|quota|fund)|credit balance|out of credits?\b"
            r"|requires more credits",
            re.IGNORECASE,
        ),
        PaymentRequired,
    ),
    (
        frozenset({400, 403}),
        re.compile(r"content (?:management )?policy|safety system|flagged (?:by|for|as)|was flagged", re.IGNORECASE),
        ContentRefused,
    ),
    (
        frozenset({400, 404}),
        re.compile(r"\bmodel\b.{0,200}(?:does not exist|not found|not available|not a valid model)", re.IGNORECASE),
        UnknownModel,
    ),
)

# A stream's error has no status; its type or code says one.
_WORDS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "requests": 429,
    "tokens": 429,
    "overloaded_error": 503,
    "timeout_error": 504,
    "timeout": 504,
    **{code: (kind.status if kind is not PaymentRequired else 429) for code, kind in _CODES.items()},
}


def decode_error(status: int, headers: Headers, body: bytes) -> UpstreamRefused:
    """What an upstream meant by *status* and *body*, raw parts kept."""
    found = error_in(body, headers)
    message = _message(found) or f"the upstream answered {status}"
    means = _means(status, found, message, headers)
    return UpstreamRefused(message, dialect="chat", means=means, code=status, fields=headers, body=body)


def frame_error(data: bytes) -> UpstreamRefused:
    """What the upstream meant by a frame with an error in it; *data* is the frame's JSON."""
    found = error_in(data, [])
    return decode_error(_status(found), [(b"content-type", b"application/json")], data)


def error_in(body: bytes, headers: Headers) -> Any:
    """The error object or text in *body*, None if there is none to be seen."""
    plain = _inflated(body, headers)
    try:
        value = msgspec.json.decode(plain)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = plain[: _LENGTH * 4].decode("utf-8", "replace").strip()
        return None if not text or text.startswith("<") else text
    if isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, dict):
        return value
    return value.get("error") or value.get("detail") or value.get("errors") or value


def is_error(body: bytes, headers: Headers) -> bool:
    """Whether *body* is an error that clients of this dialect can read."""
    try:
        value = msgspec.json.decode(_inflated(body, headers))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    error = value.get("error") if isinstance(value, dict) else None
    return isinstance(error, dict) and isinstance(error.get("message"), str)


def _means(status: int, found: Any, message: str, headers: Headers) -> GatewayError:
    kind = _kind(status, found, message)
    if kind is RateLimited:
        return RateLimited(message, retry_after=_retry_after(headers))
    if kind is Unauthenticated:
        return Unauthenticated(message)
    advice = [
        (name, value) for name, value in headers if name in {b"retry-after", b"retry-after-ms", b"x-should-retry"}
    ]
    param = found.get("param") if isinstance(found, dict) else None
    return kind(message, headers=advice, param=param if isinstance(param, str) else None)


def _kind(status: int, found: Any, message: str) -> type[GatewayError]:
    for word in _words(found):
        if word in _CODES:
            return _CODES[word]
    for statuses, phrase, kind in _PHRASES:
        if status in statuses and phrase.search(message):
            return kind
    return _STATUSES.get(status, InvalidRequest if status < 500 else ServerError)


def _status(found: Any) -> int:
    """The status an error in a stream would have had."""
    code = found.get("code") if isinstance(found, dict) else None
    if isinstance(code, int) and 400 <= code <= 599:
        return code
    return next((_WORDS[word] for word in _words(found) if word in _WORDS), 500)


def _words(found: Any) -> list[str]:
    """Code and type of an error, the most telling first."""
    if not isinstance(found, dict):
        return []
    inner = found.get("innererror")
    values = [inner.get("code") if isinstance(inner, dict) else None, found.get("code"), found.get("type")]
    return [value.lower() for value in values if isinstance(value, str)]


def _message(found: Any) -> str:
    if isinstance(found, dict):
        text = found.get("message") or found.get("msg")
        meta = found.get("metadata")
        behind = meta.get("raw") if isinstance(meta, dict) else None  # OpenRouter: what the provider behind it said
        if isinstance(text, str):
            return (f"{text}: {behind}" if isinstance(behind, str) else text)[:_LENGTH]
    if isinstance(found, str):
        return found[:_LENGTH]
    return "" if not found else msgspec.json.encode(found)[:_LENGTH].decode("utf-8", "replace")


def _retry_after(headers: Headers) -> float | None:
    """Seconds to wait, from whichever field tells."""
    precise, plain = find(headers, b"retry-after-ms"), find(headers, b"retry-after")
    try:
        seconds = float(precise) / 1000 if precise is not None else float(plain or "")
    except ValueError:
        return _until(plain or "", find(headers, b"date"))
    return min(max(0.0, seconds), _LONGEST) if math.isfinite(seconds) else None


def _until(moment: str, now: str | None) -> float | None:
    """Seconds from *now*, by the upstream's own clock, until *moment*; both HTTP dates."""
    try:
        return max(0.0, (parsedate_to_datetime(moment) - parsedate_to_datetime(now or "")).total_seconds())
    except (ValueError, TypeError):
        return None


def _inflated(body: bytes, headers: Headers) -> bytes:
    """*body* without gzip or deflate; other codings stay, and give an error without words."""
    coding = (find(headers, b"content-encoding") or "").strip().lower()
    if coding not in {"gzip", "x-gzip", "deflate"}:
        return b"" if coding in {"br", "zstd"} else body
    try:
        return zlib.decompressobj(47).decompress(body, _INFLATED)  # 47: zlib's or gzip's header, whichever there is
    except zlib.error:
        return b""
