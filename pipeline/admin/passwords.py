"""Passwords: what is kept of them, and whether one fits.

    password ──argon2id, 64 MiB, a quarter of a second──▶ what is stored

In a thread, and never more than two at once: that much memory is what makes guessing dear, for us as well.
"""

import secrets

import argon2
import trio

AT_ONCE = 2

# What is checked where there is no account, so that nobody can tell by the time it takes.  It fits no password.
NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$bm9ib2R5IGF0IGFsbCE$5C3Y0VtQ5ZqJ4uGm8bT7yYcC9a3u1r3oO0kZ7Q2hX1s"


class Passwords:
    """Hashes and checks, off the event loop."""

    def __init__(self) -> None:
        self._hasher = argon2.PasswordHasher()
        self._limiter = trio.CapacityLimiter(AT_ONCE)

    async def hashed(self, password: str) -> str:
        """What is to be stored for *password*."""
        return await trio.to_thread.run_sync(hashed, self._hasher, password, limiter=self._limiter)

    async def fits(self, stored: str | None, password: str) -> bool:
        """Whether *password* is the one that *stored* was made of; takes as long where nothing is stored."""
        return await trio.to_thread.run_sync(
            fits, self._hasher, stored or NOBODY, password, limiter=self._limiter, abandon_on_cancel=True
        )


def hashed(hasher: argon2.PasswordHasher, password: str) -> str:
    """What is to be stored for *password*; blocks."""
    return hasher.hash(password.encode("utf-8", "surrogatepass"))


def fits(hasher: argon2.PasswordHasher, stored: str, password: str) -> bool:
    """Whether *password* is the one that *stored* was made of; blocks."""
    try:
        return hasher.verify(stored, password.encode("utf-8", "surrogatepass"))
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def generated() -> str:
    """A password nobody guesses."""
    return secrets.token_urlsafe(18)
