"""Doors: paths that clients of older gateways still ask for, and where what they want is now.

    GET /test-connection ──▶ /admin/api/test-connection      for whoever may look after the gateway, no longer for all
    POST /v1/messages/   ──▶ /v1/messages                    one of them did not mind a slash at the end

What answers is what answers at the new path: with the same credentials asked for, in its own shape.
"""

import attrs

from transports.messages import Request

PATHS = {
    # claude-proxy-rs: who is logged in, its document, and what the holder of a key used
    "/admin/auth/check": "/admin/api/session",
    "/admin/auth/login": "/admin/api/login",
    "/admin/auth/logout": "/admin/api/logout",
    "/admin/api-docs/openapi.json": "/admin/api/openapi.json",
    "/admin/usage/me": "/v1/usage",
    "/admin/usage/history/timeseries": "/v1/usage",
    "/admin/usage/history/by-model": "/v1/usage",
    # claude-proxy: whether the upstream answers, and its document
    "/test-connection": "/admin/api/test-connection",
    "/openapi.json": "/admin/api/openapi.json",
    "/docs": "/admin/docs",
}


def meant(request: Request) -> Request:
    """*request* as it is asked here; the same, unless its path is an older one."""
    path = request.path
    trimmed = path.rstrip("/") if path.endswith("/") and not path.startswith("/admin/") else path
    there = PATHS.get(trimmed, trimmed) or "/"
    return request if there == path else attrs.evolve(request, target=there + request.target[len(path) :])
