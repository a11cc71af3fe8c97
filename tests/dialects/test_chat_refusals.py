"""What upstreams mean by their errors, in all the shapes they have."""

import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import (
    ContentRefused,
    ContextTooLong,
    Forbidden,
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
    UpstreamTimeout,
)
from stages.dialects.chat.refusals import decode_error, frame_error
from transports.messages import Headers


def body(message: str = "m", **fields: Any) -> bytes:
    return json.dumps({"error": {"message": message, **fields}}).encode()


@pytest.mark.parametrize(
    ("status", "raw", "means", "message"),
    [
        (400, body("bad", param="n"), InvalidRequest, "bad"),
        (400, body(code="context_length_exceeded"), ContextTooLong, "m"),
        (400, body("This model's maximum context length is 8192 tokens."), ContextTooLong, None),
        (400, body("too large", type="exceed_context_size_error"), ContextTooLong, None),
        (400, body("The input token count (9) exceeds the maximum number of tokens allowed"), ContextTooLong, None),
        (401, body(code="invalid_api_key"), Unauthenticated, "m"),
        (402, body("Insufficient Balance"), PaymentRequired, None),
        (403, body("no"), Forbidden, "no"),
        (403, body("Your input was flagged by moderation"), ContentRefused, None),
        (400, body(code="content_filter", innererror={"code": "ResponsibleAIPolicyViolation"}), ContentRefused, "m"),
        (404, body("The model `x` does not exist", code="model_not_found"), UnknownModel, None),
        (404, body("model 'llama9' not found, try pulling it first"), UnknownModel, None),
        (404, body("nothing here"), NotFound, None),
        (413, body(), TooLarge, "m"),
        (422, b'{"detail":[{"loc":["body"],"msg":"Extra inputs are not permitted"}]}', InvalidRequest,
         '[{"loc":["body"],"msg":"Extra inputs are not permitted"}]'),
        (429, body(code="rate_limit_exceeded", type="tokens"), RateLimited, "m"),
        (429, body(code="insufficient_quota", type="insufficient_quota"), PaymentRequired, "m"),
        (429, body("You exceeded your current quota, please check your plan"), PaymentRequired, None),
        (500, body(), ServerError, "m"),
        (503, body(code="slow_down"), Overloaded, "m"),
        (502, b"<html><h1>Bad gateway</h1>", UpstreamFailed, "the upstream answered 502"),
        (504, b"", UpstreamTimeout, "the upstream answered 504"),
        (529, b"overloaded", Overloaded, "overloaded"),
        (400, b'{"error":"invalid model"}', InvalidRequest, "invalid model"),
        (400, b'[{"error":{"code":400,"message":"API key not valid","status":"INVALID_ARGUMENT"}}]', InvalidRequest,
         "API key not valid"),
        (400, b'{"object":"error","message":"old vLLM","type":"BadRequestError"}', InvalidRequest, "old vLLM"),
        (429, b'{"error":{"code":429,"message":"Provider returned error","metadata":{"raw":"busy"}}}', RateLimited,
         "Provider returned error: busy"),
        (400, b"\xff\xfe", InvalidRequest, "\ufffd\ufffd"),
        (418, b"null", InvalidRequest, "the upstream answered 418"),
    ],
)  # fmt: skip
def test_meanings(status: int, raw: bytes, means: type[Exception], message: str | None) -> None:
    """The code decides, then the words, then the status; the words are kept, and the raw parts too."""
    error = decode_error(status, [(b"x", b"y")], raw)
    assert type(error.means) is means
    assert error.message == (message or json.loads(raw)["error"]["message"])
    assert (error.dialect, error.code, error.fields, error.body) == ("chat", status, [(b"x", b"y")], raw)
    assert error.retryable == error.means.retryable


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ([(b"retry-after", b"7")], 7),
        ([(b"retry-after", b"7"), (b"retry-after-ms", b"1500")], 1.5),
        ([(b"retry-after", b"Wed, 21 Oct 2026 07:28:30 GMT"), (b"date", b"Wed, 21 Oct 2026 07:28:00 GMT")], 30),
        ([(b"retry-after", b"Wed, 21 Oct 2026 07:28:30 GMT")], None),
        ([(b"retry-after", b"soon")], None),
        ([(b"retry-after", b"inf")], None),
        ([(b"retry-after", b"-3")], 0),
        ([], None),
    ],
)
def test_when_to_come_again(fields: Headers, seconds: float | None) -> None:
    """In whichever field and spelling the upstream says it."""
    means = decode_error(429, fields, body()).means
    assert isinstance(means, RateLimited)
    assert means.retry_after == seconds


def test_advice_is_kept_for_other_dialects() -> None:
    """retry-after and x-should-retry go along with what the error means."""
    fields = [(b"retry-after", b"9"), (b"x-should-retry", b"true"), (b"server", b"x")]
    assert decode_error(503, fields, body()).headers == fields[:2]


@pytest.mark.parametrize(("coding", "pack"), [(b"gzip", gzip.compress), (b"deflate", zlib.compress)])
def test_compressed_errors_are_understood(coding: bytes, pack: Any) -> None:
    """Some servers compress though nobody asked; the raw body stays as it came."""
    packed = pack(body(code="model_not_found"))
    error = decode_error(404, [(b"content-encoding", coding)], packed)
    assert isinstance(error.means, UnknownModel)
    assert error.body == packed
    assert decode_error(404, [(b"content-encoding", b"br")], b"\x00").message == "the upstream answered 404"


@pytest.mark.parametrize(
    ("error", "means", "code"),
    [
        ({"code": 429, "message": "m"}, RateLimited, 429),
        ({"type": "overloaded_error", "message": "m"}, Overloaded, 503),
        ({"code": "context_length_exceeded", "message": "m"}, ContextTooLong, 400),
        ({"type": "invalid_request_error", "message": "maximum context length"}, ContextTooLong, 400),
        ({"code": 9000, "message": "m"}, ServerError, 500),
        ("just text", ServerError, 500),
    ],
)
def test_errors_in_a_stream(error: Any, means: type[Exception], code: int) -> None:
    """They have no status of their own: code or type says which it would have been."""
    refused = frame_error(json.dumps({"error": error}).encode())
    assert (type(refused.means), refused.code) == (means, code)


words = st.sampled_from(["error", "message", "code", "type", "metadata", "raw", "innererror", "detail"])
trees = st.recursive(
    st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(words, inner)
)


@given(st.integers(400, 599), st.binary() | trees.map(lambda value: json.dumps(value).encode()))
def test_no_error_makes_it_raise(status: int, raw: bytes) -> None:
    """Whatever an upstream sends, it means something."""
    assert decode_error(status, [], raw).message
    assert 400 <= frame_error(raw).code <= 599
