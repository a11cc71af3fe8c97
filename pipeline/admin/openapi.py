"""The API's document (OpenAPI 3.1), made of the routes and of the very types that requests are checked with.

    Route ─▶ operation: parameters of path and query, body, answers        msgspec.json.schema ─▶ components

What is not written here can't be wrong here: a route that is added is in the document.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from pipeline import __version__
from pipeline.admin.api import BELOW
from pipeline.admin.refusal import Refusal
from pipeline.admin.route import Download, Route

REF = "#/components/schemas/{name}"
JSON = "application/json"

# What an operation may answer beside its success.
WHY = {
    401: "Nobody is logged in, or user or password is wrong.",
    403: "Not from there, not for a page of another site, or without the session's token.",
    404: "There is no such thing.",
    405: "There is something here, for another method.",
    409: "It can't be done as things are.",
    413: "The body is too large.",
    415: "The body is no JSON.",
    422: "What was sent is not what is expected; `fields` says where.",
    429: "Too many attempts; the field retry-after says when to try again.",
    502: "An upstream did not answer as it should.",
    503: "The store does not answer; try again.",
    504: "An upstream did not answer in time.",
}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The whole document."""
    kinds = [kind for route in routes for name in ("body", "query", "return") if (kind := of(route, name)) is not None]
    schemas, components = msgspec.json.schema_components([*kinds, Refusal], ref_template=REF)
    known = dict(zip(map(id, kinds), schemas, strict=False))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(BELOW + route.pattern, {})[route.method.lower()] = operation(route, known, components)
    shown = {name: schema for name, schema in components.items() if name not in {k.__name__ for k in queries(routes)}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Gateway admin",
            "version": __version__,
            "description": "Moments are milliseconds since 1970, money is whole micro-dollars, durations are "
            "microseconds, unless something else is said.",
        },
        "paths": paths,
        "security": [{"session": []}, {"basic": []}],
        "components": {"schemas": shown, "securitySchemes": SCHEMES},
    }


SCHEMES = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "admin_session",
        "description": "From /session; `__Host-admin_session` over TLS.  Changes bear its token as x-csrf-token.",
    },
    "basic": {"type": "http", "scheme": "basic", "description": "For scripts."},
}


def of(route: Route, name: str) -> Any:
    """The type of the route's *name*, if it has one in the document."""
    kind = route.hints.get(name)
    return None if kind in (None, type(None), Download) or kind == dict[str, Any] else kind


def queries(routes: Sequence[Route]) -> list[Any]:
    """The types of queries, which become parameters."""
    return [kind for route in routes if (kind := of(route, "query")) is not None]


def operation(route: Route, known: dict[int, Any], components: dict[str, Any]) -> dict[str, Any]:
    """One operation."""
    made: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.segments[0]],
        "summary": (route.call.__doc__ or "").partition("\n")[0],
        "parameters": parameters(route, components),
        "responses": {str(route.status): success(route, known)} | refusals(route),
    }
    if (kind := of(route, "body")) is not None:
        made["requestBody"] = {"required": True, "content": {JSON: {"schema": known[id(kind)]}}}
    if route.open:
        made["security"] = [{}]
    return made


def parameters(route: Route, components: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of the path and of the query."""
    text = {"type": "string", "minLength": 1}
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": text} for name in route.parameters
    ]
    if (kind := of(route, "query")) is not None:
        schema = components[kind.__name__]
        for name, each in schema["properties"].items():
            required = name in schema.get("required", ())
            found.append({"name": name, "in": "query", "required": required, "schema": each})
    return found


def success(route: Route, known: dict[int, Any]) -> dict[str, Any]:
    """What comes back when it is done."""
    made: dict[str, Any] = {"description": "Done."}
    kind = route.hints.get("return")
    if of(route, "return") is not None:
        made["content"] = {JSON: {"schema": known[id(kind)]}}
    elif kind is Download:
        made["content"] = {media: {"schema": {"type": "string"}} for media in route.media}
    elif route.status != 204:
        made["content"] = {JSON: {"schema": {"type": "object"}}}
    return made


def refusals(route: Route) -> dict[str, Any]:
    """What comes back when it is not."""
    statuses = {*route.refuses, 403, 405, 429, 502, 503, 504}
    statuses |= set() if route.open else {401}
    statuses |= {422} if {"body", "query"} & route.hints.keys() else set()
    statuses |= {409, 413, 415} if "body" in route.hints else set()
    content = {JSON: {"schema": {"$ref": REF.format(name="Refusal")}}}
    return {str(status): {"description": WHY[status], "content": content} for status in sorted(statuses)}
