"""Rows of credentials and of authorizations that were begun, in both databases."""

from typing import Any

import attrs
import pytest

from pipeline.store import credentials as rows
from pipeline.store.credentials import CredentialRow, NoCredential
from pipeline.store.database import within
from pipeline.store.facts import version
from pipeline.store.opening import Parts

KEY = CredentialRow("c1", "up", "key", "work", b"\x00sealed", created=5)
OAUTH = CredentialRow("c2", "up", "oauth", "OAuth", b"tokens", expires=99, created=6)


@pytest.fixture
def do(parts: Parts) -> Any:
    """Does some work in a transaction."""
    return lambda work: within(parts.backend, work)


def test_what_was_put_is_listed(do: Any) -> None:
    """In the order of its making; each change is a fact that other processes see."""
    before = do(version)
    do(lambda db: rows.put(db, OAUTH))
    do(lambda db: rows.put(db, KEY))
    assert do(rows.listed) == (KEY, OAUTH)
    assert do(version) != before


def test_an_upstream_has_one_authorization(do: Any) -> None:
    """A new one takes its place; keys, and other upstreams', stay."""
    other = attrs.evolve(OAUTH, id="c4", upstream="other")
    for row in (KEY, OAUTH, other, attrs.evolve(OAUTH, id="c3", created=7)):
        do(lambda db, row=row: rows.put(db, row))
    assert [row.id for row in do(rows.listed)] == ["c1", "c4", "c3"]


def test_a_row_is_changed_by_its_own_upstream_only(do: Any) -> None:
    """Whoever names another has named nothing."""
    do(lambda db: rows.put(db, KEY))
    for work in (
        lambda db: rows.change(db, "c1", "other", name="x", enabled=False),
        lambda db: rows.remove(db, "c1", "other"),
        lambda db: rows.remove(db, "c9", "up"),
    ):
        with pytest.raises(NoCredential):
            do(work)
    do(lambda db: rows.change(db, "c1", "up", name="play", enabled=False))
    assert do(rows.listed) == (attrs.evolve(KEY, name="play", enabled=False, version=2),)
    do(lambda db: rows.remove(db, "c1", "up"))
    assert do(rows.listed) == ()


def test_who_replaces_must_have_seen_the_last_version(do: Any) -> None:
    """The second one of two does nothing, and hears so."""
    do(lambda db: rows.put(db, OAUTH))
    assert do(lambda db: rows.replace(db, OAUTH, sealed=b"first", expires=1))
    assert not do(lambda db: rows.replace(db, OAUTH, sealed=b"second", expires=2))
    assert do(rows.listed) == (attrs.evolve(OAUTH, sealed=b"first", expires=1, version=2),)


def test_one_process_renews_at_a_time(do: Any) -> None:
    """The next one when the first gives up or takes too long; none, when it is done."""
    do(lambda db: rows.put(db, OAUTH))

    def claimed(now: int) -> Any:
        return do(lambda db: rows.claim(db, OAUTH, now, now + 100))

    assert [claimed(0), claimed(99), claimed(100), claimed(150)] == ["mine", "theirs", "mine", "theirs"]
    do(lambda db: rows.give_back(db, OAUTH))
    assert claimed(151) == "mine"
    do(lambda db: rows.replace(db, OAUTH, sealed=b"new", expires=0))
    assert claimed(152) == "over"
    assert do(lambda db: db.rows("SELECT 1 FROM flows")) == []
    do(lambda db: rows.remove(db, "c2", "up"))
    with pytest.raises(NoCredential):
        claimed(153)


def test_what_was_begun_is_taken_once(do: Any) -> None:
    """For its own upstream, while it lasts."""

    def begin(state: str, expires: int) -> Any:
        return do(lambda db: rows.begin(db, state, "up", b"kept", 0, expires))

    def take(state: str, upstream: str = "up", now: int = 5) -> Any:
        return do(lambda db: rows.take(db, state, upstream, now))

    assert begin("s", 10)
    assert [take("other"), take("s", upstream="other"), take("s"), take("s")] == [None, None, b"kept", None]
    assert begin("s", 10)
    assert [take("s", now=10), take("s")] == [None, None]


def test_not_more_wait_than_there_may(do: Any) -> None:
    """Those that are too old make room."""

    def begin(state: int, now: int) -> Any:
        return do(lambda db: rows.begin(db, f"s{state}", "up", b"", now, now + 10))

    assert [begin(number, 0) for number in range(rows.FLOWS + 1)] == [True] * rows.FLOWS + [False]
    assert begin(99, 10)


def test_use_only_grows_and_is_no_change(do: Any) -> None:
    """A process that was slow to say so does not turn the clock back."""
    do(lambda db: rows.put(db, KEY))
    before = do(version)
    for moment in (7, 3):
        do(lambda db, moment=moment: rows.used(db, {"c1": moment}))
    assert do(rows.listed)[0].used == 7
    assert do(version) == before
