"""Problems of a configuration: all of them, one readable line each, before anything is started.

    problems.add(("upstreams", "a", "url"), "…")  ──▶  pipeline.toml: upstreams.a.url: …

Collected while the configuration is read and built; ``check`` raises them together.  How a path is spelled in what the
user wrote is the business of ``layers``.
"""

from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches

Key = str | int
Path = tuple[Key, ...]
Note = Callable[[Path, str], None]  # takes a path and what is wrong there


class ConfigError(Exception):
    """The configuration can't be used; *lines* says why, one readable line for each problem."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Problems:
    """What is wrong, in the order found.  *label* spells a path with the place it came from."""

    def __init__(self, label: Callable[[Path], str]) -> None:
        self._label = label
        self._lines: dict[str, None] = {}  # a set in order: two readers may find the same

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, path: Path, text: str) -> None:
        """Note that *text* is wrong at *path*."""
        self._lines[f"{self._label(path)}: {text}"] = None

    def below(self, *path: Key) -> Note:
        """A note-taker for what lies below *path*."""
        return lambda where, text: self.add((*path, *where), text)

    def check(self) -> None:
        """Raise ConfigError if anything was noted."""
        if self._lines:
            raise ConfigError(list(self._lines))


def unknown(word: str, known: Iterable[str], what: str = "key") -> str:
    """The sentence for a *word* that is none of *known*, with the nearest of them."""
    known = sorted(set(known))
    if near := get_close_matches(word, known, 1):
        return f"unknown {what}; did you mean {near[0]}?"
    return f"unknown {what}; known: {', '.join(known)}" if known else f"unknown {what}"
