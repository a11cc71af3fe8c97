"""Auth: both fields on every route, and nobody by default from elsewhere."""

from hashlib import sha256
from typing import Any

import pytest

from pipeline import Secret, Unauthenticated
from stages.auth import Auth, KeyHolder
from stages.notes import ADMITTED
from tests.doubles import exchange, upstream

KEYS = (KeyHolder("ada", Secret("sk-a"), ("claude-*",)), KeyHolder("bob", Secret("sk-b")))


def asked(local: str = "127.0.0.1", **fields: str) -> Any:
    x = exchange()
    x.request.local = local
    x.request.headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    return x


@pytest.mark.parametrize(
    "fields",
    [
        {"x_api_key": "sk-a"},
        {"authorization": "Bearer sk-a"},
        {"authorization": "bearer  sk-a"},
        {"x_api_key": "sk-a", "authorization": "Bearer sk-a"},
        {"x_api_key": "other", "authorization": "Bearer sk-a"},
    ],
)
def test_a_known_key_is_let_in_by_either_field(fields: Any) -> None:
    """SDKs send keys as x-api-key or as Bearer, depending on their version."""
    x = asked(**fields)
    Auth(KEYS)(x)
    assert (x.caller.name, x.caller.models) == ("ada", ("claude-*",))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"x_api_key": ""},
        {"x_api_key": "sk-"},
        {"authorization": "sk-a"},
        {"authorization": "Basic sk-a"},
        {"cookie": "sk-a"},
    ],
)
def test_anything_else_is_refused_without_saying_what_was_wrong(fields: Any) -> None:
    """Also on loopback, once keys are configured; and clients are told not to try again."""
    x = asked(**fields)
    with pytest.raises(Unauthenticated, match=r"^invalid API key$") as caught:
        Auth(KEYS)(x)
    assert (b"x-should-retry", b"false") in caught.value.headers
    assert x.caller is None


def test_keys_may_be_required_before_there_is_one() -> None:
    """Then not even loopback is let in without."""
    with pytest.raises(Unauthenticated):
        Auth(required=True)(asked("127.0.0.1"))


def test_without_keys_loopback_is_let_in_and_nobody_else() -> None:
    """By the address the connection arrived on."""
    for local in ("127.0.0.1", "::1", "127.8.8.8"):
        x = asked(local)
        Auth()(x)
        assert x.caller.name == "local"
    for local in ("192.168.1.5", "::", "", "0.0.0.0", "fe80::1%eth0"):  # noqa: S104  # an address, nothing is bound
        with pytest.raises(Unauthenticated):
            Auth()(asked(local, x_api_key="any"))


def test_where_upstreams_take_the_callers_own_key_that_key_says_who_it_is() -> None:
    """Without keys of ours, from anywhere; told apart by a keyed hash, never by the key."""
    auth = Auth()
    callers = []
    for local in ("192.168.1.5", "127.0.0.1"):
        for key in ("sk-theirs", "sk-others"):
            x = asked(local, x_api_key=key)
            x.upstreams = [upstream("one", None, client_key=True)]
            auth(x)
            callers.append(x.caller)
    assert callers[:2] == callers[2:]
    assert len({caller.id for caller in callers}) == 2
    assert callers[0].name == f"key-{callers[0].id}"
    assert "sk-theirs" not in repr(callers)
    assert sha256(b"sk-theirs").hexdigest()[:6] not in repr(callers)  # who guesses a key can't test the guess
    for upstreams, fields in (([upstream("two", None)], {"x_api_key": "sk-theirs"}), (x.upstreams, {})):
        other = asked("192.168.1.5", **fields)
        other.upstreams = upstreams
        with pytest.raises(Unauthenticated):
            auth(other)


def test_where_some_upstreams_take_the_callers_own_key_others_do_not() -> None:
    """On loopback it tells callers apart; from elsewhere nobody uses the operator's keys by showing any key at all."""
    mixed = [upstream("one", None, client_key=True), upstream("two", None)]
    for local, fields, name in (
        ("127.0.0.1", {"x_api_key": "sk-theirs"}, "key-"),
        ("127.0.0.1", {}, "local"),
        ("192.168.1.5", {"x_api_key": "sk-theirs"}, None),
        ("192.168.1.5", {}, None),
    ):
        x = asked(local, **fields)
        x.upstreams = mixed
        if name is None:
            with pytest.raises(Unauthenticated):
                Auth()(x)
        else:
            Auth()(x)
            assert x.caller.name.startswith(name)


def test_the_key_that_let_a_caller_in_is_noted() -> None:
    """It is the gateway's, and goes no further, whichever field it stood in."""
    x = asked(x_api_key="sk-b", authorization="Bearer sk-own")
    Auth(KEYS)(x)
    assert (x.caller.name, x.noted(ADMITTED)) == ("bob", "sk-b")


def test_what_runs_under_the_operators_login_is_open_to_nobody_without_a_key() -> None:
    """Also on loopback, where a page in a browser and every other user of the machine are."""
    for fields in ({}, {"x_api_key": "any"}, {"authorization": "Bearer any"}):
        x = asked(**fields)
        x.upstreams = [upstream("one", None), upstream("cli", None, program=True)]
        with pytest.raises(Unauthenticated):
            Auth()(x)
    x = asked(x_api_key="sk-a")
    x.upstreams = [upstream("cli", None, program=True)]
    Auth(KEYS)(x)
    assert x.caller.name == "ada"


def test_no_key_shows_itself() -> None:
    """Printed, the stage tells names only."""
    assert "sk-" not in repr(Auth(KEYS))
