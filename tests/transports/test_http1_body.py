"""The body of a request: announced, dripping, too large, broken, or left unread."""

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.transports.dialogue import GET, LIMITS, POST, answer, echo, responses, talk, visit, whole
from transports.limits import Limits
from transports.messages import BadRequest, BodyTooLarge, Head, Request, Response


async def test_continue_is_said_when_the_body_is_wanted(autojump_clock: MockClock) -> None:
    """Expect: 100-continue is answered by the handler's first read, and not a byte sooner."""
    wanted = trio.Event()

    async def handler(request: Request, response: Response) -> None:
        await wanted.wait()
        await echo(request, response)

    async with visit(handler) as client:
        await client.say(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        with trio.move_on_after(1):
            await client.hear()
            raise AssertionError
        wanted.set()
        interim = await client.hear(b"\r\n\r\n")
        assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.say(b"ok")
        [heard] = responses(interim + await client.hear(b"ok"), "POST")
        assert (heard.interim, heard.body) == ([100], b"POST / ok")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nok", "it came with the body"),
        (POST + b"Expect: 100-continue\r\nContent-Length: 0\r\n\r\n", "it has no body"),
        (POST.replace(b"1.1", b"1.0") + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nok", "it is HTTP/1.0"),
    ],
)
async def test_continue_is_not_said_without_need(autojump_clock: MockClock, said: bytes, reason: str) -> None:
    """RFC 9110 §10.1.1: no interim response where the client does not wait for one."""
    [heard] = responses(await talk(echo, said), "POST")
    assert heard.interim == [], reason


async def test_an_answer_instead_of_continue_closes(autojump_clock: MockClock) -> None:
    """Row 19: who answers before the body came can't know what comes next."""

    async def refuse(request: Request, response: Response) -> None:
        await answer(response, b"no", status=401)

    said = POST + b"Expect: 100-continue\r\nContent-Length: 40\r\n\r\n"
    [heard] = responses(await talk(refuse, said, GET), "POST")
    assert (heard.status, heard.interim, heard.fields[b"connection"]) == (401, [], b"close")


async def test_a_body_left_unread_is_skipped_only_when_it_is_here(autojump_clock: MockClock) -> None:
    """An answer before the body: the connection goes on if the body came with the head, and ends if not."""

    async def refuse(request: Request, response: Response) -> None:
        await answer(response, b"no", status=401)

    long, short = POST + b"Content-Length: 40\r\n\r\n", POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    assert [each.status for each in responses(await talk(refuse, short + GET), "POST", "GET")] == [401, 401]
    [heard] = responses(await talk(refuse, long + b"x" * 39, b"x" + GET), "POST")
    assert heard.fields[b"connection"] == b"close"
    [heard] = responses(await talk(refuse, POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + GET), "POST")
    assert heard.fields[b"connection"] == b"close"


async def test_a_body_may_be_read_after_the_response_began(autojump_clock: MockClock) -> None:
    """What was looked at to decide about the connection is not lost to the handler."""

    async def handler(request: Request, response: Response) -> None:
        await response.start(Head(200))
        await response.write(await whole(request))
        await response.finish()

    for said in ([POST + b"Content-Length: 6\r\n\r\nabcdef"], [POST + b"Content-Length: 6\r\n\r\nabc", b"def"]):
        assert responses(await talk(handler, *said), "POST")[0].body == b"abcdef"


@pytest.mark.parametrize(
    ("framing", "status"),
    [
        (b"Content-Length: 1001\r\n\r\n", 413),
        (b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n", 413),
        (b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n3e8\r\n", 413),
        (b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", 413),
        (b"Transfer-Encoding: chunked\r\n\r\n0x1\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n\r\n1\r\nxyz", 400),
        (b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 2000, 431),
    ],
)
async def test_a_body_that_can_not_be_taken(autojump_clock: MockClock, framing: bytes, status: int) -> None:
    """Rows 6 to 9 and 17: at once, as the handler's exception; unanswered by it, as a response of ours."""
    tight = Limits(body=1000)
    raised: list[BadRequest] = []

    async def handler(request: Request, response: Response) -> None:
        for _ in range(2):
            with pytest.raises(BadRequest) as failure:
                await whole(request)
            raised.append(failure.value)
        raise failure.value

    [heard] = responses(await talk(handler, POST + framing, limits=tight), "POST")
    assert trio.current_time() <= 5
    assert [error.status for error in raised] == [status, status]
    assert isinstance(raised[0], BodyTooLarge) is (status == 413)
    assert (heard.status, heard.fields[b"connection"]) == (status, b"close")


async def test_a_handler_may_answer_what_it_could_not_read(autojump_clock: MockClock) -> None:
    """The answer to a body too large is the handler's to give; the connection ends all the same."""

    async def handler(request: Request, response: Response) -> None:
        try:
            await whole(request)
        except BodyTooLarge as error:
            await answer(response, b"{}", status=error.status)

    said = POST + b"Content-Length: 99999999\r\n\r\n"
    [heard] = responses(await talk(handler, said, b"x" * 100_000, GET), "POST")
    assert (heard.status, heard.body, heard.fields[b"connection"]) == (413, b"{}", b"close")


async def test_a_slow_body_is_cut_off(autojump_clock: MockClock) -> None:
    """Row 22: after ten seconds of grace, 256 bytes a second; the waiting counts, not the handler's own time."""
    received = 0
    times: list[float] = []

    async def handler(request: Request, response: Response) -> None:
        nonlocal received
        await trio.sleep(100)
        began = trio.current_time()
        try:
            while piece := await request.body.receive():
                received += len(piece)
        except BadRequest as error:
            times.append(trio.current_time() - began)
            await answer(response, b"slow", status=error.status)

    async with visit(handler) as client, trio.open_nursery() as nursery:
        await client.say(POST + b"Content-Length: 99999\r\n\r\n")
        await trio.sleep(100)

        async def drip() -> None:
            while True:
                await client.say(b"x" * 128)
                await trio.sleep(1)

        nursery.start_soon(drip)
        [heard] = responses(await client.hear(), "POST")
        nursery.cancel_scope.cancel()
    assert heard.status == 408
    assert times == [pytest.approx(20, abs=1)]  # 10 s of grace and half a second's credit for each second
    assert received == pytest.approx(20 * 128, abs=256)


async def test_a_silent_body_is_cut_off(autojump_clock: MockClock) -> None:
    """Row 22: a minute of nothing ends a body that had earned more by coming fast before."""

    async def handler(request: Request, response: Response) -> None:
        await whole(request)

    said = POST + b"Content-Length: 99999\r\n\r\n" + b"x" * 60_000
    [heard] = responses(await talk(handler, said), "POST")
    assert heard.status == 408
    assert LIMITS.body_idle <= trio.current_time() <= LIMITS.body_idle + 5.1


async def test_silence_is_counted_from_what_came_last(autojump_clock: MockClock) -> None:
    """A byte after half a minute buys another minute, also where it wakes nobody, since far more are waited for."""

    async def handler(request: Request, response: Response) -> None:
        await whole(request)

    async with visit(handler) as client:
        await client.say(POST + b"Content-Length: 99999\r\n\r\n" + b"x" * 60_000)
        await trio.sleep(30)
        await client.say(b"x")
        [heard] = responses(await client.hear(b"slowly"), "POST")
        assert heard.status == 408
        assert trio.current_time() == pytest.approx(30 + LIMITS.body_idle, abs=0.1)


async def test_a_body_in_many_pieces_is_passed_on_in_few(autojump_clock: MockClock) -> None:
    """Each piece that is passed on costs two turns of the scheduler; of a body whose length is known all is awaited."""
    pieces = []

    async def handler(request: Request, response: Response) -> None:
        while piece := await request.body.receive():
            pieces.append(len(piece))
        await answer(response, b"")

    said = POST + b"Connection: close\r\nContent-Length: 100000\r\n\r\n"
    await talk(handler, said, *[b"x" * 1000] * 100)
    assert pieces == [100_000]
