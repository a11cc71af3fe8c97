"""Heads as a client sees them: what is written can't be broken out of, what is read has one reading."""

import math

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transports.upstreams import GET, POST
from transports.framing import ChunkedReader, CloseReader, LengthReader
from transports.messages import BadRequest
from transports.upstream import Call, Origin
from transports.upstream_head import FIELDS, HEAD, INTERIM, HeadReader, Opening, write_head

ORIGIN = Origin.parse("https://api.example.com")


def read(raw: bytes, method: str = "POST") -> Opening | None:
    return HeadReader(method).feed(raw)


def opened(*lines: bytes, method: str = "POST", first: bytes = b"HTTP/1.1 200 OK") -> Opening:
    opening = read(b"\r\n".join([first, *lines, b"", b""]), method)
    assert opening is not None
    return opening


def trickle(reader: HeadReader, raw: bytes) -> list[Opening | None]:
    """What comes of *raw*, a byte at a time."""
    return [reader.feed(raw[at : at + 1]) for at in range(len(raw))]


def test_a_head_is_written_with_host_first_and_length_last() -> None:
    """The link adds what belongs to the connection, and nothing more."""
    assert write_head(ORIGIN, POST) == (
        b"POST /v1/messages HTTP/1.1\r\nhost: api.example.com\r\nx-api-key: k\r\ncontent-length: 13\r\n\r\n"
    )
    assert write_head(ORIGIN, GET) == b"GET /v1/models HTTP/1.1\r\nhost: api.example.com\r\n\r\n"


def test_an_empty_post_says_that_it_is_empty() -> None:
    """Without a length, a server might wait for one (RFC 9110 §8.6)."""
    assert write_head(ORIGIN, Call(method="POST", target="/")).endswith(b"content-length: 0\r\n\r\n")


def test_a_forward_proxy_gets_the_whole_target_and_its_own_fields() -> None:
    """RFC 9112 §3.2.2: absolute form; Host still names the origin."""
    plain = Origin.parse("http://upstream.test:8080")
    head = write_head(plain, GET, absolute=True, extra=[(b"proxy-authorization", b"Basic eDp5")])
    assert head == (
        b"GET http://upstream.test:8080/v1/models HTTP/1.1\r\nhost: upstream.test:8080\r\n"
        b"proxy-authorization: Basic eDp5\r\n\r\n"
    )


@pytest.mark.parametrize(
    "call",
    [
        Call(method="POST", target="/a b"),
        Call(method="POST", target="/a\r\nx: y"),
        Call(method="POST", target="http://elsewhere/"),
        Call(method="POST", target=""),
        Call(method="POST", target="/é"),
        Call(method="PO ST", target="/"),
        Call(method="GET /x HTTP/1.1\r\n", target="/"),
        Call(method="POST", target="/", headers=[(b"x", b"a\r\ny: b")]),
        Call(method="POST", target="/", headers=[(b"x", b"a\nb")]),
        Call(method="POST", target="/", headers=[(b"x", b"\0")]),
        Call(method="POST", target="/", headers=[(b"x y", b"a")]),
        Call(method="POST", target="/", headers=[(b"", b"a")]),
        Call(method="POST", target="/", headers=[(b"content-length", b"3")]),
        Call(method="POST", target="/", headers=[(b"Transfer-Encoding", b"chunked")]),
        Call(method="POST", target="/", headers=[(b"Host", b"elsewhere")]),
        Call(method="POST", target="/", headers=[(b"connection", b"close")]),
    ],
)
def test_what_could_change_the_message_is_not_written(call: Call) -> None:
    """No line of ours is begun by what we were given, and the framing is the link's alone."""
    with pytest.raises(ValueError, match=r"written|belongs"):
        write_head(ORIGIN, call)


def test_an_unwritable_field_is_not_quoted() -> None:
    """A key with a line end at its end is a common mistake; it must not reach a log."""
    with pytest.raises(ValueError, match="x-api-key") as raised:
        write_head(ORIGIN, Call(method="POST", target="/", headers=[(b"x-api-key", b"sk-hunter2\n")]))
    assert "hunter2" not in str(raised.value)


@given(
    st.lists(st.tuples(st.binary(max_size=6), st.binary(max_size=12)), max_size=4),
    st.text(max_size=12),
)
def test_a_head_says_what_it_was_given_or_is_not_written(headers: list[tuple[bytes, bytes]], target: str) -> None:
    """Read by a server's parser, a written head has exactly our fields and our target."""
    try:
        raw = write_head(ORIGIN, Call(method="POST", target="/" + target, headers=headers))
    except ValueError:
        return
    server = h11.Connection(h11.SERVER)
    server.receive_data(raw)
    request = server.next_event()
    assert isinstance(request, h11.Request)
    assert request.target == b"/" + target.encode()
    lower = [(name.lower(), value) for name, value in headers]
    assert list(request.headers) == [(b"host", b"api.example.com"), *lower, (b"content-length", b"0")]


def test_a_response_is_read_wherever_it_is_cut() -> None:
    """Status and fields, in order, names in lower case; what follows is the body's."""
    raw = b"HTTP/1.1 529 Overloaded\r\nRetry-After: 7\r\nX: a\r\nx:\tb \r\ncontent-length: 4\r\n\r\n{}"
    end = raw.index(b"{}")
    for cut in range(1, len(raw)):
        reader = HeadReader("POST")
        early = reader.feed(raw[:cut])
        opening = early or reader.feed(raw[cut:])
        assert opening is not None
        assert opening.head.status == 529
        assert opening.head.headers == [(b"retry-after", b"7"), (b"x", b"a"), (b"x", b"b"), (b"content-length", b"4")]
        assert opening.rest == (raw[end:cut] if early else raw[end:])


def test_a_head_that_trickles_in_is_read_in_linear_time() -> None:
    """A byte at a time costs no more than the bytes: nothing is looked at twice."""
    raw = b"HTTP/1.1 200 OK\r\nx: " + b"y" * 60_000 + b"\r\n\r\n"
    openings = trickle(HeadReader("GET"), raw)
    assert openings[-1] is not None
    assert not any(openings[:-1])


@pytest.mark.parametrize(
    ("lines", "method", "first", "kind"),
    [
        ((b"content-length: 5",), "POST", b"HTTP/1.1 200 OK", LengthReader),
        ((b"Content-Length:5\t",), "POST", b"HTTP/1.1 200 OK", LengthReader),
        ((b"transfer-encoding: chunked",), "POST", b"HTTP/1.1 200 OK", ChunkedReader),
        ((b"Transfer-Encoding: Chunked",), "POST", b"HTTP/1.1 200", ChunkedReader),
        ((), "POST", b"HTTP/1.1 200 OK", CloseReader),
        ((), "POST", b"HTTP/1.0 200 OK", CloseReader),
    ],
)
def test_a_body_ends_as_its_head_says(lines: tuple[bytes], method: str, first: bytes, kind: type) -> None:
    """RFC 9112 §6.3."""
    body = opened(*lines, method=method, first=first).body
    assert isinstance(body, kind)
    assert not body.done


@pytest.mark.parametrize(
    ("method", "first"),
    [
        ("HEAD", b"HTTP/1.1 200 OK"),
        ("POST", b"HTTP/1.1 204 No Content"),
        ("GET", b"HTTP/1.1 304 Not Modified"),
    ],
)
@pytest.mark.parametrize("line", [b"content-length: 500", b"transfer-encoding: chunked", b"x: y"])
def test_what_has_no_body_is_over_with_its_head(method: str, first: bytes, line: bytes) -> None:
    """RFC 9112 §6.3 rule 1: whatever the fields announce."""
    assert opened(line, method=method, first=first).body.done


@pytest.mark.parametrize(
    "lines",
    [
        (b"content-length: 5", b"transfer-encoding: chunked"),
        (b"transfer-encoding: chunked", b"content-length: 5"),
        (b"content-length: 5", b"content-length: 5"),
        (b"content-length: 5", b"content-length: 6"),
        (b"content-length: 5, 5",),
        (b"content-length: +5",),
        (b"content-length: -5",),
        (b"content-length: 0x5",),
        (b"content-length: 5_0",),
        (b"content-length:",),
        (b"content-length: 99999999999999999999",),
        (b"transfer-encoding: chunked", b"transfer-encoding: chunked"),
        (b"transfer-encoding: gzip, chunked",),
        (b"transfer-encoding: identity",),
        (b"transfer-encoding: xchunked",),
        (b"transfer-encoding:",),
    ],
)
@pytest.mark.parametrize("method", ["POST", "HEAD"])
def test_two_framings_or_an_unclear_one_are_refused(lines: tuple[bytes], method: str) -> None:
    """Each of these is read in two ways by two programs; also where the body would not be read (row 50)."""
    with pytest.raises(BadRequest):
        opened(*lines, method=method)


def test_chunks_have_no_place_in_http_1_0() -> None:
    """RFC 9112 §6.1."""
    with pytest.raises(BadRequest):
        opened(b"transfer-encoding: chunked", first=b"HTTP/1.0 200 OK")


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.2 200 OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 099 X\r\n\r\n",
        b"HTTP/1.1 600 X\r\n\r\n",
        b"HTTP/1.1 20 X\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 O\x00K\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx : a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\x00b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\x1bb\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\rb\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\ny: b\r\n\r\n",
        b"HTTP/1.1 200 OK\nx: a\n\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"<html>",
    ],
)
def test_what_is_not_a_plain_head_is_refused_as_soon_as_it_shows(raw: bytes) -> None:
    """Fed whole or byte by byte, and without waiting for an end that may never come."""
    with pytest.raises(BadRequest):
        read(raw)
    with pytest.raises(BadRequest):
        trickle(HeadReader("POST"), raw)


def test_interim_responses_are_skipped_up_to_a_bound() -> None:
    """103, 102, 100: ten of them may come before the answer, however they are cut (row 51)."""
    interim = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    opening = read(interim * INTERIM + b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    assert opening is not None
    assert opening.head.headers == [(b"content-length", b"0")]
    with pytest.raises(BadRequest, match="interim"):
        read(interim * (INTERIM + 1))


def test_a_short_head_may_follow_a_long_interim_one() -> None:
    """However little of the second is longer than what was looked at of the first."""
    interim = b"HTTP/1.1 103 Early Hints\r\nlink: </" + b"x" * 500 + b">\r\n\r\n"
    reader = HeadReader("POST")
    assert reader.feed(interim[:-1]) is None
    assert reader.feed(interim[-1:] + b"HTTP/1.1 204 OK\r\n\r\n") is not None


def test_a_bare_line_end_is_seen_across_two_reads() -> None:
    """CR was the last byte of one; what follows it decides."""
    reader = HeadReader("POST")
    assert reader.feed(b"HTTP/1.1 200 OK\r") is None
    with pytest.raises(BadRequest, match="CRLF"):
        reader.feed(b"x")
    reader = HeadReader("POST")
    assert reader.feed(b"HTTP/1.1 200 OK\r") is None
    assert reader.feed(b"\n") is None


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * (FIELDS + 1) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * HEAD + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * HEAD,
    ],
    ids=["fields", "size", "unended"],
)
def test_a_head_has_a_bound(raw: bytes) -> None:
    """A flood of fields and a field without an end cost 64 KiB, no more (row 51)."""
    with pytest.raises(BadRequest, match="large"):
        read(raw)


@pytest.mark.parametrize(
    ("lines", "first", "seconds"),
    [
        ((b"content-length: 0",), b"HTTP/1.1 200 OK", math.inf),
        ((b"content-length: 0", b"connection: close"), b"HTTP/1.1 200 OK", 0),
        ((b"content-length: 0", b"connection: x, Close"), b"HTTP/1.1 200 OK", 0),
        ((b"content-length: 0", b"connection: keep-alive"), b"HTTP/1.0 200 OK", 0),
        ((), b"HTTP/1.1 200 OK", 0),
        ((b"content-length: 0", b"connection: keep-alive", b"keep-alive: timeout=5"), b"HTTP/1.1 200 OK", 4),
        ((b"content-length: 0", b"keep-alive: max=100, timeout=75"), b"HTTP/1.1 200 OK", 74),
        ((b"content-length: 0", b"keep-alive: timeout=0"), b"HTTP/1.1 200 OK", 0),
        ((b"content-length: 0", b"keep-alive: timeout=soon"), b"HTTP/1.1 200 OK", math.inf),
    ],
)
def test_a_connection_is_kept_as_long_as_its_server_means_to(lines: tuple[bytes], first: bytes, seconds: float) -> None:
    """``close``, HTTP/1.0 and a body without an end keep nothing; ``keep-alive`` is believed, less a second."""
    assert opened(*lines, first=first).keep_seconds == seconds


def test_whether_an_answer_began_is_known() -> None:
    """That is what decides whether a request may be sent again."""
    reader = HeadReader("POST")
    assert not reader.began
    reader.feed(b"H")
    assert reader.began
    reader = HeadReader("POST")
    reader.feed(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert reader.began
