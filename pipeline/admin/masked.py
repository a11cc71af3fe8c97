"""Masked: settings as JSON tells them, with every secret covered.

Secret("…"), key = "…", authorization = "…"  ─▶  "***"        postgresql://user:password@host ─▶ postgresql://host
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from pipeline.config import Entry
from pipeline.resolved import MASK, SECRET, without_password
from pipeline.secret import Secret


def masked(settings: Any) -> dict[str, Any]:
    """The settings of *settings*, an object or a table; empty for what has none."""
    if not isinstance(settings, Mapping) and not attrs.has(type(settings)):
        return {}
    return {name: _covered(name, value) for name, value in pairs(settings)}


def pairs(settings: Any) -> Iterator[tuple[str, Any]]:
    """Name and value of each setting."""
    if isinstance(settings, Mapping):
        yield from settings.items()
        return
    for field in attrs.fields(type(settings)):
        if field.init and not field.name.startswith("_"):
            yield field.alias or field.name, getattr(settings, field.name)


def _covered(name: str, value: Any) -> Any:
    if isinstance(value, str) and SECRET.search(name):
        return MASK
    match value:
        case Secret():
            return MASK
        case str() | Path():
            return without_password(str(value))
        case bool() | int() | float() | None:
            return value
        case list() | tuple() | set() | frozenset():
            return [_covered("", item) for item in value]
        case Entry():
            return masked({"use": value.use, **value.settings})
        case Mapping():
            return masked(value)
    return masked(value) if attrs.has(type(value)) else str(value)
