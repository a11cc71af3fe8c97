"""Sealing: what is kept can't be read, moved or changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.credentials.sealing import Unopened, Vault

VAULT = Vault(b"a key for tests")


@given(st.binary(max_size=200), st.text(max_size=40))
def test_what_was_sealed_opens_where_it_belongs(plain: bytes, about: str) -> None:
    """And tells nothing of itself; twice the same gives two different seals."""
    one, two = VAULT.seal(plain, about), VAULT.seal(plain, about)
    assert VAULT.open(one, about) == VAULT.open(two, about) == plain
    assert one != two
    assert len(plain) < 4 or plain not in one


@given(st.integers(min_value=0), st.integers(1, 255))
def test_whatever_is_changed_of_a_seal_it_does_not_open(place: int, by: int) -> None:
    """Form, key id, nonce, text, tag: any bit of any byte."""
    sealed = bytearray(VAULT.seal(b"secret", "row 1"))
    sealed[place % len(sealed)] ^= by
    with pytest.raises(Unopened):
        VAULT.open(bytes(sealed), "row 1")


@pytest.mark.parametrize("size", range(33))
def test_a_seal_that_was_cut_does_not_open(size: int) -> None:
    """Of any length, none included."""
    with pytest.raises(Unopened):
        VAULT.open(VAULT.seal(b"", "row 1")[:size], "row 1")


def test_a_seal_belongs_to_its_place() -> None:
    """In another row it does not open: nobody can give one upstream's key to another by editing the database."""
    with pytest.raises(Unopened):
        VAULT.open(VAULT.seal(b"secret", "row 1"), "row 2")


def test_a_new_key_opens_what_the_old_one_sealed() -> None:
    """And is told from it by the id: what is current needs no new seal."""
    old = Vault(b"an old key")
    sealed = old.seal(b"secret", "row 1")
    both = Vault(b"a new key", [b"an old key"])
    assert both.open(sealed, "row 1") == b"secret"
    assert (old.current(sealed), both.current(sealed), both.current(both.seal(b"x", ""))) == (True, False, True)
    with pytest.raises(Unopened):
        Vault(b"a new key").open(sealed, "row 1")
