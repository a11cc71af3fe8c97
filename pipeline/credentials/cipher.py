"""Ciphers: AES-256-GCM under keys that are derived (HKDF-SHA256, RFC 5869), as a library has them.

That library takes 7 MB of memory and a fortieth of a start, so ``sealing`` reaches this file by name, once there is
something to seal or to open.
"""

import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pipeline.credentials.sealing import Unopened

FORM = b"\x01"
ID_BYTES = 4
NONCE_BYTES = 12


class Ciphers:
    """Seals with *key*; opens what was sealed with it or with one of the *old* keys."""

    def __init__(self, key: bytes, old: Sequence[bytes] = ()) -> None:
        self._id = derived(key, b"id", ID_BYTES)
        self._ciphers = {derived(each, b"id", ID_BYTES): AESGCM(derived(each, b"key", 32)) for each in (*old, key)}

    def seal(self, plain: bytes, about: str) -> bytes:
        """*plain*, sealed for *about*."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return FORM + self._id + nonce + self._ciphers[self._id].encrypt(nonce, plain, self._bound(self._id, about))

    def open(self, sealed: bytes, about: str) -> bytes:
        """What was sealed for *about*.  Raises Unopened."""
        name, nonce = sealed[1 : 1 + ID_BYTES], sealed[1 + ID_BYTES : 1 + ID_BYTES + NONCE_BYTES]
        cipher = self._ciphers.get(name)
        if sealed[:1] != FORM or cipher is None or len(nonce) < NONCE_BYTES:
            raise Unopened("sealed with another key")
        try:
            return cipher.decrypt(nonce, sealed[1 + ID_BYTES + NONCE_BYTES :], self._bound(name, about))
        except InvalidTag:
            raise Unopened("not what was sealed for this place") from None

    def current(self, sealed: bytes) -> bool:
        """Whether *sealed* is under the present key."""
        return sealed[: 1 + ID_BYTES] == FORM + self._id

    @staticmethod
    def _bound(name: bytes, about: str) -> bytes:
        """What is authenticated along with the secret: form and key id too, so that neither can be changed."""
        return FORM + name + about.encode()


def derived(key: bytes, use: bytes, size: int) -> bytes:
    """*size* bytes for one *use* of *key*."""
    return HKDF(algorithm=SHA256(), length=size, salt=None, info=b"pipeline credentials " + use).derive(key)
