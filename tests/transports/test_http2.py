"""One HTTP/2 connection: many requests at once, and how it ends; the clock jumps when all wait."""

import attrs
import pytest
import trio
import trio.testing
from h2.errors import ErrorCodes
from h2.events import PingAckReceived
from h2.settings import Settings
from hyperframe.frame import GoAwayFrame, HeadersFrame, PingFrame, SettingsFrame, WindowUpdateFrame
from trio.testing import MockClock

from tests.transports.dialogue import answer, echo, whole
from tests.transports.http2_client import LIMITS, client_of, visit
from transports.drain import Drain
from transports.http2 import CONTROL_QUEUE, FRAMES_PER_TURN, serve_http2
from transports.http2_codec import NO_LIMIT, PREFACE
from transports.messages import Connection, Disconnected, Handler, Head, Request, Response


class Gate:
    """A handler that answers when it is let, and remembers who came and who was cancelled."""

    def __init__(self) -> None:
        self.came: list[str] = []
        self.cancelled: list[str] = []
        self.opened = trio.Event()

    async def __call__(self, request: Request, response: Response) -> None:
        self.came.append(request.target)
        try:
            await self.opened.wait()
        except trio.Cancelled:
            self.cancelled.append(request.target)
            raise
        await answer(response, request.target.encode())


async def serve(stream: trio.abc.Stream, handler: Handler, received: bytes = b"") -> None:
    """A server of this one connection."""
    await serve_http2(stream, Connection(), handler, LIMITS, received=received)


async def test_a_request_becomes_one_call(autojump_clock: MockClock) -> None:
    """Method, target, fields, body and connection arrive as HTTP/1.1 would have brought them."""
    seen: list[Request] = []

    async def handler(request: Request, response: Response) -> None:
        seen.append(request)
        assert await whole(request) == b"hello"
        assert await request.body.receive() == b""
        await answer(response, b"")

    place = Connection(scheme="https", peer="10.0.0.9", local="10.0.0.1")
    async with visit(handler, connection=place) as client:
        asked = client.ask("POST", "/a?b=c?d", ("x-y", "z"), ("cookie", "a=1"), ("cookie", "b=2"), end=False)
        await client.upload(asked, b"hello")
        assert (await client.reply(asked)).status == 200
    [request] = seen
    assert (request.method, request.path, request.query) == ("POST", "/a", "b=c?d")
    assert request.headers == [(b"host", b"localhost"), (b"x-y", b"z"), (b"cookie", b"a=1; b=2")]
    assert (request.version, request.scheme, request.peer, request.local) == ("2", "https", "10.0.0.9", "10.0.0.1")


async def test_bytes_read_before_belong_to_it(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """What the listener read to tell the protocols apart is the connection's first word."""
    ours, theirs = trio.testing.memory_stream_pair()
    client = client_of(ours)
    asked = client.ask(path="/early")
    nursery.start_soon(serve, theirs, echo, client.h2.data_to_send())
    assert (await client.reply(asked)).body == b"GET /early "
    await ours.aclose()


async def test_a_hundred_streams_run_at_once(autojump_clock: MockClock) -> None:
    """As many handlers run side by side as the limit says; the last may be answered first."""
    gate = Gate()
    async with visit(gate) as client:
        asked = [client.ask(path=f"/{number}") for number in range(100)]
        await client.flush()
        assert len(gate.came) == 100
        gate.opened.set()
        assert [(await client.reply(number)).body for number in reversed(asked)] == [
            b"/%d" % number for number in reversed(range(100))
        ]


async def test_a_stream_too_many_is_refused_and_the_rest_live(autojump_clock: MockClock) -> None:
    """Row 35: beyond the limit REFUSED_STREAM, which may be tried again; the connection goes on."""
    gate = Gate()
    async with visit(gate, limits=attrs.evolve(LIMITS, streams=2)) as client:
        first, second = client.ask(path="/1"), client.ask(path="/2")
        client.h2.remote_settings = Settings(client=False)  # as if the server's limit had not arrived
        third = client.ask(path="/3")
        assert (await client.reply(third)).reset == ErrorCodes.REFUSED_STREAM
        assert gate.came == ["/1", "/2"] or gate.came == ["/2", "/1"]
        gate.opened.set()
        assert (await client.reply(first)).body == b"/1"
        assert (await client.reply(second)).body == b"/2"
        assert (await client.reply(client.ask(path="/4"))).body == b"/4"


async def test_a_finished_stream_makes_room_before_its_handler_returns(autojump_clock: MockClock) -> None:
    """What the client no longer counts is not held against it, while a handler still puts things away."""

    async def handler(_request: Request, response: Response) -> None:
        await answer(response, b"done")
        await trio.sleep(5)

    async with visit(handler, limits=attrs.evolve(LIMITS, streams=1)) as client:
        assert (await client.reply(client.ask())).body == b"done"
        assert (await client.reply(client.ask())).body == b"done"
        assert (await client.reply(client.ask())).reset == ErrorCodes.REFUSED_STREAM  # two unwind: enough


async def test_a_lost_connection_cancels_its_handlers(autojump_clock: MockClock) -> None:
    """End of file in the middle: every handler is cancelled, and the server returns."""
    gate = Gate()
    async with visit(gate) as client:
        client.ask(path="/1")
        client.ask(path="/2")
        await client.flush()
    assert sorted(gate.cancelled) == ["/1", "/2"]


async def test_a_reset_cancels_its_handler_alone(autojump_clock: MockClock) -> None:
    """RST_STREAM is this client gone, and nobody else's."""
    gate = Gate()
    async with visit(gate) as client:
        first, second = client.ask(path="/1"), client.ask(path="/2")
        await client.flush()
        client.h2.reset_stream(first, ErrorCodes.CANCEL)
        await client.flush()
        assert gate.cancelled == ["/1"]
        gate.opened.set()
        assert (await client.reply(second)).body == b"/2"


async def test_a_request_reset_in_one_breath_reaches_no_handler(autojump_clock: MockClock) -> None:
    """HEADERS and RST_STREAM in one read: nothing was started that must be stopped."""
    gate = Gate()
    async with visit(gate) as client:
        client.h2.reset_stream(client.ask(path="/1"))
        await client.flush()
        assert gate.came == []


@pytest.mark.parametrize("code", [ErrorCodes.NO_ERROR, ErrorCodes.PROTOCOL_ERROR])
async def test_the_clients_goaway(code: ErrorCodes, autojump_clock: MockClock) -> None:
    """Without an error what was begun is finished, then the connection ends; with one it is over at once."""
    gate = Gate()
    async with visit(gate) as client:
        asked = client.ask(path="/1")
        await client.flush()
        await client.flush(GoAwayFrame(0, last_stream_id=0, error_code=code))
        assert gate.cancelled == ([] if code == ErrorCodes.NO_ERROR else ["/1"])
        gate.opened.set()
        if code == ErrorCodes.NO_ERROR:
            assert (await client.reply(asked)).body == b"/1"
        await client.ended()
        assert trio.current_time() < 2


# Draining and idling.


async def test_a_drain_finishes_what_was_begun(autojump_clock: MockClock) -> None:
    """Row 36: GOAWAY that refuses nothing, then the true last stream; what was begun ends well, later is refused."""
    gate, drain = Gate(), Drain()
    async with visit(gate, connection=Connection(drain=drain)) as client:
        begun = client.ask(path="/begun")
        await client.flush()
        drain.begin(30)
        crossing = client.ask(path="/crossing")  # said before the client could know
        await client.until(lambda: len(client.goaways) == 2)
        assert trio.current_time() == 0  # the PING's answer was enough
        assert [goaway.last_stream_id for goaway in client.goaways] == [NO_LIMIT, crossing]
        assert (await client.reply(client.ask(path="/late"))).reset == ErrorCodes.REFUSED_STREAM
        gate.opened.set()
        assert (await client.reply(begun)).body == b"/begun"
        assert (await client.reply(crossing)).body == b"/crossing"
        assert await client.ended() == ErrorCodes.NO_ERROR
    assert gate.came == ["/begun", "/crossing"]


async def test_a_drains_deadline_breaks_what_is_left(autojump_clock: MockClock) -> None:
    """When the time is up the handler is cancelled, and the client sees that its response is not whole."""
    drain = Drain()

    async def handler(_request: Request, response: Response) -> None:
        await response.start(Head(200))
        await trio.sleep_forever()

    async with visit(handler, connection=Connection(drain=drain)) as client:
        asked = client.ask()
        await client.flush()
        drain.begin(5)
        assert (await client.reply(asked)).reset == ErrorCodes.INTERNAL_ERROR
        assert trio.current_time() == pytest.approx(5)
        await client.ended()


async def test_a_connection_that_comes_into_a_drain_is_sent_away(autojump_clock: MockClock) -> None:
    """A drain that began before is heard at once; a client that does not answer the PING waits a second, no more."""
    drain = Drain()
    drain.begin(30)
    ours, theirs = trio.testing.memory_stream_pair()
    with trio.fail_after(3):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_http2, theirs, Connection(drain=drain), echo, LIMITS)
            await ours.send_all(PREFACE + SettingsFrame(0).serialize())
            while await ours.receive_some():
                pass
            await ours.aclose()


async def test_an_idle_connection_is_ended_politely(autojump_clock: MockClock) -> None:
    """75 s without a request, PINGs notwithstanding: GOAWAY, and the end."""
    async with visit(echo) as client:
        await client.reply(client.ask())
        for _ in range(10):
            client.h2.ping(b"12345678")
            await client.flush()
            await trio.sleep(7)
        assert await client.ended() == ErrorCodes.NO_ERROR
        assert 75 <= trio.current_time() <= 78


async def test_a_running_request_is_not_idle(autojump_clock: MockClock) -> None:
    """An answer may take as long as it takes."""

    async def handler(_request: Request, response: Response) -> None:
        await trio.sleep(500)
        await answer(response, b"late")

    async with visit(handler) as client:
        assert (await client.reply(client.ask())).body == b"late"
        assert client.goaways == []


async def test_the_last_word_is_not_destroyed(autojump_clock: MockClock) -> None:
    """What a client was sending when the connection ended is read, so that no reset overtakes our last frames."""
    drain = Drain()
    async with visit(echo, connection=Connection(drain=drain)) as client:
        drain.begin(30)
        await client.ended()
        await client.flush(PingFrame(0))
        assert not client.cut_off
        await trio.sleep(1)
        await client.flush(PingFrame(0))
        assert client.cut_off


# Offences.


@pytest.mark.parametrize(
    "said",
    [
        b"",
        PREFACE[:10],
        PREFACE,
        PREFACE + SettingsFrame(0).serialize() + PingFrame(0).serialize()[:8],
        PREFACE + SettingsFrame(0).serialize() + HeadersFrame(1, data=b"\x82").serialize(),
    ],
    ids=["nothing", "half a preface", "no settings", "half a ping", "half a head"],
)
async def test_a_head_must_come_in_ten_seconds(said: bytes, autojump_clock: MockClock) -> None:
    """Row 21: preface, control frame or header block, whichever was begun; the time counts from its first byte."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, theirs, echo)
        await ours.send_all(said)
        while await ours.receive_some():
            pass
        assert 10 <= trio.current_time() <= 12


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        PREFACE + PingFrame(0, opaque_data=b"12345678").serialize(),
        PREFACE + SettingsFrame(0).serialize() + b"\x00\x40\x01" + b"\x00\x00\x00\x00\x00\x01",
        PREFACE + SettingsFrame(0).serialize() + WindowUpdateFrame(0, window_increment=NO_LIMIT).serialize(),
    ],
    ids=["HTTP/1.1", "no settings", "an overlong frame", "a window that overflows"],
)
async def test_an_offence_ends_the_connection(said: bytes, autojump_clock: MockClock) -> None:
    """Broken framing can't be repaired: GOAWAY with the reason, and the end, at once."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, theirs, echo)
        await ours.send_all(said)
        client = client_of(ours)
        assert await client.ended() not in (-1, ErrorCodes.NO_ERROR)
        assert trio.current_time() < 2


async def test_an_offence_cancels_what_runs(autojump_clock: MockClock) -> None:
    """The handlers of a connection that broke the protocol are cancelled with it."""
    gate = Gate()
    async with visit(gate) as client:
        client.h2.send_data(client.ask("POST", "/1", end=False), b"unread")
        await client.flush()
        await client.flush(WindowUpdateFrame(0, window_increment=NO_LIMIT))
        assert gate.cancelled == ["/1"]
        assert await client.ended() == ErrorCodes.FLOW_CONTROL_ERROR
        assert len(client.goaways) == 1


async def test_the_reader_stops_while_its_answers_wait(autojump_clock: MockClock) -> None:
    """Row 29: a client that asks and does not listen is not read from; what waits for it stays bounded."""
    fields = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"evil.example"), (b":path", b"/")]
    ours, theirs = trio.testing.lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, theirs, echo)
        client = client_of(ours)
        taken = 0
        with trio.move_on_after(5):
            while taken < 900:
                client.head(fields)
                await ours.send_all(client.h2.data_to_send())
                taken += 1
        assert CONTROL_QUEUE / 300 < taken < CONTROL_QUEUE / 100  # an answer has between 100 and 300 bytes
        await ours.aclose()


async def test_a_peer_that_reads_nothing_is_dropped(autojump_clock: MockClock) -> None:
    """Row 23: nothing taken off the wire for a minute: handlers meet Disconnected or are cancelled, the end."""
    met: list[str] = []

    async def handler(_request: Request, response: Response) -> None:
        await response.start(Head(200))
        try:
            for _ in range(100):
                await response.write(bytes(10_000))
        except Disconnected:
            met.append("disconnected")
            raise

    ours, theirs = trio.testing.lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, theirs, handler)
        client = client_of(ours)
        client.ask()
        await ours.send_all(client.h2.data_to_send())
        await trio.sleep(70)
        assert met == ["disconnected"]
    assert trio.current_time() == pytest.approx(70)


async def test_a_socket_that_breaks_on_writing_ends_it_all(autojump_clock: MockClock) -> None:
    """The writer finds out first: everybody learns at once, not when something is read."""
    gate = Gate()
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, theirs, gate)
        client = client_of(ours)
        client.ask(path="/1")
        await client.flush()
        await ours.receive_stream.aclose()
        await client.flush(PingFrame(0))
        assert gate.cancelled == ["/1"]


async def test_a_reader_with_much_to_read_lets_others_run(autojump_clock: MockClock) -> None:
    """Hundreds of frames in one read: the other tasks get their turns in between."""
    turns = 0
    enough = trio.Event()

    async def handler(_request: Request, _response: Response) -> None:
        nonlocal turns
        while not enough.is_set():
            await trio.lowlevel.checkpoint()
            turns += 1

    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, theirs, handler)
        client = client_of(ours)
        client.ask()
        await ours.send_all(client.h2.data_to_send())
        while not turns:
            await trio.lowlevel.checkpoint()
        before, frames = turns, 640
        await ours.send_all(PingFrame(0).serialize() * frames)
        while sum(isinstance(event, PingAckReceived) for event in client.events) < frames:
            await client.hear()
        assert turns - before >= frames / FRAMES_PER_TURN
        enough.set()
        await ours.aclose()
