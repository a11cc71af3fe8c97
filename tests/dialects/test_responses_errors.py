"""What can go wrong, both ways."""

import inspect
from typing import Any

import msgspec
import openai
import pytest

import pipeline.errors as errors
from pipeline.errors import (
    ContextTooLong,
    GatewayError,
    InvalidRequest,
    Overloaded,
    PaymentRequired,
    RateLimited,
    ServerError,
    Unauthenticated,
    UnknownModel,
    UpstreamRefused,
)
from stages.dialects.responses.errors import NotStored, decode_error, encode_error, failure, refusal

EVERY = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, GatewayError)]


@pytest.mark.parametrize("kind", [kind for kind in EVERY if kind is not UpstreamRefused])
def test_every_error_is_told(kind: type[GatewayError]) -> None:
    """Each class of ours has an envelope that the vendor's type takes, and a code for streams."""
    error = kind("words")
    head, body = encode_error(error, "req_1")
    told = msgspec.json.decode(body)["error"]
    openai.types.ErrorObject.model_validate(told, strict=True)
    assert head.status >= 400
    assert (b"x-request-id", b"req_1") in head.headers
    assert failure(error)["code"]
    assert "words" in failure(error)["message"]


def test_what_is_not_kept() -> None:
    """A reference to an earlier response is refused under the vendor's own code."""
    head, body = encode_error(NotStored("Previous response not found", param="previous_response_id"), "req_1")
    assert head.status == 400
    assert msgspec.json.decode(body)["error"]["code"] == "previous_response_not_found"


def test_an_upstreams_own_error_passes_as_it_came() -> None:
    """In its own dialect status, fields and body stay; from another it is told anew."""
    raw = b'{"error": {"message": "Slow.", "type": "requests", "code": "rate_limit_exceeded", "param": null}}'
    refused = decode_error(429, [(b"retry-after", b"3"), (b"content-type", b"application/json")], raw)
    head, body = encode_error(refused, "req_1")
    assert (head.status, body) == (429, raw)
    assert (b"retry-after", b"3") in head.headers
    assert isinstance(refused.means, RateLimited)
    foreign = UpstreamRefused("Busy", dialect="anthropic", means=Overloaded("Busy"), code=529, fields=[], body=b"{}")
    head, body = encode_error(foreign, "req_1")
    assert head.status == 503
    assert msgspec.json.decode(body)["error"]["message"] == "Busy"


@pytest.mark.parametrize(
    ("found", "means", "retry"),
    [
        ({"code": "rate_limit_exceeded", "message": "Please try again in 1.5s."}, RateLimited, 1.5),
        ({"code": "rate_limit_exceeded", "message": "Please try again in 250ms."}, RateLimited, 0.25),
        ({"code": "rate_limit_exceeded", "message": "Later."}, RateLimited, None),
        ({"code": "context_length_exceeded", "message": "Too long."}, ContextTooLong, None),
        ({"code": "insufficient_quota", "message": "No money."}, PaymentRequired, None),
        ({"code": "server_is_overloaded", "message": "Busy."}, Overloaded, None),
        ({"code": "server_error", "message": "Oops."}, ServerError, None),
        ({"type": "error", "code": None, "message": "Oops.", "param": None}, ServerError, None),
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "No."}}, InvalidRequest, None),
        ({"type": "error", "error": {"code": "model_not_found", "message": "No."}}, UnknownModel, None),
        ({"code": "invalid_api_key", "message": "Who?"}, Unauthenticated, None),
        (None, ServerError, None),
        ("text", ServerError, None),
    ],
)
def test_what_is_meant_in_a_stream(found: Any, means: type[GatewayError], retry: float | None) -> None:
    """Code and type tell; the words tell how long to wait."""
    refused = refusal(found)
    assert isinstance(refused.means, means)
    assert refused.dialect == "responses"
    assert getattr(refused.means, "retry_after", None) == retry
    assert refused.message


def test_codes_for_codex() -> None:
    """What is permanent is told so that Codex gives up; how long to wait stands in the words."""
    assert failure(RateLimited("Slow.", retry_after=2.5))["message"] == "Slow. Please try again in 2.5s."
    assert failure(RateLimited("Try again in 3s.", retry_after=2.5))["message"] == "Try again in 3s."
    assert failure(Unauthenticated())["code"] == "invalid_prompt"
    assert failure(NotStored("x"))["code"] == "invalid_prompt"
    own = refusal({"code": "bio_policy", "message": "No."})
    assert failure(own) == {"code": "bio_policy", "message": "No."}
