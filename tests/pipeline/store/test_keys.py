"""Keys: a secret is seen once, changes hold at once, and what holds is what the database last said."""

from functools import partial
from typing import Any

import attrs
import pytest

from pipeline.store import facts, keys
from pipeline.store.database import looking, within
from pipeline.store.keys import Key, Keyring, NoKey
from pipeline.store.opening import Parts
from tests.pipeline.store.records import AT

PEPPER = b"pepper"


@attrs.define
class Clock:
    """A clock that stands still until it is set."""

    now: float = AT / 1000

    def __call__(self) -> float:
        return self.now


def made(parts: Parts, **fields: Any) -> tuple[Key, str]:
    key = Key(id="", name="ada", **fields)
    return within(parts.backend, lambda db: keys.create(db, PEPPER, key, AT))


def ring(parts: Parts, clock: Clock | None = None) -> Keyring:
    found = Keyring(PEPPER, clock=clock or Clock(), ticks=clock or Clock())
    found.renew(looking(parts.backend, keys.snapshot))
    return found


def test_a_key_is_shown_once_and_stored_as_a_digest(parts: Parts) -> None:
    """Nothing in the tables leads back to the secret, only how it begins."""
    key, secret = made(parts)
    assert (secret[:9], len(secret)) == ("sk-proxy-", 52)
    with parts.backend.reading() as db:
        stored = repr([db.rows(f"SELECT * FROM {table}") for table in ("keys", "secrets")])  # noqa: S608  # ours
    assert secret not in stored
    assert secret[:13] in stored
    (listed,) = looking(parts.backend, keys.listed)
    assert (listed.id, listed.shown) == (key.id, (secret[:13],))


def test_without_the_pepper_a_digest_tells_nothing() -> None:
    """It is keyed."""
    assert keys.digest(b"a", "sk-proxy-x") != keys.digest(b"b", "sk-proxy-x")
    assert len(keys.digest(b"a", "any \ud800 text")) == 64


def test_a_secret_finds_its_key(parts: Parts) -> None:
    """With name, models and options; anything else finds nothing."""
    key, secret = made(parts, models=("claude-*", "gpt-*"), options={"cache_breakpoints": {"ttl": "1h"}})
    found = ring(parts).find(secret)
    assert found == attrs.evolve(key, shown=(secret[:13],))
    for other in ("", "sk-proxy-", secret[:-1], secret + "x", secret.upper(), key.id, keys.digest(PEPPER, secret)):
        assert ring(parts).find(other) is None


def test_a_key_that_is_switched_off_or_has_expired_is_none(parts: Parts) -> None:
    """At that moment."""
    clock = Clock()
    key, secret = made(parts, expires=AT + 1000)
    looked = ring(parts, clock)
    assert looked.find(secret) is not None
    clock.now += 1
    assert looked.find(secret) is None
    within(parts.backend, lambda db: keys.change(db, attrs.evolve(key, expires=0, enabled=False)))
    assert ring(parts, clock).find(secret) is None
    within(parts.backend, lambda db: keys.change(db, attrs.evolve(key, expires=0, name="Ada L.")))
    again = ring(parts, clock).find(secret)
    assert again is not None
    assert again.name == "Ada L."


def test_rotation_lets_both_secrets_work_for_a_while(parts: Parts) -> None:
    """Then the new one alone; a second rotation does not lengthen the first one's time."""
    clock = Clock()
    key, first = made(parts)
    second = within(parts.backend, lambda db: keys.rotate(db, PEPPER, key.id, AT, overlap=5000))
    looked = ring(parts, clock)
    assert [looked.find(secret) is not None for secret in (first, second)] == [True, True]
    third = within(parts.backend, lambda db: keys.rotate(db, PEPPER, key.id, AT + 1000, overlap=60_000))
    clock.now += 5.5
    looked = ring(parts, clock)
    assert [looked.find(secret) is not None for secret in (first, second, third)] == [False, True, True]
    within(parts.backend, lambda db: keys.rotate(db, PEPPER, key.id, AT + 100_000, overlap=0))
    assert len(looking(parts.backend, keys.listed)[0].shown) == 1, "those that have ended are gone, in that moment, too"


def test_a_secret_that_has_ended_is_shown_no_more(parts: Parts) -> None:
    """At the end of the overlap, and not only once the key is rotated again."""
    key, first = made(parts)
    second = within(parts.backend, lambda db: keys.rotate(db, PEPPER, key.id, AT, overlap=5000))
    shown = [looking(parts.backend, partial(keys.listed, now=at))[0].shown for at in (AT + 4999, AT + 5000)]
    assert [set(each) for each in shown] == [{first[: keys.SHOWN], second[: keys.SHOWN]}, {second[: keys.SHOWN]}]


def test_a_key_that_is_removed_is_gone_with_its_secrets(parts: Parts) -> None:
    """And whoever names it then is told."""
    key, secret = made(parts)
    within(parts.backend, lambda db: keys.remove(db, key.id))
    assert ring(parts).find(secret) is None
    for work in (
        lambda db: keys.remove(db, key.id),
        lambda db: keys.change(db, key),
        lambda db: keys.rotate(db, PEPPER, key.id, AT, 0),
    ):
        with pytest.raises(NoKey, match=key.id):
            within(parts.backend, work)


def test_every_change_is_visible_by_its_version(parts: Parts) -> None:
    """That is what other processes look at."""
    versions = [looking(parts.backend, keys.version)]
    key, _ = made(parts)
    versions.append(looking(parts.backend, keys.version))
    for work in (
        lambda db: keys.change(db, attrs.evolve(key, name="b")),
        lambda db: keys.rotate(db, PEPPER, key.id, AT, 0),
        lambda db: facts.changed(db, "prices"),
        lambda db: keys.remove(db, key.id),
    ):
        within(parts.backend, work)
        versions.append(looking(parts.backend, keys.version))
    assert len(set(versions)) == len(versions)


def test_names_are_data(parts: Parts) -> None:
    """Whatever stands in them."""
    name = "Robert'); DROP TABLE keys;-- \x00 <script>"
    key, secret = within(parts.backend, lambda db: keys.create(db, PEPPER, Key(id="", name=name), AT))
    found = ring(parts).find(secret)
    assert found is not None
    assert found.name == key.name == name.replace("\x00", "\ufffd")


def test_a_snapshot_is_believed_for_a_while(parts: Parts) -> None:
    """Counted by a clock that nobody sets."""
    clock = Clock()
    looked = ring(parts, clock)
    assert looked.fresh(30)
    clock.now += 31
    assert not looked.fresh(30)
    looked.renew(None)
    assert looked.fresh(30)


def test_finding_takes_no_longer_the_more_keys_there_are(parts: Parts) -> None:
    """One digest and one lookup."""
    with parts.backend.transaction() as db:
        secrets = [keys.create(db, PEPPER, Key(id="", name=str(n)), AT)[1] for n in range(300)]
    looked = ring(parts)
    assert all(looked.find(secret) is not None for secret in secrets)
    assert len(looked.snapshot) == 300
