"""Fields of a request: what is refused and how, and what the rest becomes.  The grammar itself is strict's."""

import attrs
import pytest
from h2.errors import ErrorCodes
from trio.testing import MockClock

from tests.doubles import Bytes
from tests.transports.dialogue import answer, echo
from tests.transports.http2_client import visit
from transports.http2_head import (
    announced_length,
    check_request,
    check_trailers,
    expects_continue,
    make_request,
)
from transports.limits import Limits
from transports.messages import BadRequest, Connection, Headers, Request, Response

LIMITS = Limits()
BASE: Headers = [(b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"gate.example"), (b":path", b"/a?b")]
PLACE = Connection(scheme="http", peer="10.0.0.9", local="10.0.0.1", names=frozenset({"gate.example"}))


def status_of(fields: Headers, connection: Connection = PLACE, limits: Limits = LIMITS) -> int:
    """What *fields* are refused with; 0 if they are not."""
    try:
        check_request(fields, connection, limits)
    except BadRequest as refusal:
        return refusal.status
    return 0


def test_a_good_head_passes() -> None:
    """Authority, Host in its place, or both when they agree."""
    host = [field for field in BASE if field[0] != b":authority"]
    assert status_of(BASE) == 0
    assert status_of([*host, (b"host", b"gate.example")]) == 0
    assert status_of([*BASE, (b"host", b"gate.example")]) == 0


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ([(b"host", b"localhost")], 400),
        ([(b"host", b"gate.example"), (b"host", b"gate.example")], 400),
        ([(b"expect", b"tea")], 417),
        ([(b"x", b"y" * 70_000)], 431),
        ([(b"x", b"y")] * 97, 431),
    ],
)
def test_a_bad_head_is_refused(more: Headers, status: int) -> None:
    """Malformed is 400; what is understood and unwanted has its own status."""
    assert status_of(BASE + more) == status


def test_a_host_that_is_not_ours_is_421() -> None:
    """Row 13: only configured names, loopback, and the address the connection came to; in whichever field it stands."""
    for host, status in [(b"gate.example:8443", 0), (b"10.0.0.1", 0), (b"[::1]:80", 0), (b"10.0.0.2", 421)]:
        pseudo = [(name, host if name == b":authority" else value) for name, value in BASE]
        plain = [field for field in BASE if field[0] != b":authority"]
        assert status_of(pseudo) == status_of([*plain, (b"host", host)]) == status


def test_a_path_has_a_limit() -> None:
    """Row 16: 414, to the byte."""
    for size, status in [(50, 0), (51, 414)]:
        fields = [(name, b"/" * size if name == b":path" else value) for name, value in BASE]
        assert status_of(fields, limits=attrs.evolve(LIMITS, target=50)) == status


def test_a_request_looks_like_one_of_http_1() -> None:
    """Host first and one cookie field; the scheme is the connection's, whatever was claimed."""
    more = [(b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2"), (b"x", b"z")]
    body = Bytes()
    request = make_request(BASE + more, dict(BASE + more), PLACE, body)
    assert request.headers == [(b"host", b"gate.example"), (b"x", b"y"), (b"x", b"z"), (b"cookie", b"a=1; b=2")]
    assert (request.method, request.target, request.path, request.query) == ("POST", "/a?b", "/a", "b")
    assert (request.version, request.scheme, request.peer, request.local) == ("2", "http", "10.0.0.9", "10.0.0.1")
    assert request.body is body
    plain = [field for field in BASE if field[0] != b":authority"]
    hosted = [*plain, (b"host", b"h")]
    assert make_request(hosted, dict(hosted), PLACE, body).headers == [(b"host", b"h")]


def test_what_the_fields_say_of_the_body() -> None:
    """Its length, if announced, and whether it waits to be asked for."""
    assert announced_length(dict(BASE)) is None
    assert announced_length({b"content-length": b"17"}) == 17
    assert not expects_continue(dict(BASE))
    assert expects_continue({b"expect": b"100-continue"})


def test_trailers_are_looked_at() -> None:
    """No pseudo-header fields, no more than the limit, to the byte."""
    check_trailers([(b"x", b"y" * (LIMITS.trailers - 1))], LIMITS)
    with pytest.raises(BadRequest) as large:
        check_trailers([(b"x", b"y" * LIMITS.trailers)], LIMITS)
    assert large.value.status == 431
    with pytest.raises(BadRequest):
        check_trailers([(b":path", b"/")], LIMITS)


# Over a connection.


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ([(b":method", b"CONNECT"), (b":authority", b"localhost")], 501),
        ([(b":method", b"TRACE"), (b":scheme", b"http"), (b":authority", b"localhost"), (b":path", b"/")], 501),
        ([(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"evil.example"), (b":path", b"/")], 421),
        ([(b":method", b"HEAD"), (b":scheme", b"http"), (b":authority", b"evil.example"), (b":path", b"/")], 421),
    ],
    ids=["CONNECT without :path", "TRACE", "another host", "HEAD to another host"],
)
async def test_what_is_not_wanted_is_answered(
    more: list[tuple[bytes, bytes]], status: int, autojump_clock: MockClock
) -> None:
    """Rows 13, 14: a request that is understood and refused gets its status; no handler sees it, the rest goes on."""
    came: list[str] = []

    async def handler(request: Request, response: Response) -> None:
        came.append(request.target)
        await answer(response, b"served")

    async with visit(handler) as client:
        heard = await client.reply(client.head(more))
        assert heard.status == status
        assert (heard.body == b"") == (more[0] == (b":method", b"HEAD"))
        open_ended = await client.reply(client.head(more, end=False))
        assert (open_ended.status, open_ended.reset or 0) == (status, ErrorCodes.NO_ERROR)
        assert (await client.reply(client.ask(path="/good"))).body == b"served"
    assert came == ["/good"]


@pytest.mark.parametrize(
    "more",
    [
        [(b"host", b"localhost"), (b"host", b"localhost")],
        [(b"host", b"evil.example")],
        [(b"connection", b"close")],
        [(b"transfer-encoding", b"chunked")],
        [(b"X-Upper", b"1")],
        [(b"x", b"a\nb")],
        [(b"content-length", b"1"), (b"content-length", b"1")],
        [(b"content-length", b"+1")],
        [(b":path", b"/two")],
        [(b":status", b"200")],
        [(b"te", b"gzip")],
    ],
)
async def test_what_is_malformed_is_reset(more: list[tuple[bytes, bytes]], autojump_clock: MockClock) -> None:
    """Rows 12, 37: RST_STREAM with PROTOCOL_ERROR; no handler sees it, and the connection goes on (CVE-2026-71554)."""
    came: list[str] = []

    async def handler(request: Request, response: Response) -> None:
        came.append(request.target)
        await answer(response, b"served")

    base = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"localhost"), (b":path", b"/")]
    async with visit(handler) as client:
        assert (await client.reply(client.head(base + more))).reset == ErrorCodes.PROTOCOL_ERROR
        assert (await client.reply(client.ask(path="/good"))).body == b"served"
    assert came == ["/good"]


async def test_the_list_of_fields_is_bounded(autojump_clock: MockClock) -> None:
    """Row 32: too many fields, cookie crumbs included, or over 32 KiB with 32 bytes each: 431, and the rest goes on."""
    async with visit(echo) as client:
        crumbs = [("cookie", "a")] * 101
        assert (await client.reply(client.ask("GET", "/", *crumbs))).status == 431
        large = [("x", "y" * 8000)] * 4
        assert (await client.reply(client.ask("GET", "/", *large))).status == 200
        assert (await client.reply(client.ask("GET", "/", *large, ("z", "y" * 1000)))).status == 431
        assert (await client.reply(client.ask("GET", "/" + "y" * 16_400))).status == 414
