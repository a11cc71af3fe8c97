"""Schemas for servers that read only a part of JSON Schema.

    {"$ref": "#/$defs/Size"}             ─▶  what it refers to, in its place; one that leads into itself: any object
    {"const": 1}   {"enum": [1, 2]}      ─▶  {"type": "string", "enum": ["1"]} …
    {"type": ["string", "null"]}         ─▶  {"type": "string", "nullable": true}
    {"oneOf": […]}   {"allOf": […]}      ─▶  {"anyOf": […]}   one object with the properties of all
    "additionalProperties", "$schema"    ─▶  nothing, and a word about it

A pure function of schema and rules: equal tools stay equal from turn to turn, byte for byte; the order of properties is
kept.  What is expensive is remembered by the text of the schema.  Callers see to the depth (``shape.deep``) first; what
references make of it is bounded here.
"""

from functools import lru_cache
from typing import Any

import attrs
import msgspec

from pipeline.document import Path

Schema = dict[str, Any]

_NODES = 4000  # schemas in one: references to references grow without end
_DEPTH = 64
# What tells about a schema and constrains nothing, or what no model reads.
_TALK = frozenset({"$schema", "$id", "$comment", "$anchor", "$defs", "definitions", "title", "default", "examples",
                   "example", "deprecated", "readOnly", "writeOnly", "additionalProperties"})  # fmt: skip


@attrs.frozen(kw_only=True)
class Rules:
    """What a server reads."""

    keywords: frozenset[str]
    formats: frozenset[str]  # values of "format"


@attrs.frozen
class Change:
    """What was done at *path* of a schema."""

    path: Path
    why: str
    lossy: bool = False


def narrowed(schema: Schema, rules: Rules) -> tuple[Schema, tuple[Change, ...]]:
    """*schema* as *rules* allow, a fresh object; and what was changed."""
    text, changes = _remembered(msgspec.json.encode(schema), rules)
    return msgspec.json.decode(text), changes


@lru_cache(maxsize=512)
def _remembered(text: bytes, rules: Rules) -> tuple[bytes, tuple[Change, ...]]:
    work = _Narrowing(msgspec.json.decode(text), rules)
    return msgspec.json.encode(work.result()), tuple(work.changes)


class _Narrowing:
    """One schema at work."""

    def __init__(self, root: Schema, rules: Rules) -> None:
        self.changes: list[Change] = []
        self._root = root
        self._rules = rules
        self._nodes = 0

    def result(self) -> Schema:
        return self._schema(self._root, (), ())

    def _schema(self, given: Any, path: Path, within: tuple[str, ...]) -> Schema:
        """*given* narrowed; *within*: the references that led here."""
        self._nodes += 1
        if not isinstance(given, dict):  # true and false are schemas, too
            return {}
        if self._nodes > _NODES or len(path) > _DEPTH:
            return self._cut(given, path, "too large with all references in their places: told as any object")
        schema = dict(given)
        if isinstance(reference := schema.pop("$ref", None), str):
            if reference in within:
                return self._cut(schema, path, "a schema that contains itself: told as any object")
            self._note(path, f"{reference} put in its place")
            return self._schema({**self._found(reference, path), **schema}, path, (*within, reference))
        schema = self._enumerated(self._typed(self._joined(schema, path), path), path)
        return self._kept(schema, path, within)

    def _kept(self, schema: Schema, path: Path, within: tuple[str, ...]) -> Schema:
        """The keywords of *schema* that are read, in their order."""
        made: Schema = {}
        for key, value in schema.items():
            here = (*path, key)
            if key not in self._rules.keywords:
                self._note(here, "a keyword that is not read here", lossy=key not in _TALK)
            elif key == "properties" and isinstance(value, dict):
                made[key] = {name: self._schema(each, (*here, name), within) for name, each in value.items()}
            elif key == "anyOf" and isinstance(value, list):
                made[key] = [self._schema(each, (*here, place), within) for place, each in enumerate(value)]
            elif key == "items":
                made[key] = self._schema({"anyOf": value} if isinstance(value, list) else value, here, within)
            elif key == "format" and not (isinstance(value, str) and value in self._rules.formats):
                self._note(here, f"the format {value} is not known here", lossy=True)
            else:
                made[key] = value
        if isinstance(made.get("required"), list) and isinstance(made.get("properties"), dict):
            made["required"] = [
                each for each in made["required"] if isinstance(each, str) and each in made["properties"]
            ]
        return made

    # -- keywords -----------------------------------------------------------------------------------------------------

    def _found(self, reference: str, path: Path) -> Schema:
        found: Any = self._root
        for key in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
            found = found.get(key.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            self._note(path, f"{reference} leads nowhere", lossy=True)
            return {}
        return found

    def _joined(self, schema: Schema, path: Path) -> Schema:
        """*schema* without oneOf and allOf."""
        if isinstance(choices := schema.pop("oneOf", None), list):
            self._note((*path, "oneOf"), "told as anyOf")
            known = schema.get("anyOf")
            schema["anyOf"] = [*(known if isinstance(known, list) else ()), *choices]
        if isinstance(parts := schema.pop("allOf", None), list):
            self._note((*path, "allOf"), "its parts are told as one")
            for part in parts:
                schema = self._both(schema, part, path)
        return schema

    def _both(self, schema: Schema, part: Any, path: Path) -> Schema:
        for _ in range(8):  # references to references
            if not isinstance(part, dict):
                return schema
            if not isinstance(part.get("$ref"), str):
                break
            part = {**self._found(part["$ref"], path), **{key: part[key] for key in part if key != "$ref"}}
        both = {**part, **schema}
        if isinstance(part.get("properties"), dict) and isinstance(schema.get("properties"), dict):
            both["properties"] = {**schema["properties"], **part["properties"]}
        if isinstance(part.get("required"), list) and isinstance(schema.get("required"), list):
            both["required"] = list(dict.fromkeys([*schema["required"], *part["required"]]))
        both.pop("$ref", None)
        return both

    def _typed(self, schema: Schema, path: Path) -> Schema:
        """*schema* with one type, and null as a mark beside it."""
        kinds, choices = schema.get("type"), schema.get("anyOf")
        if isinstance(kinds, list):
            others = [kind for kind in kinds if isinstance(kind, str) and kind != "null"]
            self._note((*path, "type"), "several types are told as a choice")
            schema.pop("type")
            if len(others) == 1:
                schema["type"] = others[0]
            elif others:
                schema["anyOf"] = [{"type": kind} for kind in others]
            schema |= {"nullable": True} if "null" in kinds else {}
        elif isinstance(choices, list) and any(_null(choice) for choice in choices):
            others = [choice for choice in choices if not _null(choice)]
            self._note((*path, "anyOf"), "null is told as nullable")
            schema |= {"nullable": True, "anyOf": others}
            if len(others) == 1 and isinstance(others[0], dict) and "$ref" not in others[0]:
                schema.pop("anyOf")
                return self._typed(self._joined({**others[0], **schema}, path), path)
        return schema

    def _enumerated(self, schema: Schema, path: Path) -> Schema:
        """*schema* with a list of texts where it has a constant or a list of values."""
        if "const" in schema:
            self._note((*path, "const"), "told as a list of one")
            schema = {("enum" if key == "const" else key): ([value] if key == "const" else value)
                      for key, value in schema.items() if key != "enum"}  # fmt: skip
        values = schema.get("enum")
        if not isinstance(values, list):
            return schema
        if None in values:
            schema["nullable"] = True
        texts = [value if isinstance(value, str) else msgspec.json.encode(value).decode()
                 for value in values if value is not None]  # fmt: skip
        if texts != [value for value in values if value is not None]:
            self._note((*path, "enum"), "only texts can be listed here: the values come back as texts", lossy=True)
        return {**schema, "type": "string", "enum": texts}

    def _cut(self, schema: Schema, path: Path, why: str) -> Schema:
        self._note(path, why, lossy=True)
        about = schema.get("description")
        return {"type": "object", **({"description": about} if isinstance(about, str) else {})}

    def _note(self, path: Path, why: str, *, lossy: bool = False) -> None:
        if len(self.changes) < _NODES:
            self.changes.append(Change(path, why, lossy))


def _null(choice: Any) -> bool:
    return isinstance(choice, dict) and choice.get("type") == "null"
