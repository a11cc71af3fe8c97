"""Redaction: what an upstream repeats of a credential nobody reads."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidRequest, UpstreamRefused
from stages.redaction import redact, redacted

KEY = "house-key-without-any-known-form"


def refusal(body: bytes, fields: Any = (), message: str = "") -> UpstreamRefused:
    means = InvalidRequest(message or body.decode("utf-8", "replace"))
    return UpstreamRefused(str(means), dialect="chat", means=means, code=401, fields=list(fields), body=body)


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefgh1234",
        "sk-ant-api03-AbC_dEf-123456",
        "sk-abcd****************wxyz",
        "sk-abcd\u2026\u2026wxyz",
        "sk_live_abcdefgh",
        "gsk_abcdefghijklmnopqrstuv",
        "AIzaSyA1234567890abcdefghijk",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl",
        "Bearer abc123def456==",
    ],
)
def test_what_has_the_form_of_a_credential_goes(secret: str) -> None:
    """Whole or masked, in the middle of a sentence or of JSON."""
    for text in (
        f"Incorrect API key provided: {secret}. See",
        json.dumps({"message": f"'{secret}'"}, ensure_ascii=False),
    ):
        told = redacted(text.encode()).decode()
        assert "[redacted]" in told
        assert not any(part in told for part in (secret, secret[-4:]))


@pytest.mark.parametrize(
    "text",
    [
        "the model claude-sonnet-5 is overloaded: task-force-of-many, risk-adjusted",
        '{"type":"api_connection_error","code":"invalid_api_key","param":"x-api-key"}',
        "Bearer authentication is required",
        "req_011CSHoEeqs5C35K2UUqR7Fy api-version=2024-10-21 disk-0123456789",
        "messages.3.content.0: unexpected `tool_use_id` toolu_01A09q90qw90lq917835lq9",
        "model xai-grok-4 does not exist",
    ],
)
def test_what_errors_say_else_stays(text: str) -> None:
    """Clients read the words of errors: none is touched without need."""
    assert redacted(text.encode(), KEY) == text.encode()


@given(st.binary(max_size=300))
def test_a_body_without_a_credential_is_passed_on_as_it_came(body: bytes) -> None:
    """To the byte, with its fields; nothing that was shown is ever left."""
    error = refusal(body, [(b"content-encoding", b"identity")])
    redact(error, KEY)
    assert error.body == redacted(body)
    assert KEY.encode() not in redacted(body + KEY.encode() + body, KEY)


def test_the_whole_error_is_looked_at() -> None:
    """Message, meaning, body, fields: whatever is told, logged or passed on."""
    error = refusal(
        f'{{"error":{{"message":"bad key {KEY}"}}}}'.encode(), [(b"x-echo", KEY.encode())], f"bad key {KEY}"
    )
    assert redact(error, KEY)
    told = [str(error), error.message, str(error.means), error.means.message, repr(error.body), repr(error.fields)]
    assert not any(KEY in text for text in told)
    assert json.loads(error.body) == {"error": {"message": "bad key [redacted]"}}
    assert not redact(error, KEY)


def test_a_compressed_body_is_looked_into() -> None:
    """One that holds a credential goes on plain; one that does not, as it came."""
    packed = gzip.compress(f"bad key {KEY}".encode())
    error = refusal(packed, [(b"content-encoding", b"gzip"), (b"content-length", b"99")], "bad key")
    assert redact(error, KEY)
    assert (error.body, error.fields) == (b"bad key [redacted]", [])
    harmless = gzip.compress(b"no")
    error = refusal(harmless, [(b"content-encoding", b"gzip")], "no")
    assert not redact(error, KEY)
    assert error.body == harmless


def test_a_body_that_can_not_be_read_tells_nothing() -> None:
    """Another coding than ours to undo: it is as good as empty, the key may be in it."""
    error = refusal(b"\x28\xb5\x2f\xfd rubbish", [(b"content-encoding", b"br")], "no")
    redact(error, KEY)
    assert KEY.encode() not in error.body


def test_a_short_secret_does_not_empty_the_error() -> None:
    """A key of a letter or two, as local servers have them, is no word to take out of a text."""
    assert redacted(b"any model is an error", "an") == b"any model is an error"
