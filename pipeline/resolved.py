"""Resolved: the configuration as it came out of all layers, as TOML, with every secret masked.

    [upstreams.work]
    url = "https://api.example.com/v1"
    key = "***"

For reading, by people; a setting that is not set is left out.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from pipeline.config import Entry
from pipeline.loading import Built
from pipeline.secret import Secret

MASK = "***"

# A plain string under such a name is a secret as well, wherever it stands: headers, settings of somebody's stage.
SECRET = re.compile(r"(?i)(^|[._-])(api)?(key|token|secret|password|authorization|cookie)$")
_BARE = re.compile(r"[\w-]+", re.ASCII)
_PASSWORD = re.compile(r"(?<=//)[^/@]*@")


def resolved(built: Built) -> str:
    """The configuration of *built*, several lines."""
    config = built.config
    tables: list[tuple[str, Any]] = [("server", config.server), ("log", config.log), ("store", config.store)]
    tables += [(name, getattr(config, name)) for name in ("admin", "metrics", "capture", "traces")]
    tables += [(f"upstreams.{key(name)}", upstream) for name, upstream in config.upstreams.items()]
    stages: list[tuple[str, Any]] = [*built.line.stages]
    stages += {name: stage for plan in built.plans if plan.config.stages is None for name, stage in plan.stages}.items()
    stages += [(built.order.source.name, built.line.source), (built.order.sink.name, built.line.sink)]
    tables += [(key(name), stage) for name, stage in stages if attrs.has(type(stage))]
    texts = [text for title, settings in tables if (text := "\n".join(_table(title, settings)))]
    without = [f"without = {toml(config.without)}"] if config.without else []
    return "\n\n".join(without + texts)


def _table(title: str, settings: Any) -> Iterator[str]:
    pairs = list(_pairs(settings))
    if pairs:
        yield f"[{title}]"
        yield from (f"{key(name)} = {text}" for name, text in pairs)


def _pairs(settings: Any) -> Iterator[tuple[str, str]]:
    """Name and TOML of every setting that is set."""
    named = dict(settings) if isinstance(settings, Mapping) else _fields(settings)
    if isinstance(settings, Entry):
        named |= named.pop("settings")  # as they were written
    for name, value in named.items():
        if value is None or value in ((), {}, []):
            continue
        secret = isinstance(value, str) and SECRET.search(name)
        yield name, toml(MASK if secret else value)


def _fields(settings: Any) -> dict[str, Any]:
    return {
        field.alias or field.name: getattr(settings, field.name) for field in attrs.fields(type(settings)) if field.init
    }


def without_password(text: str) -> str:
    """*text* without the credential of a URL."""
    return _PASSWORD.sub("", text)


def toml(value: Any) -> str:
    """*value* as TOML, on one line."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case Secret():
            return f'"{MASK}"'
        case str() | Path():
            return json.dumps(without_password(str(value)), ensure_ascii=False)
        case list() | tuple() | set() | frozenset():
            return f"[{', '.join(toml(item) for item in value)}]"
    inner = ", ".join(f"{key(name)} = {text}" for name, text in _pairs(value))
    return f"{{ {inner} }}" if inner else "{}"


def key(name: str) -> str:
    """*name* as a TOML key."""
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)
