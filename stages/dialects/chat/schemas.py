"""JSON schemas, as each side accepts them.  All functions are pure, and keep the order of keys.

    rooted      any schema of arguments   ─▶  one whose root is an object     (Messages: tools)
    plain       any schema of an answer   ─▶  without what can't be enforced  (Messages: output_config.format)
    enforceable                           ─▶  whether OpenAI's "strict" would take it as it is

Schemas are nested by their authors and walked by recursion here: callers see to ``shape.deep`` first.  Agents send the
same ones with every turn, so what is found out about one is remembered by its text.
"""

from functools import lru_cache
from typing import Any

import msgspec

Schema = dict[str, Any]

REMEMBERED = 512  # schemas

# What Anthropic refuses in a schema that it enforces (its structured outputs page).
_LIMITS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
                     "maxLength", "maxItems", "uniqueItems", "minProperties", "maxProperties", "minContains",
                     "maxContains"})  # fmt: skip
CHOICES = ("anyOf", "oneOf", "allOf")
_WITHIN = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")  # name → schema
_BESIDE = (*CHOICES, "prefixItems")  # lists of schemas
_BELOW = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")  # one schema


def rooted(schema: Schema) -> Schema:
    """*schema* as one of an object.  A choice at the root becomes one object with the properties of all of them."""
    root = _followed(schema)
    choices = [key for key in CHOICES if isinstance(root.get(key), list)]
    if not choices:
        return root if root.get("type") == "object" else {**root, "type": "object"}
    merged = {key: value for key, value in root.items() if key not in choices}
    properties: Schema = {}
    required = set(_names(root))
    for key in choices:
        branches = [_followed({**branch, "$defs": root.get("$defs", {})}) for branch in root[key]
                    if isinstance(branch, dict)]  # fmt: skip
        for branch in branches:
            for name, value in (branch.get("properties") or {}).items() if _mapping(branch, "properties") else ():
                properties.setdefault(name, value)
        names = [set(_names(branch)) for branch in branches]
        if names:  # of a choice, only what every branch demands is demanded
            required |= set.union(*names) if key == "allOf" else set.intersection(*names)
    if _mapping(root, "properties"):
        properties |= root["properties"]
    return {**merged, "type": "object", "properties": properties, "required": sorted(required & properties.keys())}


def _followed(schema: Schema) -> Schema:
    """*schema*, or what it refers to by a ``$ref`` at its root."""
    for _ in range(8):
        target = schema.get("$ref")
        if not isinstance(target, str):
            break
        _, _, path = target.partition("#/")
        kept = {key: value for key, value in schema.items() if key != "$ref"}
        found: Any = schema
        for key in path.split("/"):
            found = found.get(key) if isinstance(found, dict) else None
        schema = {**found, **kept} if isinstance(found, dict) else kept
    return schema


def plain(schema: Schema) -> Schema:
    """*schema* without limits that can't be enforced, every object closed to further properties; a fresh object."""
    made: Schema = msgspec.json.decode(_plain_text(msgspec.json.encode(schema)))
    return made


@lru_cache(maxsize=REMEMBERED)
def _plain_text(text: bytes) -> bytes:
    return msgspec.json.encode(_plain(msgspec.json.decode(text)))


def _plain(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key not in _LIMITS}
    if isinstance(kept.get("minItems"), int) and kept["minItems"] > 1:
        kept["minItems"] = 1
    if "(?" in str(kept.get("pattern", "")):  # lookaround
        kept.pop("pattern")
    kept = _mapped(kept)
    if kept.get("type") == "object" and kept.get("additionalProperties") is not False:
        kept["additionalProperties"] = False
    return kept


def _mapped(schema: Schema) -> Schema:
    """*schema* with ``_plain`` done to all schemas in it."""
    done = dict(schema)
    for key in _WITHIN:
        if isinstance(schema.get(key), dict):
            done[key] = {name: _plain(value) for name, value in schema[key].items()}
    for key in (*_BESIDE, *_BELOW):
        if key in schema:
            done[key] = _plain(schema[key])
    return done


def enforceable(schema: Schema) -> bool:
    """Whether OpenAI enforces *schema* as it is: every object closed, and every property of it required."""
    return _enforceable_text(msgspec.json.encode(schema))


@lru_cache(maxsize=REMEMBERED)
def _enforceable_text(text: bytes) -> bool:
    return _enforceable(msgspec.json.decode(text))


def _enforceable(schema: Any) -> bool:
    if isinstance(schema, list):
        return all(_enforceable(item) for item in schema)
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, dict):
        names = set(properties) if isinstance(properties, dict) else set()
        if schema.get("additionalProperties") is not False or set(_names(schema)) != names:
            return False
    if "oneOf" in schema or "allOf" in schema or "not" in schema or "patternProperties" in schema:
        return False
    below = [value for key in _WITHIN if isinstance(schema.get(key), dict) for value in schema[key].values()]
    return _enforceable([*below, *(schema[key] for key in (*_BESIDE, *_BELOW) if key in schema)])


def _names(schema: Schema) -> list[str]:
    required = schema.get("required")
    return [name for name in required if isinstance(name, str)] if isinstance(required, list) else []


def _mapping(schema: Schema, key: str) -> bool:
    return isinstance(schema.get(key), dict)
