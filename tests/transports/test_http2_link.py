"""What streams share: who may send how much, and what is said in whose name."""

import attrs
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, ResponseReceived
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame
from trio.testing import MockClock

from tests.transports.test_http2_codec import frames
from transports.http2_link import FRAME_HEAD, Link, Stream
from transports.limits import Limits
from transports.messages import BadRequest, Disconnected

LIMITS = Limits()
REQUEST = [(":method", "GET"), (":scheme", "http"), (":authority", "localhost"), (":path", "/")]


def connected(limits: Limits = LIMITS, *, window: int = 65_535) -> tuple[Link, H2Connection]:
    """A link that has taken one open request, and the client that made it."""
    link = Link(limits)
    client = H2Connection(H2Configuration())
    client.initiate_connection()
    client.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
    client.send_headers(1, REQUEST)
    for _ in link.codec.feed(client.data_to_send(), 0.0):
        link.flush()
    return link, client


async def said(link: Link) -> bytes:
    """All that waits for the writer, as it leaves."""
    data = b""
    while link.outbox.size:
        data += await link.outbox.take()
        link.outbox.sent()
    return data


async def events(link: Link, client: H2Connection) -> list[Event]:
    """What the client makes of it."""
    return client.receive_data(await said(link))


async def test_a_stream_pays_for_what_it_sends(autojump_clock: MockClock) -> None:
    """Its head, its pieces and its end are its own; acknowledgements are nobody's."""
    link, _client = connected()
    assert link.outbox.control == link.outbox.size
    await said(link)
    stream = Stream(1, link)
    link.headers(stream, [(b":status", b"200")])
    link.data(stream, b"x" * 100, end=False)
    link.end(stream)
    assert (stream.unsent, link.outbox.control) == (link.outbox.size, 0)
    assert stream.unsent > 100 + 3 * FRAME_HEAD
    link.reset(1, ErrorCodes.NO_ERROR)
    assert link.outbox.control == 4 + FRAME_HEAD
    await said(link)
    assert stream.unsent == 0


async def test_two_bounds_say_when_it_is_crowded(autojump_clock: MockClock) -> None:
    """A stream's own and the connection's, heads of frames included; a share always fits an empty outbox."""
    link, _client = connected(attrs.evolve(LIMITS, stream_buffer=1000, connection_buffer=1500))
    await said(link)
    mine, other = Stream(1, link), Stream(3, link)
    assert not link.crowded(mine, link.share)
    assert link.crowded(mine, link.share + 1)
    link.outbox.put(bytes(900), mine)
    assert not link.crowded(mine, 91)
    assert link.crowded(mine, 92)
    assert not link.crowded(other, 591)
    assert link.crowded(other, 592)


async def test_an_answer_is_one_line_where_it_fits(autojump_clock: MockClock) -> None:
    """Nothing is said to HEAD, nor through a window that is shut; the status always is."""
    for window, bodiless, text in [(100, False, b"no such tea\n"), (100, True, b""), (5, False, b"")]:
        link, client = connected(window=window)
        link.answer(1, BadRequest("no such tea", status=418), bodiless=bodiless)
        heard = await events(link, client)
        [head] = [event for event in heard if isinstance(event, ResponseReceived)]
        fields = dict(head.headers)
        assert (fields[b":status"], fields[b"content-length"]) == (b"418", b"%d" % len(text))
        assert b"".join(event.data for event in heard if isinstance(event, DataReceived)) == text
        assert head.stream_ended is None or not text


async def test_a_stream_is_reset_once_it_is_known(autojump_clock: MockClock) -> None:
    """Resetting what has ended long ago is no error."""
    link, client = connected()
    stream = Stream(1, link)
    link.headers(stream, [(b":status", b"204")], end=True)
    link.reset(1, ErrorCodes.NO_ERROR)
    client.receive_data(await said(link))
    client.send_headers(3, REQUEST)
    list(link.codec.feed(client.data_to_send(), 0.0))
    link.reset(1, ErrorCodes.NO_ERROR)
    assert frames(await said(link)) == []


async def test_the_last_word_says_why(autojump_clock: MockClock) -> None:
    """One GOAWAY, with our reason, cut to a length that is polite."""
    link, _client = connected()
    await said(link)
    with pytest.raises(ProtocolError) as caught:
        list(link.codec.feed(b"\x00\x00\x08\x06\x00\x00\x00\x00\x01" + bytes(8), 0.0))  # PING on a stream
    link.say_why(caught.value)
    [goaway] = frames(await said(link))
    assert isinstance(goaway, GoAwayFrame)
    assert (goaway.last_stream_id, goaway.error_code) == (1, ErrorCodes.PROTOCOL_ERROR)
    assert goaway.additional_data
    link.say_why(ProtocolError("x" * 1000))
    [goaway] = frames(await said(link))
    assert isinstance(goaway, GoAwayFrame)
    assert len(goaway.additional_data) == 120


async def test_the_clock_is_moved_only_forward(autojump_clock: MockClock) -> None:
    """The reader looks at the earliest time anybody asked for."""
    link, _client = connected()
    for due, deadline in [(50.0, 50.0), (70.0, 50.0), (20.0, 20.0)]:
        link.wind(due)
        assert link.timer.deadline == deadline


async def test_what_is_gone_stays_gone(autojump_clock: MockClock) -> None:
    """Everything a stream's body and response do asks first."""
    link, _client = connected()
    stream = Stream(1, link)
    stream.check()
    stream.gone = "the client reset the stream"
    with pytest.raises(Disconnected, match="the client reset the stream"):
        stream.check()
