"""Secrets are a type, not a habit: what holds one can be printed, logged or raised without telling it.

One that nobody configured is drawn once, and kept in a file of its owner's (``made_once``).
"""

import os
import secrets
from pathlib import Path


class Secret:
    """A string that never shows itself: only ``reveal`` tells it, everything else prints ``***``."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself, for the one place that must send or compare it."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))


def made_once(file: Path) -> bytes:
    """The secret in *file*, for its owner's eyes alone; drawn by chance at first.  Raises OSError.

    Of two processes that make it at once, one wins: it appears whole or not at all, and never over another one.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = file.with_name(f".{file.name}.{os.getpid()}")
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(fd, f"{secrets.token_urlsafe(32)}\n".encode())
            os.fsync(fd)
        finally:
            os.close(fd)
        try:
            os.link(fresh, file)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return file.read_bytes().strip()
