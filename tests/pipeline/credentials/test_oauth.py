"""The messages of OAuth, as the specifications have them."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest

from pipeline.credentials import oauth
from pipeline.credentials.credential import Refused
from pipeline.credentials.oauth import Denied, Flow
from pipeline.credentials.settings import OAuth
from pipeline.secret import Secret

SETTINGS = OAuth(
    authorize="https://login.test/authorize?tenant=1",
    token="https://login.test/token",
    client_id="ours",
    scopes=("a", "b c"),
    redirect="https://here.test/connected",
    parameters={"audience": "models", "state": "not this one"},
)


def test_the_challenge_of_the_specification() -> None:
    """RFC 7636, appendix B."""
    assert (
        oauth.challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )


def test_verifier_and_state_are_drawn_apart() -> None:
    """256 bits each, of the alphabet that RFC 7636 §4.1 allows."""
    flows = [oauth.drawn() for _ in range(50)]
    assert len({text for flow in flows for text in (flow.verifier, flow.state)}) == 100
    assert all(43 <= len(flow.verifier) <= 128 for flow in flows)


def test_the_authorization_request() -> None:
    """A query of the endpoint's own stays; what is ours to say nobody overrides."""
    url = oauth.authorization(SETTINGS, Flow("verifier", "the state"))
    query = parse_qs(urlsplit(url).query)
    assert url.startswith("https://login.test/authorize?tenant=1&")
    assert (query["state"], query["scope"], query["audience"]) == (["the state"], ["a b c"], ["models"])
    assert "verifier" not in url


@pytest.mark.parametrize(
    ("text", "state", "code"),
    [
        ("c0de#st4te", None, "c0de"),
        (" c0de#st4te\n", "st4te", "c0de"),
        ("c0de", "st4te", "c0de"),
        ("https://here.test/connected?code=c0%2Fde&state=st4te", None, "c0/de"),
        ("?code=c0de&state=st4te", None, "c0de"),
        ("http://localhost:1/x?state=st4te&code=c0de&iss=https%3A%2F%2Flogin.test#", None, "c0de"),
    ],
)
def test_what_people_paste(text: str, state: str | None, code: str) -> None:
    """The address of the redirect, or what its page shows."""
    answer = oauth.answered(text, state)
    assert (answer.code, answer.state) == (code, "st4te")
    assert code not in repr(answer)


@pytest.mark.parametrize(
    ("text", "state", "why"),
    [
        ("", None, "paste what"),
        ("c0de", None, "state is missing"),
        ("#st4te", None, "no code"),
        ("https://here.test/connected?state=s", None, "no code"),
        ("c0de#one", "another", "another than"),
        ("https://here.test/?error=access_denied&error_description=<b>", None, "not given: access_denied$"),
        ("https://here.test/?error=%3Cscript%3E", None, "an error without a name$"),
        ("x" * 5000, None, "paste what"),
        ("a\x00b#s", None, "paste what"),
    ],
)
def test_what_can_not_be_used_is_told_in_a_sentence(text: str, state: str | None, why: str) -> None:
    """And repeats nothing that a server wrote but a plain word."""
    with pytest.raises(Refused, match=why):
        oauth.answered(text, state)


def test_a_public_client_says_its_id_and_no_more() -> None:
    """In the form, which is never JSON (RFC 6749 §4.1.3)."""
    fields, body = oauth.token_request(SETTINGS, oauth.exchange(SETTINGS, "c0de", "verifier"))
    form = parse_qs(body.decode())
    assert dict(fields)[b"content-type"] == b"application/x-www-form-urlencoded"
    assert form == {
        "grant_type": ["authorization_code"],
        "code": ["c0de"],
        "redirect_uri": ["https://here.test/connected"],
        "code_verifier": ["verifier"],
        "client_id": ["ours"],
    }


def test_a_confidential_client_shows_its_secret_once() -> None:
    """By Basic, each part form-encoded (RFC 6749 §2.3.1), or in the form."""
    settings = attrs.evolve(SETTINGS, client_secret=Secret("s:ä"), token_parameters={"resource": "r"})
    fields, body = oauth.token_request(settings, oauth.refresh(settings, "token"))
    assert dict(fields)[b"authorization"] == b"Basic b3VyczpzJTNBJUMzJUE0"
    assert b"s%3A" not in body
    assert b"resource=r" in body
    fields, body = oauth.token_request(attrs.evolve(settings, secret_in="body"), {})
    assert b"authorization" not in dict(fields)
    assert b"client_secret=s%3A%C3%A4" in body


@pytest.mark.parametrize(
    ("told", "lifetime"),
    [
        (b'{"access_token":"a","token_type":"Bearer","expires_in":60}', 60),
        (b'{"access_token":"a","token_type":"bearer","expires_in":"60"}', 60),
        (b'{"access_token":"a","expires_in":null,"refresh_token":null,"more":[1]}', 0),
        (b'{"access_token":"a","expires_in":-5}', 0),
        (b'{"access_token":"a","expires_in":1e300}', 0),
    ],
)
def test_what_servers_give(told: bytes, lifetime: float) -> None:
    """As the specification has it, and as some servers do."""
    given = oauth.tokens(200, told)
    assert (given.access_token, given.expires_in, given.refresh_token) == ("a", lifetime, "")


@pytest.mark.parametrize(
    ("status", "told", "error"),
    [
        (400, b'{"error":"invalid_grant","error_description":"x"}', Denied),
        (200, b'{"error":"invalid_grant"}', Denied),
        (400, b'{"access_token":"a"}', ValueError),
        (200, b'{"access_token":"a\\nb"}', ValueError),
        (200, b'{"access_token":"a","token_type":"mac"}', ValueError),
        (200, b'{"access_token":"a","expires_in":[]}', ValueError),
        (200, b'{"access_token":"a","expires_in":"soon"}', ValueError),
        (200, b"[1]", ValueError),
        (502, b"<html>", ValueError),
        (200, b"\xff", ValueError),
        (200, b"[" * 5000, ValueError),
    ],
)
def test_what_is_no_token(status: int, told: bytes, error: type[Exception]) -> None:
    """An OAuth error says its word; whatever else it is, nothing of it is repeated."""
    with pytest.raises(error) as caught:
        oauth.tokens(status, told)
    assert "html" not in str(caught.value)
    assert "a\nb" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "told"), [("invalid_grant", "invalid_grant"), ("<script>", "an error without a name")]
)
def test_a_word_is_a_word(said: Any, told: str) -> None:
    """Nothing else that a server says is shown to people."""
    assert oauth.word(said) == told
