"""The body of a request over HTTP/2: windows, limits, pace."""

import attrs
import pytest
import trio
from h2.errors import ErrorCodes
from h2.events import WindowUpdated
from hyperframe.frame import DataFrame
from trio.testing import MockClock

from tests.transports.dialogue import answer, echo, whole
from tests.transports.http2_client import LIMITS, visit
from transports.http2_codec import CONNECTION_WINDOW, STREAM_WINDOW
from transports.messages import BadRequest, BodyTooLarge, Disconnected, Head, Request, Response
from transports.wire import LINGER_SECONDS

MEGABYTE = bytes(1_000_000)


async def test_a_body_of_megabytes_passes(autojump_clock: MockClock) -> None:
    """Far more than both windows: what is read opens them again, and every byte arrives."""
    async with visit(echo) as client:
        asked = client.ask("POST", "/", end=False)
        await client.upload(asked, MEGABYTE * 3 + b"end")
        assert (await client.reply(asked)).body == b"POST / " + MEGABYTE * 3 + b"end"


async def test_who_does_not_read_is_not_sent_more(autojump_clock: MockClock) -> None:
    """A body nobody reads fills its stream's window and stops there; its sibling has room left."""
    go = trio.Event()

    async def handler(request: Request, response: Response) -> None:
        if request.target == "/slow":
            await go.wait()
        await answer(response, b"%d" % len(await whole(request)))

    async with visit(handler) as client:
        slow = client.ask("POST", "/slow", end=False)
        await client.upload(slow, bytes(STREAM_WINDOW), end=False)
        assert client.h2.local_flow_control_window(slow) == 0
        quick = client.ask("POST", "/quick", end=False)
        await client.upload(quick, bytes(STREAM_WINDOW * 4))
        assert (await client.reply(quick)).body == b"%d" % (STREAM_WINDOW * 4)
        assert client.h2.local_flow_control_window(slow) == 0
        go.set()
        await client.upload(slow, b"the rest")
        assert (await client.reply(slow)).body == b"%d" % (STREAM_WINDOW + 8)


@pytest.mark.parametrize("way", ["reset by the client", "answered without reading", "padding alone"])
async def test_abandoned_uploads_leak_no_window(way: str, autojump_clock: MockClock) -> None:
    """A thousand uploads that end early, then a whole one: the connection's window is all there."""

    async def handler(request: Request, response: Response) -> None:
        if request.target == "/read" or way == "padding alone":
            await answer(response, b"%d" % len(await whole(request)))
        elif way == "answered without reading":
            await answer(response, b"no")
        else:
            await trio.sleep_forever()

    async with visit(handler) as client:
        for _ in range(1000):
            asked = client.ask("POST", "/", end=False)
            if way == "padding alone":
                for last in (False, False, False, False, False, True):
                    client.h2.send_data(asked, b"x", end_stream=last, pad_length=255)
            else:
                client.h2.send_data(asked, bytes(10_000))
            await client.flush()
            if way == "reset by the client":
                client.h2.reset_stream(asked)
                await client.flush()
                await client.rest()  # not so fast that it would be an attack
            else:
                await client.reply(asked)
                await client.rest(0 if way == "padding alone" else LINGER_SECONDS + 1)  # as long as it is heard out
        asked = client.ask("POST", "/read", end=False)
        await client.upload(asked, bytes(CONNECTION_WINDOW * 2))
        assert (await client.reply(asked)).body == b"%d" % (CONNECTION_WINDOW * 2)


async def test_a_length_over_the_limit_is_told_at_once(autojump_clock: MockClock) -> None:
    """Row 17: by its content-length, before a byte of it came: 413, and the client is asked to stop."""
    async with visit(echo, limits=attrs.evolve(LIMITS, body=1000)) as client:
        heard = await client.reply(client.ask("POST", "/", ("content-length", "1001"), end=False))
        assert (heard.status, heard.body) == (413, b"the request body is larger than 1000 bytes\n")
        await client.until(lambda: heard.reset is not None)
        assert heard.reset == ErrorCodes.NO_ERROR


async def test_a_body_over_the_limit_is_cut(autojump_clock: MockClock) -> None:
    """Row 17: by its DATA, as soon as one byte is too many; the handler sees none of it and may answer in its words."""
    seen: list[int] = []

    async def handler(request: Request, response: Response) -> None:
        while True:
            try:
                seen.append(len(await request.body.receive()))
            except BodyTooLarge as error:
                await answer(response, b"%d" % error.limit, status=error.status)
                return

    async with visit(handler, limits=attrs.evolve(LIMITS, body=1000)) as client:
        asked = client.ask("POST", "/", end=False)
        await client.upload(asked, bytes(1000), end=False)
        await client.upload(asked, b"!", end=False)
        assert (await client.reply(asked)).body == b"1000"
    assert seen == [1000]


async def test_who_is_still_sending_is_heard_out(autojump_clock: MockClock) -> None:
    """No reset takes the answer away from a client that sends its body to the end before it looks (curl, httpcore)."""

    async def handler(request: Request, response: Response) -> None:
        with pytest.raises(BodyTooLarge):
            await request.body.receive()
        await answer(response, b"too large", status=413)

    async with visit(handler, limits=attrs.evolve(LIMITS, body=CONNECTION_WINDOW)) as client:
        size = CONNECTION_WINDOW + STREAM_WINDOW * 2
        asked = client.ask("POST", "/", ("content-length", str(size)), end=False)
        await client.upload(asked, bytes(size))
        heard = await client.reply(asked)
        await client.rest()
        assert (heard.status, heard.body, heard.reset) == (413, b"too large", None)


@pytest.mark.parametrize("sent", [0, CONNECTION_WINDOW * 2])
async def test_nobody_is_heard_out_for_ever(sent: int, autojump_clock: MockClock) -> None:
    """Who sends no end is asked to stop: after a while, or when two bodies' worth has come."""

    async def handler(request: Request, response: Response) -> None:
        await answer(response, b"no")

    async with visit(handler, limits=attrs.evolve(LIMITS, body=CONNECTION_WINDOW)) as client:
        began, asked = trio.current_time(), client.ask("POST", "/", end=False)
        heard = await client.reply(asked)
        await client.upload(asked, bytes(sent), end=False)
        await client.until(lambda: heard.reset == ErrorCodes.NO_ERROR)
        assert trio.current_time() - began == (0 if sent else LINGER_SECONDS)


@pytest.mark.parametrize(("length", "sizes"), [(5, [4]), (5, [6]), (5, [3, 3]), (5, []), (0, [1])])
async def test_a_wrong_length_is_a_reset(length: int, sizes: list[int], autojump_clock: MockClock) -> None:
    """Row 37: more or less than the content-length says: PROTOCOL_ERROR, the handler is cancelled, others go on."""
    ended: list[str] = []

    async def handler(request: Request, response: Response) -> None:
        try:
            await answer(response, await whole(request))
        except (Disconnected, trio.Cancelled):
            ended.append(request.target)
            raise

    async with visit(handler) as client:
        asked = client.ask("POST", "/bad", ("content-length", str(length)), end=False)
        await client.flush()
        frames = [DataFrame(asked, data=bytes(size)) for size in sizes] or [DataFrame(asked)]
        frames[-1].flags.add("END_STREAM")
        await client.flush(*frames)
        assert (await client.reply(asked)).reset == ErrorCodes.PROTOCOL_ERROR
        good = client.ask("POST", "/good", ("content-length", "2"), end=False)
        await client.upload(good, b"ok")
        assert (await client.reply(good)).body == b"ok"
    assert ended == ["/bad"]


async def test_trailers_are_thrown_away(autojump_clock: MockClock) -> None:
    """Row 9: fields behind the body end it and become nothing."""
    async with visit(echo) as client:
        asked = client.ask("POST", "/", end=False)
        client.h2.send_data(asked, b"body")
        client.h2.send_headers(asked, [(b"authorization", b"late")], end_stream=True)
        assert (await client.reply(asked)).body == b"POST / body"


@pytest.mark.parametrize("trailers", [[(b":path", b"/x")], [(b"x", b"y" * 9000)]])
async def test_bad_trailers_are_a_reset(trailers: list[tuple[bytes, bytes]], autojump_clock: MockClock) -> None:
    """Row 9: pseudo-header fields, or more than 8 KiB."""
    async with visit(echo) as client:
        asked = client.ask("POST", "/", end=False)
        client.h2.send_headers(asked, trailers, end_stream=True)
        assert (await client.reply(asked)).reset == ErrorCodes.PROTOCOL_ERROR


async def test_100_is_said_when_the_body_is_wanted(autojump_clock: MockClock) -> None:
    """RFC 9110 §10.1.1: not before, and once; a client that does not wait gets none, nor one that is refused."""

    async def handler(request: Request, response: Response) -> None:
        await trio.sleep(3)
        if request.target == "/begun":
            await response.start(Head(200))
            await response.write(await whole(request))
            await response.finish()
        elif request.target == "/refused":
            await answer(response, b"no", status=403)
        else:
            await answer(response, await whole(request))

    async with visit(handler) as client:
        patient = client.ask("POST", "/", ("expect", "100-continue"), end=False)
        await client.until(lambda: client.heard[patient].interim == [100])
        assert trio.current_time() == pytest.approx(3)
        await client.upload(patient, b"now")
        heard = await client.reply(patient)
        assert (heard.interim, heard.status, heard.body) == ([100], 200, b"now")

        begun = client.ask("POST", "/begun", ("expect", "100-continue"), end=False)
        await client.until(lambda: client.heard[begun].status == 200)  # which says more than 100 would
        await client.upload(begun, b"then")
        heard = await client.reply(begun)
        assert (heard.interim, heard.body) == ([], b"then")

        hasty = client.ask("POST", "/", ("expect", "100-continue"), end=False)
        await client.upload(hasty, b"at once")
        assert (await client.reply(hasty)).interim == []
        refused = await client.reply(client.ask("POST", "/refused", ("expect", "100-continue"), end=False))
        assert (refused.interim, refused.status) == ([], 403)


@pytest.mark.parametrize(("pause", "due"), [(1000.0, 10.0), (5.0, 10.0)])
async def test_a_slow_body_is_408(pause: float, due: float, autojump_clock: MockClock) -> None:
    """Row 22: ten seconds of grace, then 256 bytes a second; a byte now and then does not help."""
    async with visit(echo) as client:
        asked = client.ask("POST", "/", end=False)
        async with trio.open_nursery() as nursery:

            async def drip() -> None:
                while True:
                    await client.flush(DataFrame(asked, data=b"x"))
                    await trio.sleep(pause)

            nursery.start_soon(drip)
            assert (await client.reply(asked)).status == 408
            assert due <= trio.current_time() < due + 0.1
            nursery.cancel_scope.cancel()


async def test_a_steady_body_may_take_its_time(autojump_clock: MockClock) -> None:
    """A kilobyte a second for five minutes is slow, and is read; a minute of nothing is not forgiven."""
    async with visit(echo) as client:
        asked = client.ask("POST", "/", end=False)
        for _ in range(300):
            await client.flush(DataFrame(asked, data=bytes(1024)))
            await trio.sleep(1)
        client.heard[asked].body = b""
        before = trio.current_time()
        assert (await client.reply(asked)).status == 408
        assert trio.current_time() - before == pytest.approx(LIMITS.body_idle, abs=1.1)


async def test_time_the_handler_takes_is_not_the_clients(autojump_clock: MockClock) -> None:
    """A clock runs only while the handler waits for bytes."""

    async def handler(request: Request, response: Response) -> None:
        await trio.sleep(500)
        await answer(response, await whole(request))

    async with visit(handler) as client:
        asked = client.ask("POST", "/", end=False)
        await client.flush()
        await trio.sleep(505)
        await client.upload(asked, b"in time")
        assert (await client.reply(asked)).body == b"in time"


async def test_a_reset_ends_a_read(autojump_clock: MockClock) -> None:
    """Whoever waits for bytes of a stream that is gone learns so, and again when asking again."""
    met: list[str] = []

    async def handler(request: Request, _response: Response) -> None:
        for _ in range(2):
            try:
                await request.body.receive()
            except Disconnected as error:
                met.append(str(error))

    async with visit(handler) as client:
        asked = client.ask("POST", "/", end=False)
        await client.flush()
        client.h2.reset_stream(asked)
        await client.flush()
    assert met == ["the client reset the stream"] * 2


async def test_a_failed_body_fails_again(autojump_clock: MockClock) -> None:
    """Asking again after 408 gives 408, not bytes from behind the gap."""
    statuses: list[int] = []

    async def handler(request: Request, response: Response) -> None:
        for _ in range(2):
            try:
                await request.body.receive()
            except BadRequest as error:
                statuses.append(error.status)
        await answer(response, b"", status=408)

    async with visit(handler) as client:
        assert (await client.reply(client.ask("POST", "/", end=False))).status == 408
        assert not any(isinstance(event, WindowUpdated) and event.stream_id for event in client.events)
    assert statuses == [408, 408]
