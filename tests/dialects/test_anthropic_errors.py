"""Errors: every class has its words, and every upstream's words have a class."""

import gzip
from collections.abc import Iterator
from typing import Any

import anthropic as sdk
import httpx2
import msgspec
import pytest
from anthropic.types import ErrorResponse
from hypothesis import given
from hypothesis import strategies as st

from pipeline import errors
from pipeline.errors import (
    BudgetSpent,
    Conflict,
    ContextTooLong,
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
    TooLarge,
    Unauthenticated,
    UnknownModel,
    Unsupported,
    UpgradeRequired,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
)
from stages.dialects.anthropic.errors import TABLE, decode_error, encode_error, envelope, told_in_stream
from transports.messages import Head, find


def subclasses(kind: type[GatewayError]) -> Iterator[type[GatewayError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from subclasses(child)


def made(kind: type[GatewayError]) -> GatewayError:
    """An error of *kind*."""
    if kind is UpstreamRefused:
        means = Overloaded("busy")
        return UpstreamRefused("busy", dialect="chat", means=means, code=503, fields=[], body=b"{}")
    return kind("what happened")


OURS = [kind for kind in subclasses(GatewayError) if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", OURS)
def test_the_table_covers_every_error(kind: type[GatewayError]) -> None:
    """A new class must say how it is told here; its status is the class's own."""
    assert kind in TABLE
    assert TABLE[kind][0] == kind.status or kind is UpstreamRefused


@pytest.mark.parametrize("kind", OURS)
def test_every_error_is_told_as_the_api_would(kind: type[GatewayError]) -> None:
    """Status, envelope, both ids; valid for the vendor's strict type where that knows the kind."""
    head, body = encode_error(made(kind), "req_1")
    told = msgspec.json.decode(body)
    if told["error"]["type"] not in {"request_too_large", "conflict_error"}:  # the SDK's union lacks them
        ErrorResponse.model_validate(told, strict=True)
    assert told["request_id"] == "req_1"
    assert find(head.headers, b"request-id") == find(head.headers, b"x-request-id") == "req_1"
    assert find(head.headers, b"content-type") == "application/json"


class Teapot(InvalidRequest):
    """What a stage of somebody's own may raise."""

    status = 418


def test_an_error_of_ones_own_is_told_as_its_parent_with_its_own_status() -> None:
    """A stage's author says a class and a status, and no dialect."""
    head, body = encode_error(Teapot("short and stout"), "req_1")
    assert (head.status, msgspec.json.decode(body)["error"]["type"]) == (418, "invalid_request_error")


def raised(head: Head, body: bytes) -> sdk.APIStatusError:
    """What the vendor's SDK raises for an answer."""
    fields = [(name.decode(), value.decode()) for name, value in head.headers]

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(head.status, headers=fields, content=body)

    client = sdk.Anthropic(
        api_key="k", max_retries=0, http_client=sdk.DefaultHttpxClient(transport=httpx2.MockTransport(answer))
    )
    with client, pytest.raises(sdk.APIStatusError) as caught:
        client.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}])
    return caught.value


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (InvalidRequest("x"), sdk.BadRequestError),
        (Unauthenticated(), sdk.AuthenticationError),
        (Forbidden("x"), sdk.PermissionDeniedError),
        (UnknownModel("x"), sdk.NotFoundError),
        (Conflict("x"), sdk.ConflictError),
        (RateLimited("x", retry_after=3), sdk.RateLimitError),
        (BudgetSpent("x"), sdk.RateLimitError),
        (UpstreamFailed("x"), sdk.InternalServerError),
        (InternalError(), sdk.InternalServerError),
    ],
)
def test_the_sdk_raises_the_error_that_is_meant(error: GatewayError, expected: type[Exception]) -> None:
    """Class, type and request id arrive in the client's hands."""
    told = raised(*encode_error(error, "req_7"))
    assert isinstance(told, expected)
    assert told.request_id == "req_7"
    assert told.type == TABLE[type(error)][1]


def test_words_that_clients_look_for() -> None:
    """A prompt that is too long begins so; what can't be done carries its token."""
    assert envelope(ContextTooLong("the window is 8"))["error"]["message"] == "prompt is too long: the window is 8"
    assert envelope(ContextTooLong("prompt is too long: 9 > 8"))["error"]["message"] == "prompt is too long: 9 > 8"
    told = envelope(Unsupported("audio: no upstream takes it", token="audio_input"))["error"]["message"]
    assert told == "audio: no upstream takes it (capability_rejected: audio_input)"
    assert envelope(Unsupported("no"))["error"]["message"] == "no"


def test_a_spend_limit_is_told_as_final() -> None:
    """429, billing_error, not to be tried again at once."""
    head, body = encode_error(BudgetSpent("spent until Monday", retry_after=60), "r")
    assert (head.status, msgspec.json.decode(body)["error"]["type"]) == (429, "billing_error")
    assert (find(head.headers, b"x-should-retry"), find(head.headers, b"retry-after")) == ("false", "60")


def test_an_error_of_this_dialect_passes_as_it_came() -> None:
    """Status, bytes and fields are the upstream's; ours are only the ids it did not give."""
    fields = [(b"content-type", b"text/plain"), (b"request-id", b"req_up"), (b"retry-after", b"7"), (b"x", b"y")]
    said = b'{ "error": {"message": "busy", "type": "overloaded_error"}, "x": 1 }'
    error = decode_error(529, fields, said)
    head, body = encode_error(error, "req_ours")
    assert (head.status, body) == (529, said)
    assert head.headers == [*fields, (b"x-request-id", b"req_ours")]


@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad Gateway</html>", b"{}", b'{"error":null}', b'{"error":{"message":7}}']
)
def test_what_is_no_error_of_this_dialect_keeps_its_status_only(body: bytes) -> None:
    """A page, or nothing: clients are told in words that they can read, and when to come back."""
    refused = decode_error(429, [(b"content-type", b"text/html"), (b"retry-after", b"7")], body)
    head, told = encode_error(refused, "r")
    assert (head.status, find(head.headers, b"retry-after")) == (429, "7")
    assert find(head.headers, b"content-type") == "application/json"
    ErrorResponse.model_validate(msgspec.json.decode(told), strict=True)


def test_an_error_of_another_dialect_is_told_anew() -> None:
    """As what it means, with what it says about trying again."""
    means = RateLimited("slow down", retry_after=4)
    error = UpstreamRefused(
        "slow down", dialect="chat", means=means, code=429, fields=[(b"x-a", b"b")], body=b'{"a":1}'
    )
    head, body = encode_error(error, "r")
    assert msgspec.json.decode(body)["error"] == {"type": "rate_limit_error", "message": "slow down"}
    assert (find(head.headers, b"retry-after"), find(head.headers, b"x-a")) == ("4", None)


def answered(status: int, type_: str | None = None, message: str = "said", **details: Any) -> GatewayError:
    """What an answer means."""
    error = {"message": message, **({"type": type_} if type_ else {}), **({"details": details} if details else {})}
    refused = decode_error(status, [], msgspec.json.encode({"type": "error", "error": error}))
    assert (refused.message, refused.code) == (message, status)
    return refused.means


@pytest.mark.parametrize(
    ("status", "type_", "meaning"),
    [
        (400, "invalid_request_error", InvalidRequest),
        (401, "authentication_error", Unauthenticated),
        (402, "billing_error", PaymentRequired),
        (403, "permission_error", Forbidden),
        (404, "not_found_error", NotFound),
        (405, None, MethodNotAllowed),
        (408, None, UpstreamTimeout),
        (409, "conflict_error", Conflict),
        (413, "request_too_large", TooLarge),
        (418, None, InvalidRequest),
        (422, None, InvalidRequest),
        (426, None, UpgradeRequired),
        (429, "rate_limit_error", RateLimited),
        (429, "billing_error", BudgetSpent),
        (500, "api_error", ServerError),
        (500, "overloaded_error", Overloaded),
        (502, "api_error", UpstreamFailed),
        (503, None, Overloaded),
        (504, "timeout_error", UpstreamTimeout),
        (529, "overloaded_error", Overloaded),
        (520, None, ServerError),
        (302, None, UpstreamFailed),
    ],
)
def test_status_and_type_say_what_happened(status: int, type_: str | None, meaning: type[GatewayError]) -> None:
    """The type where it says more than the status, else the status."""
    assert type(answered(status, type_)) is meaning


def test_some_words_say_more_than_status_and_type() -> None:
    """A prompt too long, money gone, a model unknown."""
    assert isinstance(
        answered(400, "invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"), ContextTooLong
    )
    long = "input length and `max_tokens` exceed context limit: 1 + 2 > 2"
    assert isinstance(answered(400, "invalid_request_error", long), ContextTooLong)
    poor = "Your credit balance is too low to access the API."
    assert isinstance(answered(400, "invalid_request_error", poor), PaymentRequired)
    assert isinstance(answered(404, "not_found_error", "model: claude-nope"), UnknownModel)
    spent = answered(429, "rate_limit_error", error_code="enforced_spend_limit_reached")
    assert isinstance(spent, BudgetSpent)
    assert not spent.retryable


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html><body>Bad gateway</body></html>", "the upstream answered 502"),
        (b"", "the upstream answered 502"),
        (b"upstream connect error", "upstream connect error"),
        (b"\x1f\x8b\x08\x00", "the upstream answered 502"),
        (b'{"error": "plain"}', "plain"),
        (b'{"message": "top"}', "top"),
        (b'{"detail": "framework"}', "framework"),
        (b'{"error": {"message": 3}}', "the upstream answered 502"),
        (b"[]", "the upstream answered 502"),
        (b"[" * 9999, "the upstream answered 502"),
        (b"x" * 9999, "x" * 500),
    ],
)
def test_any_body_has_a_message(body: bytes, message: str) -> None:
    """JSON of any shape, text, HTML, nothing: a sentence, never a page."""
    refused = decode_error(502, [], body)
    assert refused.message == refused.means.message == message
    assert isinstance(refused.means, UpstreamFailed)
    assert refused.body == body


def test_a_compressed_body_is_read_and_passed_as_it_came() -> None:
    """Its words say what it means; its bytes and their coding go on."""
    body = gzip.compress(b'{"error":{"type":"invalid_request_error","message":"prompt is too long: 9 > 8 maximum"}}')
    fields = [(b"content-encoding", b"gzip")]
    refused = decode_error(400, fields, body)
    assert isinstance(refused.means, ContextTooLong)
    assert encode_error(refused, "r")[1] == body
    assert decode_error(400, fields, b"broken").message == "the upstream answered 400"


def test_an_error_in_a_stream_can_be_an_answer() -> None:
    """Before anything was sent it is told with the status its type stands for, as JSON whatever it was."""
    head, body = encode_error(told_in_stream(b'{"error":{"type":"overloaded_error","message":"busy"}}'), "r")
    assert (head.status, find(head.headers, b"content-type")) == (529, "application/json")
    assert body == b'{"error":{"type":"overloaded_error","message":"busy"}}'
    head, body = encode_error(told_in_stream(b"<html>"), "r")
    assert head.status == 500
    ErrorResponse.model_validate(msgspec.json.decode(body), strict=True)


@given(
    st.integers(200, 599),
    st.binary(max_size=40) | st.sampled_from([b'{"error":{"type":[]}}', b'{"error":{"details":3}}']),
)
def test_no_answer_is_too_strange(status: int, body: bytes) -> None:
    """Whatever comes has a meaning and can be told."""
    refused = decode_error(status, [(b"retry-after", b"soon")], body)
    head, told = encode_error(refused, "r")
    assert head.status == status
    assert isinstance(msgspec.json.decode(told)["error"]["message"], str)
    assert refused.retryable == refused.means.retryable


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(b"12", 12), (b"0.5", 0.5), (b"Wed, 21 Oct 2026 07:28:00 GMT", None), (b"-1", None), (b"inf", None), (b"", None)],
)
def test_when_to_try_again_is_kept(value: bytes, seconds: float | None) -> None:
    """In seconds where it says so, and in its own field always."""
    means = decode_error(429, [(b"retry-after", value), (b"x-should-retry", b"true"), (b"a", b"b")], b"{}").means
    assert isinstance(means, RateLimited)
    assert means.retry_after == seconds
    assert means.headers == [(b"retry-after", value), (b"x-should-retry", b"true")]
