"""Sealing: a secret → bytes that tell nothing without the key, and fit no other place than their own.

    01 │ key id, 4 bytes │ nonce, 12 bytes │ AES-256-GCM(key, plain; about)

*about* says what the secret is of (a row's id and upstream): moved to another row it does not open.  The id names the
key, so that a new one can be brought in while there are seals of the old: those open, and are made anew at the next
start.  Keys are derived (HKDF-SHA256, RFC 5869) from whatever text the operator or the key file has.  A nonce is
random: fit for 2^32 seals under one key (NIST SP 800-38D §8.3).  This file must not know what it seals; ``cipher``
does it, and is imported by name when there is something to seal or to open: most gateways never have anything.
"""

import importlib
from collections.abc import Sequence
from functools import cached_property
from typing import Protocol


class Unopened(Exception):
    """What is sealed can't be opened: with another key, for another place, or not whole."""


class Sealing(Protocol):
    """What seals and opens."""

    def seal(self, plain: bytes, about: str) -> bytes:
        """*plain*, sealed for *about*."""

    def open(self, sealed: bytes, about: str) -> bytes:
        """What was sealed for *about*.  Raises Unopened."""

    def current(self, sealed: bytes) -> bool:
        """Whether *sealed* is under the present key."""


class Vault:
    """Seals with *key*; opens what was sealed with it or with one of the *old* keys (a ``Sealing``)."""

    def __init__(self, key: bytes, old: Sequence[bytes] = ()) -> None:
        self._keys = key, old

    @cached_property
    def _ciphers(self) -> Sealing:
        made: Sealing = importlib.import_module("pipeline.credentials.cipher").Ciphers(*self._keys)
        return made

    def seal(self, plain: bytes, about: str) -> bytes:
        """See Sealing."""
        return self._ciphers.seal(plain, about)

    def open(self, sealed: bytes, about: str) -> bytes:
        """See Sealing."""
        return self._ciphers.open(sealed, about)

    def current(self, sealed: bytes) -> bool:
        """See Sealing."""
        return self._ciphers.current(sealed)
