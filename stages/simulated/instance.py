"""Instance: the smallest value that a JSON schema allows, for forced calls and structured answers."""

from typing import Any

_SIMPLE: dict[str, Any] = {"boolean": False, "null": None}
DEPTH = 32  # schemas may refer to themselves


def of(schema: Any, root: Any = None, depth: int = 0) -> Any:
    """A value for *schema*: required properties only, first of what is offered."""
    if not isinstance(schema, dict) or depth > DEPTH:
        return {}
    root = schema if root is None else root
    if "const" in schema:
        return schema["const"]
    if options := schema.get("enum"):
        return options[0]
    if isinstance(reference := schema.get("$ref"), str):
        return of(_referred(root, reference), root, depth + 1)
    for word in ("anyOf", "oneOf", "allOf"):
        if options := schema.get(word):
            return of(options[0], root, depth + 1)
    return _typed(schema, root, depth)


def _typed(schema: dict[str, Any], root: Any, depth: int) -> Any:
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "array":
        return [of(schema.get("items"), root, depth + 1)] * _number(schema, "minItems")
    if kind == "string":
        return "x" * _number(schema, "minLength")
    if kind in ("integer", "number"):
        return schema.get("minimum", 0)
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    properties = schema.get("properties") or {}
    return {name: of(properties.get(name), root, depth + 1) for name in schema.get("required") or ()}


def _number(schema: dict[str, Any], name: str) -> int:
    value = schema.get(name)
    return min(value, 1024) if isinstance(value, int) else 0


def _referred(root: Any, reference: str) -> Any:
    """What ``#/$defs/x`` points at within *root*."""
    for key in reference.removeprefix("#/").split("/"):
        root = root.get(key) if isinstance(root, dict) else None
    return root
