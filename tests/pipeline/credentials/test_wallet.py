"""The wallet: what an upstream may be shown, from the configuration and the store; over both databases."""

from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from pipeline.credentials.credential import Credential, NoCredential, Refused
from pipeline.credentials.wallet import Wallet
from pipeline.errors import InvalidRequest, RateLimited, StoreUnavailable, Unauthenticated
from pipeline.secret import Secret
from pipeline.store import credentials as rows
from pipeline.store.opening import StoreFailed, open_parts
from pipeline.store.store import open_store
from tests.pipeline.store.conftest import Place

KEYS = [Secret("config-key-number-one-wxyz"), None, Secret("short"), Secret("short")]


def no_conversation() -> bytes:
    return b""


async def test_the_configurations_keys_need_no_store() -> None:
    """Each once, in order; people see an end, of those that are long enough."""
    wallet = Wallet.of("up", KEYS)
    assert [(each.id, each.shown, each.configured) for each in wallet.listed()] == [
        ("config-1", "…wxyz", True),
        ("config-2", "", True),
    ]
    assert "number" not in repr(wallet)
    with pytest.raises(Refused, match="stands in the configuration"):
        await wallet.remove("config-1")
    with pytest.raises(Refused, match="no store"):
        await wallet.add("more", "another-key")


async def test_keys_come_and_go_while_the_gateway_runs(place: Place) -> None:
    """Added, renamed, switched off, removed: each counts at once here."""
    async with open_store(place.settings()) as store:
        wallet = Wallet.of("up", [], store)
        assert await wallet.pick(no_conversation) is None
        made = await wallet.add("  work ", "sk-a-key-of-many-letters-abcd\n")
        assert (made.name, made.shown, made.kind) == ("work", "…abcd", "key")
        picked = await wallet.pick(no_conversation)
        assert picked is not None
        assert picked.secret.reveal() == "sk-a-key-of-many-letters-abcd"
        assert (await wallet.change(made.id, name="play", enabled=False)).name == "play"
        assert await wallet.pick(no_conversation) is None
        await wallet.remove(made.id)
        assert wallet.listed() == []
        with pytest.raises(NoCredential):
            await wallet.remove(made.id)


async def test_another_process_sees_it_within_seconds(place: Place) -> None:
    """Without a restart; and an upstream has its own only."""
    async with open_store(place.settings()) as one, open_store(place.settings()) as two:
        here, there, other = Wallet.of("up", [], one), Wallet.of("up", [], two), Wallet.of("other", [], two)
        await here.add("k", "a-key")
        with trio.fail_after(5):
            while not there.listed():  # noqa: ASYNC110  # the other process looks now and then
                await trio.sleep(0.05)
        assert [each.secret.reveal() for each in there.listed()] == ["a-key"]
        assert other.listed() == []
        with pytest.raises(NoCredential):
            await other.remove(there.listed()[0].id)


@pytest.mark.parametrize("key", ["", "two words", "ünicode", "tab\there"])
async def test_what_is_no_key_is_refused(place: Place, key: str) -> None:
    """In one sentence, without the key; so is one that is there already."""
    async with open_store(place.settings()) as store:
        wallet = Wallet.of("up", [Secret("there-already")], store)
        for text in (key, "there-already"):
            with pytest.raises(Refused) as caught:
                await wallet.add("k", text)
            assert not text or text not in str(caught.value)


async def test_what_was_tried_is_not_picked_while_there_is_another() -> None:
    """And is, where there is none."""
    wallet = Wallet.of("up", [Secret("one"), Secret("two")])
    one, two = wallet.listed()
    assert await wallet.pick(no_conversation, [one.mark]) == two
    assert await wallet.pick(no_conversation, [one.mark, two.mark]) in (one, two)


async def test_after_an_error_another_may_help(autojump_clock: trio.testing.MockClock) -> None:
    """If it was about the credential, and one is left that does not rest."""
    wallet = Wallet.of("up", [Secret("one"), Secret("two")])
    one, two = wallet.listed()
    assert not await wallet.judge(one, InvalidRequest("what"), [one.mark])
    assert wallet.resting(one) == 0
    assert await wallet.judge(one, RateLimited("slow", retry_after=60), [one.mark])
    assert wallet.resting(one) > 0
    assert not await wallet.judge(two, Unauthenticated(), [one.mark, two.mark])


async def test_use_is_written_down(place: Place) -> None:
    """For people who ask which key is in use; nothing else changes by it."""
    async with open_store(place.settings()) as store:
        wallet = Wallet.of("up", [], store)
        made = await wallet.add("k", "a-key")
        await wallet.pick(no_conversation)
        await wallet.write_used()
        assert wallet.used == {}
        await wallet.change(made.id, name="other")
        (found,) = wallet.listed()
        assert found.used > 0


async def test_use_of_the_configurations_keys_is_remembered(place: Place) -> None:
    """They have no row: what is known of them is this process's, and stays."""
    async with open_store(place.settings()) as store:
        wallet = Wallet.of("up", KEYS[:1], store)
        (key,) = wallet.listed()
        assert wallet.used_last(key) == 0
        await wallet.pick(no_conversation)
        await wallet.write_used()
        assert wallet.used_last(key) > 0


async def test_use_that_could_not_be_written_down_is_written_later(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database was away for a while."""
    async with open_store(place.settings()) as store:
        wallet = Wallet.of("up", [], store)
        made = await wallet.add("work", "sk-a-key-of-many-letters-abcd")
        await wallet.pick(no_conversation)
        with monkeypatch.context() as away:

            async def write(work: Any) -> None:
                raise StoreUnavailable("away")

            away.setattr(store, "write", write)
            with pytest.raises(StoreUnavailable):
                await wallet.write_used()
        assert wallet.used_last(made) > made.used
        await wallet.write_used()
        (row,) = await store.read(rows.listed)
        assert row.used > 0


async def test_a_row_that_was_moved_is_not_shown(place: Place) -> None:
    """Whoever can write to the database can't give one upstream's key to another."""
    async with open_store(place.settings()) as store:
        wallet, other = Wallet.of("up", [], store), Wallet.of("other", [], store)
        await wallet.add("k", "a-key")

        def move(db: Any) -> None:
            db.run("UPDATE credentials SET upstream = 'other'")
            db.run("UPDATE facts SET value = '99' WHERE name = 'credentials'")

        await store.write(move)
        assert (wallet.listed(), other.listed()) == ([], [])


def settings(place: Place, key: str, *old: str) -> Any:
    return attrs.evolve(place.settings(), secret_key=Secret(key), old_secret_keys=tuple(map(Secret, old)))


async def test_the_sealing_key_can_be_changed(place: Place) -> None:
    """The old one beside it once; from then on it is not needed.  Without it, it does not start, and says why."""
    async with open_store(settings(place, "the first key for tests")) as store:
        await Wallet.of("up", [], store).add("k", "a-key")
    with pytest.raises(StoreFailed, match="secret_key: credentials in this store were sealed with another one"):
        open_parts(settings(place, "the second key for tests"))
    async with open_store(settings(place, "the second key for tests", "the first key for tests")) as store:
        assert len(Wallet.of("up", [], store).listed()) == 1
    async with open_store(settings(place, "the second key for tests")) as store:
        assert [each.secret.reveal() for each in Wallet.of("up", [], store).listed()] == ["a-key"]


async def test_a_key_file_is_made_at_first_for_its_owner_only(tmp_path: Path) -> None:
    """Beside the pepper, and not the pepper."""
    place = Place("sqlite", tmp_path, None)
    async with open_store(place.settings()) as store:
        await Wallet.of("up", [], store).add("k", "a-key")
    (file,) = tmp_path.glob("*.secret")  # noqa: ASYNC240  # small, local
    assert (file.stat().st_mode & 0o777, len(file.read_bytes()) > 40) == (0o600, True)
    async with open_store(place.settings()) as store:
        assert len(Wallet.of("up", [], store).listed()) == 1


async def test_a_credential_tells_nothing_when_printed() -> None:
    """In logs, tracebacks, records."""
    made = Credential(id="c", upstream="up", secret=Secret("s3cret"), refresh=Secret("r3fresh"))
    assert "s3cret" not in f"{made} {made!r}"
    assert "r3fresh" not in f"{made} {made!r}"
