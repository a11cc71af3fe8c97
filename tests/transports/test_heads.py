"""Heads as h11's readers read them: what its Connection, which is its public interface, makes of them."""

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transports.vectors import BAD, CODINGS, GOOD, head
from transports.heads import fields_of, read_request, read_response
from transports.messages import BadRequest

Read = tuple[object, ...] | int | None  # of what was read; the status of a refusal

ASKED = h11.Request(method="GET", target="/", headers=[("host", "a")])  # an interim response is one to a request

# The head alone: what follows it is no business of these readers.
HEADS = [raw.partition(b"\r\n\r\n") for raw in [*GOOD, *(raw for _, raw in BAD.values()), *map(head, CODINGS)]]
WHOLE = [lines + end for lines, end, _ in HEADS if end]

# Fields that h11's Connection looks at, and others, plain and broken.
NAMES = st.sampled_from(
    [b"Host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Upgrade", b"Expect", b"X-A", b"x a", b""]
)
VALUES = st.sampled_from(
    [b"a", b"0", b"27", b"27,27", b"1, 2", b"chunked", b"Chunked", b"gzip", b"close", b"100-continue", b"", b"\x00"]
)
LINES = st.lists(st.tuples(NAMES, VALUES).map(b": ".join) | st.sampled_from([b" folded", b"\nX: y"]), max_size=5)


def request_by_connection(raw: bytes) -> Read:
    parser = h11.Connection(h11.SERVER)
    parser.receive_data(raw)
    try:
        event = parser.next_event()
    except h11.RemoteProtocolError as error:
        return error.error_status_hint
    assert isinstance(event, h11.Request)
    return (event.method, event.target, event.http_version, list(event.headers))


def request(raw: bytes) -> Read:
    try:
        event = read_request(raw)
    except BadRequest as refusal:
        return refusal.status
    return (event.method, event.target, event.http_version, fields_of(event))


def response_by_connection(raw: bytes) -> Read:
    parser = h11.Connection(h11.CLIENT)
    parser.send(ASKED)
    parser.receive_data(raw)
    try:
        event = parser.next_event()
    except h11.RemoteProtocolError:
        return None
    assert isinstance(event, h11.Response | h11.InformationalResponse)
    return (type(event), event.status_code, event.http_version, list(event.headers))


def response(raw: bytes) -> Read:
    try:
        event = read_response(raw)
    except BadRequest:
        return None
    return (type(event), event.status_code, event.http_version, fields_of(event))


@pytest.mark.parametrize("raw", WHOLE, ids=repr)
def test_a_clients_head_is_what_connection_says(raw: bytes) -> None:
    """Of each vector of the reference."""
    assert request(raw) == request_by_connection(raw)


@given(
    line=st.sampled_from([b"POST / HTTP/1.1", b"GET /a HTTP/1.0", b"CONNECT a:1 HTTP/1.1", b"GET  / HTTP/1.1", b""]),
    lines=LINES,
)
def test_any_clients_head_is_what_connection_says(line: bytes, lines: list[bytes]) -> None:
    """Read alike, or refused with the same status."""
    raw = b"\r\n".join([line, *lines, b"", b""])
    assert request(raw) == request_by_connection(raw)


@given(
    line=st.sampled_from([b"1 200 OK", b"0 200 ", b"1 204", b"1 304 x", b"1 100 ", b"1 101 x", b"1 103 y", b"1 999 ?"])
    | st.sampled_from([b"1 20 OK", b"2 200 OK", b" 200 OK", b"1 +20 OK"]),
    lines=LINES,
)
def test_any_upstreams_head_is_what_connection_says(line: bytes, lines: list[bytes]) -> None:
    """Read alike, or refused by both; a change of protocol, which nobody asked for, by both."""
    raw = b"\r\n".join([b"HTTP/1." + line, *lines, b"", b""])
    assert response(raw) == response_by_connection(raw)


def test_a_name_met_again_is_one_object() -> None:
    """However it is written: an open stream keeps the fields of its request."""
    first, second = (fields_of(read_request(head(b"X-Again: 1")))[-1][0] for _ in range(2))
    assert first is second
