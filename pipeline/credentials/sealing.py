"""Sealing: a secret → bytes that tell nothing without the key, and fit no other place than their own.

    01 │ key id, 4 bytes │ nonce, 12 bytes │ AES-256-GCM(key, plain; about)

*about* says what the secret is of (a row's id and upstream): moved to another row it does not open.  The id names the
key, so that a new one can be brought in while there are seals of the old: those open, and are made anew at the next
start.  Keys are derived (HKDF-SHA256, RFC 5869) from whatever text the operator or the key file has.  A nonce is
random: fit for 2^32 seals under one key (NIST SP 800-38D §8.3).  This file must not know what it seals.
"""

import hmac
import importlib
import secrets
from collections.abc import Sequence
from functools import cache
from typing import Any

FORM = b"\x01"
ID_BYTES = 4
NONCE_BYTES = 12


class Unopened(Exception):
    """What is sealed can't be opened: with another key, for another place, or not whole."""


class Vault:
    """Seals with *key*; opens what was sealed with it or with one of the *old* keys."""

    def __init__(self, key: bytes, old: Sequence[bytes] = ()) -> None:
        self._id = derived(key, b"id", ID_BYTES)
        self._keys = {derived(each, b"id", ID_BYTES): derived(each, b"key", 32) for each in (*old, key)}

    def seal(self, plain: bytes, about: str) -> bytes:
        """*plain*, sealed for *about*."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed: bytes = cipher().sealed(self._keys[self._id], nonce, plain, self._bound(self._id, about))
        return FORM + self._id + nonce + sealed

    def open(self, sealed: bytes, about: str) -> bytes:
        """What was sealed for *about*.  Raises Unopened."""
        name, nonce = sealed[1 : 1 + ID_BYTES], sealed[1 + ID_BYTES : 1 + ID_BYTES + NONCE_BYTES]
        key = self._keys.get(name)
        if sealed[:1] != FORM or key is None or len(nonce) < NONCE_BYTES:
            raise Unopened("sealed with another key")
        text = sealed[1 + ID_BYTES + NONCE_BYTES :]
        plain: bytes | None = cipher().opened(key, nonce, text, self._bound(name, about))
        if plain is None:
            raise Unopened("not what was sealed for this place")
        return plain

    def current(self, sealed: bytes) -> bool:
        """Whether *sealed* is under the present key."""
        return sealed[: 1 + ID_BYTES] == FORM + self._id

    @staticmethod
    def _bound(name: bytes, about: str) -> bytes:
        """What is authenticated along with the secret: form and key id too, so that neither can be changed."""
        return FORM + name + about.encode()


def derived(key: bytes, use: bytes, size: int) -> bytes:
    """*size* bytes, 32 at most, for one *use* of *key*: RFC 5869 without a salt, and its first block is enough."""
    extracted = hmac.digest(bytes(32), key, "sha256")
    return hmac.digest(extracted, b"pipeline credentials " + use + b"\x01", "sha256")[:size]


@cache
def cipher() -> Any:
    """The module ``cipher``, by name: where nothing is sealed, a start does not wait for the library behind it."""
    return importlib.import_module("pipeline.credentials.cipher")
