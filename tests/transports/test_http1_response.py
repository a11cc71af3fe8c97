"""How a response is written: its framing, its fields, and how many sends it takes."""

from email.utils import parsedate_to_datetime

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.transports.dialogue import GET, LIMITS, Client, answer, responses, talk, whole
from tests.transports.test_tcp import pair
from transports.http1 import serve_http1
from transports.messages import Connection, Handler, Head, Headers, Request, Response

HEAD = GET.replace(b"GET", b"HEAD")


def writing(status: int, fields: Headers, *pieces: bytes) -> Handler:
    """A handler that writes just this."""

    async def handler(request: Request, response: Response) -> None:
        await response.start(Head(status, fields))
        for piece in pieces:
            await response.write(piece)
        await response.finish()

    return handler


async def sends(handler: Handler, request: bytes = GET) -> list[bytes]:
    """What one request makes the server send, send by send."""
    ours, theirs = trio.testing.memory_stream_pair()
    written: list[bytes] = []

    async def note() -> None:
        await trio.lowlevel.checkpoint()
        written.append(bytes(theirs.send_stream.get_data_nowait()))

    theirs.send_stream.send_all_hook = note
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_http1, theirs, Connection(), handler, LIMITS)
        await Client(ours).say(request)
        await ours.aclose()
    return written


async def test_a_small_response_is_one_send(autojump_clock: MockClock) -> None:
    """A head with a content-length travels with its first piece."""
    [wire] = await sends(writing(200, [(b"content-length", b"5")], b"hello"))
    assert wire.startswith(b"HTTP/1.1 200 OK\r\n")
    assert wire.endswith(b"\r\n\r\nhello")


async def test_an_empty_response_is_one_send(autojump_clock: MockClock) -> None:
    """Where no piece comes, the head leaves with finish."""
    assert len(await sends(writing(200, [(b"content-length", b"0")]))) == 1
    assert len(await sends(writing(204, []))) == 1


async def test_a_stream_is_a_send_per_piece(autojump_clock: MockClock) -> None:
    """The head at once, each piece as one chunk in one send, and the end; an empty piece is none."""
    head, *rest = await sends(writing(200, [(b"content-type", b"text/event-stream")], b"one", b"", b"two!"))
    assert b"transfer-encoding: chunked\r\n" in head
    assert head.endswith(b"\r\n\r\n")
    assert rest == [b"3\r\none\r\n", b"4\r\ntwo!\r\n", b"0\r\n\r\n"]


async def test_a_large_piece_is_one_chunk(autojump_clock: MockClock) -> None:
    """However many sends it takes, framing is written once."""
    body = bytes(range(256)) * 1000
    written = await sends(writing(200, [], body))
    assert b"".join(written[1:]) == b"3e800\r\n" + body + b"\r\n0\r\n\r\n"
    assert max(map(len, written)) <= 65536


async def test_what_the_socket_takes_is_written_without_a_turn() -> None:
    """Until it is full; the rest of the last piece goes with the next, and nothing is lost between."""
    said: list[bool] = []

    async def handler(request: Request, response: Response) -> None:
        await response.start(Head(200))
        while not said or said[-1]:
            said.append(response.write_now(b"x" * 50_000))
        await response.write(b"last")
        await response.finish()

    async with pair() as (near, far), trio.open_nursery() as nursery:
        nursery.start_soon(serve_http1, near, Connection(), handler, LIMITS)
        await far.send_all(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        wire = b"".join([piece async for piece in far])
    [heard] = responses(wire, "GET")
    assert said[0]
    assert heard.body == b"x" * 50_000 * len(said) + b"last"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([(b"content-length", b"5")], {b"content-length": b"5"}),
        ([], {b"transfer-encoding": b"chunked"}),
    ],
)
async def test_a_response_to_head_has_no_body(
    autojump_clock: MockClock, fields: Headers, expected: dict[bytes, bytes]
) -> None:
    """RFC 9110 §9.3.2: the fields that GET would get, and none of its bytes; the connection goes on."""
    handler = writing(200, fields, b"hello")
    first, second = responses(await talk(handler, HEAD + GET), "HEAD", "GET")
    assert (first.body, second.body) == (b"", b"hello")
    assert expected.items() <= first.fields.items()
    assert expected.items() <= second.fields.items()


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_a_body_has_none(autojump_clock: MockClock, status: int) -> None:
    """RFC 9112 §6.3: 204 and 304 end with their head; 204 does not speak of a length (RFC 9110 §8.6)."""
    handler = writing(status, [(b"content-length", b"5")], b"hello")
    first, second = responses(await talk(handler, GET + GET), "GET", "GET")
    assert (first.status, first.body, second.status) == (status, b"", status)
    assert (b"content-length" in first.fields) is (status == 304)
    assert b"transfer-encoding" not in first.fields


async def test_framing_and_connection_are_ours(autojump_clock: MockClock) -> None:
    """Fields of another hop in the handler's head never reach the wire; the date is added, no server is named."""
    fields = [(b"connection", b"close"), (b"transfer-encoding", b"gzip"), (b"keep-alive", b"1"), (b"x", b"y")]
    [heard] = responses(await talk(writing(200, fields, b"z"), GET), "GET")
    assert heard.fields.keys() == {b"x", b"transfer-encoding", b"date"}
    assert heard.fields[b"transfer-encoding"] == b"chunked"
    assert parsedate_to_datetime(heard.fields[b"date"].decode()).year >= 2026


async def test_a_date_of_the_handler_stays(autojump_clock: MockClock) -> None:
    """A forwarded Date is not replaced or doubled."""
    date = (b"date", b"Sat, 21 Nov 2026 08:00:00 GMT")
    wire = await talk(writing(200, [date], b"z"), GET)
    assert wire.count(b"date:") == 1
    assert b"date: Sat, 21 Nov 2026 08:00:00 GMT\r\n" in wire


async def test_an_unknown_status_has_no_phrase(autojump_clock: MockClock) -> None:
    """RFC 9112 §4: the space before a missing phrase stays."""
    assert (await talk(writing(529, [], b""), GET)).startswith(b"HTTP/1.1 529 \r\n")


@pytest.mark.parametrize(
    "head",
    [
        Head(200, [(b"x", b"a\r\nset-cookie: b")]),
        Head(200, [(b"x\r\ny", b"a")]),
        Head(200, [(b"content-length", b"5"), (b"content-length", b"5")]),
        Head(200, [(b"content-length", b"+5")]),
        Head(200, [(b"content-length", b"")]),
        Head(101, []),
    ],
)
async def test_a_head_that_can_not_be_written(autojump_clock: MockClock, head: Head) -> None:
    """It raises before a byte is sent, and another head may take its place."""

    async def handler(request: Request, response: Response) -> None:
        with pytest.raises(ValueError, match=r"."):
            await response.start(head)
        assert not response.started
        await answer(response, b"sorry", status=500)
        assert response.started

    [heard] = responses(await talk(handler, GET), "GET")
    assert (heard.status, heard.body) == (500, b"sorry")


async def test_a_length_is_kept(autojump_clock: MockClock) -> None:
    """More or fewer bytes than announced raise, and what the client saw is broken or complete, never wrong."""

    async def handler(request: Request, response: Response) -> None:
        await response.start(Head(200, [(b"content-length", b"5")]))
        await response.write(b"hel")
        with pytest.raises(ValueError, match="longer"):
            await response.write(b"lo!")
        with pytest.raises(ValueError, match="not written"):
            await response.finish()
        await response.write(b"lo")
        await response.finish()

    [heard] = responses(await talk(handler, GET), "GET")
    assert heard.body == b"hello"


async def test_the_order_of_calls_is_kept(autojump_clock: MockClock) -> None:
    """Start once, then write, then finish; a second finish does nothing."""

    async def handler(request: Request, response: Response) -> None:
        for early in (response.write(b"x"), response.finish()):
            with pytest.raises(RuntimeError):
                await early
        await answer(response, b"x")
        await response.finish()
        for late in (response.write(b"x"), response.start(Head(200))):
            with pytest.raises(RuntimeError):
                await late

    first, second = responses(await talk(handler, GET + GET), "GET", "GET")
    assert (first.body, second.body) == (b"x", b"x")


async def test_echoing_while_reading(autojump_clock: MockClock) -> None:
    """A response may run while its request is still coming; the connection ends with it."""

    async def handler(request: Request, response: Response) -> None:
        await response.start(Head(200))
        while piece := await request.body.receive():
            await response.write(piece)
        await response.finish()
        assert await whole(request) == b""

    said = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\n"
    [heard] = responses(await talk(handler, said, b"abc", b"def", GET), "POST")
    assert (heard.body, heard.fields[b"connection"]) == (b"abcdef", b"close")
