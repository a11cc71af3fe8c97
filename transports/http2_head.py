"""From the fields of a HEADERS frame to a request, or to the reason why not.

    fields ─▶ strict.check_fields ─▶ length of the path ─▶ host_allowed ─▶ Request
                  │                        │                    │
                  400: the stream is reset 414                  421: answered

A request that is malformed is no request: RFC 9113 §8.1.1 has its stream reset, with PROTOCOL_ERROR, and no handler
sees it.  One that is understood and not wanted gets an answer.  Pure functions: nothing here waits.
"""

from collections.abc import Mapping

import trio

from transports.limits import Limits
from transports.messages import BadRequest, Body, Connection, Headers, Request
from transports.strict import check_fields, host_allowed

Known = Mapping[bytes, bytes]  # fields by their names; those that are asked for here stand in it once

_ELSEWHERE = frozenset({b":method", b":scheme", b":path", b":authority", b"host", b"cookie"})


def check_request(fields: Headers, connection: Connection, limits: Limits) -> Known:
    """Refuse what must not reach a handler.  Raises BadRequest; 400 means malformed, anything else is the answer."""
    known = check_fields(fields, limits)
    if len(known[b":path"]) > limits.target:
        raise BadRequest("the request target is too long", status=414)
    if not _means_us(known.get(b":authority") or known[b"host"], connection):  # where both stand, they are the same
        raise BadRequest("this host is not served here", status=421)
    return known


def _means_us(authority: bytes, connection: Connection) -> bool:
    return host_allowed(authority.decode("latin-1"), local=connection.local, names=connection.names)


def check_trailers(fields: Headers, limits: Limits) -> None:
    """Refuse trailers that are malformed or too large.  Good ones are thrown away (RFC 9110 §6.5.1)."""
    if any(name.startswith(b":") for name, _ in fields):
        raise BadRequest("a pseudo-header field stands among the trailers")
    if sum(len(name) + len(value) for name, value in fields) > limits.trailers:
        raise BadRequest("the trailers are too large", status=431)


def make_request(
    fields: Headers, known: Known, connection: Connection, body: Body, scope: trio.CancelScope | None = None
) -> Request:
    """The request of checked *fields*, as HTTP/1.1 would have brought it; *known* is what the check gave.

    ``:authority`` becomes Host (RFC 9113 §8.3.1) and cookie crumbs become one field again (§8.2.3).
    """
    headers = [(b"host", known.get(b":authority") or known[b"host"])]
    headers += [field for field in fields if field[0] not in _ELSEWHERE]
    if b"cookie" in known:
        headers.append((b"cookie", b"; ".join([value for name, value in fields if name == b"cookie"])))
    return Request(
        method=known[b":method"].decode("ascii"),
        target=known[b":path"].decode("ascii"),
        headers=headers,
        body=body,
        version="2",
        scheme=connection.scheme,
        peer=connection.peer,
        local=connection.local,
        scope=scope or trio.CancelScope(),
    )


def announced_length(known: Known) -> int | None:
    """The content-length of checked fields."""
    length = known.get(b"content-length")
    return None if length is None else int(length)


def expects_continue(known: Known) -> bool:
    """Whether the client holds its body back until it is asked for it (RFC 9110 §10.1.1)."""
    return b"expect" in known
