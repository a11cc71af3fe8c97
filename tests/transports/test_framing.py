"""Bodies: however the wire cuts them, the same bytes come out, and h11 agrees on every chunked body we take."""

import re
from itertools import pairwise

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transports.vectors import MALFORMED
from transports.framing import LAST_CHUNK, ChunkedReader, CloseReader, LengthReader, chunk
from transports.messages import BadRequest, BodyTooLarge, Disconnected

Reader = LengthReader | ChunkedReader | CloseReader


def fed(reader: Reader, *cuts: bytes) -> bytes:
    """What the reader makes of these pieces."""
    return b"".join([reader.feed(cut) for cut in cuts])


def one_by_one(wire: bytes) -> list[bytes]:
    """The same bytes, each in a read of its own."""
    return [wire[i : i + 1] for i in range(len(wire))]


def cut_at(wire: bytes, places: list[int]) -> list[bytes]:
    """*wire* in reads that end at these places (taken modulo its length)."""
    marks = sorted({0, len(wire), *(place % (len(wire) + 1) for place in places)})
    return [wire[a:b] for a, b in pairwise(marks)]


def as_h11_reads(wire: bytes) -> tuple[bytes, bytes] | None:
    """The body and what follows it as h11's server finds them, or None where it refuses or waits."""
    parser = h11.Connection(h11.SERVER)
    parser.receive_data(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + wire)
    body = b""
    try:
        while True:
            match parser.next_event():
                case h11.Data(data=data):
                    body += data
                case h11.EndOfMessage():
                    return body, parser.trailing_data[0]
                case h11.NEED_DATA:
                    return None
    except h11.RemoteProtocolError:
        return None


EXTENSIONS = st.sampled_from([b"", b";a", b";a=b", b';a="b c"', b";a=1;b=2", b";\xff\t~"])
TRAILERS = st.lists(st.sampled_from([b"X: y\r\n", b"Trailer:\r\n", b"authorization:\t\xff\r\n"]), max_size=3)


@st.composite
def chunked_bodies(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A body, and one strict way of writing it in chunks."""
    pieces = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=6))
    wire = b""
    for piece in pieces:
        size = draw(st.sampled_from([b"%x", b"%X", b"0%x", b"%016x"])) % len(piece)
        wire += size + draw(EXTENSIONS) + b"\r\n" + piece + b"\r\n"
    wire += draw(st.sampled_from([b"0", b"000"])) + draw(EXTENSIONS) + b"\r\n" + b"".join(draw(TRAILERS)) + b"\r\n"
    return b"".join(pieces), wire


@given(chunked_bodies(), st.binary(max_size=9), st.lists(st.integers(0, 500), max_size=8))
def test_cuts_do_not_matter(written: tuple[bytes, bytes], surplus: bytes, places: list[int]) -> None:
    """Whole, byte by byte or cut anywhere: one body, one end, the same surplus; h11 reads it so too."""
    body, wire = written
    for cuts in ([wire + surplus], one_by_one(wire + surplus), cut_at(wire + surplus, places)):
        reader = ChunkedReader()
        assert fed(reader, *cuts) == body
        assert reader.done
        assert reader.rest == surplus
        reader.close()
    assert as_h11_reads(wire + surplus) == (body, surplus)


@given(chunked_bodies(), st.integers(0, 500), st.binary(min_size=1, max_size=3))
def test_what_is_taken_is_what_h11_takes(written: tuple[bytes, bytes], place: int, noise: bytes) -> None:
    """A body with noise in it is refused, not complete, or read exactly as h11 reads it; cuts change nothing."""
    wire = written[1]
    place %= len(wire)
    noisy = wire[:place] + noise + wire[place + len(noise) :]
    outcomes = []
    for cuts in ([noisy], one_by_one(noisy)):
        reader = ChunkedReader()
        try:
            body = fed(reader, *cuts)
            outcomes.append((body, reader.rest) if reader.done else None)
        except BadRequest:
            outcomes.append(None)
    assert outcomes[0] == outcomes[1]
    if outcomes[0] is not None:
        assert outcomes[0] == as_h11_reads(noisy)


@given(chunked_bodies(), st.integers(0, 500))
def test_every_prefix_is_incomplete(written: tuple[bytes, bytes], place: int) -> None:
    """A chunked body is over with its last byte, no sooner: the end of the stream before that is a loss."""
    wire = written[1]
    reader = ChunkedReader()
    fed(reader, wire[: place % len(wire)])
    assert not reader.done
    with pytest.raises(Disconnected):
        reader.close()


@pytest.mark.parametrize("wire", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_chunks_are_refused(wire: bytes) -> None:
    """Rows 6 to 9: what another program might read differently is not read at all, whole or in pieces."""
    for cuts in ([wire], one_by_one(wire)):
        with pytest.raises(BadRequest) as refusal:
            fed(ChunkedReader(), *cuts)
        assert refusal.value.status == 400


def test_a_huge_chunk_is_refused_by_its_size_line() -> None:
    """Row 6: nobody waits for 2**64 bytes."""
    for size in (b"ffffffffffffffff", b"65"):
        with pytest.raises(BodyTooLarge) as refusal:
            ChunkedReader(body=100).feed(size + b"\r\n")
        assert refusal.value.limit == 100


def test_the_limit_counts_all_chunks() -> None:
    """A body may be as large as the limit and not one byte more."""
    reader = ChunkedReader(body=100)
    assert len(fed(reader, *[chunk(b"x" * 10)] * 10)) == 100
    with pytest.raises(BodyTooLarge):
        reader.feed(b"1\r\n")


@pytest.mark.parametrize(
    "wire",
    [b"1;" + b"a" * 1024 + b"\r\nx\r\n", b"1;" + b"a" * 70_000, (b"1;" + b"a" * 99 + b"\r\nx\r\n") * 11],
    ids=["one line", "a line without end", "many lines"],
)
def test_extensions_are_bounded_together(wire: bytes) -> None:
    """Row 7: in one line or many, whole or dripping."""
    for cuts in ([wire], one_by_one(wire[:2000])):
        with pytest.raises(BadRequest):
            fed(ChunkedReader(), *cuts)


def test_extensions_up_to_the_bound_are_taken() -> None:
    """The bound is a kibibyte of extension, its semicolon included."""
    assert fed(ChunkedReader(), b"1;" + b"a" * 1023 + b"\r\nx\r\n") == b"x"


@pytest.mark.parametrize("wire", [b"X: " + b"a" * 200_000, b"X: y\r\n" * 2000], ids=["one line", "many lines"])
def test_trailers_are_bounded(wire: bytes) -> None:
    """Row 9: 200 KB of trailers end with 431 after 8."""
    for cuts in ([wire], cut_at(wire, list(range(0, len(wire), 1000)))):
        reader = ChunkedReader()
        reader.feed(b"0\r\n")
        with pytest.raises(BadRequest) as refusal:
            fed(reader, *cuts)
        assert refusal.value.status == 431


def test_trailers_are_thrown_away() -> None:
    """Framing and credentials that come after the body are neither obeyed nor kept."""
    reader = ChunkedReader()
    assert fed(reader, b"1\r\nx\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\nCookie: y\r\n\r\nrest") == b"x"
    assert reader.rest == b"rest"


def test_a_read_within_one_chunk_is_not_copied() -> None:
    """64 KiB of payload come out as the object that went in."""
    reader = ChunkedReader()
    reader.feed(b"100000\r\n")
    piece = bytes(65536)
    assert reader.feed(piece) is piece
    assert LengthReader(65537).feed(piece) is piece
    assert LengthReader(65536).feed(piece) is piece


@given(st.binary(max_size=50), st.binary(max_size=9), st.lists(st.integers(0, 60), max_size=5))
def test_a_length_is_a_length(body: bytes, surplus: bytes, places: list[int]) -> None:
    """Exactly so many bytes, the rest is surplus, and fewer are a loss."""
    reader = LengthReader(len(body))
    assert fed(reader, *cut_at(body + surplus, places)) == body
    assert reader.done
    assert reader.rest == surplus
    reader.close()
    if body:
        short = LengthReader(len(body))
        assert fed(short, body[:-1]) == body[:-1]
        assert not short.done
        with pytest.raises(Disconnected):
            short.close()


def test_a_body_may_end_with_its_connection() -> None:
    """Everything until the end belongs to it, and the end is always in order."""
    reader = CloseReader()
    assert fed(reader, b"a", b"b") == b"ab"
    assert not reader.done
    reader.close()
    assert reader.done
    assert reader.rest == b""


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_what_we_write_we_read(pieces: list[bytes]) -> None:
    """``chunk`` and LAST_CHUNK make a body that both readers understand; no data is no chunk, not the end."""
    wire = b"".join([chunk(piece) for piece in pieces]) + LAST_CHUNK
    assert fed(ChunkedReader(), wire) == b"".join(pieces)
    assert as_h11_reads(wire) == (b"".join(pieces), b"")
    assert re.fullmatch(rb"[0-9a-f]+\r\n(?s:.*)\r\n", wire)
