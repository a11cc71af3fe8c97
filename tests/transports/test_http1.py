"""One HTTP/1.1 connection, spoken byte by byte to the server over streams in memory; the clock jumps when all wait."""

import re
from itertools import pairwise

import h11
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.transports.dialogue import GET, LIMITS, POST, answer, echo, responses, talk, visit, whole
from transports.http1 import serve_http1
from transports.messages import BadRequest, Connection, Disconnected, Handler, Head, Request, Response


async def serve(stream: trio.abc.Stream, handler: Handler, received: bytes = b"") -> None:
    """A server of this one connection."""
    await serve_http1(stream, Connection(), handler, LIMITS, received=received)


async def test_a_request_becomes_one_call(autojump_clock: MockClock) -> None:
    """Method, target, fields, body, version and connection arrive as they were sent; names in lower case."""
    seen: list[Request] = []

    async def handler(request: Request, response: Response) -> None:
        seen.append(request)
        assert await whole(request) == b"hello"
        assert await request.body.receive() == b""
        await answer(response, b"")

    said = b"POST /a?b=c?d HTTP/1.1\r\nHost: gate.example:1\r\nX-Y:  z \r\nContent-Length: 5\r\n\r\nhello"
    place = Connection(scheme="https", peer="10.0.0.9", local="10.0.0.1", names=frozenset({"gate.example"}))
    await talk(handler, said, connection=place)
    [request] = seen
    assert (request.method, request.path, request.query) == ("POST", "/a", "b=c?d")
    assert request.headers == [(b"host", b"gate.example:1"), (b"x-y", b"z"), (b"content-length", b"5")]
    assert (request.version, request.scheme, request.peer, request.local) == ("1.1", "https", "10.0.0.9", "10.0.0.1")


async def test_requests_are_answered_in_order(autojump_clock: MockClock) -> None:
    """Pipelined in one read, or byte by byte: the same responses in the order of the requests."""
    said = (
        b"GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        b"POST /2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"
        b"\r\n"  # one stray line end is forgiven (RFC 9112 §2.2)
        b"POST /3 HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1\r\nx\r\n2;e\r\nyz\r\n0\r\nT: t\r\n\r\n"
        b"GET http://localhost/4 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    )
    for pieces in ([said], [said[i : i + 1] for i in range(len(said))]):
        heard = responses(await talk(echo, *pieces), "GET", "POST", "POST", "GET")
        assert [each.body for each in heard] == [b"GET /1 ", b"POST /2 abc", b"POST /3 xyz", b"GET /4 "]
        assert all(b"connection" not in each.fields for each in heard)


async def test_the_second_waits_for_the_first(autojump_clock: MockClock) -> None:
    """A pipelined request's handler is not called before the response in front of it is finished."""
    calls: list[str] = []

    async def handler(request: Request, response: Response) -> None:
        calls.append(request.target)
        await trio.sleep(1)
        assert calls == [request.target]
        await answer(response, b"")
        calls.clear()

    heard = await talk(handler, GET.replace(b"/", b"/1", 1) + GET.replace(b"/", b"/2", 1))
    assert len(responses(heard, "GET", "GET")) == 2


@pytest.mark.parametrize("field", [b"Connection: close", b"connection: x, CLOSE"])
async def test_nothing_is_served_after_close(autojump_clock: MockClock, field: bytes) -> None:
    """Row 18: what follows a request that says close is never looked at, and the response says close."""
    said = b"GET / HTTP/1.1\r\nHost: localhost\r\n" + field + b"\r\n\r\n" + GET
    [heard] = responses(await talk(echo, said), "GET")
    assert heard.fields[b"connection"] == b"close"


async def test_http_1_0_gets_one_response(autojump_clock: MockClock) -> None:
    """HTTP/1.0 is answered with a known length or the connection's end, and never chunked."""

    async def stream(request: Request, response: Response) -> None:
        await response.start(Head(200))
        await response.write(b"some")
        await response.write(b"thing")
        await response.finish()

    said = b"GET / HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n"
    for handler, body in ((echo, b"GET / "), (stream, b"something")):
        [heard] = responses(await talk(handler, said + said), "GET")
        assert heard.body == body
        assert heard.fields[b"connection"] == b"close"
        assert b"transfer-encoding" not in heard.fields


async def test_upgrade_is_ignored(autojump_clock: MockClock) -> None:
    """Row 20: no 101 for WebSocket or h2c, and bytes behind such a request are just the next request."""
    said = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c, websocket\r\nConnection: Upgrade\r\n\r\n"
    heard = responses(await talk(echo, said + GET), "GET", "GET")
    assert [each.status for each in heard] == [200, 200]
    heard = responses(await talk(echo, said + b"\x81\x05hello"), "GET", "GET")
    assert [each.status for each in heard] == [200, 400]


async def test_another_host_is_misdirected(autojump_clock: MockClock) -> None:
    """Row 13: a host that is not ours never reaches the handler."""

    async def never(request: Request, response: Response) -> None:
        raise AssertionError

    [heard] = responses(await talk(never, b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n" + GET), "GET")
    assert (heard.status, heard.fields[b"connection"]) == (421, b"close")
    assert heard.body == b"this host is not served here\n"


async def test_a_refused_head_ends_the_connection(autojump_clock: MockClock) -> None:
    """One line of plain text, then nothing: the request behind a broken one is not served."""
    [heard] = responses(await talk(echo, b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n" + GET), "GET")
    assert heard.status == 400
    assert heard.fields[b"content-type"] == b"text/plain; charset=utf-8"
    assert heard.fields[b"connection"] == b"close"


async def test_a_hopeless_head_is_not_waited_for(autojump_clock: MockClock) -> None:
    """Lines that end with LF alone are refused when they come, not after the timeout."""
    [heard] = responses(await talk(echo, b"GET / HTTP/1.1\nHost: localhost\n\n"), "GET")
    assert heard.status == 400
    assert trio.current_time() < LIMITS.head_seconds


async def test_a_slow_head_is_cut_off(autojump_clock: MockClock) -> None:
    """Row 21: ten seconds from its first byte for the whole head, however its bytes drip."""

    async with visit(echo) as client, trio.open_nursery() as nursery:
        await trio.sleep(60)  # idle is not slow

        async def drip() -> None:
            for at in range(len(GET) - 1):
                await client.say(GET[at : at + 1])
                await trio.sleep(1)

        nursery.start_soon(drip)
        [heard] = responses(await client.hear(), "GET")
        assert heard.status == 408
        assert 70 <= trio.current_time() <= 70 + 5.1  # the drip goes on while the server lingers
        nursery.cancel_scope.cancel()


async def test_an_idle_connection_is_closed_without_a_word(autojump_clock: MockClock) -> None:
    """After 75 s of nothing, at the beginning as between requests; no 408 that a later request could take for its."""
    assert await talk(echo) == b""
    assert trio.current_time() == LIMITS.idle_seconds
    assert len(responses(await talk(echo, GET), "GET")) == 1
    assert trio.current_time() == 2 * LIMITS.idle_seconds


async def test_a_client_that_goes_cancels_its_handler(autojump_clock: MockClock) -> None:
    """Closed, or only half-closed: the handler is cancelled at once, wherever it waits, and nothing is raised."""
    ended: list[str] = []

    async def handler(request: Request, response: Response) -> None:
        await response.start(Head(200))
        try:
            await trio.sleep_forever()
        finally:
            ended.append("cancelled")

    async with visit(handler) as client:
        await client.say(GET)
        await client.stream.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert ended == ["cancelled"]
    async with visit(handler) as client:
        await client.say(GET)
        await client.stream.send_stream.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert ended == ["cancelled"] * 2
        assert b"0\r\n\r\n" not in await client.hear()
    assert trio.current_time() == 0


async def test_a_client_that_goes_in_the_middle_of_its_body(autojump_clock: MockClock) -> None:
    """The handler is cancelled; if it shields itself, reading says Disconnected."""

    async def handler(request: Request, response: Response) -> None:
        with trio.CancelScope(shield=True), pytest.raises(Disconnected):
            await whole(request)
        await trio.lowlevel.checkpoint()
        raise AssertionError("cancelled by now")

    async with visit(handler) as client:
        await client.say(POST + b"Content-Length: 9\r\n\r\nabc")


@pytest.mark.parametrize("length", [None, b"9"])
async def test_an_unfinished_response_is_seen_to_be_broken(autojump_clock: MockClock, length: bytes | None) -> None:
    """A handler that returns too soon: no last chunk, too few bytes, and the connection's end."""

    async def handler(request: Request, response: Response) -> None:
        await response.start(Head(200, [(b"content-length", length)] if length else []))
        await response.write(b"part")

    wire = await talk(handler, GET + GET)
    assert b"part" in wire
    with pytest.raises(h11.RemoteProtocolError):
        responses(wire, "GET")


async def test_a_response_never_started_is_silence(autojump_clock: MockClock) -> None:
    """If nothing was sent, nothing is: the connection just ends."""

    async def handler(request: Request, response: Response) -> None:
        pass

    assert await talk(handler, GET + GET) == b""


@pytest.mark.parametrize("said_before", [0, 1, 2])
async def test_a_crash_leaves_the_server_and_cuts_the_response(autojump_clock: MockClock, said_before: int) -> None:
    """A handler's bug comes out of serve_http1 for the listener to report; the client sees a broken response."""

    async def handler(request: Request, response: Response) -> None:
        if said_before:
            await response.start(Head(200))
        if said_before > 1:
            await response.write(b"part")
        raise ZeroDivisionError

    async def crashing(stream: trio.abc.Stream) -> None:
        with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
            await serve(stream, handler)

    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(crashing, theirs)
        await ours.send_all(GET + GET)
        wire = b"".join([bytes(piece) async for piece in ours])
    assert b"0\r\n\r\n" not in wire
    assert bool(wire) is (said_before > 0)
    assert (b"part" in wire) is (said_before > 1)


async def test_disconnected_is_not_a_crash(autojump_clock: MockClock) -> None:
    """Disconnected and BadRequest may leave a handler in nurseries' groups; neither comes out of the server."""

    async def handler(request: Request, response: Response) -> None:
        async with trio.open_nursery(), trio.open_nursery():
            raise BadRequest("no such thing", status=404) if request.path == "/" else Disconnected

    [heard] = responses(await talk(handler, GET + GET), "GET")
    assert (heard.status, heard.body) == (404, b"no such thing\n")
    assert await talk(handler, GET.replace(b"/", b"/x", 1)) == b""


async def test_bytes_read_before_are_served_first(autojump_clock: MockClock) -> None:
    """What the listener read to tell the versions apart is the beginning of the first request."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, theirs, echo, GET + GET[:9])
        await ours.send_all(GET[9:])
        wire = b"".join([bytes(piece) async for piece in ours])
    assert len(responses(wire, "GET", "GET")) == 2


FRAGMENTS = st.sampled_from(
    [
        GET,
        GET[:-2],
        POST + b"Content-Length: 3\r\n\r\nabc",
        POST + b"Content-Length: 3\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n",
        POST + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
        POST + b"Connection: close\r\nContent-Length: 1\r\n\r\nx",
        POST.replace(b"1.1", b"1.0") + b"\r\n",
        b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"X: y\r\n",
        b"\r\n",
        b"\n",
        b"0\r\n\r\n",
        b"abc",
    ]
)


@given(st.lists(FRAGMENTS | st.binary(max_size=3), max_size=6).map(b"".join), st.lists(st.integers(0, 400), max_size=9))
def test_how_the_wire_cuts_does_not_matter(said: bytes, places: list[int]) -> None:
    """Whatever is said, whole or cut anywhere: the same calls, answers in order, at most one refusal, and an end."""

    async def outcome(pieces: list[bytes]) -> tuple[list[str], list[bytes]]:
        calls: list[str] = []

        async def handler(request: Request, response: Response) -> None:
            body = await whole(request)
            calls.append(f"{request.version} {request.method} {body!r}")
            await answer(response, b"")

        wire = await talk(handler, *pieces)
        statuses = re.findall(
            rb"(?:\A|\r\n\r\n|\n)HTTP/1\.1 ([0-9]{3})", wire.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
        )
        return calls, [status if status == b"200" else b"refused" for status in statuses]

    def run(pieces: list[bytes]) -> tuple[list[str], list[bytes]]:
        return trio.run(outcome, pieces, clock=MockClock(autojump_threshold=0))

    marks = sorted({0, len(said), *(place % (len(said) + 1) for place in places)})
    calls, statuses = run([said] if said else [])
    assert statuses in ([b"200"] * len(calls), [b"200"] * len(calls) + [b"refused"])
    assert run([said[a:b] for a, b in pairwise(marks)]) == (calls, statuses)
