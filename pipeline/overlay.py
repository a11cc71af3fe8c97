"""Overlay: settings of stages that hold for one caller alone.

    [cache_breakpoints]  ttl = "5m"                          ┐
    the key's options    {"cache_breakpoints": {"ttl": "1h"}} ┴─▶  the stage as this caller meets it: ttl = "1h"

A stage names the settings that a key may change, in ``per_key``; all others are the operator's alone.  What a caller
meets is a copy of the stage with those settings changed.  All else, caches and connections included, is shared with the
stage itself, so nothing that a stage derives from its settings when it is made may depend on one of these.  A copy is
made once for a stage and a key's options, and serves every request after that.

The engine overlays the stages that it enters; a source does it itself.  What is wrong with options is found when a key
is made (``problems``); where a key is older than what its stages have become, its requests are refused.  This file must
not know a stage.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from copy import copy
from functools import partial
from typing import Any, TypeVar, get_type_hints

import attrs

from pipeline.errors import Forbidden
from pipeline.exchange import Exchange
from pipeline.layers import Layers, spell
from pipeline.problems import Note, Path, unknown
from pipeline.structure import structure

S = TypeVar("S")
Fault = tuple[str, str]  # where in a key's options, and what is wrong there

COPIES = 1024  # that are kept; the oldest goes

# By identity: options are read anew with each change of a key, stages with each change of the configuration.
_copies: OrderedDict[tuple[int, int], tuple[Any, Any, Any]] = OrderedDict()


def overlaid(stage: S, name: str, exchange: Exchange) -> S:
    """*stage*, called *name*, as the exchange's caller meets it.  Raises Forbidden for options that make no sense."""
    caller = exchange.caller
    table = caller.options.get(name) if caller is not None and caller.options else None
    if table is None:
        return stage
    key = id(stage), id(table)
    known = _copies.get(key)
    if known is None or known[0] is not stage or known[1] is not table:
        while len(_copies) >= COPIES:
            _copies.popitem(last=False)
        known = _copies[key] = stage, table, _changed(stage, name, table)
    made: S = known[2]
    return made


def problems(options: Mapping[str, Any], stages: Iterable[tuple[str, Any]]) -> list[str]:
    """What is wrong with *options*, settings by the stage's name, for a line of *stages*; each with its place."""
    return [f"{place}: {text}" for place, text in faults(options, stages)]


def faults(options: Mapping[str, Any], stages: Iterable[tuple[str, Any]]) -> list[Fault]:
    """The same, places and texts apart."""
    line: dict[str, list[Any]] = {}
    for name, stage in stages:
        line.setdefault(name, []).append(stage)
    found: list[Fault] = []
    for name, table in options.items():
        if name not in line:
            _say(found, name, (), unknown(name, line, "stage"))
        for stage in line.get(name, ()):
            _settings(stage, table, partial(_say, found, name))
    return list(dict.fromkeys(found))


def _say(found: list[Fault], name: str, where: Path, text: str) -> None:
    found.append((spell((name, *where)), text))


def _changed(stage: S, name: str, table: Any) -> S:
    """A copy of *stage* with the settings in *table*."""
    wrong: list[Fault] = []
    settings = _settings(stage, table, partial(_say, wrong, name))
    if wrong:
        told = "; ".join(f"{place}: {text}" for place, text in wrong)
        raise Forbidden(f"the options of this key make no sense here: {told}")
    made = copy(stage)
    for field, value in settings.items():
        object.__setattr__(made, field, value)  # a frozen one, and nobody has seen it yet
    return made


def _settings(stage: Any, table: Any, note: Note) -> dict[str, Any]:
    """The settings in *table*, by the names of *stage*'s fields; what is wrong is noted."""
    kind = type(stage)
    per_key: frozenset[str] = getattr(kind, "per_key", frozenset())
    if not per_key:
        note((), "this stage has no settings that a key may change")
        return {}
    if not isinstance(table, dict):
        note((), f"a table of settings is expected: {', '.join(sorted(per_key))}")
        return {}
    fields = {field.alias: field.name for field in attrs.fields(kind) if field.name in per_key}
    types = get_type_hints(kind, include_extras=True)
    made: dict[str, Any] = {}
    for key, value in table.items():
        if key in fields:
            at = partial(_at, note, key)
            made[fields[key]] = structure(value, types[fields[key]], Layers(), at)
        else:
            note((key,), unknown(key, [alias for alias in fields if alias], "setting"))
    return made


def _at(note: Note, key: str, where: Path, text: str) -> None:
    note((key, *where), text)
