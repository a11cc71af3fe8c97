"""From the fields of a HEADERS frame to a request, or to the reason why not.

    fields ─▶ strict.check_fields ─▶ length of the path ─▶ host_allowed ─▶ Request
                  │                        │                    │
                  400: the stream is reset 414                  421: answered

A request that is malformed is no request: RFC 9113 §8.1.1 has its stream reset, with PROTOCOL_ERROR, and no handler
sees it.  One that is understood and not wanted gets an answer.  Pure functions: nothing here waits.
"""

from transports.limits import Limits
from transports.messages import BadRequest, Body, Connection, Headers, Request, find
from transports.strict import check_fields, host_allowed


def check_request(fields: Headers, connection: Connection, limits: Limits) -> None:
    """Refuse what must not reach a handler.  Raises BadRequest; 400 means malformed, anything else is the answer."""
    check_fields(fields, limits)
    for name, value in fields:
        if name == b":path" and len(value) > limits.target:
            raise BadRequest("the request target is too long", status=414)
        if name in (b":authority", b"host") and not _means_us(value, connection):
            raise BadRequest("this host is not served here", status=421)


def _means_us(authority: bytes, connection: Connection) -> bool:
    return host_allowed(authority.decode("latin-1"), local=connection.local, names=connection.names)


def check_trailers(fields: Headers, limits: Limits) -> None:
    """Refuse trailers that are malformed or too large.  Good ones are thrown away (RFC 9110 §6.5.1)."""
    if any(name.startswith(b":") for name, _ in fields):
        raise BadRequest("a pseudo-header field stands among the trailers")
    if sum(len(name) + len(value) for name, value in fields) > limits.trailers:
        raise BadRequest("the trailers are too large", status=431)


def make_request(fields: Headers, connection: Connection, body: Body) -> Request:
    """The request of checked *fields*, as HTTP/1.1 would have brought it.

    ``:authority`` becomes Host (RFC 9113 §8.3.1) and cookie crumbs become one field again (§8.2.3).
    """
    pseudo: dict[bytes, bytes] = {}
    headers: Headers = [(b"host", b"")]
    crumbs: list[bytes] = []
    for name, value in fields:
        if name[:1] == b":":
            pseudo[name] = value
        elif name == b"cookie":
            crumbs.append(value)
        elif name == b"host":
            headers[0] = (name, value)
        else:
            headers.append((name, value))
    if b":authority" in pseudo:
        headers[0] = (b"host", pseudo[b":authority"])
    if crumbs:
        headers.append((b"cookie", b"; ".join(crumbs)))
    return Request(
        method=pseudo[b":method"].decode("ascii"),
        target=pseudo[b":path"].decode("ascii"),
        headers=headers,
        body=body,
        version="2",
        scheme=connection.scheme,
        peer=connection.peer,
        local=connection.local,
    )


def announced_length(fields: Headers) -> int | None:
    """The content-length of checked *fields*."""
    length = find(fields, b"content-length")
    return None if length is None else int(length)


def expects_continue(fields: Headers) -> bool:
    """Whether the client holds its body back until it is asked for it (RFC 9110 §10.1.1)."""
    return find(fields, b"expect") is not None
