"""Notes: what one part of a line leaves for another, under typed keys, so that there is no bag of loose names.

    STOPS: Key[tuple[str, ...]] = Key("stops")      notes.note(STOPS, ("END",))   ─▶   notes.noted(STOPS)

A key is compared by identity: whoever can import it may use it, nobody else can meet it by accident.
"""

from typing import Any, Generic, TypeVar

import attrs

T = TypeVar("T")


@attrs.frozen(eq=False)
class Key(Generic[T]):
    """The name under which something is left; compared by identity."""

    name: str


class Notes:
    """What was left, by key."""

    __slots__ = ("_left",)

    def __init__(self, left: "Notes | None" = None) -> None:
        """Empty, or a copy of *left*."""
        self._left: dict[Key[Any], Any] = {} if left is None else dict(left._left)

    def note(self, key: Key[T], value: T) -> None:
        """Leave *value* for whoever knows *key*."""
        self._left[key] = value

    def noted(self, key: Key[T]) -> T | None:
        """What was left under *key*, or None."""
        return self._left.get(key)
