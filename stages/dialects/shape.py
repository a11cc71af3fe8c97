"""What a prompt must look like, said with its path.

    text(body["model"], ("model",))   ─▶   "gpt-5"    or    InvalidRequest("model: a string is required")

A body is whatever JSON a client sends; nothing in it is taken for granted.  Each function here returns its value with
the type it has, or raises InvalidRequest that names the place.  This file must not know a dialect.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import compress
from operator import is_
from typing import Any, NoReturn, TypeVar

import msgspec

from pipeline.document import Path
from pipeline.errors import InvalidRequest
from pipeline.prompt import spell

DEPTH = 128  # levels of nesting that a translation walks down; people write five


T = TypeVar("T")


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


def objects(value: Any, path: Path, first: int = 0) -> list[tuple[Path, dict[str, Any]]]:
    """Path and value of each member of *value*, an array of objects, the first of which has the number *first*."""
    return [
        ((*path, number), item if type(item) is dict else mapping(item, (*path, number)))
        for number, item in enumerate(sequence(value, path), first)
    ]


def blocks(value: Any, path: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Path and value of each member of *value*, an array of objects that say their type.

    There are thousands in a long conversation, and nearly all are as they should be: only one that is not is looked at
    again, for what is wrong with it.
    """
    found = []
    for number, block in enumerate(sequence(value, path)):
        place = (*path, number)
        if type(block) is not dict or type(kind := block.get("type")) is not str or not kind:
            name(mapping(block, place).get("type"), (*place, "type"))
        found.append((place, block))
    return found


def those(kind: type[T], values: Sequence[Any]) -> Iterator[T]:
    """Those of *values* whose type is *kind*: chosen without a step of Python for each."""
    return compress(values, map(partial(is_, kind), map(type, values)))


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
    try:
        text = msgspec.json.encode(value)
    except RecursionError:
        return True
    return _nested(value, text, limit)


def written(value: Any, path: Path) -> str:
    """*value* as JSON; refused where it is ``deep``."""
    try:
        text = msgspec.json.encode(value)
    except RecursionError:
        text = b""
    if not text or _nested(value, text, DEPTH):
        invalid(path, "nested too deeply")
    return text.decode()


def _nested(value: Any, text: bytes, limit: int) -> bool:
    """Whether *value*, of which *text* is the JSON, is nested more than *limit* levels.

    Where so few brackets are, nothing needs to be walked: that takes a quarter of the time for most schemas.
    """
    if text.count(b"{") + text.count(b"[") <= limit:
        return False
    level = [value]
    for _ in range(limit):
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True
