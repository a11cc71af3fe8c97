"""What a prompt must look like, said with its path.

    text(body["model"], ("model",))   ─▶   "gpt-5"    or    InvalidRequest("model: a string is required")

A body is whatever JSON a client sends; nothing in it is taken for granted.  Each function here returns its value with
the type it has, or raises InvalidRequest that names the place.  This file must not know a dialect.
"""

from collections.abc import Iterator
from typing import Any, NoReturn

from pipeline.document import Path
from pipeline.errors import InvalidRequest
from pipeline.prompt import spell

DEPTH = 128  # levels of nesting that a translation walks down; people write five


def invalid(path: Path, why: str) -> NoReturn:
    """Refuse the prompt because of what is at *path*."""
    place = spell(path)
    raise InvalidRequest(f"{place}: {why}" if place else why, param=place or None)


def text(value: Any, path: Path) -> str:
    """*value*, a string."""
    if not isinstance(value, str):
        invalid(path, "a string is required")
    return value


def name(value: Any, path: Path) -> str:
    """*value*, a string that is not empty."""
    if not isinstance(value, str) or not value:
        invalid(path, "a non-empty string is required")
    return value


def mapping(value: Any, path: Path) -> dict[str, Any]:
    """*value*, an object."""
    if not isinstance(value, dict):
        invalid(path, "an object is required")
    return value


def sequence(value: Any, path: Path) -> list[Any]:
    """*value*, an array."""
    if not isinstance(value, list):
        invalid(path, "an array is required")
    return value


def objects(value: Any, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Path and value of each member of *value*, an array of objects."""
    for number, item in enumerate(sequence(value, path)):
        place = (*path, number)
        yield place, item if isinstance(item, dict) else mapping(item, place)


def flag(value: Any, path: Path) -> bool:
    """*value*, true or false."""
    if not isinstance(value, bool):
        invalid(path, "true or false is required")
    return value


def number(value: Any, path: Path) -> float | int:
    """*value*, a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        invalid(path, "a number is required")
    return value


def count(value: Any, path: Path, *, least: int = 0) -> int:
    """*value*, a whole number of at least *least*."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        invalid(path, f"a whole number of at least {least} is required")
    return value


def deep(value: Any, limit: int) -> bool:
    """Whether *value* is nested more than *limit* levels: what a client may nest freely, code walks by recursion."""
    level = [value]
    for _ in range(limit):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
