"""Cipher: AES-256-GCM, as a library has it that takes 7 MB of memory and a fortieth of a start.

``sealing`` reaches it by name, once there is something to seal or to open.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def sealed(key: bytes, nonce: bytes, plain: bytes, bound: bytes) -> bytes:
    """*plain*, encrypted and authenticated, *bound* along with it."""
    return AESGCM(key).encrypt(nonce, plain, bound)


def opened(key: bytes, nonce: bytes, sealed: bytes, bound: bytes) -> bytes | None:
    """What was *sealed*; None if that was with another key, nonce or *bound*, or not this."""
    try:
        return AESGCM(key).decrypt(nonce, sealed, bound)
    except InvalidTag:
        return None
