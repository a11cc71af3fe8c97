"""The response over HTTP/2: backpressure, both windows, what frames it."""

import attrs
import pytest
import trio
from h2.errors import ErrorCodes
from h2.events import DataReceived
from h2.settings import SettingCodes
from hyperframe.frame import SettingsFrame, WindowUpdateFrame
from trio.testing import MockClock, lockstep_stream_pair

from tests.transports.dialogue import answer
from tests.transports.http2_client import LIMITS, client_of, visit
from transports.http2 import serve_http2
from transports.http2_link import SHARE
from transports.messages import Connection, Disconnected, Head, Request, Response

WINDOW = SettingCodes.INITIAL_WINDOW_SIZE


class Writer:
    """A handler that writes without end, and counts what it got rid of."""

    def __init__(self, piece: int = 10_000) -> None:
        self.written = 0
        self.met: list[type[BaseException]] = []
        self._piece = piece

    async def __call__(self, _request: Request, response: Response) -> None:
        await response.start(Head(200))
        try:
            while True:
                await response.write(bytes(self._piece))
                self.written += self._piece
        except (Disconnected, trio.Cancelled) as error:
            self.met.append(type(error))
            raise


async def test_a_client_that_stops_reading_stops_the_handler(autojump_clock: MockClock) -> None:
    """Row 34: with a large window and a deaf socket, no more than 64 KiB of a stream wait here."""
    writer = Writer()
    ours, theirs = lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_http2, theirs, Connection(), writer, LIMITS)
        client = client_of(ours, {WINDOW: 10_000_000})
        client.ask()
        await ours.send_all(client.h2.data_to_send())
        await trio.sleep(10)
        assert LIMITS.stream_buffer / 2 < writer.written <= LIMITS.stream_buffer
        before = writer.written
        await client.hear()
        await client.hear()
        await trio.sleep(10)
        assert writer.written > before
        await ours.aclose()


async def test_many_streams_share_one_bound(autojump_clock: MockClock) -> None:
    """Row 34: a hundred such streams together hold no more than the connection's megabyte."""
    writer = Writer()
    ours, theirs = lockstep_stream_pair()
    limits = attrs.evolve(LIMITS, connection_buffer=200_000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_http2, theirs, Connection(), writer, limits)
        client = client_of(ours, {WINDOW: 10_000_000})
        client.h2.increment_flow_control_window(100_000_000)
        for _ in range(100):
            client.ask()
        await ours.send_all(client.h2.data_to_send())
        await trio.sleep(10)
        assert 100_000 < writer.written <= 200_000
        await ours.aclose()


async def test_heads_wait_like_bodies(autojump_clock: MockClock) -> None:
    """A head needs no window, but it needs room: a deaf client can't pile them up either."""
    started = 0

    async def handler(_request: Request, response: Response) -> None:
        nonlocal started
        await response.start(Head(200, [(b"x", b"y" * 5000)]))
        started += 1
        await trio.sleep_forever()

    ours, theirs = lockstep_stream_pair()
    limits = attrs.evolve(LIMITS, connection_buffer=50_000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_http2, theirs, Connection(), handler, limits)
        client = client_of(ours)
        for _ in range(100):
            client.ask()
        await ours.send_all(client.h2.data_to_send())
        await trio.sleep(10)
        assert 9 <= started <= 11
        await ours.aclose()


@pytest.mark.parametrize("shut", ["the stream's", "the connection's"])
async def test_a_shut_window_stops_the_handler(shut: str, autojump_clock: MockClock) -> None:
    """What the client allows is sent, and not one byte more, until it allows more."""
    async with visit(Writer(), settings={WINDOW: 20_000 if shut == "the stream's" else 10_000_000}) as client:
        client.acknowledges = False
        asked = client.ask()
        allowed = 20_000 if shut == "the stream's" else 65_535
        await client.until(lambda: len(client.heard[asked].body) == allowed)
        await client.rest()
        assert len(client.heard[asked].body) == allowed
        client.h2.increment_flow_control_window(5000, asked if shut == "the stream's" else None)
        await client.until(lambda: len(client.heard[asked].body) == allowed + 5000)


async def test_a_new_initial_window_wakes_who_waits(autojump_clock: MockClock) -> None:
    """RFC 9113 §6.9.2: SETTINGS move the windows of open streams; one that went below zero waits for its way back."""
    async with visit(Writer(), settings={WINDOW: 1000}) as client:
        client.acknowledges = False
        asked = client.ask()
        heard = client.heard[asked]
        await client.until(lambda: len(heard.body) == 1000)
        for size, total in [(3000, 3000), (500, 3000), (3100, 3100)]:
            client.h2.update_settings({WINDOW: size})
            await client.flush()
            await client.rest()
            assert len(heard.body) == total


@pytest.mark.parametrize("drip", [0, 1])
async def test_a_zero_window_is_suffered_for_a_minute(drip: int, autojump_clock: MockClock) -> None:
    """Row 34: then the stream is reset and its handler told; a byte every ten seconds does not buy more time."""
    writer = Writer()
    async with visit(writer, settings={WINDOW: 1000}) as client:
        client.acknowledges = False
        asked = client.ask()
        async with trio.open_nursery() as nursery:

            async def open_a_little() -> None:
                while drip:
                    await trio.sleep(10)
                    client.h2.increment_flow_control_window(drip, asked)
                    await client.flush()

            nursery.start_soon(open_a_little)
            heard = await client.reply(asked)
            nursery.cancel_scope.cancel()
        assert (heard.reset, writer.met) == (ErrorCodes.CANCEL, [Disconnected])
        assert trio.current_time() == pytest.approx(LIMITS.stall_seconds)


async def test_a_slow_reader_that_reads_is_served(autojump_clock: MockClock) -> None:
    """A window that opens by a kilobyte every two seconds is slow for minutes, and gets all of it."""

    async def handler(_request: Request, response: Response) -> None:
        await answer(response, bytes(200_000))

    async with visit(handler, settings={WINDOW: 1000}) as client:
        client.acknowledges = False
        asked = client.ask()
        heard = client.heard[asked]
        await client.flush()
        while not heard.ended:
            await client.hear()
            await trio.sleep(2)
            if not heard.ended:
                client.h2.increment_flow_control_window(1024)
                client.h2.increment_flow_control_window(1024, asked)
                await client.flush()
        assert (len(heard.body), heard.reset) == (200_000, None)


async def test_a_window_of_one_byte_is_kept(autojump_clock: MockClock) -> None:
    """Frames are as small as the client wants them."""

    async def handler(_request: Request, response: Response) -> None:
        await answer(response, b"hello")

    async with visit(handler, settings={WINDOW: 1}) as client:
        assert (await client.reply(client.ask())).body == b"hello"
        assert [event.data for event in client.events if isinstance(event, DataReceived)] == [
            b"h", b"e", b"l", b"l", b"o",
        ]  # fmt: skip


async def test_streams_take_turns(autojump_clock: MockClock) -> None:
    """A large response does not hold up a small one behind it: pieces of 16 KiB alternate."""

    async def handler(request: Request, response: Response) -> None:
        await answer(response, bytes(500_000 if request.target == "/large" else 10))

    async with visit(handler, settings={WINDOW: 1_000_000}) as client:
        client.h2.increment_flow_control_window(1_000_000)
        large, small = client.ask(path="/large"), client.ask(path="/small")
        assert len((await client.reply(small)).body) == 10
        assert len((await client.reply(large)).body) == 500_000
        order = [event for event in client.events if isinstance(event, DataReceived)]
        before = order[: next(at for at, event in enumerate(order) if event.stream_id == small)]
        assert sum(len(event.data) for event in before) <= 2 * SHARE


async def test_a_known_length_ends_with_its_last_byte(autojump_clock: MockClock) -> None:
    """No empty frame behind it; a length of nothing ends with the head; without one, finish ends it."""

    async def handler(request: Request, response: Response) -> None:
        fields = [(b"Content-Length", b"%d" % int(request.query))] if request.query else []
        await response.start(Head(200, fields))
        if request.query == "3":
            await response.write(b"ab")
            await response.write(b"c")
        await response.finish()
        await response.finish()

    async with visit(handler) as client:
        heard = await client.reply(client.ask(path="/?3"))
        assert (heard.body, heard.fields[b"content-length"]) == (b"abc", b"3")
        assert [event.data for event in client.events if isinstance(event, DataReceived)] == [b"ab", b"c"]
        assert (await client.reply(client.ask(path="/?0"))).body == b""
        assert len([event for event in client.events if isinstance(event, DataReceived)]) == 2
        assert (await client.reply(client.ask(path="/"))).body == b""


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_some_responses_have_no_body(method: str, status: int, autojump_clock: MockClock) -> None:
    """HEAD, 204 and 304: what is written is dropped, the length of what would be stays, but not on 204."""

    async def handler(_request: Request, response: Response) -> None:
        await answer(response, b"hello", status)

    async with visit(handler) as client:
        heard = await client.reply(client.ask(method))
        assert (heard.status, heard.body) == (status, b"")
        assert heard.fields.get(b"content-length") == (None if status == 204 else b"5")


async def test_fields_of_http_1_are_left_out(autojump_clock: MockClock) -> None:
    """RFC 9113 §8.2.2: a handler need not know the version; names go in lower case, and the date is ours."""

    async def handler(_request: Request, response: Response) -> None:
        await response.start(Head(200, [(b"Connection", b"close"), (b"Transfer-Encoding", b"chunked"), (b"X-A", b"b")]))
        await response.finish()

    async with visit(handler) as client:
        fields = (await client.reply(client.ask())).fields
        assert fields.keys() == {b":status", b"x-a", b"date"}


@pytest.mark.parametrize(
    "wrong",
    ["a bad field", "an interim status", "two lengths", "twice", "before start", "too much", "too little", "after"],
)
async def test_misuse_is_told_and_breaks_the_response(wrong: str, autojump_clock: MockClock) -> None:
    """A mistake of the handler's raises in it; what the client gets is visibly not whole, or was whole before."""
    raised: list[type[Exception]] = []
    heads = {
        "a bad field": Head(200, [(b"x", b"a\r\nb: c")]),
        "an interim status": Head(100),
        "two lengths": Head(200, [(b"content-length", b"1"), (b"content-length", b"1")]),
    }

    async def misuse(response: Response) -> None:
        if wrong == "before start":
            await response.write(b"x")
        await response.start(
            heads.get(wrong, Head(200, [(b"content-length", b"2")] if wrong.startswith("too") else []))
        )
        if wrong == "twice":
            await response.start(Head(200))
        await response.write(b"abc" if wrong == "too much" else b"a")
        await response.finish()
        await response.write(b"x")

    async def handler(_request: Request, response: Response) -> None:
        try:
            await misuse(response)
        except (RuntimeError, ValueError) as error:
            raised.append(type(error))

    async with visit(handler) as client:
        heard = await client.reply(client.ask())
        assert heard.ended == (wrong == "after")
        assert heard.reset == (None if wrong == "after" else ErrorCodes.INTERNAL_ERROR)
    assert raised == [RuntimeError if wrong in ("twice", "before start", "after") else ValueError]


async def test_nothing_is_written_to_a_stream_that_is_gone(autojump_clock: MockClock) -> None:
    """Start, write and finish meet Disconnected, each time they are tried."""
    met: list[str] = []

    async def handler(request: Request, response: Response) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(1)
        steps = {"/start": (), "/write": (b"x",), "/finish": ()}
        for _ in range(2):
            try:
                if request.target == "/start":
                    await response.start(Head(200))
                await response.write(b"x") if steps[request.target] else await response.finish()
            except (Disconnected, RuntimeError) as error:
                met.append(type(error).__name__)

    async with visit(handler) as client:
        asked = client.ask(path="/start")
        await client.flush()
        client.h2.reset_stream(asked)
        await client.flush()
        await trio.sleep(2)
    assert met == ["Disconnected"] * 2


async def test_tables_and_tiny_buffers(autojump_clock: MockClock) -> None:
    """A client that shrinks our compression table, and limits smaller than a frame, change nothing that is said."""

    async def handler(_request: Request, response: Response) -> None:
        await answer(response, bytes(5000))

    limits = attrs.evolve(LIMITS, stream_buffer=1000, connection_buffer=900)
    async with visit(handler, limits=limits) as client:
        for size in (0, 4096, 100, 2**20):
            await client.flush(SettingsFrame(0, settings={SettingsFrame.HEADER_TABLE_SIZE: size}))
            client.h2.decoder.max_allowed_table_size = max(size, 4096)
            assert len((await client.reply(client.ask())).body) == 5000
        await client.flush(WindowUpdateFrame(0, window_increment=1))
