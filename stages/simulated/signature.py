"""Signatures of thinking: what a client must bring back unchanged, and what tells that it did.

    base64( "SIM1" · digest of the thought · name of the prefix it was thought behind · seal over all )

The seal is keyed with a constant, so every simulated model knows every other's signatures, also after a restart; it is
a test's means, not a secret.  A thought whose text was withheld is signed like any other.
"""

import binascii
from base64 import b64decode, b64encode
from hashlib import blake2b
from typing import Literal

import attrs

_MARK = b"SIM1"
_SIZE = 16
_KEY = b"stages.simulated"


@attrs.frozen
class Verdict:
    """What a signature turned out to be, and the *prefix* it is bound to (empty: to none)."""

    says: Literal["genuine", "altered", "foreign"]
    prefix: bytes = b""


def sign(thought: str, prefix: bytes = b"") -> str:
    """The signature of *thought*, bound to what came before it."""
    body = _MARK + _digest(thought.encode()) + prefix.ljust(_SIZE, b"\0")
    return b64encode(body + _digest(body)).decode()


def verify(signature: str, thought: str) -> Verdict:
    """Whether *signature* is ours and *thought* the one it was made for; empty, the text was withheld."""
    try:
        raw = b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return Verdict("foreign")
    body, seal = raw[:-_SIZE], raw[-_SIZE:]
    if len(body) != len(_MARK) + 2 * _SIZE or not body.startswith(_MARK) or _digest(body) != seal:
        return Verdict("foreign")
    if thought and _digest(thought.encode()) != body[len(_MARK) :][:_SIZE]:
        return Verdict("altered")
    prefix = body[-_SIZE:]
    return Verdict("genuine", prefix if any(prefix) else b"")


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=_SIZE, key=_KEY).digest()
