"""The messages of OAuth 2.0: authorization code with PKCE, and refresh; sans-io.

    authorization ─▶ URL for a person's browser ··· redirect, or "code#state" that a page shows ─▶ Answer
    code, refresh token ─▶ form for the token endpoint ··· JSON ─▶ Tokens, or Denied

The state is drawn for itself and tells nothing of the verifier: it travels through browsers, histories and referrers,
and the verifier must not (RFC 6749 §10.12, RFC 7636 §7.1, RFC 9700 §2.1).  This file must not know a socket, a clock or
a vendor.
"""

import re
import secrets
from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

import attrs
import msgspec

from pipeline.credentials.credential import Refused
from pipeline.credentials.settings import OAuth
from transports.messages import Headers

LONGEST = 4096  # characters of an answer that somebody pastes

_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Denied(Exception):
    """The token endpoint said no, in an OAuth error's *word* (RFC 6749 §5.2)."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class Flow(msgspec.Struct):
    """What is kept while a person is away: the verifier, and the state that must come back."""

    verifier: str
    state: str


@attrs.frozen
class Answer:
    """What came back."""

    code: str = attrs.field(repr=False)
    state: str = attrs.field(repr=False)


class Tokens(msgspec.Struct):
    """What a token endpoint gives (RFC 6749 §5.1); *expires_in* in seconds, 0 where it does not say."""

    access_token: str
    refresh_token: str = ""
    expires_in: float | str = 0
    token_type: str = "bearer"  # noqa: S105  # a word of the protocol


# -- authorization ----------------------------------------------------------------------------------------------------


def drawn() -> Flow:
    """A new verifier and a new state: 256 bits each, neither made of the other (RFC 7636 §4.1)."""
    return Flow(secrets.token_urlsafe(32), secrets.token_urlsafe(32))


def challenge(verifier: str) -> str:
    """What stands for *verifier* until it is shown: S256, the only method (RFC 7636 §4.2)."""
    return urlsafe_b64encode(sha256(verifier.encode("ascii")).digest()).decode().rstrip("=")


def authorization(settings: OAuth, flow: Flow) -> str:
    """The URL to which a person goes to agree (RFC 6749 §4.1.1)."""
    fields = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": settings.redirect,
        **({"scope": " ".join(settings.scopes)} if settings.scopes else {}),
        **settings.parameters,
        "state": flow.state,
        "code_challenge": challenge(flow.verifier),
        "code_challenge_method": "S256",
    }
    return f"{settings.authorize}{'&' if '?' in settings.authorize else '?'}{urlencode(fields)}"


def answered(text: str, state: str | None = None) -> Answer:
    """Code and state in *text*: the redirect's URL, "code#state", or a code whose *state* came apart; or Refused."""
    text = text.strip()
    if not text or len(text) > LONGEST or not text.isprintable():
        raise Refused("paste what the page shows after you agreed: a code, or the address in the browser")
    if "://" in text or text.startswith("?"):
        found = {name: values[0] for name, values in parse_qs(urlsplit(text).query).items()}
        if "error" in found:
            raise Refused(f"the authorization was not given: {word(found['error'])}")
        code, told = found.get("code", ""), found.get("state")
    else:
        code, _, fragment = text.partition("#")
        told = fragment or None
    if not code:
        raise Refused("there is no code in this: copy all of the address, or all of the code")
    if told is not None and state is not None and told != state:
        raise Refused("the state in this is another than the one beside it")
    if not (known := told or state):
        raise Refused("the state is missing: copy all of it, the part behind # too")
    return Answer(code, known)


# -- tokens -----------------------------------------------------------------------------------------------------------


def exchange(settings: OAuth, code: str, verifier: str) -> dict[str, str]:
    """The form that makes tokens of *code* (RFC 6749 §4.1.3, RFC 7636 §4.5)."""
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": settings.redirect,
        "code_verifier": verifier,
        **settings.token_parameters,
    }


def refresh(settings: OAuth, token: str) -> dict[str, str]:
    """The form that makes a new access token of a refresh *token* (RFC 6749 §6)."""
    return {"grant_type": "refresh_token", "refresh_token": token, **settings.token_parameters}


def token_request(settings: OAuth, form: dict[str, str]) -> tuple[Headers, bytes]:
    """Fields and body that bring *form* to the token endpoint, with what tells who the client is (RFC 6749 §2.3)."""
    fields: Headers = [
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"accept", b"application/json"),
        (b"accept-encoding", b"identity"),
    ]
    secret = settings.client_secret.reveal() if settings.client_secret else None
    if secret is not None and settings.secret_in == "basic":  # noqa: S105  # a setting's word
        shown = b64encode(f"{quote_plus(settings.client_id)}:{quote_plus(secret)}".encode())
        return [*fields, (b"authorization", b"Basic " + shown)], urlencode(form).encode()
    form = {**form, "client_id": settings.client_id, **({"client_secret": secret} if secret is not None else {})}
    return fields, urlencode(form).encode()


def tokens(status: int, body: bytes) -> Tokens:
    """What the token endpoint gave.  Raises Denied for an OAuth error, ValueError for what is neither."""
    try:
        told = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        told = {}
    if isinstance(told.get("error"), str):
        raise Denied(word(str(told["error"])))
    try:
        given = msgspec.convert({name: value for name, value in told.items() if value is not None}, Tokens)
        lifetime = float(given.expires_in)
    except (msgspec.ValidationError, ValueError):
        raise ValueError(f"the token endpoint answered {status} with something that is no token") from None
    if status != 200 or not given.access_token.isascii() or not given.access_token.isprintable():
        raise ValueError(f"the token endpoint answered {status} with something that is no token")
    if given.token_type.lower() != "bearer":
        raise ValueError("the token endpoint gave a token of another type than bearer (RFC 6750)")
    given.expires_in = lifetime if 0 < lifetime < 10 * 366 * 86_400 else 0
    return given


def word(text: str) -> str:
    """An error's word as it may be shown; nothing else that a server or a URL says is."""
    return text if _WORD.fullmatch(text) else "an error without a name"
