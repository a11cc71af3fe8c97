"""Errors as Chat says them: every class has its line, and the openai package raises what was meant."""

import json
from typing import Any

import httpx2
import openai
import pytest

from pipeline import errors
from pipeline.errors import (
    BudgetSpent,
    ContextTooLong,
    GatewayError,
    InternalError,
    InvalidRequest,
    Overloaded,
    PaymentRequired,
    RateLimited,
    Unauthenticated,
    UnknownModel,
    Unsupported,
    UpstreamRefused,
    UpstreamTimeout,
)
from stages.dialects.chat.errors import TABLE, encode_error, error_frame
from stages.dialects.chat.refusals import decode_error
from transports.messages import find


def test_every_class_has_a_line() -> None:
    """A class without one would be told as its parent: then say so here."""
    assert {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, GatewayError)} == set(
        TABLE
    )


@pytest.mark.parametrize(
    ("error", "raised", "status", "code"),
    [
        (InvalidRequest("x", param="messages[0]"), openai.BadRequestError, 400, None),
        (Unsupported("x", param="n"), openai.BadRequestError, 400, "unsupported_parameter"),
        (ContextTooLong("x"), openai.BadRequestError, 400, "context_length_exceeded"),
        (Unauthenticated(), openai.AuthenticationError, 401, "invalid_api_key"),
        (UnknownModel("x"), openai.NotFoundError, 404, "model_not_found"),
        (RateLimited("x", retry_after=3), openai.RateLimitError, 429, "rate_limit_exceeded"),
        (BudgetSpent("x"), openai.RateLimitError, 429, "insufficient_quota"),
        (PaymentRequired("x"), openai.RateLimitError, 429, "insufficient_quota"),
        (Overloaded("x"), openai.InternalServerError, 503, "server_is_overloaded"),
        (UpstreamTimeout("x"), openai.InternalServerError, 504, "timeout"),
        (InternalError(), openai.InternalServerError, 500, "server_error"),
    ],
)
def test_the_package_raises_what_was_meant(error: GatewayError, raised: Any, status: int, code: Any) -> None:
    """Class, status, code, param and request id arrive."""
    head, body = encode_error(error, "req_1")
    answer = httpx2.Response(head.status, headers=[(k.decode(), v.decode()) for k, v in head.headers], content=body)
    client = openai.OpenAI(api_key="k", base_url="http://test/v1", max_retries=0, http_client=openai.DefaultHttpxClient(
        transport=httpx2.MockTransport(lambda request: answer)))  # fmt: skip
    with client, pytest.raises(raised) as caught:
        client.chat.completions.create(model="m", messages=[])
    told = caught.value
    assert (told.status_code, told.code, told.param) == (status, code, error.param)
    assert told.request_id == "req_1"
    assert error.message in told.message


class Teapot(GatewayError):
    """What a stage of somebody's own may raise."""

    status = 418


class Dozing(Overloaded):
    """Another, which says no status of its own."""


def test_an_error_of_ones_own_is_told_as_its_parent_with_its_own_status() -> None:
    """And with the parent's where it has none: 503 here, whatever it is elsewhere."""
    head, body = encode_error(Teapot("short and stout"), "req_1")
    assert (head.status, json.loads(body)["error"]["type"]) == (418, "server_error")
    assert encode_error(Dozing("later"), "req_1")[0].status == 503


def test_both_names_of_the_request() -> None:
    """SDKs of either family find the id under their own."""
    head, _ = encode_error(InvalidRequest("x"), "req_1")
    assert find(head.headers, b"request-id") == find(head.headers, b"x-request-id") == "req_1"


def test_what_is_permanent_says_so() -> None:
    """Money that is gone is told as 429, which clients would retry."""
    for error in (BudgetSpent("x"), PaymentRequired("x"), Unauthenticated()):
        assert find(encode_error(error, "r")[0].headers, b"x-should-retry") == "false"
    assert find(encode_error(RateLimited("x", retry_after=7), "r")[0].headers, b"retry-after") == "7"


def test_a_refusal_of_this_dialect_passes_as_it_came() -> None:
    """Status, body and advice of the upstream; not its cookies, nor what belongs to one hop."""
    fields = [(b"content-type", b"application/json"), (b"retry-after", b"5"), (b"x-request-id", b"theirs"),
              (b"set-cookie", b"a=b"), (b"connection", b"keep-alive"), (b"content-length", b"9")]  # fmt: skip
    said = b'{"error":{ "message":"tea" }}'
    head, body = encode_error(decode_error(418, fields, said), "ours")
    assert (head.status, body) == (418, said)
    assert head.headers == [*fields[:3], (b"request-id", b"ours")]


@pytest.mark.parametrize(
    ("body", "message"), [(b"", "the upstream answered 418"), (b"<html>", "the upstream answered 418"), (b"{}", None),
                          (b'{"error":"tea"}', "tea"), (b'{"detail":"tea"}', "tea")],
)  # fmt: skip
def test_what_is_no_error_of_this_dialect_keeps_its_status_only(body: bytes, message: str | None) -> None:
    """A page, or nothing: clients are told in words that they can read."""
    head, told = encode_error(decode_error(418, [(b"content-type", b"text/html"), (b"server", b"x")], body), "ours")
    assert (head.status, find(head.headers, b"content-type")) == (418, "application/json")
    assert find(head.headers, b"server") is None
    assert message is None or json.loads(told)["error"]["message"] == message


def test_a_refusal_of_another_dialect_is_told_anew() -> None:
    """As what it means, in the words of the upstream, with its advice."""
    means = RateLimited("slow", retry_after=9)
    error = UpstreamRefused(
        "slow", dialect="anthropic", means=means, code=429, fields=[(b"server", b"x")], body=b"<raw>"
    )
    head, body = encode_error(error, "r")
    assert json.loads(body)["error"]["code"] == "rate_limit_exceeded"
    assert find(head.headers, b"retry-after") == "9"
    assert find(head.headers, b"server") is None


def test_within_a_stream() -> None:
    """One frame, whose error the package raises; an upstream's own object stays whole."""
    assert json.loads(error_frame(Overloaded("x"))[6:]) == {
        "error": {"message": "x", "type": "server_error", "param": None, "code": "server_is_overloaded"}
    }
    own = decode_error(400, [], b'{"error":{"message":"m","code":"c","extra":1}}')
    assert json.loads(error_frame(own)[6:])["error"] == {
        "message": "m",
        "type": None,
        "param": None,
        "code": "c",
        "extra": 1,
    }
    assert json.loads(error_frame(decode_error(502, [], b"<html>"))[6:])["error"]["code"] == "server_error"
