"""What a file of a capture says, and what it never does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.observe.captured import (
    REDACTED,
    Body,
    Captured,
    Message,
    Turn,
    Who,
    cleaned,
    credentials,
    decoded,
    encoded,
)
from pipeline.observe.captured import headers as kept_headers
from pipeline.observe.captured import target as kept_target
from stages.redaction import scrubbed

SECRET = "hidden-credential-1"


def captured(body: bytes = b"{}", line: str = "") -> Captured:
    message = Message([("x-note", f"uses {SECRET}")], Body.of(body), target=f"/v1?x={SECRET}", error=f"no {SECRET}")
    return Captured(
        id="req_1",
        at=1,
        caller=Who("ada", "k1"),
        dialect="words",
        operation="reply",
        streamed=False,
        request=message,
        turns=[Turn("up", "words", message, message)],
        answer=message,
        line={"why": line},
    )


@given(st.binary(max_size=200))
def test_a_body_comes_back_to_the_byte(data: bytes) -> None:
    """Whether it is text or not."""
    assert Body.of(data).data == data


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "set-cookie",
    "proxy-authorization", "x-amz-security-token", "x-csrf-token", "x-client-secret"])  # fmt: skip
def test_a_field_that_bears_a_credential_keeps_its_name_only(name: str) -> None:
    """Whoever sent it."""
    assert kept_headers([(name.encode(), SECRET.encode())]) == [(name, REDACTED)]


@pytest.mark.parametrize("name", ["content-type", "user-agent", "x-session-id", "anthropic-beta", "x-monkey-id"])
def test_other_fields_stay(name: str) -> None:
    """A replay needs them."""
    assert kept_headers([(name.encode(), b"value")]) == [(name, "value")]


def test_parameters_of_a_path_may_be_secrets() -> None:
    """Some clients put their key there."""
    assert kept_target("/v1/models?key=abc&page=2&api_key=x") == f"/v1/models?key={REDACTED}&page=2&api_key={REDACTED}"


def test_what_was_shown_is_nowhere() -> None:
    """Nor is what has the form of a secret; the rest is untouched."""
    shown = credentials([[(b"authorization", b"Bearer " + SECRET.encode()), (b"accept", b"application/json")]])
    assert shown == {SECRET.encode()}
    key = "sk-ant-api03-" + "a1B2" * 8
    text = encoded(cleaned(captured(f"say {SECRET} and {key} twice".encode(), line=f"bad {SECRET}"), shown, scrubbed))
    assert SECRET.encode() not in text
    assert key.encode() not in text
    again = decoded(text)
    assert again.request.body.text == "say [redacted] and [redacted] twice"
    assert (again.id, again.caller, again.turns[0].upstream) == ("req_1", Who("ada", "k1"), "up")
