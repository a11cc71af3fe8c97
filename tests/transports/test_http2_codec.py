"""The codec without a connection: frames from any cut, fields kept from h2, settings that can't be abused."""

import math
import struct
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, Event, RequestReceived, TrailersReceived
from h2.exceptions import FrameTooLargeError, ProtocolError
from h2.settings import SettingCodes
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    ExtensionFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from transports.http2_abuse import Budget
from transports.http2_codec import CROWD, NO_LIMIT, PREFACE, Codec
from transports.http2_fields import FIELD_LIST
from transports.limits import Limits

LIMITS = Limits()
HELLO = PREFACE + SettingsFrame(0).serialize()
REQUEST = [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"localhost"), (b":path", b"/")]


def new_codec() -> Codec:
    """A codec whose greeting has been taken."""
    codec = Codec(LIMITS, Budget(0.0), 0.0)
    codec.data_to_send()
    return codec


def fed(codec: Codec, *pieces: bytes, now: float = 0.0) -> list[Event]:
    """All events of *pieces*, each fed on its own."""
    return [event for piece in pieces for events in codec.feed(piece, now) for event in events]


def wire(*frames: Frame) -> bytes:
    """*frames* as they go over the wire."""
    return b"".join([frame.serialize() for frame in frames])


def conversation() -> bytes:
    """A client that says some of everything."""
    client = H2Connection(H2Configuration(validate_outbound_headers=False))
    client.initiate_connection()
    client.send_headers(1, [*REQUEST, (b"content-length", b"999"), (b"x", b"y" * 20_000)])
    client.send_data(1, b"body", pad_length=7)
    client.ping(b"12345678")
    client.send_headers(1, [(b"trailer", b"t")], end_stream=True)
    client.send_headers(3, REQUEST, end_stream=True)
    return client.data_to_send() + wire(PriorityFrame(5, depends_on=5), ExtensionFrame(0x44, 1, body=b"?"))


SAID = conversation()
HEARD = [repr(event) for event in fed(new_codec(), SAID)]


@settings(max_examples=200)
@given(st.lists(st.integers(0, len(SAID)), max_size=6))
def test_any_cut_gives_the_same_events(cuts: list[int]) -> None:
    """Where the network cuts the bytes changes nothing."""
    marks = [0, *sorted(cuts), len(SAID)]
    pieces = [SAID[start:end] for start, end in pairwise(marks)]
    assert [repr(event) for event in fed(new_codec(), *pieces)] == HEARD


def test_byte_by_byte_gives_the_same_events() -> None:
    """The same, in the worst case."""
    assert [repr(event) for event in fed(new_codec(), *[SAID[i : i + 1] for i in range(len(SAID))])] == HEARD


def test_fields_are_kept_from_h2() -> None:
    """A head and a content-length that h2 would end the connection over arrive whole; so do trailers."""
    events = fed(new_codec(), SAID)
    [first, second] = [event for event in events if isinstance(event, RequestReceived)]
    assert first.headers[:4] == REQUEST
    assert first.headers[4:] == [(b"content-length", b"999"), (b"x", b"y" * 20_000)]
    assert second.headers == REQUEST
    [trailers] = [event for event in events if isinstance(event, TrailersReceived)]
    assert trailers.headers == [(b"trailer", b"t")]
    [data] = [event for event in events if isinstance(event, DataReceived)]
    assert (data.data, data.flow_controlled_length) == (b"body", 4 + 8)


def test_an_overlong_frame_is_refused_by_its_first_bytes() -> None:
    """Nothing of it is waited for: h2 alone would keep 16 MiB."""
    codec = new_codec()
    with pytest.raises(FrameTooLargeError):
        fed(codec, HELLO + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01")


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n", PREFACE + wire(PingFrame(0)), b"X"])
def test_only_http_2_is_understood(said: bytes) -> None:
    """Anything but the preface and SETTINGS is refused as soon as it can be (RFC 9113 §3.4)."""
    with pytest.raises(ProtocolError):
        fed(new_codec(), said)


def test_settings_can_not_fill_memory() -> None:
    """Invented settings are not kept; the ones that matter are, the last of equals."""
    codec = new_codec()
    pairs = [(code, 1) for code in range(100, 2800)] + [(SettingCodes.INITIAL_WINDOW_SIZE, size) for size in (9, 77)]
    payload = b"".join([struct.pack(">HL", *pair) for pair in pairs])
    fed(codec, HELLO + struct.pack(">LBL", len(payload) << 8 | 4, 0, 0) + payload)
    assert codec.remote_settings.initial_window_size == 77
    assert len(codec.remote_settings) < 12


def test_our_compression_table_only_shrinks() -> None:
    """A client may take our table away, not make it large."""
    codec = new_codec()
    sizes: list[int] = []
    for size in (2**32 - 1, 4096, 1000, 2000, 10, 4096):
        fed(codec, (HELLO if not sizes else b"") + wire(SettingsFrame(0, settings={1: size})))
        sizes.append(codec.encoder.header_table_size)
    assert sizes == [4096, 4096, 1000, 1000, 10, 10]


def test_bad_settings_are_still_bad() -> None:
    """Leaving some out does not let the others be wrong (RFC 9113 §6.5.2)."""
    for wrong in (wire(SettingsFrame(0, settings={2: 7})), b"\x00\x00\x05\x04\x00\x00\x00\x00\x00" + bytes(5)):
        with pytest.raises(ProtocolError):
            fed(new_codec(), HELLO + wrong)


def test_a_goodbye_leaves_the_streams_alone() -> None:
    """After the peer's GOAWAY, and after ours, what was begun can be answered (RFC 9113 §6.8)."""
    codec = new_codec()
    head = HeadersFrame(1, data=b"\x82\x86\x84\x01\x01a", flags=["END_HEADERS", "END_STREAM"])
    events = fed(codec, HELLO + wire(head, GoAwayFrame(0, last_stream_id=9, error_code=2, additional_data=b"bye")))
    assert isinstance(events[-1], ConnectionTerminated)
    assert (events[-1].error_code, events[-1].last_stream_id) == (2, 9)
    [said] = frames(codec.goaway(ErrorCodes.NO_ERROR, NO_LIMIT, "why"))
    assert isinstance(said, GoAwayFrame)
    assert (said.last_stream_id, said.error_code, said.additional_data) == (NO_LIMIT, 0, b"why")
    codec.send_headers(1, [(b":status", b"200")], end_stream=True)
    assert codec.data_to_send()


def frames(data: bytes) -> list[Frame]:
    """What *data* consists of."""
    found = []
    while data:
        frame, length = Frame.parse_frame_header(memoryview(data[:9]))
        frame.parse_body(memoryview(data[9 : 9 + length]))
        found.append(frame)
        data = data[9 + length :]
    return found


def test_the_greeting_announces_the_limits() -> None:
    """SETTINGS say what is kept: streams, fields, windows."""
    hello = frames(Codec(LIMITS, Budget(0.0), 0.0).data_to_send())
    assert isinstance(hello[0], SettingsFrame)
    assert hello[0].settings[SettingCodes.MAX_CONCURRENT_STREAMS] == LIMITS.streams
    assert hello[0].settings[SettingCodes.MAX_HEADER_LIST_SIZE] == FIELD_LIST


def test_since_when_something_is_incomplete() -> None:
    """The clock for heads starts with the first byte of preface, block or control frame, and DATA has none."""
    codec = new_codec()
    assert codec.began == 0.0
    fed(codec, PREFACE, now=1.0)
    assert codec.began == 0.0  # SETTINGS are part of the greeting
    fed(codec, wire(SettingsFrame(0)), now=2.0)
    assert codec.began == math.inf
    ping = wire(PingFrame(0))
    fed(codec, ping + ping[:3], now=3.0)
    assert codec.began == 3.0
    fed(codec, ping[3:12], now=4.0)
    assert codec.began == 3.0
    fed(codec, ping[12:] + ping[:3], now=5.0)
    assert codec.began == 5.0
    fed(codec, ping[3:] + wire(HeadersFrame(1, data=b"\x83\x86")), now=6.0)
    fed(codec, wire(ContinuationFrame(1, data=b"\x84")), now=7.0)
    assert codec.began == 6.0
    fed(codec, wire(ContinuationFrame(1, data=b"\x01\x01a", flags=["END_HEADERS"])), now=8.0)
    assert codec.began == math.inf
    fed(codec, b"\x00\x10\x00\x00\x00\x00\x00\x00\x01 and then", now=9.0)
    assert codec.began == math.inf


def test_a_priority_frame_of_the_wrong_form_is_wrong() -> None:
    """Ignored is what is well formed (RFC 9113 §6.3)."""
    for wrong in (
        b"\x00\x00\x04\x02\x00\x00\x00\x00\x05" + bytes(4),
        b"\x00\x00\x05\x02\x00\x00\x00\x00\x00" + bytes(5),
    ):
        with pytest.raises(ProtocolError):
            fed(new_codec(), HELLO + wrong)


def asked(*said: bytes) -> Codec:
    """A codec that has been asked something on stream 1, and then heard *said*."""
    codec = new_codec()
    fed(codec, HELLO, wire(HeadersFrame(1, data=b"\x82\x86\x84\x01\x01a", flags=["END_HEADERS"])), *said)
    codec.data_to_send()
    return codec


@pytest.mark.parametrize("size", [0, 20_000, 50_000])
@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize("whole", [b"", wire(DataFrame(1, flags=["END_STREAM"]))], ids=["asking", "asked"])
def test_a_response_is_written_as_h2_writes_it(whole: bytes, end: bool, size: int) -> None:
    """Byte for byte, in as many frames; and the stream and both windows are left as h2 leaves them."""
    ours, oracle = asked(whole), asked(whole)
    fields = [(b":status", b"200"), (b"x", b"y" * size), (b"date", b"now")]
    oracle.send_headers(1, fields, end_stream=end)
    assert ours.head_frames(1, fields, end=end) == oracle.data_to_send()
    if not end:
        for last in (False, True):
            oracle.send_data(1, b"piece", end_stream=last)
            assert ours.data_frame(1, b"piece", end=last) == oracle.data_to_send()
    assert vars(ours.streams[1].state_machine) == vars(oracle.streams[1].state_machine)
    assert ours.local_flow_control_window(1) == oracle.local_flow_control_window(1)


@pytest.mark.parametrize("whole", [b"", wire(DataFrame(1, flags=["END_STREAM"]))], ids=["asking", "asked"])
def test_a_response_is_not_begun_after_its_end(whole: bytes) -> None:
    """Nor ended twice: h2 refuses it, and so does what goes past h2."""
    codec = asked(whole)
    codec.head_frames(1, [(b":status", b"204")], end=True)
    with pytest.raises(ProtocolError):
        codec.data_frame(1, b"", end=True)
    codec = asked(whole)
    codec.head_frames(1, [(b":status", b"204")], end=True)
    with pytest.raises(ProtocolError):
        codec.head_frames(1, [], end=False)


said_of_a_body = st.lists(
    st.builds(
        lambda data, flags: wire(DataFrame(1, data=data, pad_length=3 if "PADDED" in flags else 0, flags=flags)),
        st.one_of(st.binary(max_size=20), st.just(bytes(16_000))),
        st.lists(st.sampled_from(["END_STREAM", "PADDED"]), unique=True, max_size=2),
    ),
    max_size=25,
)


def heard(codec: Codec, frame: bytes, *, by_h2: bool) -> list[object]:
    """What a *frame* comes to: its events or the offence, what is answered, and how the streams are left."""
    outcome: object
    try:
        events = codec.receive_data(frame) if by_h2 else fed(codec, frame)
        for event in events:
            if isinstance(event, (RequestReceived, TrailersReceived)):
                event.headers = codec.decoder.last  # type: ignore[attr-defined]  # a Fields
        outcome = [repr(event) for event in events]
    except ProtocolError as error:
        return [error.error_code, codec.highest_inbound_stream_id]
    kept = [
        (
            vars(stream.state_machine),
            stream.outbound_flow_control_window,
            stream.inbound_flow_control_window,
            stream.max_outbound_frame_size,
        )
        for stream in codec.streams.values()
    ]
    windows = codec.outbound_flow_control_window, codec.inbound_flow_control_window
    return [outcome, codec.data_to_send(), repr(kept), codec.highest_inbound_stream_id, windows]


@given(said_of_a_body, st.booleans())
def test_a_body_is_taken_as_h2_takes_it(said: list[bytes], answered: bool) -> None:
    """The same events, windows and offences, whatever comes after the end, with padding, or over a window."""
    ours, oracle = asked(), asked()
    if answered:
        for codec in (ours, oracle):
            codec.head_frames(1, [(b":status", b"204")], end=True)
    for frame in said:
        here, there = heard(ours, frame, by_h2=False), heard(oracle, frame, by_h2=True)
        assert here == there
        if not isinstance(here[0], list):
            return


blocks = st.sampled_from([b"\x83\x86\x84\x41\x01a", b"\xbe\x86\x84", b"\x0f\x0d\x011", b""])
bad_blocks = st.sampled_from([b"\x80", b"\xff\x7f", b"\x41\x09a", b"\x41\x81\x00"])
ways = st.lists(st.sampled_from(["END_STREAM", "PADDED", "PRIORITY"]), unique=True, max_size=2)


def head_frame(stream_id: int, block: bytes, flags: list[str]) -> bytes:
    """HEADERS with all of the fields."""
    padding = 2 if "PADDED" in flags else 0
    return wire(HeadersFrame(stream_id, data=block, flags=[*flags, "END_HEADERS"], pad_length=padding, depends_on=11))


later = st.one_of(  # how much higher the stream is than the last that was opened, and its HEADERS
    st.tuples(st.sampled_from([2, 2, 2, 4]), st.builds(partial(partial, head_frame), block=blocks, flags=ways)),
    st.tuples(st.sampled_from([-2, 0, 1, 2]), st.builds(partial(partial, head_frame), block=blocks, flags=ways)),
    st.tuples(st.just(2), st.builds(partial(partial, head_frame), block=bad_blocks, flags=ways)),
    st.tuples(
        st.just(0),
        st.builds(
            lambda size: lambda _: wire(SettingsFrame(0, settings={4: size, 5: 16_384 + size})), st.integers(0, 99)
        ),
    ),
    st.tuples(st.sampled_from([-2, 0]), st.just(lambda on: wire(DataFrame(on, data=b"d")))),
    st.tuples(st.sampled_from([-2, 0]), st.just(lambda on: wire(DataFrame(on, data=b"d", flags=["END_STREAM"])))),
    st.tuples(st.sampled_from([-2, 0, 2]), st.just(lambda on: wire(RstStreamFrame(on, error_code=8)))),
    st.tuples(st.sampled_from([-2, 0, 2]), st.just(lambda on: wire(WindowUpdateFrame(on, window_increment=2)))),
)


def opening(*flags: str) -> tuple[int, Callable[[int], bytes]]:
    """The next stream."""
    return 2, lambda on: head_frame(on, b"\x83\x86\x84\x41\x01a", list(flags))


@settings(max_examples=400)
@example([(0, lambda _: wire(SettingsFrame(0, settings={4: 77}))), opening(), opening()], 9)
@example([opening(), opening("PADDED")], 9)
@example([opening(), opening(), (0, lambda on: head_frame(on, b"\x84", ["END_STREAM"]))], 9)
@given(st.lists(later, max_size=20), st.integers(0, 20))
def test_a_stream_is_opened_as_h2_opens_it(said: list[tuple[int, Callable[[int], bytes]]], left: int) -> None:
    """The same events, answers, windows and offences, and streams as h2 would leave them, whatever else comes."""
    ours, oracle = new_codec(), new_codec()
    for codec in (ours, oracle):
        fed(codec, HELLO)
        codec.data_to_send()
    for count, (step, frame) in enumerate(said):
        on = max(oracle.highest_inbound_stream_id + step, 1)
        here, there = heard(ours, frame(on), by_h2=False), heard(oracle, frame(on), by_h2=True)
        assert here == there
        if not isinstance(here[0], list):
            return
        if count == left and on in ours.streams and not ours.streams[on].closed:
            for codec in (ours, oracle):
                codec.reset_stream(on, ErrorCodes.CANCEL)


def test_streams_that_are_over_are_forgotten() -> None:
    """However they were opened: a connection that lasts holds no more than a crowd of them."""
    codec = new_codec()
    fed(codec, HELLO)
    for stream_id in range(1, 401, 2):
        fed(codec, head_frame(stream_id, b"\x82\x86\x84\x01\x01a", ["END_STREAM"]))
        codec.head_frames(stream_id, [(b":status", b"204")], end=True)
    assert len(codec.streams) <= CROWD + 1
