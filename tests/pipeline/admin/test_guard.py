"""How often somebody may be wrong."""

import pytest

from pipeline.admin import guard
from pipeline.admin.guard import OF_ACCOUNT, OF_ADDRESS, WITHIN, Guard
from pipeline.admin.refusal import Refused


class Clock:
    """Time, as the test has it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_ten_attempts_then_a_wait() -> None:
    """The eleventh is refused with 429 and the seconds until the first one is forgotten."""
    clock = Clock()
    watch = Guard(clock)
    for _ in range(OF_ACCOUNT):
        watch.attempt("ada", "::1")
        clock.now += 1
    with pytest.raises(Refused) as refused:
        watch.attempt("ada", "::1")
    assert refused.value.status == 429
    assert refused.value.fields == [(b"retry-after", b"%d" % (WITHIN - OF_ACCOUNT))]
    clock.now += WITHIN - OF_ACCOUNT
    watch.attempt("ada", "::1")


def test_accounts_and_addresses_are_counted_apart() -> None:
    """Who guesses at one account from one place does not lock out others, nor the same account elsewhere."""
    watch = Guard(Clock())
    for _ in range(OF_ACCOUNT):
        watch.attempt("ada", "10.0.0.1")
    watch.attempt("bob", "10.0.0.1")
    watch.attempt("ada", "10.0.0.2")


def test_an_address_that_tries_many_accounts_is_refused() -> None:
    """However many names it has to guess with."""
    watch = Guard(Clock())
    for number in range(OF_ADDRESS):
        watch.attempt(f"user{number}", "10.0.0.1")
    with pytest.raises(Refused):
        watch.attempt("another", "10.0.0.1")


def test_who_was_right_begins_anew() -> None:
    """A right password forgives the wrong ones of its account."""
    watch = Guard(Clock())
    for _ in range(OF_ADDRESS * 3):
        watch.attempt("ada", "::1")
        watch.forgive("ada", "::1")
    watch.attempt("ada", "::1")


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of names that attackers invent, the oldest are forgotten."""
    monkeypatch.setattr(guard, "MOST", 20)
    watch = Guard(Clock())
    for number in range(100):
        watch.attempt("ada", f"10.0.0.{number}")
    assert len(watch._wrong) <= 20
