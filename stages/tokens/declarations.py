"""Tools as declarations: how models that learned their tools in TypeScript are shown them.

    {"name": "look", "description": "Looks.",          // Looks.
     "parameters": {"properties":               ─▶     type look = (_: {
       {"at": {"type": "string"}}}}                    at?: string,
                                                       }) => any;

The form is that of OpenAI's published harmony format; it takes a third fewer tokens than the JSON Schema.  Types that
can't be said this way are ``any``.  Works on what a client sent: anything may be missing or of another type.
"""

import json
from collections.abc import Iterator
from typing import Any

DEEPEST = 32  # levels that are looked into


def declaration(name: str, description: str, schema: Any) -> str:
    """The declaration of one tool."""
    lines = [f"// {line}" for line in description.splitlines()]
    fields = list(_fields(schema, 0))
    lines += [f"type {name} = (_: {{", *fields, "}) => any;"] if fields else [f"type {name} = () => any;"]
    return "\n".join([*lines, "", ""])


def _fields(schema: Any, depth: int) -> Iterator[str]:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return
    asked = schema.get("required")
    required = {name for name in asked if isinstance(name, str)} if isinstance(asked, list) else set()
    for name, field in properties.items():
        described = field.get("description") if isinstance(field, dict) else None
        if isinstance(described, str):
            yield from (f"// {line}" for line in described.splitlines())
        default = f" // default: {_said(field['default'])}" if isinstance(field, dict) and "default" in field else ""
        yield f"{name}{'' if name in required else '?'}: {_type(field, depth)},{default}"


def _type(field: Any, depth: int) -> str:
    """The type that *field*, a schema, describes."""
    if not isinstance(field, dict) or depth > DEEPEST:
        return "any"
    for union in ("anyOf", "oneOf"):
        if isinstance(field.get(union), list):
            return " | ".join(_type(member, depth + 1) for member in field[union])
    if isinstance(field.get("enum"), list):
        return " | ".join(_said(value) for value in field["enum"])
    kind = field.get("type")
    if isinstance(kind, list):
        return " | ".join(_type({**field, "type": one}, depth + 1) for one in kind)
    if kind == "array":
        return f"{_type(field.get('items'), depth + 1)}[]"
    if kind == "object":
        return "\n".join(["{", *_fields(field, depth + 1), "}"]) if field.get("properties") else "object"
    return _PLAIN.get(kind, "any") if isinstance(kind, str) else "any"


_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def _said(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
