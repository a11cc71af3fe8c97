"""The strict door: every head with two readings is refused, every plain one passes, and h11 agrees on those."""

import time

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.transports.vectors import BAD, CODINGS, GOOD, head
from transports.limits import Limits
from transports.messages import BadRequest
from transports.strict import (
    check_fields,
    check_head,
    check_outgoing,
    check_partial,
    field_lines,
    host_allowed,
    origin_form,
)

LIMITS = Limits()


@pytest.mark.parametrize("raw", GOOD)
def test_a_plain_head_passes(raw: bytes) -> None:
    """What real clients send is taken, and h11 reads it without complaint."""
    check_head(raw, LIMITS)
    parser = h11.Connection(h11.SERVER)
    parser.receive_data(raw)
    assert isinstance(parser.next_event(), h11.Request)


@pytest.mark.parametrize(("status", "raw"), BAD.values(), ids=BAD.keys())
def test_a_head_with_two_readings_is_refused(status: int, raw: bytes) -> None:
    """Each vector of the reference gets the status it deserves."""
    with pytest.raises(BadRequest) as refusal:
        check_head(raw, LIMITS)
    assert refusal.value.status == status


@pytest.mark.parametrize("line", CODINGS, ids=repr)
def test_a_disguised_coding_is_refused(line: bytes) -> None:
    """Nothing but exactly ``chunked``, exactly once, is a transfer coding."""
    with pytest.raises(BadRequest) as refusal:
        check_head(head(line), LIMITS)
    assert refusal.value.status == 400


def test_http_1_0_has_no_transfer_coding() -> None:
    """RFC 9112 §6.1: a coding from an HTTP/1.0 client means that somebody on the way does not understand it."""
    with pytest.raises(BadRequest):
        check_head(head(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0"), LIMITS)


# Mostly harmless, so that the door opens often enough; now and then any byte.
PIECES = st.lists(st.sampled_from([b"a", b"X-", b"1", b"~", b" ", b"\t", b"\xe9", b"%", b"?"]) | st.binary(max_size=2))


@given(
    name=PIECES.map(b"".join),
    value=PIECES.map(b"".join),
    target=PIECES.map(b"".join),
    method=st.sampled_from([b"GET", b"POST", b"TRACE", b"get"]),
)
def test_what_passes_is_read_alike_by_h11(name: bytes, value: bytes, target: bytes, method: bytes) -> None:
    """Whatever bytes are put where: either the door refuses, or h11 finds just the fields that were written."""
    raw = method + b" /" + target + b" HTTP/1.1\r\nHost: a\r\n" + name + b":" + value + b"\r\n\r\n"
    try:
        check_head(raw, LIMITS)
    except BadRequest:
        return
    parser = h11.Connection(h11.SERVER)
    parser.receive_data(raw)
    event = parser.next_event()
    assert isinstance(event, h11.Request)
    assert event.target == b"/" + target
    key, _, text = (name + b":" + value).partition(b":")
    assert list(event.headers) == [(b"host", b"a"), (key.lower(), text.strip(b" \t"))]


def test_the_door_is_linear() -> None:
    """The largest hostile heads are judged in a few milliseconds."""
    vectors = [
        head(b"X:" + b" " * 60_000),
        head(b"X: " + b"a " * 30_000 + b"\x00"),
        b"A" * 60_000 + b"\r\n\r\n",
        head(*[b"Content-Length:"] * 90),
        b"\r\n" * 30_000 + b"\r\n\r\n",
    ]
    began = time.perf_counter()
    for raw in vectors:
        with pytest.raises(BadRequest):
            check_head(raw + b"!", LIMITS)
    assert time.perf_counter() - began < 0.25


@pytest.mark.parametrize(
    ("status", "partial"),
    [
        (400, b"GET / HTTP/1.1\nHost: a\n\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\n\nX"),
        (400, b"GET / HTTP/1.1\rX"),
        (400, b"\x16\x03\x01\x02\x00\x01"),  # a TLS client at a cleartext port
        (400, b" GET / HTTP/1.1\r\n"),
        (414, b"GET /" + b"a" * 20_000),
        (431, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 15_000),
    ],
)
def test_a_hopeless_beginning_is_refused_at_once(status: int, partial: bytes) -> None:
    """No client waits ten seconds to be told that LF does not end a line."""
    with pytest.raises(BadRequest) as refusal:
        check_partial(partial, 0, LIMITS)
    assert refusal.value.status == status


@pytest.mark.parametrize("cut", range(1, len(GOOD[10])))
def test_a_good_beginning_is_waited_for(cut: int) -> None:
    """No prefix of a good head is refused, wherever it was looked at before."""
    check_partial(GOOD[10][:cut], 0, LIMITS)
    check_partial(bytearray(GOOD[10][:cut]), cut - 1, LIMITS)


def test_a_line_end_cut_in_two_is_seen() -> None:
    """A bare CR at the end of one read is found out by the next byte."""
    check_partial(b"GET / HTTP/1.1\r", 0, LIMITS)
    with pytest.raises(BadRequest):
        check_partial(b"GET / HTTP/1.1\rX", 15, LIMITS)


@pytest.mark.parametrize(
    ("target", "origin"),
    [
        (b"/a?b", b"/a?b"),
        (b"http://a/b?c", b"/b?c"),
        (b"HTTPS://a", b"/"),
        (b"http://a?b", b"/?b"),
        (b"*", b"*"),
        (b"//evil/x", b"//evil/x"),
    ],
)
def test_the_target_is_read_as_path_and_query(target: bytes, origin: bytes) -> None:
    """The authority of an absolute form is gone before anything routes by it."""
    assert origin_form(target) == origin


@pytest.mark.parametrize(
    ("host", "local", "allowed"),
    [
        ("localhost", "127.0.0.1", True),
        ("LOCALHOST:4096", "127.0.0.1", True),
        ("127.0.0.1:4096", "127.0.0.1", True),
        ("127.8.8.8", "127.0.0.1", True),
        ("[::1]:4096", "::1", True),
        ("gate.example", "10.0.0.5", True),
        ("GATE.example:443", "10.0.0.5", True),
        ("10.0.0.5:4096", "10.0.0.5", True),
        ("[fe80::1]", "fe80::1%eth0", True),
        ("[FD00:0::1]", "fd00::1", True),
        ("10.0.0.6:4096", "10.0.0.5", False),
        ("0.0.0.0:4096", "127.0.0.1", False),
        ("evil.example", "127.0.0.1", False),
        ("localhost.evil.example", "127.0.0.1", False),
        ("127.0.0.1.evil.example", "127.0.0.1", False),
        ("localhost/", "127.0.0.1", False),
        ("localhost?x", "127.0.0.1", False),
        ("x@localhost", "127.0.0.1", False),
        ("localhost:", "127.0.0.1", False),
        ("[127.0.0.1]", "127.0.0.1", False),
        ("127.1", "127.0.0.1", False),
        ("2130706433", "127.0.0.1", False),
        ("", "127.0.0.1", False),
        ("", "", False),
        ("lo\u212aalhost", "127.0.0.1", False),
    ],
)
def test_only_our_own_hosts_are_ours(host: str, local: str, allowed: bool) -> None:
    """Row 13: a name that was rebound to our address is not one of our names."""
    assert host_allowed(host, local=local, names={"gate.example"}) is allowed


H2 = [(b":method", b"POST"), (b":scheme", b"https"), (b":path", b"/v1"), (b":authority", b"a:1")]


@pytest.mark.parametrize(
    "headers",
    [
        H2,
        [
            *H2,
            (b"content-length", b"5"),
            (b"te", b"trailers"),
            (b"x-empty", b""),
            (b"cookie", b"a=b"),
            (b"cookie", b"c"),
        ],
        [*H2[:3], (b"host", b"a:1")],
        [*H2, (b"host", b"a:1")],
        [(b":method", b"OPTIONS"), (b":scheme", b"http"), (b":path", b"*"), (b":authority", b"a")],
    ],
)
def test_plain_http2_fields_pass(headers: list[tuple[bytes, bytes]]) -> None:
    """A request as RFC 9113 §8.3.1 describes it is taken."""
    check_fields(headers, LIMITS)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (400, [*H2, (b"X", b"a")]),
        (400, [*H2, (b"x y", b"a")]),
        (400, [*H2, (b"", b"a")]),
        (400, [*H2, (b"x: y", b"a")]),
        (400, [*H2, (b"x\ny", b"a")]),
        (400, [*H2, (b"x", b"a\nb")]),
        (400, [*H2, (b"x", b"a\r\nb: c")]),
        (400, [*H2, (b"x", b"a\x00")]),
        (400, [*H2, (b"x", b" a")]),
        (400, [*H2, (b"x", b"a\t")]),
        (400, [*H2, (b"connection", b"close")]),
        (400, [*H2, (b"transfer-encoding", b"chunked")]),
        (400, [*H2, (b"upgrade", b"h2c")]),
        (400, [*H2, (b"keep-alive", b"1")]),
        (400, [*H2, (b"proxy-connection", b"x")]),
        (400, [*H2, (b"te", b"gzip")]),
        (400, [*H2, (b"content-length", b"5"), (b"content-length", b"5")]),
        (400, [*H2, (b"content-length", b"+5")]),
        (400, [*H2, (b"content-length", b"")]),
        (400, [*H2, (b"host", b"b")]),
        (400, [*H2, (b"host", b"a:1"), (b"host", b"a:1")]),
        (400, [*H2, (b":path", b"/")]),
        (400, [(b"x", b"y"), *H2]),
        (400, [*H2, (b":protocol", b"websocket")]),
        (400, [*H2, (b":", b"x")]),
        (400, H2[:3]),
        (400, H2[1:]),
        (400, [H2[0], *H2[2:]]),
        (400, [*H2[:2], H2[3]]),
        (400, [*H2[:2], (b":path", b""), H2[3]]),
        (400, [*H2[:2], (b":path", b"a"), H2[3]]),
        (400, [*H2[:2], (b":path", b"*"), H2[3]]),
        (400, [*H2[:2], (b":path", b"/a b"), H2[3]]),
        (400, [H2[0], (b":scheme", b"ftp"), *H2[2:]]),
        (400, [*H2[:3], (b":authority", b"u@a")]),
        (400, [*H2[:3], (b":authority", b"")]),
        (501, [(b":method", b"CONNECT"), (b":authority", b"a:1")]),
        (501, [(b":method", b"TRACE"), *H2[1:]]),
        (417, [*H2, (b"expect", b"x")]),
        (431, [*H2, *[(b"x", b"y")] * 97]),
        (431, [*H2, (b"x", b"y" * 65_500)]),
    ],
)
def test_malformed_http2_fields_are_refused(status: int, headers: list[tuple[bytes, bytes]]) -> None:
    """Row 37: pseudo-headers, fields of a connection, lengths and authorities that contradict each other."""
    with pytest.raises(BadRequest) as refusal:
        check_fields(headers, LIMITS)
    assert refusal.value.status == status


def test_good_fields_may_be_written() -> None:
    """Blanks inside, obs-text and empty values are values."""
    check_outgoing([(b"Content-Type", b"text/plain; charset=utf-8"), (b"x", b""), (b"y", b"a \t b"), (b"z", b"\xe9")])


@pytest.mark.parametrize("bad", [b"\r\n", b"\n", b"\r", b"\x00", b"\x1b", b"\x7f"])
def test_nothing_injects_a_field(bad: bytes) -> None:
    """Row 10: a control character in a name or value raises instead of being written."""
    for field in [(b"x", b"a" + bad + b"b"), (b"x", bad), (b"x" + bad, b"a"), (b"x", b"a" + bad)]:
        with pytest.raises(ValueError, match="can't be written"):
            check_outgoing([(b"good", b"field"), field])


@pytest.mark.parametrize(
    "field", [(b"", b"x"), (b"x ", b"y"), (b"x:", b"y"), (b"x", b" y"), (b"x", b"y "), (b":path", b"/")]
)
def test_a_field_that_reads_differently_elsewhere_is_not_written(field: tuple[bytes, bytes]) -> None:
    """Blanks at the ends, and names that are no token, never leave."""
    with pytest.raises(ValueError, match="can't be written"):
        check_outgoing([field])


_BITS = st.lists(
    st.sampled_from([b"a", b"B", b"-", b":", b" ", b": ", b"\r\n", b"\n", b"\t", b"\x00", b"\xe9"]), max_size=4
)
_FIELD = st.tuples(_BITS.map(b"".join), _BITS.map(b"".join))


@given(st.lists(_FIELD, max_size=4))
def test_fields_looked_at_together_are_judged_as_one_by_one(fields: list[tuple[bytes, bytes]]) -> None:
    """No field hides behind another when all are matched at once, on the way out and on the way in."""
    try:
        check_outgoing(fields)
    except ValueError:
        with pytest.raises(ValueError, match="can't be written"):
            field_lines(fields)
        alone_is_good = False
    else:
        assert field_lines(fields) == b"".join([name + b": " + value + b"\r\n" for name, value in fields])
        alone_is_good = all(name == name.lower() for name, _ in fields)
    try:
        check_fields([*H2, *fields], LIMITS)
    except BadRequest:
        assert not alone_is_good
    else:
        assert alone_is_good


def one_by_one(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether *headers* are a request of HTTP/2, read as RFC 9113 §8.2 and §8.3 are written."""
    pseudo = [name for name, _ in headers if name.startswith(b":")]
    single = [name for name, _ in headers if name in {b"host", b"content-length", b"expect"}]
    fields = dict(headers)
    return (
        all(name.removeprefix(b":") and b":" not in name[1:] and name == name.lower() for name, _ in headers)
        and [name for name, _ in headers][: len(pseudo)] == pseudo
        and sorted(pseudo) in ([b":authority", b":method", b":path", b":scheme"], [b":method", b":path", b":scheme"])
        and len(single) == len(set(single))
        and not fields.keys() & {b"connection", b"upgrade"}
        and all(value == b"trailers" for name, value in headers if name == b"te")
        and {fields.get(b":authority"), fields.get(b"host")} in ({b"a:1"}, {b"a:1", None})
        and fields.get(b"content-length", b"1").isdigit()
    )


one_field = st.one_of(
    st.sampled_from([*H2, (b"host", b"a:1"), (b"host", b"b"), (b":authority", b"a:1"), (b":new", b"x"), (b":", b"x")]),
    st.sampled_from([(b"te", b"trailers"), (b"te", b"gzip"), (b"connection", b"close"), (b"upgrade", b"h2c")]),
    st.sampled_from([(b"content-length", b"5"), (b"content-length", b"x"), (b"cookie", b"a"), (b"cookie", b"b")]),
    st.sampled_from([(b"x", b"y"), (b"X", b"y"), (b"x:y", b"z"), (b"", b"x")]),
)


@example([(b":new", b"x")], [], [(b":path", b"/v1")])
@example([(b":new", b"x")], [], [(b":authority", b"a:1")])
@example([], [(b"te", b"trailers"), (b"content-length", b"5"), (b"content-length", b"5")], [])
@example([], [(b"connection", b"close")], [])
@given(st.lists(one_field, max_size=4), st.lists(one_field, max_size=4), st.lists(st.sampled_from(H2), max_size=1))
def test_fields_at_once_are_fields_one_by_one(
    before: list[tuple[bytes, bytes]], after: list[tuple[bytes, bytes]], without: list[tuple[bytes, bytes]]
) -> None:
    """What is seen in all of them together is what each by itself shows: order, repetition, what has no place."""
    headers = [*before, *[field for field in H2 if field not in without], *after]
    try:
        fields = check_fields(headers, LIMITS)
    except BadRequest:
        assert not one_by_one(headers)
    else:
        assert one_by_one(headers)
        assert fields == dict(headers)
