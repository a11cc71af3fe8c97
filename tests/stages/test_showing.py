"""Showing: a request shows another credential where the first one is refused, and each try is an attempt."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from pipeline.credentials.wallet import Wallet
from pipeline.errors import (
    GatewayError,
    InvalidRequest,
    Overloaded,
    PaymentRequired,
    RateLimited,
    Unauthenticated,
    UpstreamRefused,
)
from pipeline.heartbeat import Heart
from pipeline.line import Line, conduct
from pipeline.secret import Secret
from stages.answers import relayed
from stages.forward import Forward
from stages.showing import MOST
from tests.doubles import Kept, Recorder, ScriptedReply, Words, exchange, request, said, upstream
from transports.messages import Headers

GOOD = [b"start\ntext a\nend\n"]


class Telling(Words):
    """Words whose errors mean what their status says."""

    def decode_error(self, status: int, headers: Headers, body: bytes) -> GatewayError:
        kinds: dict[int, GatewayError] = {
            400: InvalidRequest("what"),
            401: Unauthenticated("not this key"),
            402: PaymentRequired("pay"),
            429: RateLimited("slow", retry_after=60),
            529: Overloaded("busy"),
        }
        text = body.decode()
        means = kinds[status]
        return UpstreamRefused(text, dialect="words", means=means, code=status, fields=headers, body=body)


class Door:
    """A pool whose upstream answers each key with the status that *answers* say, and repeats the key it got."""

    def __init__(self, **answers: int) -> None:
        self.answers = answers
        self.shown: list[str] = []

    @asynccontextmanager
    async def send(self, origin: Any, call: Any, timers: Any) -> AsyncIterator[ScriptedReply]:
        key = next((value.decode() for name, value in call.headers if name == b"x-words-key"), "")
        self.shown.append(key)
        await trio.lowlevel.checkpoint()
        status = self.answers.get(key, 401)
        yield ScriptedReply(status, list(GOOD) if status == 200 else [f"no: {key}".encode()])


def place(door: Door, *keys: str, name: str = "up") -> Any:
    return upstream(name, door, dialect=Telling(), wallet=Wallet.of(name, map(Secret, keys)))


async def ask(*upstreams: Any, session: str = "s") -> tuple[Any, Any]:
    kept = Kept()
    x = exchange(upstreams=list(upstreams), dialect=Telling())
    x.request = request(headers=[(b"x-session-id", session.encode())])
    await conduct(x, Line((), Forward(), lambda exchange, response: kept), Recorder(), Heart(10))
    return said(kept.events), x


@pytest.mark.parametrize("status", [401, 402, 429])
async def test_another_is_shown_where_one_is_refused(status: int) -> None:
    """Before the commit nobody notices; each try is an attempt that names what it showed."""
    door = Door(first=status, second=200)
    up = place(door, "first", "second")
    for number in range(20):
        text, x = await ask(up, session=f"s{number}")
        assert text == "a."
    assert door.shown.count("first") == 1  # it rests from then on
    assert {attempt.credential for attempt in x.attempts} == {"config-2"}


async def test_each_try_is_an_attempt() -> None:
    """With its status, its error, and the credential it showed."""
    tries = [(await ask(place(Door(first=429, second=200), "first", "second"), session=f"s{n}"))[1] for n in range(20)]
    found = {tuple((attempt.credential, attempt.status) for attempt in x.attempts) for x in tries}
    assert found == {(("config-2", 200),), (("config-1", 429), ("config-2", 200))}


@pytest.mark.parametrize("status", [400, 529])
async def test_what_is_not_about_the_credential_is_not_asked_again(status: int) -> None:
    """The other key would hear the same."""
    door = Door(first=status, second=status)
    text, _ = await ask(place(door, "first", "second"))
    assert text == "!UpstreamRefused"
    assert len({*door.shown}) == 1


async def test_where_all_are_refused_the_upstreams_own_word_is_told() -> None:
    """After each was shown once; and the next upstream is asked, where the error allows it."""
    limited, other = Door(first=429, second=429), Door(third=200)
    text, x = await ask(place(limited, "first", "second"))
    assert (text, sorted(limited.shown)) == ("!UpstreamRefused", ["first", "second"])
    assert isinstance(x.attempts[-1].error, UpstreamRefused)
    text, x = await ask(place(limited, "first", "second"), place(other, "third", name="other"))
    assert text == "a."
    assert [attempt.upstream for attempt in x.attempts] == ["up", "up", "other"]


async def test_one_request_shows_no_more_than_a_handful() -> None:
    """An upstream that refuses everything is not asked with everything."""
    door = Door()
    await ask(place(door, *(f"key{number}" for number in range(20))))
    assert len(door.shown) == MOST


async def test_a_single_credential_that_rests_is_shown_all_the_same() -> None:
    """The upstream decides when it is over, and says how long it takes."""
    door = Door(only=429)
    up = place(door, "only")
    for _ in range(3):
        assert (await ask(up))[0] == "!UpstreamRefused"
    assert door.shown == ["only"] * 3


async def test_a_relay_shows_another_as_well() -> None:
    """Counts, lists and relayed requests go the same way."""
    door = Door(first=401, second=200)
    up = place(door, "first", "second")
    for number in range(6):
        x = exchange(dialect=Telling())
        x.request = request(headers=[(b"x-session-id", b"%d" % number)])
        assert (await relayed(x, up, b"{}")).head.status == 200
    assert door.shown.count("first") <= 1


async def test_the_credential_is_taken_out_of_what_the_upstream_says() -> None:
    """Told, logged, passed on: nowhere."""
    text, x = await ask(place(Door(**{"k-3f": 401}), "k-3f"))
    error = x.error or x.attempts[-1].error
    assert text == "!UpstreamRefused"
    assert "k-3f" not in f"{error} {error.body!r}"
    assert "[redacted]" in str(error)


async def test_callers_who_bring_their_own_are_shown_with_nothing_of_ours() -> None:
    """client_key: the wallet stays shut."""
    door = Door(ours=200)
    up = upstream("up", door, dialect=Telling(), client_key=True, wallet=Wallet.of("up", [Secret("ours")]))
    await ask(up)
    assert door.shown == [""]
