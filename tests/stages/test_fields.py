"""Which header fields travel: what a program on this machine is told, and nobody else."""

from typing import Any

import pytest

from pipeline.credentials.credential import Credential
from pipeline.exchange import Caller
from pipeline.secret import Secret
from stages.dialects import chat
from stages.fields import CREDENTIALS, answer_fields, reply_fields, request_fields
from stages.notes import ADMITTED
from tests.doubles import exchange, upstream
from transports.messages import Head


def sent(program: bool, caller: Caller | None = None, **fields: str) -> dict[bytes, bytes]:
    """The fields that go to an upstream of another dialect."""
    x = exchange(caller=caller or Caller("ada", "a1"))
    x.request.headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    other: Any = type("Other", (), {"NAME": "other", "defaults": lambda self: []})()
    return dict(request_fields(x, upstream("up", None, dialect=other, program=program)))


@pytest.mark.parametrize(
    ("fields", "session"),
    [
        ({"x_claude_code_session_id": "s1"}, b"s1/"),
        ({"x_claude_code_session_id": "s1", "x_claude_code_agent_id": "a7"}, b"s1/a7"),
        ({"session_id": "s2"}, b"s2/"),
        ({"x_session_id": "s3", "session_id": "s4"}, b"s3/"),
        ({"x_claude_code_agent_id": "a7"}, None),
        ({}, None),
    ],
)
def test_a_program_is_told_who_asks_and_in_which_conversation(fields: dict[str, str], session: bytes | None) -> None:
    """By the caller's id, and the names that clients have for their sessions and agents."""
    found = sent(True, **fields)
    assert found[b"x-pipeline-caller"] == b"a1"
    assert found.get(b"x-pipeline-session") == session


def test_nobody_else_is() -> None:
    """It goes no further than this machine; and nobody can say it in the caller's stead."""
    assert not {b"x-pipeline-caller", b"x-pipeline-session"} & sent(False, session_id="s").keys()
    forged = {"x_pipeline_caller": "eve", "x_pipeline_session": "eves"}
    assert sent(True, **forged)[b"x-pipeline-caller"] == b"a1"
    assert b"x-pipeline-session" not in sent(True, **forged)


@pytest.mark.parametrize(
    "name",
    ["cookie", "authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization", "x-forwarded-for",
     "x-forwarded-anything", "forwarded", "via", "x-real-ip", "true-client-ip", "cf-connecting-ip", "cf-access-token",
     "x-envoy-peer-metadata", "x-original-url", "x-auth-request-user", "x-amz-security-token", "host", "connection",
     "content-length"],
)  # fmt: skip
def test_what_is_nobodys_business_does_not_travel_up(name: str) -> None:
    """Credentials of ours, cookies, the way a request came: not even to an upstream of the same dialect."""
    x = exchange(caller=Caller("ada", "a1"))
    x.request.headers = [(name.encode(), b"secret"), (b"anthropic-beta", b"b"), (b"x-new-field", b"n")]
    found = dict(request_fields(x, upstream("up", None)))
    assert b"secret" not in found.values()
    assert (found[b"anthropic-beta"], found[b"x-new-field"]) == (b"b", b"n")


@pytest.mark.parametrize(
    "name",
    ["set-cookie", "server", "via", "alt-svc", "strict-transport-security", "x-powered-by", "www-authenticate",
     "access-control-allow-origin", "anthropic-organization-id", "openai-organization", "connection",
     "transfer-encoding"],
)  # fmt: skip
def test_what_an_upstream_says_of_its_site_does_not_travel_down(name: str) -> None:
    """Its cookies, its software, the operator's account there; what clients act on does."""
    head = Head(200, [(name.encode(), b"theirs"), (b"request-id", b"r"), (b"anthropic-ratelimit-tokens-limit", b"9")])
    for found in (reply_fields(head, same=True), answer_fields(head.headers)):
        assert found == [(b"request-id", b"r"), (b"anthropic-ratelimit-tokens-limit", b"9")]
    assert reply_fields(head, same=False) == [(b"request-id", b"r")]


def test_a_token_is_shown_as_oauth_has_it_and_a_key_as_its_dialect_does() -> None:
    """RFC 6750 §2.1; and the client's own never beside it."""
    x = exchange(caller=Caller("ada", "a1"))
    x.request.headers = [(b"authorization", b"Bearer the-client's")]
    shown = {
        kind: [pair for pair in request_fields(x, upstream("up", None), Credential(
            id="c", upstream="up", kind=kind, secret=Secret("s"))) if pair[0] in (b"authorization", b"x-words-key")]
        for kind in ("key", "oauth")
    }  # fmt: skip
    assert shown == {"key": [(b"x-words-key", b"s")], "oauth": [(b"authorization", b"Bearer s")]}


@pytest.mark.parametrize(
    ("fields", "passed"),
    [
        ({"x_api_key": "ours", "authorization": "Bearer theirs"}, {b"authorization": b"Bearer theirs"}),
        ({"x_api_key": "theirs", "authorization": "Bearer ours"}, {b"x-api-key": b"theirs"}),
        ({"x_api_key": "ours"}, {}),
        ({"authorization": "bearer ours"}, {}),
    ],
)
def test_the_key_of_ours_goes_to_no_upstream(fields: dict[str, str], passed: dict[bytes, bytes]) -> None:
    """Also not to one that takes the client's own."""
    x = exchange()
    x.request.headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    x.note(ADMITTED, "ours")
    found = dict(request_fields(x, upstream("up", None, client_key=True)))
    assert {name: value for name, value in found.items() if name in CREDENTIALS} == passed
    found = dict(request_fields(x, upstream("up", None)))
    assert not CREDENTIALS & found.keys()


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"x_api_key": "mine"}, b"Bearer mine"),
        ({"authorization": "Bearer mine"}, b"Bearer mine"),
        ({"authorization": "Bearer other", "x_api_key": "mine"}, b"Bearer mine"),
        ({}, None),
    ],
)
def test_a_callers_own_credential_is_shown_as_the_upstream_reads_it(fields: dict[str, str], sent: bytes | None) -> None:
    """Families carry it in fields of their own, and look at no other."""
    x = exchange(caller=Caller("ada", "a1"))
    x.request.headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    found = dict(request_fields(x, upstream("up", None, dialect=chat, client_key=True)))
    assert found.get(b"authorization") == sent
    assert b"x-api-key" not in found
