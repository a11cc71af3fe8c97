"""Heads of HTTP/1.1 as h11 reads them: one more opinion, after the strict patterns'.

    whole head ─▶ read_request  ─▶ h11.Request       fields_of ─▶ Headers          a client's: http1
    whole head ─▶ read_response ─▶ h11.Response      fields_of ─▶ Headers          an upstream's: upstream_head

Its readers of heads are asked, and not its ``Connection``: what a head means for the body and for the connection is
ours to say (``strict``, ``framing``), and Connection, made anew for each head because it would want the body, goes
through the fields four more times to find just that: 2,400 of the 6,000 instructions of the two heads of a request.
The readers are not h11's public interface, so pyproject.toml says which h11 it is; Connection is the oracle in
tests/transports/test_heads.py.  Sans-io.
"""

from operator import itemgetter

import h11
from h11._readers import maybe_read_from_IDLE_client, maybe_read_from_SEND_RESPONSE_server
from h11._receivebuffer import ReceiveBuffer

from transports.messages import BadRequest, Headers, lowered

_NAME_AND_VALUE = itemgetter(0, 2)  # between them h11 has its own copy of the name


def read_request(raw: bytes) -> h11.Request:
    """The request that *raw*, a head with its empty line, begins.

    Raises BadRequest, with h11's hint of a status.
    """
    try:
        event = maybe_read_from_IDLE_client(_buffer(raw))
    except h11.LocalProtocolError as error:
        raise BadRequest("the head is malformed", status=error.error_status_hint) from error
    if event is None:
        raise BadRequest("the head is malformed")
    return event


def read_response(raw: bytes) -> h11.Response | h11.InformationalResponse:
    """The response, interim or final, that *raw*, a head with its empty line, begins.  Raises BadRequest.

    One that changes to another protocol is refused: nobody here asks for one (RFC 9110 §15.2.2).
    """
    try:
        event = maybe_read_from_SEND_RESPONSE_server(_buffer(raw))
    except h11.LocalProtocolError as error:  # a coding other than chunked, a length that is none, …
        raise BadRequest("the head can't be taken") from error
    if event is None or event.status_code == 101:
        raise BadRequest("the head can't be taken")
    return event


def fields_of(event: h11.Request | h11.Response | h11.InformationalResponse) -> Headers:
    """The fields of *event*, names in lower case.  Iterating over its ``headers`` costs thrice as much."""
    return lowered(map(_NAME_AND_VALUE, event.headers._full_items))


def _buffer(raw: bytes) -> ReceiveBuffer:
    buffer = ReceiveBuffer()
    buffer += raw
    return buffer
