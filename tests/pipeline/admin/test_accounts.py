"""Accounts and logins, in both databases."""

import attrs
import pytest

from pipeline.admin import accounts, audit
from pipeline.admin.accounts import LASTS, MOST, Login, NoAccount, Taken
from pipeline.store.database import looking, within
from pipeline.store.opening import Parts
from tests.pipeline.store.conftest import parts, place, postgres  # noqa: F401  # fixtures
from tests.pipeline.store.records import AT

LOGIN = Login("d" * 64, "ada", "::1", "a browser", AT, AT, AT + LASTS)


def test_the_first_account_is_made_once(parts: Parts) -> None:  # noqa: F811  # the fixture
    """Whoever comes second is told so."""
    within(parts.backend, lambda db: accounts.first(db, "ada", "hash", AT))
    with pytest.raises(Taken):
        within(parts.backend, lambda db: accounts.first(db, "bob", "hash", AT))
    assert looking(parts.backend, accounts.named) == [("ada", AT, AT)]


def test_another_password_ends_the_accounts_logins(parts: Parts) -> None:  # noqa: F811  # the fixture
    """And nobody else's; so does its end."""
    for name in ("ada", "bob"):
        within(parts.backend, lambda db, name=name: accounts.put(db, name, "hash", AT))  # type: ignore[misc]  # a loop's name
    within(parts.backend, lambda db: accounts.login(db, LOGIN))
    within(parts.backend, lambda db: accounts.login(db, attrs.evolve(LOGIN, digest="e" * 64, admin="bob")))
    within(parts.backend, lambda db: accounts.put(db, "ada", "another", AT + 5))
    assert [each.admin for each in looking(parts.backend, lambda db: accounts.logins(db, None, AT))] == ["bob"]
    within(parts.backend, lambda db: accounts.remove(db, "bob"))
    assert looking(parts.backend, lambda db: accounts.logins(db, None, AT)) == []
    with pytest.raises(NoAccount):
        within(parts.backend, lambda db: accounts.remove(db, "bob"))


def test_a_login_lasts_as_long_as_it_says(parts: Parts) -> None:  # noqa: F811  # the fixture
    """Not a millisecond longer; the next login sweeps it away."""
    within(parts.backend, lambda db: accounts.login(db, LOGIN))
    assert looking(parts.backend, lambda db: accounts.find(db, LOGIN.digest, LOGIN.expires - 1)) == LOGIN
    assert looking(parts.backend, lambda db: accounts.find(db, LOGIN.digest, LOGIN.expires)) is None
    late = attrs.evolve(LOGIN, digest="f" * 64, created=LOGIN.expires, expires=LOGIN.expires + LASTS)
    within(parts.backend, lambda db: accounts.login(db, late))
    assert looking(parts.backend, lambda db: accounts.logins(db, None, AT)) == [late]


def test_logins_of_one_account_are_bounded(parts: Parts) -> None:  # noqa: F811  # the fixture
    """The oldest end."""

    def many(db: object) -> None:
        for number in range(MOST + 5):
            accounts.login(db, attrs.evolve(LOGIN, digest=f"{number:064}", created=AT + number))  # type: ignore[arg-type]  # a database

    within(parts.backend, many)
    left = looking(parts.backend, lambda db: accounts.logins(db, "ada", AT))
    assert (len(left), left[-1].created) == (MOST, AT + 5)


def test_the_audit_is_read_in_pages_the_newest_first(parts: Parts) -> None:  # noqa: F811  # the fixture
    """Each entry once, however many came in one moment."""
    for number in range(5):
        within(parts.backend, lambda db, n=number: audit.note(db, AT + n // 2, "ada", "did", str(n), {"n": n}))  # type: ignore[misc]  # a loop's name
    seen, before = [], ""
    while before is not None:
        entries, before = looking(parts.backend, lambda db, b=before: audit.page(db, b, 2))  # type: ignore[misc]  # a loop's name
        seen += [entry.target for entry in entries]
    assert sorted(seen) == ["0", "1", "2", "3", "4"]
    assert seen[0] == "4"
