"""Consent: OAuth from beginning to end, against a server on loopback, over both databases."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest
import trio

from pipeline.credentials.credential import Credential, Refused
from pipeline.credentials.settings import OAuth
from pipeline.credentials.wallet import Wallet
from pipeline.credentials.wallets import open_wallets
from pipeline.errors import Unauthenticated, UpstreamFailed
from pipeline.secret import Secret
from pipeline.store.store import Store, open_store
from tests.pipeline.credentials.authority import Authority, authority
from tests.pipeline.store.conftest import Place
from transports.pool import open_pool
from transports.upstream_connect import Connector


@attrs.define
class Clock:
    """Seconds since 1970, as a test sets them."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@attrs.define
class Office:
    """A process: its store, and the wallet of the upstream called up."""

    store: Store
    wallet: Wallet
    clock: Clock

    @property
    def consent(self) -> Any:
        assert self.wallet.consent
        return self.wallet.consent

    async def connect(self, server: Authority) -> Credential:
        """All of it: start, agree, finish."""
        code, state = server.agree((await self.consent.start()).url)
        made: Credential = await self.consent.finish(f"{code}#{state}")
        return made

    async def shown(self) -> str:
        """What a request shows now."""
        picked = await self.wallet.pick(lambda: b"")
        return picked.secret.reveal() if picked else ""


@asynccontextmanager
async def office(place: Place, server: Authority, clock: Clock, **more: Any) -> AsyncIterator[Office]:
    """A process that has the store at *place*."""
    settings = OAuth(
        authorize=f"{server.url}/authorize",
        token=f"{server.url}/token",
        client_id="ours",
        scopes=("models", "offline"),
        redirect="https://here.test/connected",
        **more,
    )
    async with open_store(place.settings()) as store, open_pool(Connector()) as pool, open_wallets(store) as wallets:
        wallet = wallets.wallet("up", [], settings, pool)
        assert wallet.consent
        wallet.consent.clock = wallet.clock = clock
        yield Office(store, wallet, clock)


async def test_a_person_agrees_and_requests_show_the_token(place: Place) -> None:
    """Start, agree, paste code#state: the token is sealed in the store, and shown."""
    async with authority() as server, office(place, server, clock := Clock()) as here:
        assert here.consent.connected is None
        made = await here.connect(server)
        assert await here.shown() == server.valid[0]
        assert (made.kind, made.expires) == ("oauth", round((clock.now + 3600) * 1000))
        assert here.consent.connected is not None
        form = server.asked[0]
        assert (form["client_id"], form["redirect_uri"]) == ("ours", "https://here.test/connected")
        assert "refresh-" not in repr(made)
        assert server.valid[0] not in repr(made)


async def test_the_state_tells_nothing_of_the_verifier(place: Place) -> None:
    """It is drawn for itself; the URL holds the challenge, and the store neither in the clear."""
    async with authority() as server, office(place, server, Clock()) as here:
        start = await here.consent.start()
        query = {name: values[0] for name, values in parse_qs(urlsplit(start.url).query).items()}
        assert query["scope"] == "models offline"
        assert len(query["state"]) >= 43
        assert query["state"] != query["code_challenge"]
        code, state = server.agree(start.url)
        await here.consent.finish(code, state)
        assert server.asked[0]["code_verifier"] not in start.url
        assert state not in server.asked[0]["code_verifier"]


async def test_a_state_counts_once_for_its_upstream_and_for_ten_minutes(place: Place) -> None:
    """Used, made up, of another upstream, too old: all the same to whoever asks."""
    async with authority() as server, office(place, server, clock := Clock()) as here:
        code, state = server.agree((await here.consent.start()).url)
        with pytest.raises(Refused, match="unknown, used already, or too old"):
            await here.consent.finish(f"{code}#{state[:-1]}x")
        await here.consent.finish(f"https://here.test/connected?code={code}&state={state}")
        with pytest.raises(Refused, match="unknown, used already, or too old"):
            await here.consent.finish(f"{code}#{state}")
        code, state = server.agree((await here.consent.start()).url)
        clock.now += 601
        with pytest.raises(Refused, match="unknown, used already, or too old"):
            await here.consent.finish(f"{code}#{state}")
        assert len(server.asked) == 1


async def test_what_the_server_refuses_is_told_in_its_word_only(place: Place) -> None:
    """A code of somebody else's flow fails at PKCE; no description, no body of the server's is repeated."""
    async with authority() as server, office(place, server, Clock()) as here:
        code, _ = server.agree((await here.consent.start()).url)
        _, state = server.agree((await here.consent.start()).url)
        with pytest.raises(Refused, match=r"refused the code: invalid_grant$"):
            await here.consent.finish(f"{code}#{state}")


@pytest.mark.parametrize(
    "says", [(200, b"<html>"), (200, {"access_token": 5}), (302, {}), (200, {"access_token": "a", "token_type": "mac"})]
)
async def test_what_is_no_token_is_an_upstream_that_failed(place: Place, says: Any) -> None:
    """HTML, another type, a redirect (which nobody follows)."""
    async with authority(says=says) as server, office(place, server, Clock()) as here:
        code, state = server.agree((await here.consent.start()).url)
        with pytest.raises(UpstreamFailed, match=r"^up: the token endpoint"):
            await here.consent.finish(f"{code}#{state}")


async def test_a_confidential_client_shows_its_secret_where_it_is_told_to(place: Place) -> None:
    """By Basic unless the form is asked for."""
    async with authority() as server:
        async with office(place, server, Clock(), client_secret=Secret("s e/cret")) as here:
            await here.connect(server)
        assert b"authorization: basic " in server.heads[0]
        assert "client_secret" not in server.asked[0]
        async with office(place, server, Clock(), client_secret=Secret("s"), secret_in="body") as here:
            await here.connect(server)
        assert server.asked[1]["client_secret"] == "s"


async def test_many_requests_at_the_end_of_a_token_renew_it_once(place: Place) -> None:
    """Fifty at once: one refresh, and all fifty show what it gave."""
    async with authority(delay=0.05) as server, office(place, server, clock := Clock()) as here:
        await here.connect(server)
        clock.now += 3600
        shown: list[str] = []

        async def one() -> None:
            shown.append(await here.shown())

        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(one)
        assert shown == [server.valid[1]] * 50
        assert [form["grant_type"] for form in server.asked] == ["authorization_code", "refresh_token"]


async def test_two_processes_renew_once(place: Place) -> None:
    """Both find it ended, one renews; a refresh token that counts once is used once, and both show its successor."""
    async with authority(delay=0.1) as server, office(place, server, clock := Clock()) as one:
        await one.connect(server)
        async with office(place, server, clock) as two:
            clock.now += 3600
            shown: list[str] = []

            async def ask(process: Office) -> None:
                shown.append(await process.shown())

            async with trio.open_nursery() as nursery:
                for process in (one, two) * 5:
                    nursery.start_soon(ask, process)
            assert shown == [server.valid[1]] * 10
            assert len(server.asked) == 2


async def test_nobody_waits_for_a_renewal_ahead_of_the_end(place: Place) -> None:
    """Five minutes before it the token is shown as it is, while one task renews it."""
    async with authority() as server, office(place, server, clock := Clock()) as here:
        await here.connect(server)
        clock.now += 3600 - 299
        assert await here.shown() == server.valid[0]
        with trio.fail_after(5):
            while await here.shown() != server.valid[-1] or len(server.valid) < 2:  # noqa: ASYNC110  # real sockets
                await trio.sleep(0.01)
        assert len(server.asked) == 2


async def test_whoever_leaves_while_it_is_renewed_takes_nothing_along(place: Place) -> None:
    """The request that began it is cancelled; the renewal goes on, and its token is kept."""
    async with authority(delay=0.2) as server, office(place, server, clock := Clock()) as here:
        await here.connect(server)
        clock.now += 3600
        with trio.move_on_after(0.05) as scope:
            await here.shown()
        assert scope.cancelled_caught
        assert await here.shown() == server.valid[1]
        assert len(server.asked) == 2


async def test_a_renewal_that_has_begun_outlives_the_shutdown(place: Place) -> None:
    """What the server gave is in the store at the next start: the old refresh token would be worth nothing."""
    async with authority(delay=0.2) as server:
        clock = Clock()
        async with office(place, server, clock) as here:
            await here.connect(server)
            clock.now += 3600
            with trio.move_on_after(0.05):
                await here.shown()
        async with office(place, server, clock) as again:
            assert await again.shown() == server.valid[1]
        assert len(server.asked) == 2


async def test_a_grant_that_is_over_is_over_for_all(place: Place) -> None:
    """invalid_grant: disconnected, in the store too; asked no second time; connected anew it works again."""
    async with authority() as server, office(place, server, clock := Clock()) as here:
        await here.connect(server)
        server.refreshable.clear()
        clock.now += 3600
        assert await here.shown() == ""
        assert await here.shown() == ""
        assert len(server.asked) == 2
        (ended,) = here.wallet.listed()
        assert (ended.ended, ended.usable, here.consent.connected) == ("invalid_grant", False, None)
        await here.connect(server)
        assert await here.shown() == server.valid[-1]
        assert len(here.wallet.listed()) == 1


async def test_a_server_that_fails_is_asked_again(place: Place) -> None:
    """An error of its own ends nothing: the request fails, the next one renews."""
    async with authority() as server, office(place, server, clock := Clock()) as here:
        await here.connect(server)
        clock.now += 3600
        server.says = (503, {"error": "temporarily_unavailable"})
        with pytest.raises(UpstreamFailed, match="temporarily_unavailable"):
            await here.shown()
        server.says = None
        assert await here.shown() == server.valid[1]


async def test_a_refresh_token_that_is_not_replaced_stays(place: Place) -> None:
    """Servers that give it once (RFC 6749 §6): it is used again."""
    async with authority(rotates=False) as server, office(place, server, clock := Clock()) as here:
        await here.connect(server)
        for number in (1, 2):
            clock.now += 3600
            assert await here.shown() == server.valid[number]


async def test_a_token_whose_end_nobody_told_is_shown_until_it_is_refused(place: Place) -> None:
    """No expires_in: renewed by a 401 alone."""
    async with authority(lifetime=None) as server, office(place, server, clock := Clock()) as here:
        made = await here.connect(server)
        clock.now += 10**6
        assert await here.shown() == server.valid[0]
        assert (await here.consent.renew(made)).secret.reveal() == server.valid[1]


async def test_a_burst_of_refusals_renews_once(place: Place) -> None:
    """Late ones, too: what was refused has a successor already."""
    async with authority(delay=0.02) as server, office(place, server, Clock()) as here:
        made = await here.connect(server)
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(here.consent.renew, made)
        assert (await here.consent.renew(made)).secret.reveal() == server.valid[1]
        assert len(server.asked) == 2


async def test_a_refused_token_is_renewed_once_for_a_request(place: Place) -> None:
    """A 401: the request goes again with the successor; if that is refused as well, it is not the token."""
    async with authority() as server, office(place, server, Clock()) as here:
        first = await here.connect(server)
        assert await here.wallet.judge(first, Unauthenticated(), [first.mark])
        second = await here.wallet.pick(lambda: b"", [first.mark])
        assert second is not None
        assert second.secret.reveal() == server.valid[1]
        assert not await here.wallet.judge(second, Unauthenticated(), [first.mark, second.mark])
        assert len(server.asked) == 2


async def test_where_it_can_not_be_renewed_a_key_is_shown(place: Place) -> None:
    """The authorization has ended; the upstream has a key besides."""
    async with authority() as server, office(place, server, Clock()) as here:
        made = await here.connect(server)
        key = await here.wallet.add("k", "a-key")
        server.refreshable.clear()
        assert await here.wallet.judge(made, Unauthenticated(), [made.mark])
        assert await here.wallet.pick(lambda: b"", [made.mark]) == key


async def test_disconnected_nothing_is_shown(place: Place) -> None:
    """And nothing is left in the store."""
    async with authority() as server, office(place, server, Clock()) as here:
        await here.connect(server)
        await here.consent.disconnect()
        assert await here.shown() == ""
        assert here.wallet.listed() == []


async def test_nothing_in_the_clear_is_stored(place: Place, tmp_path: Path) -> None:
    """Neither tokens nor states nor verifiers."""
    if place.kind != "sqlite":
        pytest.skip("the embedded file can be read as it is")
    async with authority() as server, office(place, server, Clock()) as here:
        await here.connect(server)
        start = await here.consent.start()
        database = sqlite3.connect(place.folder / "pipeline.db")
        found = repr(
            [database.execute(text).fetchall() for text in ("SELECT * FROM credentials", "SELECT * FROM flows")]
        )
        database.close()
        for secret in (*server.valid, *server.refreshable, start.state, server.asked[0]["code_verifier"]):
            assert secret not in found
